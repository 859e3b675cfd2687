/// A list whose first element takes no memory of its own: most values have one reader and most nodes one output, and a
/// graph may have a million of them.
@frozen
public struct ShortList<Element>: RandomAccessCollection, RangeReplaceableCollection, ExpressibleByArrayLiteral {
  @usableFromInline var head: Element?
  /// Empty where `head` is nil.
  @usableFromInline var tail: [Element]

  @inlinable
  public init() {
    head = nil
    tail = []
  }

  @inlinable
  public init(arrayLiteral elements: Element...) { self.init(elements) }

  @inlinable
  public init(_ elements: some Sequence<Element>) {
    self.init()
    for element in elements { append(element) }
  }

  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { head == nil ? 0 : tail.count + 1 }

  @inlinable
  public subscript(index: Int) -> Element {
    if index > 0 { return tail[index - 1] }
    guard index == 0, let head else { preconditionFailure("index \(index) is out of range") }
    return head
  }

  @inlinable
  public mutating func append(_ element: Element) {
    if head == nil { head = element } else { tail.append(element) }
  }

  @inlinable
  public mutating func replaceSubrange(_ range: Range<Int>, with elements: some Collection<Element>) {
    var all = Array(self)
    all.replaceSubrange(range, with: elements)
    head = all.first
    tail = Array(all.dropFirst())
  }

  @inlinable
  @discardableResult
  public mutating func remove(at index: Int) -> Element {
    let element = self[index]
    if index > 0 { tail.remove(at: index - 1) } else { head = tail.isEmpty ? nil : tail.removeFirst() }
    return element
  }
}

extension ShortList: Equatable where Element: Equatable {}
extension ShortList: Hashable where Element: Hashable {}
extension ShortList: Sendable where Element: Sendable {}
