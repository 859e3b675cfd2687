extension OperatorCatalog {
  static let casts: [any Operator.Type] = [Cast.self, CastLike.self, BitCast.self]
}

/// How numbers are brought to a type of fewer values. Everything Cast and CastLike have in common.
public struct Conversion: Hashable, Sendable {
  /// Rounding to powers of two (float8e8m0): away from zero, toward zero, to the nearest with ties up.
  public enum RoundMode: String, CaseIterable, Sendable { case up, down, nearest }

  public var saturate = true
  public var roundMode = RoundMode.up
  public init() {}

  /// The elements in another type. Floats saturate to integers (NaN becomes 0) but wrap to those below 8 bits; integers
  /// wrap; strings are parsed and printed as numpy does. Throws where a string is no number, or complex numbers are
  /// involved.
  public func convert(_ x: Tensor, to type: ElementType) throws(Diagnostic) -> Tensor {
    if x.type == type { return x }
    if x.type.arithmetic == .complex || type.arithmetic == .complex {
      throw .unsupported("conversion from \(x.type.name) to \(type.name)")
    }
    if type == .string { return Tensor(strings: Conversion.print(x).map { Array($0.utf8) }, shape: x.shape) }
    if x.type == .string { return try parse(x, to: type) }
    switch x.type.arithmetic {
    case .signed where type.isInteger || type == .bool || type == .float32 || type == .float64:
      return Tensor(wide: x.wide(Int64.self), type, x.shape)
    case .unsigned where type.isInteger || type == .bool || type == .float32 || type == .float64:
      return Tensor(wide: x.wide(UInt64.self), type, x.shape)
    default: return fromDoubles(x.wide(Double.self), to: type, x.shape)
    }
  }

  /// Doubles rounded to any type of numbers.
  func fromDoubles(_ values: [Double], to type: ElementType, _ shape: [Int]) -> Tensor {
    switch type {
    case .float64, .float32, .float16: return Tensor(wide: values, type, shape)
    case .bool: return Tensor(values.map { $0 != 0 }, shape: shape)
    case .bfloat16: return Tensor(wide: values.map { Conversion.roundedToOdd($0) }, type, shape)
    case .float8e8m0: return codes(values.map { scaleCode(Float($0)) }, type, shape)
    case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz:
      return codes(
        values.map { LowPrecision.encode(Conversion.roundedToOdd($0), type, saturate: saturate) }, type, shape)
    case .float4e2m1: return Tensor(wide: values.map { $0.isNaN ? -0.0 : Conversion.roundedToOdd($0) }, type, shape)
    case .int2, .uint2, .int4, .uint4: return Tensor(wide: values.map { Int64(saturating: $0) }, type, shape)
    case .uint64: return Tensor(wide: values.map { UInt64(saturating: $0) }, type, shape)
    default:
      let (low, high) = Conversion.integerRange(type)
      return Tensor(wide: values.map { min(max(Int64(saturating: $0), low), high) }, type, shape)
    }
  }

  private func codes(_ codes: [UInt8], _ type: ElementType, _ shape: [Int]) -> Tensor {
    Tensor(unchecked: type, shape, storage: Tensor(codes).storage)
  }

  /// Limits of a signed type, or of an unsigned one of at most 32 bits.
  static func integerRange(_ type: ElementType) -> (Int64, Int64) {
    let width = type.bitWidth
    if type.arithmetic == .unsigned { return (0, width >= 63 ? .max : (1 << Int64(width)) - 1) }
    return width >= 64 ? (.min, .max) : (-(1 << Int64(width - 1)), (1 << Int64(width - 1)) - 1)
  }

  /// To float so that rounding once more to fewer bits gives what rounding directly would.
  static func roundedToOdd(_ x: Double) -> Float {
    let near = Float(x)
    if !x.isFinite || near.isInfinite || Double(near) == x { return near }
    let low = Double(near).magnitude > x.magnitude ? (near > 0 ? near.nextDown : near.nextUp) : near
    return low.bitPattern & 1 == 1 ? low : Float(bitPattern: low.bitPattern | 1)
  }

  /// The power of two a number is stored as; the sign is dropped. 255 is NaN.
  func scaleCode(_ x: Float) -> UInt8 {
    let exponent = Int(x.exponentBitPattern)
    if exponent == 255 { return x.isNaN || !saturate ? 255 : 254 }
    let fraction = x.significandBitPattern
    let half: UInt32 = 1 << 22
    let raised =
      switch roundMode {
      case .up: fraction > 0
      case .down: false
      case .nearest: fraction > half || fraction == half && exponent > 0
      }
    let code = exponent + (raised ? 1 : 0)
    if code > 254 { return saturate ? 254 : 255 }
    return x == 0 && !saturate ? 255 : UInt8(code)
  }
}

// MARK: Strings

