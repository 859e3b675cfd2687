extension OperatorCatalog {
  static let unaryNumbers: [any Operator.Type] = [
    Abs.self, Neg.self, Sign.self, Relu.self, Shrink.self, Clip.self, PRelu.self, SwiGLU.self, IsNaN.self, IsInf.self,
    Not.self, BitwiseNot.self,
  ]
}

/// What functions of one input share that are defined on integers too. Integers wrap.
public protocol UnaryNumberOperator: UnaryOperator {
  func apply(_ x: Double) -> Double
  func apply(_ x: Int64) -> Int64
  func apply(_ x: UInt64) -> UInt64
}

extension UnaryNumberOperator {
  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: Self.elementTypes)
    try context.checkSize(x.shape, x.type)
    return [.tensor(x.mapNumbers({ apply($0) }, { apply($0) }, { apply($0) }))]
  }
}

extension Tensor {
  /// The same type and shape with a function of every number, in the kind of number that fits the type.
  func mapNumbers(
    _ double: (Double) -> Double, _ signed: (Int64) -> Int64, _ unsigned: (UInt64) -> UInt64
  ) -> Tensor {
    switch type.arithmetic {
    case .signed: Tensor(wide: wide(Int64.self).map(signed), type, shape)
    case .unsigned, .bool: Tensor(wide: wide(UInt64.self).map(unsigned), type, shape)
    default: Tensor(wide: wide(Double.self).map(double), type, shape)
    }
  }
}

/// |x|; the smallest signed integer stays. ONNX Abs, opsets 1–28.
public struct Abs: UnaryNumberOperator, ActivationOperator, IdempotentOperator {
  public static let name = "Abs"
  public static let elementTypes = numberTypes
  public init() {}
  public var asActivation: Activation? { Activation(.abs) }
  public func apply(_ x: Double) -> Double { x.magnitude }
  public func apply(_ x: Int64) -> Int64 { x < 0 ? 0 &- x : x }
  public func apply(_ x: UInt64) -> UInt64 { x }
  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    context.elementwiseContents(nil, 0..<1) { Dim.maximum($0[0], -$0[0]) }
  }
}

/// −x. ONNX Neg, opsets 1–28.
public struct Neg: UnaryNumberOperator, ActivationOperator {
  public static let name = "Neg"
  public static let elementTypes = floatTypes + signedTypes
  public init() {}
  public var asActivation: Activation? { Activation(.neg) }
  public func apply(_ x: Double) -> Double { -x }
  public func apply(_ x: Int64) -> Int64 { 0 &- x }
  public func apply(_ x: UInt64) -> UInt64 { 0 &- x }
  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    context.elementwiseContents(nil, 0..<1) { -$0[0] }
  }
}

/// −1, 0 or 1; NaN stays NaN. ONNX Sign, opsets 9–28.
public struct Sign: UnaryNumberOperator, ActivationOperator, IdempotentOperator {
  public static let name = "Sign"
  public static let elementTypes = numberTypes
  public init() {}
  public var asActivation: Activation? { Activation(.sign) }
  public func apply(_ x: Double) -> Double { Activation(.sign).apply(x) }
  public func apply(_ x: Int64) -> Int64 { x.signum() }
  public func apply(_ x: UInt64) -> UInt64 { x.signum() }
}

/// max(x, 0). ONNX Relu, opsets 1–28.
public struct Relu: UnaryNumberOperator, ActivationOperator, IdempotentOperator {
  public static let name = "Relu"
  public static let elementTypes = floatTypes + signedTypes
  public init() {}
  public var asActivation: Activation? { .relu }
  public func apply(_ x: Double) -> Double { x < 0 ? 0 : x }
  public func apply(_ x: Int64) -> Int64 { max(x, 0) }
  public func apply(_ x: UInt64) -> UInt64 { x }
  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    context.elementwiseContents(nil, 0..<1) { Dim.maximum($0[0], 0) }
  }
}

