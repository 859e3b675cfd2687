/// Numbers the reference evaluation computes with: every element type is widened to one of these, computed with, and
/// rounded (floats) or wrapped (integers) back.
public protocol WideNumber: Comparable, Hashable, Sendable, ExpressibleByIntegerLiteral {
  static func read(_ tensor: Tensor) -> [Self]
  static func write(_ values: [Self], _ type: ElementType, _ shape: [Int]) -> Tensor
  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  /// To double, for functions that exist only there.
  var asDouble: Double { get }
  init(wide: Double)
}

extension Tensor {
  /// The elements widened to T, whatever the tensor's type (numbers and bool).
  public func wide<T: WideNumber>(_: T.Type) -> [T] { T.read(self) }

  /// Elements rounded or wrapped to the type. Their number must be the shape's product (our own invariant).
  public init<T: WideNumber>(wide values: [T], _ type: ElementType, _ shape: [Int]) {
    precondition(Tensor.elementCount(of: shape) == values.count, "elements do not fill the shape")
    self = T.write(values, type, shape)
  }

  /// Integer elements, for shapes, axes and indices.
  public var integers: [Int] { wide(Int64.self).map { Int($0) } }
}

// MARK: Reading any type

extension Tensor {
  /// Calls `body` with each element's raw bits, for the types of up to 16 bits.
  fileprivate func smallCodes() -> [UInt16] {
    switch type.bitWidth {
    case 2: return (0..<count).map { UInt16((bytes[$0 >> 2] >> UInt8(($0 & 3) * 2)) & 3) }
    case 4: return (0..<count).map { UInt16((bytes[$0 >> 1] >> UInt8(($0 & 1) * 4)) & 15) }
    case 8: return bytes.map { UInt16($0) }
    case 16: return (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self) }
    default: return []
    }
  }

  fileprivate func raw<E>(_: E.Type) -> [E] {
    let count = count
    return [E](unsafeUninitializedCapacity: count) { buffer, initialized in
      if count > 0 { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes) }
      initialized = count
    }
  }

  /// Every element through the conversion that fits its type.
  fileprivate func converted<T>(
    float: (Float) -> T, double: (Double) -> T, signed: (Int64) -> T, unsigned: (UInt64) -> T
  ) -> [T] {
    switch type {
    case .float32: raw(Float.self).map(float)
    case .float64: raw(Double.self).map(double)
    case .float16: raw(UInt16.self).map { float(Float(Float16(bitPattern: $0))) }
    case .bfloat16: raw(UInt16.self).map { float(LowPrecision.decodeBFloat16($0)) }
    case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float4e2m1, .float8e8m0:
      smallCodes().map { float(LowPrecision.decode(UInt8($0), type)) }
    case .int2: smallCodes().map { signed(Int64($0) - ($0 >= 2 ? 4 : 0)) }
    case .int4: smallCodes().map { signed(Int64($0) - ($0 >= 8 ? 16 : 0)) }
    case .int8: raw(Int8.self).map { signed(Int64($0)) }
    case .int16: raw(Int16.self).map { signed(Int64($0)) }
    case .int32: raw(Int32.self).map { signed(Int64($0)) }
    case .int64: raw(Int64.self).map(signed)
    case .uint2, .uint4, .uint8, .uint16: smallCodes().map { unsigned(UInt64($0)) }
    case .uint32: raw(UInt32.self).map { unsigned(UInt64($0)) }
    case .uint64: raw(UInt64.self).map(unsigned)
    case .bool: bytes.map { unsigned($0 == 0 ? 0 : 1) }
    case .string, .complex64, .complex128: []
    }
  }
}

// MARK: Writing any type

extension Tensor {
  fileprivate static func make<E>(_ values: [E], _ type: ElementType, _ shape: [Int]) -> Tensor {
    let storage = values.withUnsafeBytes { source in
      TensorStorage(byteCount: source.count) { if source.count > 0 { $0.copyMemory(from: source) } }
    }
    return Tensor(unchecked: type, shape, storage: storage)
  }

  /// Codes of fewer than 8 bits packed, first in the low bits.
  fileprivate static func pack(_ codes: [UInt8], _ type: ElementType, _ shape: [Int]) -> Tensor {
    let perByte = 8 / type.bitWidth
    let mask = UInt8((1 << type.bitWidth) - 1)
    var bytes = [UInt8](repeating: 0, count: (codes.count + perByte - 1) / perByte)
    for (i, code) in codes.enumerated() { bytes[i / perByte] |= (code & mask) << UInt8((i % perByte) * type.bitWidth) }
    return make(bytes, type, shape)
  }

