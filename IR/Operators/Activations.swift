extension OperatorCatalog {
  static let activations: [any Operator.Type] = [LeakyRelu.self]
}

/// x where x ≥ 0, else alpha · x. ONNX LeakyRelu, opsets 1–16.
public struct LeakyRelu: UnaryFloatOperator {
  public static let name = "LeakyRelu"
  public static let attributes: [AttributeField<Self>] = [.float("alpha", \.alpha)]
  public var alpha: Float = 0.01
  public init() {}

  public func apply<T: BinaryFloatingPoint & WideNumber>(_ x: T) -> T { x < 0 ? T(alpha) * x : x }
}
