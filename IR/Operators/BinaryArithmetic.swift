#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let binaryArithmetic: [any Operator.Type] = [Add.self, Sub.self, Mul.self, Div.self, Mod.self, Pow.self]
}

/// What arithmetic of two broadcast operands of one type shares. Floats are computed in double and rounded once,
/// integers wrap.
public protocol BinaryNumberOperator: ElementwiseOperator {
  func apply(_ a: Double, _ b: Double) -> Double
  func apply(_ a: Int64, _ b: Int64) -> Int64
  func apply(_ a: UInt64, _ b: UInt64) -> UInt64
  /// The same on dimensions; nil where nothing can be said.
  func apply(_ a: Dim, _ b: Dim) -> Dim?
  /// Throws where the attributes do not fit the element type.
  func check(_ type: ElementType) throws(Diagnostic)
  /// The result with a fused activation applied.
  func finish(_ result: Tensor) -> Tensor
}

extension BinaryNumberOperator {
  public static var inputs: Arity { 2 }
  public func apply(_ a: Dim, _ b: Dim) -> Dim? { nil }
  public func check(_ type: ElementType) throws(Diagnostic) {}
  public func finish(_ result: Tensor) -> Tensor { result }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let type = try context.broadcastType(0..<2, numberTypes)
    try check(type.element)
    return [.tensor(type)]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    context.elementwiseContents(nil, 0..<2) { apply($0[0], $0[1]) }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let (a, b) = (try inputs.tensor(0, of: numberTypes), try inputs.tensor(1))
    let shape = try checkedBroadcast(a, b, context)
    try check(a.type)
    func map<T: WideNumber>(_: T.Type, _ body: (T, T) -> T) -> [Datum] {
      let values = broadcastMap(a.wide(T.self), a.shape, b.wide(T.self), b.shape, to: shape, body)
      return [.tensor(finish(Tensor(wide: values, a.type, shape)))]
    }
    switch a.type.arithmetic {
    case .signed: return map(Int64.self) { apply($0, $1) }
    case .unsigned: return map(UInt64.self) { apply($0, $1) }
    default: return map(Double.self) { apply($0, $1) }
    }
  }
}

extension BinaryNumberOperator where Self: FusesActivation {
  public func finish(_ result: Tensor) -> Tensor { activation.apply(result) }

  public func check(_ type: ElementType) throws(Diagnostic) {
    guard activation.isNone || type.isFloat else {
      throw .invalid("an activation is fused, but the elements are \(type.name)")
    }
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    activation.isNone ? context.elementwiseContents(nil, 0..<2) { apply($0[0], $0[1]) } : [nil]
  }
}

/// a + b. ONNX Add, opsets 1–28.
public struct Add: BinaryNumberOperator, FusesActivation {
  public static let name = "Add"
  public static let attributes: [AttributeField<Self>] = AttributeField<Self>.activation
  public var activation = Activation.none
  public init() {}
  public func apply(_ a: Double, _ b: Double) -> Double { a + b }
  public func apply(_ a: Int64, _ b: Int64) -> Int64 { a &+ b }
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { a &+ b }
  public func apply(_ a: Dim, _ b: Dim) -> Dim? { a + b }
}

/// a − b. ONNX Sub, opsets 1–28.
public struct Sub: BinaryNumberOperator, FusesActivation {
  public static let name = "Sub"
  public static let attributes: [AttributeField<Self>] = AttributeField<Self>.activation
  public var activation = Activation.none
  public init() {}
  public func apply(_ a: Double, _ b: Double) -> Double { a - b }
  public func apply(_ a: Int64, _ b: Int64) -> Int64 { a &- b }
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { a &- b }
  public func apply(_ a: Dim, _ b: Dim) -> Dim? { a - b }
}

/// a · b. ONNX Mul, opsets 1–28.
public struct Mul: BinaryNumberOperator, FusesActivation {
  public static let name = "Mul"
  public static let attributes: [AttributeField<Self>] = AttributeField<Self>.activation
  public var activation = Activation.none
  public init() {}
  public func apply(_ a: Double, _ b: Double) -> Double { a * b }
  public func apply(_ a: Int64, _ b: Int64) -> Int64 { a &* b }
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { a &* b }
  public func apply(_ a: Dim, _ b: Dim) -> Dim? { a * b }
}