/// x + bias where x < −lambd, x − bias where x > lambd, else 0. ONNX Shrink, opsets 9–28.
public struct Shrink: UnaryNumberOperator, ActivationOperator {
  public static let name = "Shrink"
  public static let elementTypes: [ElementType] = [.float16, .float32, .float64] + integerTypes
  public static let attributes: [AttributeField<Self>] = [.float("bias", \.bias), .float("lambd", \.lambd)]
  public var bias: Float = 0
  public var lambd: Float = 0.5
  public init() {}
  public var asActivation: Activation? { Activation(.shrink, alpha: bias, beta: lambd) }
  public func apply(_ x: Double) -> Double { Activation(.shrink, alpha: bias, beta: lambd).apply(x) }
  public func apply(_ x: Int64) -> Int64 { Int64(saturating: apply(Double(x))) }
  public func apply(_ x: UInt64) -> UInt64 { UInt64(saturating: apply(Double(x))) }
}

/// min(max(x, minimum), maximum); the bounds are inputs of one element, absent ones do not bind. ONNX Clip, opsets
/// 1–28.
public struct Clip: ElementwiseOperator, IdempotentOperator {
  public static let name = "Clip"
  public static let inputs = Arity(1...3)
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, numberTypes)
    try context.sameElement(0..<3)
    if context.has(1) { try context.requireScalar(1, "the minimum") }
    if context.has(2) { try context.requireScalar(2, "the maximum") }
    return [.tensor(try context.tensor(0))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    let low = context.has(1) ? context.dims(1)?.first : nil
    let high = context.has(2) ? context.dims(2)?.first : nil
    if context.has(1) && low == nil || context.has(2) && high == nil { return [nil] }
    return context.elementwiseContents(nil, 0..<1) { dims in
      let raised = low.map { Dim.maximum(dims[0], $0) } ?? dims[0]
      return high.map { Dim.minimum(raised, $0) } ?? raised
    }
  }

  /// As an activation, where the present bounds are these float constants.
  public static func asActivation(minimum: Tensor?, maximum: Tensor?) -> Activation? {
    func bound(_ tensor: Tensor?, _ absent: Float) -> Float? {
      guard let tensor else { return absent }
      guard tensor.count == 1, tensor.type.isFloat, tensor.type != .float64 else { return nil }
      return tensor.wide(Float.self).first
    }
    guard let low = bound(minimum, -.infinity), let high = bound(maximum, .infinity) else { return nil }
    if low == 0 && high == .infinity { return .relu }
    return .clip(low, high)
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: numberTypes)
    try context.checkSize(x.shape, x.type)
    for index in 1..<3 {
      guard let bound = inputs.optionalTensor(index) else { continue }
      guard bound.count == 1, bound.type == x.type else {
        throw .invalid("the bound in input \(index) is \(bound.tensorType), expected one \(x.type.name)")
      }
    }
    func clip<T: WideNumber>(_: T.Type, _ max: (T, T) -> T, _ min: (T, T) -> T) -> Datum {
      let low = inputs.optionalTensor(1)?.wide(T.self).first
      let high = inputs.optionalTensor(2)?.wide(T.self).first
      let values = x.wide(T.self).map { value in
        let raised = low.map { max(value, $0) } ?? value
        return high.map { min(raised, $0) } ?? raised
      }
      return .tensor(Tensor(wide: values, x.type, x.shape))
    }
    switch x.type.arithmetic {
    case .signed: return [clip(Int64.self, { max($0, $1) }, { min($0, $1) })]
    case .unsigned: return [clip(UInt64.self, { max($0, $1) }, { min($0, $1) })]
    default: return [clip(Double.self, { maximumOrNaN($0, $1) }, { minimumOrNaN($0, $1) })]
    }
  }
}

