import COnnx
import IR

/// What ONNX itself defines as functions: for each operator the bodies it has, with the nodes each is for.
///
/// The file behind it is written by scripts/function_bodies.py, which says what the terms of an overload mean.
final class FunctionLibrary: @unchecked Sendable {
  /// One body, and where it holds.
  struct Body {
    let function: LocalFunction
    let opsets: ClosedRange<Int>
    let terms: [Term]
  }

  private let document: ProtoDocument?
  private let bodies: [FunctionKey: [Body]]

  static let standard: FunctionLibrary = {
    let bytes = kx_function_bodies()
    let file = MappedFile(builtIn: UnsafeRawBufferPointer(start: bytes.data, count: bytes.count))
    do throws(Diagnostic) {
      return try FunctionLibrary(file)
    } catch {
      // The tests read the file; only a broken build can come here.
      return FunctionLibrary()
    }
  }()

  private init() {
    document = nil
    bodies = [:]
  }

  /// Throws where the file is not one the script writes.
  init(_ file: MappedFile) throws(Diagnostic) {
    let document = try ProtoDocument(file, root: KX_MODEL, limits: ImportLimits())
    var bodies: [FunctionKey: [Body]] = [:]
    for proto in document.model?.functions ?? [] {
      let key = FunctionLibrary.key(proto.name, OpsetTable.normalized(proto.domain))
      bodies[key, default: []].append(try Body(proto, document))
    }
    self.document = document
    self.bodies = bodies
  }

  private static func key(_ name: Name, _ domain: Name) -> FunctionKey {
    FunctionKey(domain: domain, name: name, overload: "")
  }

  /// Whether some opset defines the operator as a function that is here.
  func has(_ name: Name, domain: Name) -> Bool { bodies[Self.key(name, domain)] != nil }

  /// The operators that have bodies: name, domain, and the opsets they have one in.
  var operators: [(name: Name, domain: Name, opsets: ClosedRange<Int>)] {
    bodies.map { key, list in
      let first = list.map(\.opsets.lowerBound).min() ?? 1
      let last = list.map(\.opsets.upperBound).max() ?? OpsetTable.newest
      return (key.name, key.domain, first...min(last, max(first, OpsetTable.newest)))
    }.sorted { ($0.domain.string, $0.name.string) < ($1.domain.string, $1.name.string) }
  }

  /// The body for a node of an operator in a model of that opset of the operator's domain; nil where there is none.
  func body(_ name: Name, domain: Name, opset: Int, _ node: NodeFacts) -> LocalFunction? {
    bodies[Self.key(name, domain)]?.first { body in
      body.opsets.contains(opset) && body.terms.allSatisfy { $0.holds(node, body.function) }
    }?.function
  }
}

/// What a body's terms ask of a node.
struct NodeFacts {
  /// Types of the inputs; nil for absent ones.
  var inputs: [ValueType?]
  var attributes: [Name: ProtoAttribute]
}

extension FunctionLibrary.Body {
  /// Reads `13-27 in1 !in2 axis<0`.
  init(_ proto: ProtoFunction, _ document: ProtoDocument) throws(Diagnostic) {
    var words = proto.overload.string.split(separator: " ").map(String.init)[...]
    let range =
      words.popFirst().map { $0.split(separator: "-", omittingEmptySubsequences: false).map(String.init) } ?? []
    guard range.count == 2, let first = Int(range[0]), let last = range[1].isEmpty ? Int.max : Int(range[1]),
      first <= last
    else { throw .invalid("function '\(proto.name)' does not say its opsets: '\(proto.overload)'") }
    opsets = first...last
    function = try LocalFunction(proto, document)
    var terms: [FunctionLibrary.Term] = []
    for word in words {
      guard let term = FunctionLibrary.Term(word) else {
        throw .invalid("function '\(proto.name)' has the condition '\(word)'")
      }
      terms.append(term)
    }
    self.terms = terms
  }
}

extension FunctionLibrary {
  /// One condition of a body.
  enum Term: Equatable {
    case input(Int, isPresent: Bool)
    case rank(Int, Int)
    case element(Int, Int)
    case attribute(String, isPresent: Bool)
    case compare(String, Relation, String)

    enum Relation: String, CaseIterable {
      case atLeast = ">="
      case below = "<"
      case differs = "!="
      case equals = "="
    }

    init?(_ word: String) {
      for relation in Relation.allCases {
        guard let found = word.range(of: relation) else { continue }
        let name = String(word[..<found.lowerBound])
        let value = String(word[found.upperBound...])
        if let input = Self.number(name, after: "rank"), let rank = Int(value) {
          self = .rank(input, rank)
        } else if let input = Self.number(name, after: "type"), let type = Int(value) {
          self = .element(input, type)
        } else {
          self = .compare(name, relation, value)
        }
        return
      }
      let isPresent = !word.hasPrefix("!")
      let name = isPresent ? word : String(word.dropFirst())
      guard !name.isEmpty else { return nil }
      self =
        Self.number(name, after: "in").map { .input($0, isPresent: isPresent) }
        ?? .attribute(name, isPresent: isPresent)
    }

    private static func number(_ word: String, after prefix: String) -> Int? {
      word.hasPrefix(prefix) ? Int(word.dropFirst(prefix.count)) : nil
    }

    func holds(_ node: NodeFacts, _ function: LocalFunction) -> Bool {
      func input(_ index: Int) -> ValueType? { index < node.inputs.count ? node.inputs[index] : nil }
      func attribute(_ name: String) -> ProtoAttribute? {
        node.attributes[Name(name)] ?? function.defaults[Name(name)]
      }
      switch self {
      case .input(let index, let isPresent): return (input(index) != nil) == isPresent
      case .rank(let index, let rank): return input(index)?.tensor?.shape?.count == rank
      case .element(let index, let type): return input(index)?.tensor.map { Int($0.element.rawValue) } == type
      case .attribute(let name, let isPresent): return (node.attributes[Name(name)] != nil) == isPresent
      case .compare(let name, let relation, let value): return attribute(name)?.compares(relation, value) ?? false
      }
    }
  }
}

extension ProtoAttribute {
  /// Compares a number or string with what a condition says; false for other kinds.
  fileprivate func compares(_ relation: FunctionLibrary.Term.Relation, _ text: String) -> Bool {
    switch type {
    case 1: return Double(text).map { Self.compare(Double(float), relation, $0) } ?? false
    case 2: return Int64(text).map { Self.compare(int, relation, $0) } ?? false
    case 3: return Self.compare(Name(string).string, relation, text)
    default: return false
    }
  }

  private static func compare<T: Comparable>(_ a: T, _ relation: FunctionLibrary.Term.Relation, _ b: T) -> Bool {
    switch relation {
    case .atLeast: a >= b
    case .below: a < b
    case .differs: a != b
    case .equals: a == b
    }
  }
}

extension String {
  /// Where a relation's sign stands; not at the start.
  fileprivate func range(of relation: FunctionLibrary.Term.Relation) -> Range<String.Index>? {
    let sign = relation.rawValue
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(sign) {
        return start > startIndex ? start..<index(start, offsetBy: sign.count) : nil
      }
      start = index(after: start)
    }
    return nil
  }
}
