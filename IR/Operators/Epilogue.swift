#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A function of one number that a kernel can apply to its result while writing it. Functions, names of the parameters
/// and their meaning are those of the kernels' unary functions: `alpha` is their p0, `beta` their p1.
public struct Activation: Hashable, Sendable {
  public enum Function: String, CaseIterable, Hashable, Sendable {
    case none
    case relu
    /// alpha: minimum, beta: maximum.
    case clip
    case leakyRelu = "leaky_relu"
    case sigmoid
    case tanh
    /// x · sigmoid(alpha · x)
    case silu
    /// max(0, min(1, alpha · x + beta))
    case hardSigmoid = "hard_sigmoid"
    case hardSwish = "hard_swish"
    case gelu
    case geluTanh = "gelu_tanh"
    case elu
    /// alpha, beta: ONNX gamma.
    case selu
    case celu
    case softplus
    case softsign
    case mish
    case thresholdedRelu = "thresholded_relu"
    /// alpha: ONNX bias, beta: ONNX lambd.
    case shrink
    /// alpha · x + beta
    case affine
    case abs
    case neg
    case sqrt
    case reciprocal
    case exp
    case log
    case erf
    case floor
    case ceil
    /// Half to even.
    case round
    case sign
    case sin
    case cos
    case tan
    case asin
    case acos
    case atan
    case sinh
    case cosh
    case asinh
    case acosh
    case atanh
    case square
    case rsqrt
  }

  public var function: Function
  public var alpha: Float
  public var beta: Float

  public init(_ function: Function, alpha: Float = 0, beta: Float = 0) {
    self.function = function
    self.alpha = alpha
    self.beta = beta
  }

  public static let none = Activation(.none)
  public static let relu = Activation(.relu)
  public static func clip(_ minimum: Float, _ maximum: Float) -> Activation {
    Activation(.clip, alpha: minimum, beta: maximum)
  }

  public var isNone: Bool { function == .none }
}

// MARK: Meaning

/// As numpy's maximum and minimum: NaN where either is NaN.
func maximumOrNaN<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a.isNaN ? a : b.isNaN ? b : a < b ? b : a }
func minimumOrNaN<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a.isNaN ? a : b.isNaN ? b : b < a ? b : a }

func logistic(_ x: Double) -> Double {
  if x >= 0 { return 1 / (1 + exp(-x)) }
  let e = exp(x)
  return e / (1 + e)
}

func softplus(_ x: Double) -> Double { log1p(exp(-x.magnitude)) + maximumOrNaN(x, 0) }

extension Activation {
  /// Computed in double and rounded once.
  public func apply(_ x: Float) -> Float { Float(apply(Double(x))) }

  public func apply(_ x: Double) -> Double {
    let a = Double(alpha)
    let b = Double(beta)
    switch function {
    case .none: return x
    case .relu: return x < 0 ? 0 : x
    case .clip: return minimumOrNaN(maximumOrNaN(x, a), b)
    case .leakyRelu: return x < 0 ? a * x : x
    case .sigmoid: return logistic(x)
    case .silu: return x * logistic(a * x)
    case .hardSigmoid: return maximumOrNaN(0, minimumOrNaN(1, a * x + b))
    case .hardSwish: return x * maximumOrNaN(0, minimumOrNaN(1, x / 6 + 0.5))
    case .gelu: return 0.5 * x * erfc(-x / 2.0.squareRoot())
    case .geluTanh:
      return 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .elu: return x < 0 ? a * expm1(x) : x
    case .selu: return b * (x > 0 ? x : a * expm1(x))
    case .celu: return maximumOrNaN(0, x) + minimumOrNaN(0, a * expm1(x / a))
    case .softplus: return softplus(x)
    case .softsign: return x / (1 + x.magnitude)
    case .mish: return x * tanh(softplus(x))
    case .thresholdedRelu: return x > a || x.isNaN ? x : 0
    case .shrink: return x < -b ? x + a : x > b ? x - a : x.isNaN ? x : 0
    case .affine: return a * x + b
    case .square: return x * x
    default: return elementary(x)
    }
  }

  /// The functions of mathematics' library.
  private func elementary(_ x: Double) -> Double {
    switch function {
    case .abs: x.magnitude
    case .neg: -x
    case .sqrt: x.squareRoot()
    case .rsqrt: 1 / x.squareRoot()
    case .reciprocal: 1 / x
    case .floor: x.rounded(.down)
    case .ceil: x.rounded(.up)
    case .round: x.rounded(.toNearestOrEven)
    case .sign: x > 0 ? 1 : x < 0 ? -1 : x.isNaN ? x : 0
    case .exp: exp(x)
    case .log: log(x)
    case .erf: erf(x)
    case .tanh: tanh(x)
    case .sin: sin(x)
    case .cos: cos(x)
    case .tan: tan(x)
    case .asin: asin(x)
    case .acos: acos(x)
    case .atan: atan(x)
    case .sinh: sinh(x)
    case .cosh: cosh(x)
    case .asinh: asinh(x)
    case .acosh: acosh(x)
    case .atanh: atanh(x)
    default: x
    }
  }

  /// The function of every element, rounded to the tensor's type. Tensors that are not of floats are wrapped as casts
  /// do.
  public func apply(_ tensor: Tensor) -> Tensor {
    if isNone { return tensor }
    return Tensor(wide: tensor.wide(Double.self).map { apply($0) }, tensor.type, tensor.shape)
  }
}

// MARK: Operators

/// An operator that applies an activation to its (first) output. The attributes are internal: passes set them.
public protocol FusesActivation: Operator {
  var activation: Activation { get set }
}

extension AttributeField where Op: FusesActivation {
  /// The three internal attributes that hold the activation.
  public static var activation: [AttributeField<Op>] {
    [
      .choice("activation", \Op.activation.function, isInternal: true),
      .float("activation_alpha", \Op.activation.alpha, isInternal: true),
      .float("activation_beta", \Op.activation.beta, isInternal: true),
    ]
  }
}

/// An operator of one input and one output that is an activation, and so can be fused into what computes its input.
public protocol ActivationOperator: Operator {
  /// nil where its attributes are outside what activations express.
  var asActivation: Activation? { get }
}

/// Every output element depends on the input elements at the same (broadcast) position alone, and every input that is
/// not a parameter broadcasts by numpy's rule.
public protocol ElementwiseOperator: Operator {}

/// Applying it to its own output changes nothing.
public protocol IdempotentOperator: Operator {}