/// x where x ≥ 0, else slope · x; the slope broadcasts to x. ONNX PRelu, opsets 1–28.
public struct PRelu: ElementwiseOperator {
  public static let name = "PRelu"
  public static let inputs: Arity = 2
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, wideNumberTypes)
    try context.sameElement(0..<2)
    let type = try context.tensor(0)
    if let shape = type.shape, let slope = try context.shape(1) {
      let both = try broadcast(shape, slope)
      let fits =
        both.count == shape.count && zip(both, shape).allSatisfy { $0.isUnknown || $0.isEqual(to: $1) != false }
      guard fits else { throw .invalid("the slope \(describe(slope)) does not broadcast to \(describe(shape))") }
    }
    return [.tensor(type)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let (x, slope) = (try inputs.tensor(0, of: wideNumberTypes), try inputs.tensor(1))
    guard try checkedBroadcast(x, slope, context) == x.shape else {
      throw .invalid("the slope \(describe(slope.shape)) does not broadcast to \(describe(x.shape))")
    }
    func apply<T: WideNumber>(_: T.Type, _ body: (T, T) -> T) -> [Datum] {
      let values = broadcastMap(x.wide(T.self), x.shape, slope.wide(T.self), slope.shape, to: x.shape, body)
      return [.tensor(Tensor(wide: values, x.type, x.shape))]
    }
    switch x.type.arithmetic {
    case .signed: return apply(Int64.self) { $0 < 0 ? $0 &* $1 : $0 }
    case .unsigned: return apply(UInt64.self) { a, _ in a }
    default: return apply(Double.self) { $0 < 0 ? $0 * $1 : $0 }
    }
  }
}

/// Swish(a) · b for two inputs of one shape. ONNX SwiGLU, opset 28.
public struct SwiGLU: ElementwiseOperator {
  public static let name = "SwiGLU"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [.float("alpha", \.alpha)]
  public var alpha: Float = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.sameElement(0..<2)
    let (a, b) = (try context.tensor(0), try context.tensor(1))
    guard ValueType.tensor(a).isCompatible(with: .tensor(b)) else {
      throw .invalid("the gate is \(a) and the value \(b), they must have one shape")
    }
    return [.tensor(a.knownShape == nil && b.shape != nil ? b : a)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let (a, b) = (try inputs.tensor(0, of: floatTypes), try inputs.tensor(1))
    guard a.shape == b.shape, a.type == b.type else {
      throw .invalid("the gate is \(a.tensorType) and the value \(b.tensorType), they must be alike")
    }
    try context.checkSize(a.shape, a.type)
    let swish = Activation(.silu, alpha: alpha)
    let values = zip(a.wide(Double.self), b.wide(Double.self)).map { swish.apply($0) * $1 }
    return [.tensor(Tensor(wide: values, a.type, a.shape))]
  }
}

/// What questions about floats share.
public protocol FloatTest: ElementwiseOperator {
  func holds(_ x: Double) -> Bool
}

extension FloatTest {
  public static var inputs: Arity { 1 }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes + float8Types)
    return [.tensor(.bool, try context.shape(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: floatTypes + float8Types)
    return [.tensor(Tensor(x.wide(Double.self).map { holds($0) }, shape: x.shape))]
  }
}

/// Whether x is not a number. ONNX IsNaN, opsets 9–28.
public struct IsNaN: FloatTest {
  public static let name = "IsNaN"
  public init() {}
  public func holds(_ x: Double) -> Bool { x.isNaN }
}

/// Whether x is infinite, of the signs that are asked for. ONNX IsInf, opsets 10–28.
public struct IsInf: FloatTest {
  public static let name = "IsInf"
  public static let attributes: [AttributeField<Self>] = [
    .flag("detect_negative", \.detectNegative), .flag("detect_positive", \.detectPositive),
  ]
  public var detectNegative = true
  public var detectPositive = true
  public init() {}
  public func holds(_ x: Double) -> Bool { detectPositive && x == .infinity || detectNegative && x == -.infinity }
}

/// Logical negation. ONNX Not, opsets 1–28.
public struct Not: UnaryNumberOperator {
  public static let name = "Not"
  public static let elementTypes: [ElementType] = [.bool]
  public init() {}
  public func apply(_ x: Double) -> Double { x == 0 ? 1 : 0 }
  public func apply(_ x: Int64) -> Int64 { x == 0 ? 1 : 0 }
  public func apply(_ x: UInt64) -> UInt64 { x == 0 ? 1 : 0 }
  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    context.elementwiseContents(nil, 0..<1) { 1 - $0[0] }
  }
}

/// All bits inverted. ONNX BitwiseNot, opsets 18–28.
public struct BitwiseNot: UnaryNumberOperator {
  public static let name = "BitwiseNot"
  public static let elementTypes = integerTypes
  public init() {}
  public func apply(_ x: Double) -> Double { x }
  public func apply(_ x: Int64) -> Int64 { ~x }
  public func apply(_ x: UInt64) -> UInt64 { ~x }
}