  fileprivate static func writeFloats(_ values: [Float], _ type: ElementType, _ shape: [Int]) -> Tensor {
    switch type {
    case .float32: make(values, type, shape)
    case .float64: make(values.map { Double($0) }, type, shape)
    case .float16: make(values.map { Float16($0).bitPattern }, type, shape)
    case .bfloat16: make(values.map { LowPrecision.encodeBFloat16($0) }, type, shape)
    case .float4e2m1: pack(values.map { LowPrecision.encode($0, type) }, type, shape)
    case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0:
      make(values.map { LowPrecision.encode($0, type) }, type, shape)
    case .bool: make(values.map { $0 != 0 ? UInt8(1) : 0 }, type, shape)
    default: writeIntegers(values.map { Int64(saturating: Double($0)) }, type, shape)
    }
  }

  fileprivate static func writeIntegers(_ values: [Int64], _ type: ElementType, _ shape: [Int]) -> Tensor {
    switch type {
    case .int2, .uint2, .int4, .uint4: pack(values.map { UInt8(truncatingIfNeeded: $0) }, type, shape)
    case .int8, .uint8: make(values.map { UInt8(truncatingIfNeeded: $0) }, type, shape)
    case .int16, .uint16: make(values.map { UInt16(truncatingIfNeeded: $0) }, type, shape)
    case .int32, .uint32: make(values.map { UInt32(truncatingIfNeeded: $0) }, type, shape)
    case .int64, .uint64: make(values, type, shape)
    case .bool: make(values.map { $0 != 0 ? UInt8(1) : 0 }, type, shape)
    case .float64: make(values.map { Double($0) }, type, shape)
    default: writeFloats(values.map { Float($0) }, type, shape)
    }
  }
}

extension Int64 {
  /// Truncated toward zero; out of range becomes the nearest limit, NaN becomes 0.
  public init(saturating value: Double) {
    if value.isNaN {
      self = 0
    } else if value >= 9_223_372_036_854_775_808 {
      self = .max
    } else if value < -9_223_372_036_854_775_808 {
      self = .min
    } else {
      self = Int64(value)
    }
  }
}

extension UInt64 {
  /// Truncated toward zero; out of range becomes the nearest limit, NaN becomes 0.
  public init(saturating value: Double) {
    if value.isNaN || value <= 0 {
      self = 0
    } else {
      self = value >= 18_446_744_073_709_551_616 ? .max : UInt64(value)
    }
  }
}

extension Float: WideNumber {
  public static func read(_ t: Tensor) -> [Float] {
    t.converted(float: { $0 }, double: { Float($0) }, signed: { Float($0) }, unsigned: { Float($0) })
  }
  public static func write(_ v: [Float], _ type: ElementType, _ shape: [Int]) -> Tensor {
    Tensor.writeFloats(v, type, shape)
  }
  public var asDouble: Double { Double(self) }
  public init(wide: Double) { self = Float(wide) }
}

extension Double: WideNumber {
  public static func read(_ t: Tensor) -> [Double] {
    t.converted(float: { Double($0) }, double: { $0 }, signed: { Double($0) }, unsigned: { Double($0) })
  }
  public static func write(_ v: [Double], _ type: ElementType, _ shape: [Int]) -> Tensor {
    switch type {
    case .float64: Tensor.make(v, type, shape)
    case .uint64: Tensor.make(v.map { UInt64(saturating: $0) }, type, shape)
    case .float16: Tensor.make(v.map { Float16($0).bitPattern }, type, shape)
    default:
      type.isInteger
        ? Tensor.writeIntegers(v.map { Int64(saturating: $0) }, type, shape)
        : Tensor.writeFloats(v.map { Float($0) }, type, shape)
    }
  }
  public var asDouble: Double { self }
  public init(wide: Double) { self = wide }
}

extension Int64: WideNumber {
  public static func read(_ t: Tensor) -> [Int64] {
    t.converted(
      float: { Int64(saturating: Double($0)) }, double: { Int64(saturating: $0) }, signed: { $0 },
      unsigned: { Int64(truncatingIfNeeded: $0) })
  }
  public static func write(_ v: [Int64], _ type: ElementType, _ shape: [Int]) -> Tensor {
    Tensor.writeIntegers(v, type, shape)
  }
  public var asDouble: Double { Double(self) }
  public init(wide: Double) { self.init(saturating: wide) }
}

extension UInt64: WideNumber {
  public static func read(_ t: Tensor) -> [UInt64] {
    t.converted(
      float: { UInt64(saturating: Double($0)) }, double: { UInt64(saturating: $0) },
      signed: { UInt64(truncatingIfNeeded: $0) },
      unsigned: { $0 })
  }
  public static func write(_ v: [UInt64], _ type: ElementType, _ shape: [Int]) -> Tensor {
    switch type {
    case .float64: Tensor.make(v.map { Double($0) }, type, shape)
    case .float32, .float16, .bfloat16: Tensor.writeFloats(v.map { Float($0) }, type, shape)
    default: Tensor.writeIntegers(v.map { Int64(bitPattern: $0) }, type, shape)
    }
  }
  public var asDouble: Double { Double(self) }
  public init(wide: Double) { self.init(saturating: wide) }
}
