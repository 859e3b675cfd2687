import Bundle
import IR
import Kernels

extension Activation {
  /// KERF_UNARY_… of the function; nil where kernels have none.
  var kernelCode: Int? {
    switch function {
    case .none: Int(KERF_UNARY_IDENTITY)
    case .relu: Int(KERF_UNARY_RELU)
    case .clip: Int(KERF_UNARY_CLIP)
    case .leakyRelu: Int(KERF_UNARY_LEAKY_RELU)
    case .sigmoid: Int(KERF_UNARY_SIGMOID)
    case .tanh: Int(KERF_UNARY_TANH)
    case .silu: Int(KERF_UNARY_SILU)
    case .hardSigmoid: Int(KERF_UNARY_HARD_SIGMOID)
    case .hardSwish: Int(KERF_UNARY_HARD_SWISH)
    case .gelu: Int(KERF_UNARY_GELU)
    case .geluTanh: Int(KERF_UNARY_GELU_TANH)
    case .elu: Int(KERF_UNARY_ELU)
    case .selu: Int(KERF_UNARY_SELU)
    case .celu: Int(KERF_UNARY_CELU)
    case .softplus: Int(KERF_UNARY_SOFTPLUS)
    case .softsign: Int(KERF_UNARY_SOFTSIGN)
    case .mish: Int(KERF_UNARY_MISH)
    case .thresholdedRelu: Int(KERF_UNARY_THRESHOLDED_RELU)
    case .shrink: Int(KERF_UNARY_SHRINK)
    case .affine: Int(KERF_UNARY_AFFINE)
    case .abs: Int(KERF_UNARY_ABS)
    case .neg: Int(KERF_UNARY_NEG)
    case .sqrt: Int(KERF_UNARY_SQRT)
    case .reciprocal: Int(KERF_UNARY_RECIPROCAL)
    case .exp: Int(KERF_UNARY_EXP)
    case .log: Int(KERF_UNARY_LOG)
    case .erf: Int(KERF_UNARY_ERF)
    case .floor: Int(KERF_UNARY_FLOOR)
    case .ceil: Int(KERF_UNARY_CEIL)
    case .round: Int(KERF_UNARY_ROUND)
    case .sign: Int(KERF_UNARY_SIGN)
    case .sin: Int(KERF_UNARY_SIN)
    case .cos: Int(KERF_UNARY_COS)
    case .tan: Int(KERF_UNARY_TAN)
    case .asin: Int(KERF_UNARY_ASIN)
    case .acos: Int(KERF_UNARY_ACOS)
    case .atan: Int(KERF_UNARY_ATAN)
    case .sinh: Int(KERF_UNARY_SINH)
    case .cosh: Int(KERF_UNARY_COSH)
    case .asinh: Int(KERF_UNARY_ASINH)
    case .acosh: Int(KERF_UNARY_ACOSH)
    case .atanh: Int(KERF_UNARY_ATANH)
    case .square: Int(KERF_UNARY_SQUARE)
    case .rsqrt: Int(KERF_UNARY_RSQRT)
    }
  }

  /// The three attributes `act` of kernel operations.
  var attributes: [Step.Attribute] {
    [.int(Int64(kernelCode ?? 0)), .float(Double(alpha)), .float(Double(beta))]
  }
}

extension Step.Attribute {
  static func int(_ value: Int) -> Step.Attribute { .int(Int64(value)) }
  static func int(_ value: Int32) -> Step.Attribute { .int(Int64(value)) }
  static func flag(_ value: Bool) -> Step.Attribute { .int(value ? 1 : 0) }
}