extension Conversion {
  /// Shortest text that reads back as the same number; `True` and `False`.
  static func print(_ x: Tensor) -> [String] {
    switch x.type.arithmetic {
    case .bool: x.bytes.map { $0 != 0 ? "True" : "False" }
    case .signed: x.wide(Int64.self).map { String($0) }
    case .unsigned: x.wide(UInt64.self).map { String($0) }
    case .double: x.wide(Double.self).map { $0.description }
    case .float where x.type == .float16: x.wide(Float.self).map { Float16($0).description }
    default: x.wide(Float.self).map { $0.description }
    }
  }

  private func parse(_ x: Tensor, to type: ElementType) throws(Diagnostic) -> Tensor {
    if type == .int64 || type == .uint64 {
      var exact: [Int64] = []
      for bytes in x.strings {
        let text = String(decoding: bytes, as: UTF8.self)
        if let value = type == .int64 ? Int64(text) : UInt64(text).map({ Int64(bitPattern: $0) }) {
          exact.append(value)
        }
      }
      if exact.count == x.count { return Tensor(wide: exact, type, x.shape) }
    }
    var values: [Double] = []
    for bytes in x.strings {
      guard let value = Conversion.number(bytes, single: type == .float32) else {
        throw .invalid("'\(Name(bytes))' is no number")
      }
      values.append(value)
    }
    return fromDoubles(values, to: type, x.shape)
  }

  /// Decimal or scientific notation, "INF", "NaN" in any case; nil for anything else.
  static func number(_ bytes: [UInt8], single: Bool) -> Double? {
    let text = String(decoding: bytes.filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
    let plain = text.utf8.allSatisfy { (48...57).contains($0) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains($0) }
    if plain { return single ? Float(text).map { Double($0) } : Double(text) }
    switch text.lowercased() {
    case "inf", "+inf", "infinity", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    case "nan", "+nan", "-nan": return .nan
    case "true": return 1
    case "false": return 0
    default: return nil
    }
  }
}

// MARK: Operators

let castTypes = ElementType.allCases.filter { $0.arithmetic != .complex }

/// The elements in another type. ONNX Cast, opsets 1–28.
public struct Cast: ElementwiseOperator {
  public static let name = "Cast"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .elementType("to", \.to, isRequired: true), .flag("saturate", \.conversion.saturate),
    .choice("round_mode", \.conversion.roundMode),
  ]
  public var to: ElementType?
  public var conversion = Conversion()
  public init() {}
  public init(to: ElementType) { self.to = to }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard let to else { throw .invalid("attribute 'to' is missing") }
    try context.require(0, castTypes)
    guard castTypes.contains(to) else { throw .invalid("attribute 'to' is \(to.name), which nothing is cast to") }
    return [.tensor(to, try context.shape(0))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let to, to != .string, to == .bool || to.bitWidth >= 8, !float8Types.contains(to), to != .float8e8m0 else {
      return [nil]
    }
    return context.elementwiseContents(to, 0..<1) { dims in
      to == .bool ? dims[0].provenEqual(0).map { $0 ? 0 : 1 } : dims[0]
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    guard let to else { throw .invalid("attribute 'to' is missing") }
    let x = try inputs.tensor(0, of: castTypes)
    try context.checkSize(x.shape, to)
    return [.tensor(try conversion.convert(x, to: to))]
  }
}

/// The elements in the type of another tensor's. ONNX CastLike, opsets 15–28.
public struct CastLike: ElementwiseOperator {
  public static let name = "CastLike"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .flag("saturate", \.conversion.saturate), .choice("round_mode", \.conversion.roundMode),
  ]
  public var conversion = Conversion()
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, castTypes)
    try context.require(1, castTypes)
    return [.tensor(try context.element(1), try context.shape(0))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let to = context.input(1)?.type.tensor?.element else { return [nil] }
    var cast = Cast(to: to)
    cast.conversion = conversion
    return cast.inferContents(InferenceContext(inputs: Array(context.inputs.prefix(1)), outputCount: 1))
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let (x, like) = (try inputs.tensor(0), try inputs.tensor(1))
    try context.checkSize(x.shape, like.type)
    return [.tensor(try conversion.convert(x, to: like.type))]
  }
}

/// The same bits read as another type of the same width. ONNX BitCast, opsets 26–28.
public struct BitCast: Operator {
  public static let name = "BitCast"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.elementType("to", \.to, isRequired: true)]
  public var to: ElementType?
  public init() {}

  private func target(_ from: ElementType) throws(Diagnostic) -> ElementType {
    guard let to else { throw .invalid("attribute 'to' is missing") }
    guard from != .string, to != .string, from.bitWidth == to.bitWidth else {
      throw .invalid("\(from.name) and \(to.name) have no bits of equal number")
    }
    return to
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    [.tensor(try target(try context.element(0)), try context.shape(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0)
    return [.tensor(Tensor(unchecked: try target(x.type), x.shape, storage: x.storage))]
  }
}
