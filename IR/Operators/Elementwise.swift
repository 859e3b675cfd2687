/// What float functions of one input share: the output has the input's type, computation is in float (double for f64).
public protocol UnaryFloatOperator: Operator {
  /// The function, in the precision of the widened element type.
  func apply<T: BinaryFloatingPoint & WideNumber>(_ x: T) -> T
}

public let floatTypes: [ElementType] = [.float32, .float64, .float16, .bfloat16]

extension UnaryFloatOperator {
  public static var inputs: Arity { 1 }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    return [.tensor(try context.tensor(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0)
    if x.type == .float64 {
      return [.tensor(Tensor(wide: x.wide(Double.self).map { apply($0) }, x.type, x.shape))]
    }
    return [.tensor(Tensor(wide: x.wide(Float.self).map { apply($0) }, x.type, x.shape))]
  }
}
