/// Element types of tensors, numbered as ONNX TensorProto.DataType.
public enum ElementType: UInt8, CaseIterable, Hashable, Sendable {
  case float32 = 1
  case uint8 = 2
  case int8 = 3
  case uint16 = 4
  case int16 = 5
  case int32 = 6
  case int64 = 7
  case string = 8
  case bool = 9
  case float16 = 10
  case float64 = 11
  case uint32 = 12
  case uint64 = 13
  case complex64 = 14
  case complex128 = 15
  case bfloat16 = 16
  case float8e4m3fn = 17
  case float8e4m3fnuz = 18
  case float8e5m2 = 19
  case float8e5m2fnuz = 20
  case uint4 = 21
  case int4 = 22
  case float4e2m1 = 23
  case float8e8m0 = 24
  case uint2 = 25
  case int2 = 26

  /// Name in the IR text form.
  public var name: String {
    switch self {
    case .float32: "f32"
    case .float64: "f64"
    case .float16: "f16"
    case .bfloat16: "bf16"
    case .uint8: "u8"
    case .uint16: "u16"
    case .uint32: "u32"
    case .uint64: "u64"
    case .uint4: "u4"
    case .uint2: "u2"
    case .int8: "i8"
    case .int16: "i16"
    case .int32: "i32"
    case .int64: "i64"
    case .int4: "i4"
    case .int2: "i2"
    case .bool: "bool"
    case .string: "string"
    case .complex64: "c64"
    case .complex128: "c128"
    case .float8e4m3fn: "f8e4m3fn"
    case .float8e4m3fnuz: "f8e4m3fnuz"
    case .float8e5m2: "f8e5m2"
    case .float8e5m2fnuz: "f8e5m2fnuz"
    case .float8e8m0: "f8e8m0"
    case .float4e2m1: "f4e2m1"
    }
  }

  private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })

  /// The type of that text-form name.
  public init?(name: String) {
    guard let type = Self.byName[name] else { return nil }
    self = type
  }

  /// Bits an element takes in memory; 0 for strings. Types below 8 bits are packed, first element in the low bits.
  public var bitWidth: Int {
    switch self {
    case .string: 0
    case .uint2, .int2: 2
    case .uint4, .int4, .float4e2m1: 4
    case .uint8, .int8, .bool, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0: 8
    case .uint16, .int16, .float16, .bfloat16: 16
    case .uint32, .int32, .float32: 32
    case .uint64, .int64, .float64, .complex64: 64
    case .complex128: 128
    }
  }

  /// Bytes that `count` elements take, or nil where that overflows.
  public func byteCount(of count: Int) -> Int? {
    let (bits, overflow) = count.multipliedReportingOverflow(by: bitWidth)
    return overflow || count < 0 || bits > .max - 7 ? nil : (bits + 7) / 8
  }

  /// In which numbers the reference evaluation computes with this type.
  public enum Arithmetic: Sendable { case float, double, signed, unsigned, bool, string, complex }

  public var arithmetic: Arithmetic {
    switch self {
    case .float64: .double
    case .float32, .float16, .bfloat16, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float4e2m1,
      .float8e8m0:
      .float
    case .int2, .int4, .int8, .int16, .int32, .int64: .signed
    case .uint2, .uint4, .uint8, .uint16, .uint32, .uint64: .unsigned
    case .bool: .bool
    case .string: .string
    case .complex64, .complex128: .complex
    }
  }

  public var isFloat: Bool { arithmetic == .float || arithmetic == .double }
  public var isInteger: Bool { arithmetic == .signed || arithmetic == .unsigned }
}