/// a / b; integers toward zero, and 0 where b is 0. ONNX Div, opsets 1–28.
public struct Div: BinaryNumberOperator, FusesActivation {
  public static let name = "Div"
  public static let attributes: [AttributeField<Self>] = AttributeField<Self>.activation
  public var activation = Activation.none
  public init() {}
  public func apply(_ a: Double, _ b: Double) -> Double { a / b }
  public func apply(_ a: Int64, _ b: Int64) -> Int64 { b == 0 ? 0 : b == -1 ? 0 &- a : a / b }
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { b == 0 ? 0 : a / b }
  public func apply(_ a: Dim, _ b: Dim) -> Dim? { a.truncatingQuotient(by: b) }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    // Whole dimensions divided as floats need not stay whole.
    guard activation.isNone, let type = context.input(0)?.type.tensor?.element else { return [nil] }
    return context.elementwiseContents(nil, 0..<2) { operands in
      guard let quotient = apply(operands[0], operands[1]) else { return nil }
      return type.isInteger || quotient * operands[1] == operands[0] ? quotient : nil
    }
  }
}

/// The remainder of a / b: with b's sign, or a's where `fmod`; integers give 0 where b is 0. ONNX Mod, opsets 10–28.
public struct Mod: BinaryNumberOperator {
  public static let name = "Mod"
  public static let attributes: [AttributeField<Self>] = [.flag("fmod", \.fmod)]
  public var fmod = false
  public init() {}

  public func apply(_ a: Double, _ b: Double) -> Double {
    let remainder = a.truncatingRemainder(dividingBy: b)
    if fmod || remainder.isNaN { return remainder }
    if remainder == 0 { return b.sign == .minus ? -0.0 : 0 }
    return (remainder < 0) != (b < 0) ? remainder + b : remainder
  }
  public func apply(_ a: Int64, _ b: Int64) -> Int64 {
    if b == 0 || b == -1 { return 0 }
    let remainder = a % b
    return !fmod && remainder != 0 && (remainder < 0) != (b < 0) ? remainder &+ b : remainder
  }
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { b == 0 ? 0 : a % b }
  public func apply(_ a: Dim, _ b: Dim) -> Dim? {
    if let x = a.value, let y = b.value, y != 0 { return Dim(Int(apply(Int64(x), Int64(y)))) }
    return a.isNonNegative && b.isNonNegative ? a.modulo(b) : nil
  }
}

/// x to the power of y, in x's type. ONNX Pow, opsets 1–28.
public struct Pow: ElementwiseOperator {
  public static let name = "Pow"
  public static let inputs: Arity = 2
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes + [.int32, .int64])
    try context.require(1, numberTypes)
    return [.tensor(try context.element(0), try context.broadcastShape(0..<2))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let (x, y) = (try inputs.tensor(0, of: floatTypes + [.int32, .int64]), try inputs.tensor(1, of: numberTypes))
    let shape = try broadcast(x.shape, y.shape)
    try context.checkSize(shape, x.type)
    if x.type.isInteger && y.type.isInteger {
      let values = broadcastMap(x.wide(Int64.self), x.shape, y.wide(Int64.self), y.shape, to: shape) {
        Pow.power($0, $1)
      }
      return [.tensor(Tensor(wide: values, x.type, shape))]
    }
    let values = broadcastMap(x.wide(Double.self), x.shape, y.wide(Double.self), y.shape, to: shape) { pow($0, $1) }
    return [.tensor(Tensor(wide: values, x.type, shape))]
  }

  /// Wrapping; 0 for fractions.
  static func power(_ base: Int64, _ exponent: Int64) -> Int64 {
    if exponent < 0 { return base == 1 ? 1 : base == -1 ? (exponent & 1 == 0 ? 1 : -1) : 0 }
    var result: Int64 = 1
    var factor = base
    var remaining = exponent
    while remaining > 0 {
      if remaining & 1 == 1 { result = result &* factor }
      factor = factor &* factor
      remaining >>= 1
    }
    return result
  }
}
