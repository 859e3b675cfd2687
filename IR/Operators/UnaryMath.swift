extension OperatorCatalog {
  static let unaryMath: [any Operator.Type] = [
    Acos.self, Acosh.self, Asin.self, Asinh.self, Atan.self, Atanh.self, Cos.self, Cosh.self, Sin.self, Sinh.self,
    Tan.self, Tanh.self, Floor.self, Ceil.self, Round.self, Sqrt.self, Reciprocal.self, Exp.self, Log.self, Erf.self,
  ]
}

/// Inverse cosine, radians. ONNX Acos, opsets 7–28.
public struct Acos: UnaryFloatOperator, ActivationOperator {
  public static let name = "Acos"
  public init() {}
  public var asActivation: Activation? { Activation(.acos) }
}

/// Inverse hyperbolic cosine. ONNX Acosh, opsets 9–28.
public struct Acosh: UnaryFloatOperator, ActivationOperator {
  public static let name = "Acosh"
  public init() {}
  public var asActivation: Activation? { Activation(.acosh) }
}

/// Inverse sine, radians. ONNX Asin, opsets 7–28.
public struct Asin: UnaryFloatOperator, ActivationOperator {
  public static let name = "Asin"
  public init() {}
  public var asActivation: Activation? { Activation(.asin) }
}

/// Inverse hyperbolic sine. ONNX Asinh, opsets 9–28.
public struct Asinh: UnaryFloatOperator, ActivationOperator {
  public static let name = "Asinh"
  public init() {}
  public var asActivation: Activation? { Activation(.asinh) }
}

/// Inverse tangent, radians. ONNX Atan, opsets 7–28.
public struct Atan: UnaryFloatOperator, ActivationOperator {
  public static let name = "Atan"
  public init() {}
  public var asActivation: Activation? { Activation(.atan) }
}

/// Inverse hyperbolic tangent. ONNX Atanh, opsets 9–28.
public struct Atanh: UnaryFloatOperator, ActivationOperator {
  public static let name = "Atanh"
  public init() {}
  public var asActivation: Activation? { Activation(.atanh) }
}

/// Cosine of radians. ONNX Cos, opsets 7–28.
public struct Cos: UnaryFloatOperator, ActivationOperator {
  public static let name = "Cos"
  public init() {}
  public var asActivation: Activation? { Activation(.cos) }
}

/// Hyperbolic cosine. ONNX Cosh, opsets 9–28.
public struct Cosh: UnaryFloatOperator, ActivationOperator {
  public static let name = "Cosh"
  public init() {}
  public var asActivation: Activation? { Activation(.cosh) }
}

/// Sine of radians. ONNX Sin, opsets 7–28.
public struct Sin: UnaryFloatOperator, ActivationOperator {
  public static let name = "Sin"
  public init() {}
  public var asActivation: Activation? { Activation(.sin) }
}

/// Hyperbolic sine. ONNX Sinh, opsets 9–28.
public struct Sinh: UnaryFloatOperator, ActivationOperator {
  public static let name = "Sinh"
  public init() {}
  public var asActivation: Activation? { Activation(.sinh) }
}

/// Tangent of radians. ONNX Tan, opsets 7–28.
public struct Tan: UnaryFloatOperator, ActivationOperator {
  public static let name = "Tan"
  public init() {}
  public var asActivation: Activation? { Activation(.tan) }
}

/// Hyperbolic tangent. ONNX Tanh, opsets 1–28.
public struct Tanh: UnaryFloatOperator, ActivationOperator {
  public static let name = "Tanh"
  public init() {}
  public var asActivation: Activation? { Activation(.tanh) }
}

/// Largest whole number not above x. ONNX Floor, opsets 1–28.
public struct Floor: UnaryFloatOperator, ActivationOperator, IdempotentOperator {
  public static let name = "Floor"
  public init() {}
  public var asActivation: Activation? { Activation(.floor) }
  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [context.dims(0)] }
}

/// Smallest whole number not below x. ONNX Ceil, opsets 1–28.
public struct Ceil: UnaryFloatOperator, ActivationOperator, IdempotentOperator {
  public static let name = "Ceil"
  public init() {}
  public var asActivation: Activation? { Activation(.ceil) }
  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [context.dims(0)] }
}

/// Nearest whole number, halves to even. ONNX Round, opsets 11–28.
public struct Round: UnaryFloatOperator, ActivationOperator, IdempotentOperator {
  public static let name = "Round"
  public init() {}
  public var asActivation: Activation? { Activation(.round) }
  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [context.dims(0)] }
}

/// Square root; NaN below zero. ONNX Sqrt, opsets 1–28.
public struct Sqrt: UnaryFloatOperator, ActivationOperator {
  public static let name = "Sqrt"
  public init() {}
  public var asActivation: Activation? { Activation(.sqrt) }
}

/// 1 / x. ONNX Reciprocal, opsets 1–28.
public struct Reciprocal: UnaryFloatOperator, ActivationOperator {
  public static let name = "Reciprocal"
  public init() {}
  public var asActivation: Activation? { Activation(.reciprocal) }
}

/// e to the power of x. ONNX Exp, opsets 1–28.
public struct Exp: UnaryFloatOperator, ActivationOperator {
  public static let name = "Exp"
  public init() {}
  public var asActivation: Activation? { Activation(.exp) }
}

/// Natural logarithm. ONNX Log, opsets 1–28.
public struct Log: UnaryFloatOperator, ActivationOperator {
  public static let name = "Log"
  public init() {}
  public var asActivation: Activation? { Activation(.log) }
}

/// Gauss error function. ONNX Erf, opsets 9–28.
public struct Erf: UnaryFloatOperator, ActivationOperator {
  public static let name = "Erf"
  public init() {}
  public var asActivation: Activation? { Activation(.erf) }
}
