#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Memory of a tensor: read-only bytes, and whatever keeps them valid (an array, a mapped file, a parsed message).
public final class TensorStorage: @unchecked Sendable {
  public let bytes: UnsafeRawBufferPointer
  /// Elements of a string tensor, as bytes.
  public let strings: [[UInt8]]
  /// Whether the bytes are those of a mapped file.
  public let isFile: Bool
  private let owner: AnyObject?
  private let owned: UnsafeMutableRawBufferPointer?

  /// Bytes that `owner` keeps valid and unchanged as long as it lives.
  public init(bytes: UnsafeRawBufferPointer, owner: AnyObject, isFile: Bool = false) {
    self.bytes = bytes
    self.owner = owner
    self.isFile = isFile
    owned = nil
    strings = []
  }

  /// Bytes of its own, 64-byte aligned, written once by `fill`.
  public init(byteCount: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    fill(memory)
    bytes = UnsafeRawBufferPointer(memory)
    owned = memory
    owner = nil
    isFile = false
    strings = []
  }

  public init(strings: [[UInt8]]) {
    self.strings = strings
    bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    owner = nil
    owned = nil
    isFile = false
  }

  deinit { owned?.deallocate() }

  /// Lets the bytes of a file leave memory until they are read again.
  public func setAside() {
    let page = UInt(4096)
    let first = (UInt(bitPattern: bytes.baseAddress) + page - 1) / page * page
    let end = (UInt(bitPattern: bytes.baseAddress) + UInt(bytes.count)) / page * page
    guard isFile, end > first else { return }
    _ = madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_DONTNEED)
  }
}

/// A tensor on the host: element type, shape, and dense row-major elements (little-endian; below 8 bits packed, first
/// element in the low bits).
public struct Tensor: Sendable {
  public let type: ElementType
  public let shape: [Int]
  public let storage: TensorStorage

  /// A tensor over existing memory. Nil unless the byte (or string) count is what type and shape ask for.
  public init?(_ type: ElementType, _ shape: [Int], storage: TensorStorage) {
    guard let count = Tensor.elementCount(of: shape) else { return nil }
    if type == .string {
      guard storage.strings.count == count else { return nil }
    } else {
      guard let bytes = type.byteCount(of: count), storage.bytes.count == bytes else { return nil }
    }
    self.type = type
    self.shape = shape
    self.storage = storage
  }

  /// For callers in this module that have checked the count.
  init(unchecked type: ElementType, _ shape: [Int], storage: TensorStorage) {
    self.type = type
    self.shape = shape
    self.storage = storage
  }

  public var count: Int { Tensor.elementCount(of: shape) ?? 0 }
  public var rank: Int { shape.count }
  public var bytes: UnsafeRawBufferPointer { storage.bytes }
  public var strings: [[UInt8]] { storage.strings }
  public var byteCount: Int { type == .string ? storage.strings.reduce(0) { $0 + $1.count } : storage.bytes.count }
  public var tensorType: TensorType { TensorType(type, shape) }

  /// The product of the dimensions; nil where one is negative or the product (zeros aside) overflows.
  @inlinable
  public static func elementCount(of shape: some Sequence<Int>) -> Int? {
    var product = 1
    var isEmpty = false
    for dim in shape {
      if dim < 0 { return nil }
      if dim == 0 {
        isEmpty = true
        continue
      }
      let (next, overflow) = product.multipliedReportingOverflow(by: dim)
      if overflow || next > 1 << 47 { return nil }
      product = next
    }
    return isEmpty ? 0 : product
  }

  /// The same elements under another shape of as many elements; nil for any other shape.
  public func reshaped(_ shape: [Int]) -> Tensor? {
    guard Tensor.elementCount(of: shape) == count else { return nil }
    return Tensor(unchecked: type, shape, storage: storage)
  }
}

extension Tensor: Hashable {
  /// Same type, shape and bits.
  public static func == (a: Tensor, b: Tensor) -> Bool {
    guard a.type == b.type, a.shape == b.shape else { return false }
    if a.storage === b.storage { return true }
    if a.type == .string { return a.strings == b.strings }
    return a.bytes.elementsEqual(b.bytes)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(type)
    hasher.combine(shape)
    hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(256)))
    hasher.combine(strings.first)
  }
}

// MARK: Typed elements

/// A Swift type whose memory is that of an element type.
public protocol TensorElement: Sendable {
  static var elementType: ElementType { get }
}

extension Float: TensorElement { public static var elementType: ElementType { .float32 } }
extension Double: TensorElement { public static var elementType: ElementType { .float64 } }
extension Float16: TensorElement { public static var elementType: ElementType { .float16 } }
extension Int8: TensorElement { public static var elementType: ElementType { .int8 } }
extension Int16: TensorElement { public static var elementType: ElementType { .int16 } }
extension Int32: TensorElement { public static var elementType: ElementType { .int32 } }
extension Int64: TensorElement { public static var elementType: ElementType { .int64 } }
extension UInt8: TensorElement { public static var elementType: ElementType { .uint8 } }
extension UInt16: TensorElement { public static var elementType: ElementType { .uint16 } }
extension UInt32: TensorElement { public static var elementType: ElementType { .uint32 } }
extension UInt64: TensorElement { public static var elementType: ElementType { .uint64 } }
extension Bool: TensorElement { public static var elementType: ElementType { .bool } }

extension Tensor {
  /// A tensor of these elements. The number of elements must be the shape's product (our own invariant).
  public init<T: TensorElement>(_ elements: [T], shape: [Int]) {
    precondition(Tensor.elementCount(of: shape) == elements.count, "elements do not fill the shape")
    let storage = elements.withUnsafeBytes { source in
      TensorStorage(byteCount: source.count) { if source.count > 0 { $0.copyMemory(from: source) } }
    }
    self.init(unchecked: T.elementType, shape, storage: storage)
  }

  public init<T: TensorElement>(scalar: T) { self.init([scalar], shape: []) }
  public init<T: TensorElement>(_ elements: [T]) { self.init(elements, shape: [elements.count]) }

  public init(strings: [[UInt8]], shape: [Int]) {
    precondition(Tensor.elementCount(of: shape) == strings.count, "elements do not fill the shape")
    self.init(unchecked: .string, shape, storage: TensorStorage(strings: strings))
  }

  /// The elements, where the type is exactly T's; bool tensors are read as bytes that are not zero.
  public func elements<T: TensorElement>(_: T.Type) -> [T]? {
    guard type == T.elementType else { return nil }
    if let flags = [Bool].init(booleans: self) as? [T] { return flags }
    let count = count
    return [T](unsafeUninitializedCapacity: count) { buffer, initialized in
      if count > 0 { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes) }
      initialized = count
    }
  }
}

extension [Bool] {
  fileprivate init?(booleans tensor: Tensor) {
    guard tensor.type == .bool else { return nil }
    self = tensor.bytes.map { $0 != 0 }
  }
}
