#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let optimizers: [any Operator.Type] = [Adagrad.self, Adam.self, Momentum.self]
}

/// What one step of training by gradients shares. Inputs: learning rate, step number, then all parameters, all
/// gradients, and the states, kind after kind; outputs: the new parameters and states in the same order. Each group of
/// tensors is updated on its own.
public protocol OptimizerOperator: Operator {
  /// Kinds of state that are kept for each parameter.
  static var stateCount: Int { get }
  /// New value and states of one element.
  func step(
    rate: Double, time: Double, value: Double, gradient: Double, states: [Double]
  ) -> (value: Double, states: [Double])
}

extension OptimizerOperator {
  public static var domain: String { "ai.onnx.preview.training" }
  public static var opsets: ClosedRange<Int> { 1...1 }
  public static var inputs: Arity { .variadic(3) }
  public static var outputs: Arity { .variadic(1) }

  /// Parameters among so many inputs.
  private func groups(_ inputs: Int, _ outputs: Int) throws(Diagnostic) -> Int {
    let kinds = 2 + Self.stateCount
    guard inputs > 2, (inputs - 2) % kinds == 0, outputs == (inputs - 2) / kinds * (kinds - 1) else {
      throw .invalid(
        "\(inputs) inputs and \(outputs) outputs are not \(kinds) tensors in and \(kinds - 1) out for each parameter")
    }
    return (inputs - 2) / kinds
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let count = try groups(context.inputs.count, context.outputCount)
    try context.require(0, [.float32, .float64])
    try context.require(1, [.int64])
    try context.requireScalar(0, "the learning rate")
    try context.requireScalar(1, "the step number")
    var types: [ValueType] = []
    for kind in 0..<(2 + Self.stateCount) {
      for group in 0..<count {
        let (own, first) = (2 + kind * count + group, 2 + group)
        try context.require(own, [.float32, .float64])
        let type = ValueType.tensor(try context.tensor(own))
        guard type.isCompatible(with: .tensor(try context.tensor(first))) else {
          throw .invalid("input \(own) is \(type), but the parameter (input \(first)) is another type")
        }
        if kind != 1 { types.append(type) }
      }
    }
    return types
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let count = try groups(inputs.count, context.outputCount)
    let rate = try inputs.scalarNumber(0, "the learning rate")
    let time = try inputs.scalarNumber(1, "the step number")
    var outputs = [[Tensor]](repeating: [], count: 1 + Self.stateCount)
    for group in 0..<count {
      var columns: [[Double]] = []
      for kind in 0..<(2 + Self.stateCount) {
        columns.append(try inputs.tensor(2 + kind * count + group).wide(Double.self))
      }
      let parameter = try inputs.tensor(2 + group)
      var results = [[Double]](repeating: [], count: 1 + Self.stateCount)
      for i in 0..<parameter.count {
        let new = step(
          rate: rate, time: time, value: columns[0][i], gradient: columns[1][i], states: columns[2...].map { $0[i] })
        for (kind, value) in ([new.value] + new.states).enumerated() { results[kind].append(value) }
      }
      for kind in results.indices { outputs[kind].append(Tensor(wide: results[kind], parameter.type, parameter.shape)) }
    }
    return outputs.joined().map { .tensor($0) }
  }
}

/// Steps scaled by the root of all squared gradients so far. State: their sum.
/// ONNX preview training Adagrad, opset 1.
public struct Adagrad: OptimizerOperator {
  public static let name = "Adagrad"
  public static let stateCount = 1
  public static let attributes: [AttributeField<Self>] = [
    .float("decay_factor", \.decayFactor), .float("epsilon", \.epsilon), .float("norm_coefficient", \.normCoefficient),
  ]
  public var decayFactor: Float = 0
  public var epsilon: Float = 1e-6
  public var normCoefficient: Float = 0
  public init() {}

  public func step(
    rate: Double, time: Double, value: Double, gradient: Double, states: [Double]
  ) -> (value: Double, states: [Double]) {
    let regularized = Double(normCoefficient) * value + gradient
    let sum = states[0] + regularized * regularized
    let adjusted = rate / (1 + time * Double(decayFactor))
    return (value - adjusted * regularized / (sum.squareRoot() + Double(epsilon)), [sum])
  }
}

/// Steps along the running mean of gradients, scaled by the root of that of their squares. States: both means.
/// ONNX preview training Adam, opset 1.
public struct Adam: OptimizerOperator {
  public static let name = "Adam"
  public static let stateCount = 2
  public static let attributes: [AttributeField<Self>] = [
    .float("alpha", \.alpha), .float("beta", \.beta), .float("epsilon", \.epsilon),
    .float("norm_coefficient", \.normCoefficient), .float("norm_coefficient_post", \.normCoefficientPost),
  ]
  public var alpha: Float = 0.9
  public var beta: Float = 0.999
  public var epsilon: Float = 1e-6
  public var normCoefficient: Float = 0
  public var normCoefficientPost: Float = 0
  public init() {}

  public func step(
    rate: Double, time: Double, value: Double, gradient: Double, states: [Double]
  ) -> (value: Double, states: [Double]) {
    let (alpha, beta) = (Double(alpha), Double(beta))
    let regularized = Double(normCoefficient) * value + gradient
    let mean = alpha * states[0] + (1 - alpha) * regularized
    let squares = beta * states[1] + (1 - beta) * regularized * regularized
    let adjusted = time > 0 ? rate * (1 - pow(beta, time)).squareRoot() / (1 - pow(alpha, time)) : rate
    let new = value - adjusted * mean / (squares.squareRoot() + Double(epsilon))
    return ((1 - Double(normCoefficientPost)) * new, [mean, squares])
  }
}

/// Steps along a running sum of gradients, plain or by Nesterov's rule. State: the sum.
/// ONNX preview training Momentum, opset 1.
public struct Momentum: OptimizerOperator {
  public enum Mode: String, CaseIterable, Sendable { case standard, nesterov }
  public static let name = "Momentum"
  public static let stateCount = 1
  public static let attributes: [AttributeField<Self>] = [
    .requiredFloat("alpha", \.alpha), .requiredFloat("beta", \.beta), .requiredChoice("mode", \.mode),
    .requiredFloat("norm_coefficient", \.normCoefficient),
  ]
  public var alpha: Float = 0
  public var beta: Float = 0
  public var mode = Mode.standard
  public var normCoefficient: Float = 0
  public init() {}

  public func step(
    rate: Double, time: Double, value: Double, gradient: Double, states: [Double]
  ) -> (value: Double, states: [Double]) {
    let regularized = Double(normCoefficient) * value + gradient
    let sum = Double(alpha) * states[0] + (time > 0 ? Double(beta) : 1) * regularized
    let direction = mode == .standard ? sum : regularized + Double(alpha) * sum
    return (value - rate * direction, [sum])
  }
}
