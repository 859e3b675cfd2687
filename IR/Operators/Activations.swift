extension OperatorCatalog {
  static let activations: [any Operator.Type] = [
    LeakyRelu.self, Elu.self, Selu.self, Celu.self, Sigmoid.self, HardSigmoid.self, HardSwish.self, Softplus.self,
    Softsign.self, Mish.self, Gelu.self, Swish.self, ThresholdedRelu.self,
  ]
}

/// x where x ≥ 0, else alpha · x. ONNX LeakyRelu, opsets 1–28.
public struct LeakyRelu: UnaryFloatOperator, ActivationOperator {
  public static let name = "LeakyRelu"
  public static let attributes: [AttributeField<Self>] = [.float("alpha", \.alpha)]
  public var alpha: Float = 0.01
  public init() {}
  public var asActivation: Activation? { Activation(.leakyRelu, alpha: alpha) }
}

/// x where x ≥ 0, else alpha · (eˣ − 1). ONNX Elu, opsets 1–28.
public struct Elu: UnaryFloatOperator, ActivationOperator {
  public static let name = "Elu"
  public static let attributes: [AttributeField<Self>] = [.float("alpha", \.alpha)]
  public var alpha: Float = 1
  public init() {}
  public var asActivation: Activation? { Activation(.elu, alpha: alpha) }
}

/// gamma · x where x > 0, else gamma · alpha · (eˣ − 1). ONNX Selu, opsets 1–28.
public struct Selu: UnaryFloatOperator, ActivationOperator {
  public static let name = "Selu"
  public static let attributes: [AttributeField<Self>] = [.float("alpha", \.alpha), .float("gamma", \.gamma)]
  public var alpha: Float = 1.67326319217681884765625
  public var gamma: Float = 1.05070102214813232421875
  public init() {}
  public var asActivation: Activation? { Activation(.selu, alpha: alpha, beta: gamma) }
}

/// max(0, x) + min(0, alpha · (e^(x / alpha) − 1)). ONNX Celu, opsets 12–28.
public struct Celu: UnaryFloatOperator, ActivationOperator {
  public static let name = "Celu"
  public static let attributes: [AttributeField<Self>] = [.float("alpha", \.alpha)]
  public var alpha: Float = 1
  public init() {}
  public var asActivation: Activation? { Activation(.celu, alpha: alpha) }
}

/// 1 / (1 + e⁻ˣ). ONNX Sigmoid, opsets 1–28.
public struct Sigmoid: UnaryFloatOperator, ActivationOperator {
  public static let name = "Sigmoid"
  public init() {}
  public var asActivation: Activation? { Activation(.sigmoid) }
}

/// max(0, min(1, alpha · x + beta)). ONNX HardSigmoid, opsets 1–28.
public struct HardSigmoid: UnaryFloatOperator, ActivationOperator {
  public static let name = "HardSigmoid"
  public static let attributes: [AttributeField<Self>] = [.float("alpha", \.alpha), .float("beta", \.beta)]
  public var alpha: Float = 0.2
  public var beta: Float = 0.5
  public init() {}
  public var asActivation: Activation? { Activation(.hardSigmoid, alpha: alpha, beta: beta) }
}

/// x · max(0, min(1, x / 6 + 0.5)). ONNX HardSwish, opsets 14–28.
public struct HardSwish: UnaryFloatOperator, ActivationOperator {
  public static let name = "HardSwish"
  public init() {}
  public var asActivation: Activation? { Activation(.hardSwish) }
}

/// ln(1 + eˣ). ONNX Softplus, opsets 1–28.
public struct Softplus: UnaryFloatOperator, ActivationOperator {
  public static let name = "Softplus"
  public init() {}
  public var asActivation: Activation? { Activation(.softplus) }
}

/// x / (1 + |x|). ONNX Softsign, opsets 1–28.
public struct Softsign: UnaryFloatOperator, ActivationOperator {
  public static let name = "Softsign"
  public init() {}
  public var asActivation: Activation? { Activation(.softsign) }
}

/// x · tanh(ln(1 + eˣ)). ONNX Mish, opsets 18–28.
public struct Mish: UnaryFloatOperator, ActivationOperator {
  public static let name = "Mish"
  public init() {}
  public var asActivation: Activation? { Activation(.mish) }
}

/// x · Φ(x), exactly or by the tanh formula. ONNX Gelu, opsets 20–28.
public struct Gelu: UnaryFloatOperator, ActivationOperator {
  public enum Approximation: String, CaseIterable, Sendable { case none, tanh }
  public static let name = "Gelu"
  public static let attributes: [AttributeField<Self>] = [.choice("approximate", \.approximate)]
  public var approximate = Approximation.none
  public init() {}
  public var asActivation: Activation? { Activation(approximate == .none ? .gelu : .geluTanh) }
}

/// x · sigmoid(alpha · x). ONNX Swish, opsets 24–28.
public struct Swish: UnaryFloatOperator, ActivationOperator {
  public static let name = "Swish"
  public static let attributes: [AttributeField<Self>] = [.float("alpha", \.alpha)]
  public var alpha: Float = 1
  public init() {}
  public var asActivation: Activation? { Activation(.silu, alpha: alpha) }
}

/// x where x > alpha, else 0. ONNX ThresholdedRelu, opsets 10–28.
public struct ThresholdedRelu: UnaryFloatOperator, ActivationOperator {
  public static let name = "ThresholdedRelu"
  public static let attributes: [AttributeField<Self>] = [.float("alpha", \.alpha)]
  public var alpha: Float = 1
  public init() {}
  public var asActivation: Activation? { Activation(.thresholdedRelu, alpha: alpha) }
}
