#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let normalizations: [any Operator.Type] = [
    BatchNormalization.self, InstanceNormalization.self, GroupNormalization.self, LRN.self, LpNormalization.self,
    MeanVarianceNormalization.self,
  ]
}

/// Mean and variance (of the population, two passes) along axes, in the shape with these axes 1.
struct Moments {
  let shape: [Int]
  let mean: [Double]
  let variance: [Double]

  /// `axes` sorted, from the front. Of no values there are no moments, however many places for them.
  init(_ values: [Double], _ full: [Int], _ axes: [Int]) {
    shape = full.indices.map { axes.contains($0) ? 1 : full[$0] }
    guard !values.isEmpty else {
      mean = []
      variance = []
      return
    }
    mean = forEachGroup(values, full, axes) { $0.reduce(0, +) / Double($0.count) }
    var middle = mean.makeIterator()
    variance = forEachGroup(values, full, axes) { group in
      let m = middle.next() ?? 0
      return group.reduce(0) { $0 + ($1 - m) * ($1 - m) } / Double(group.count)
    }
  }

  /// (x − mean) / sqrt(variance + epsilon)
  func normalize(_ values: [Double], _ full: [Int], epsilon: Double) -> [Double] {
    let inverse = variance.map { 1 / ($0 + epsilon).squareRoot() }
    let centred = broadcastMap(values, full, mean, shape, to: full) { $0 - $1 }
    return broadcastMap(centred, full, inverse, shape, to: full) { $0 * $1 }
  }
}

/// x · scale + bias with one scale and bias for each channel (axis 1, or the only channel).
func scaleChannels(_ x: [Double], _ shape: [Int], _ scale: [Double], _ bias: [Double]) -> [Double] {
  let plane = shape.dropFirst(2).reduce(1, *)
  let channels = scale.count
  return x.indices.map { i in
    let channel = shape.count < 2 ? 0 : i / plane % channels
    return x[i] * scale[channel] + bias[channel]
  }
}

extension InferenceContext {
  /// Throws unless the inputs are vectors with one element for each channel (axis 1) of input 0.
  func requireChannelVectors(_ indices: Range<Int>, channels: Dim) throws(Diagnostic) {
    for index in indices {
      guard let shape = try shape(index) else { continue }
      guard shape.count == 1, shape[0].isEqual(to: channels) != false else {
        throw .invalid(
          "input \(index) has shape \(describe(shape)), expected one element for each of \(channels) channels")
      }
    }
  }

  func requireRankAtLeast(_ index: Int, _ rank: Int) throws(Diagnostic) {
    if let actual = try tensor(index).rank, actual < rank {
      throw .invalid("input \(index) has rank \(actual), expected at least \(rank)")
    }
  }
}

extension Operator {
  /// Tensor types of the outputs for these very inputs, their sizes checked: the checks of inference, repeated before
  /// an evaluation.
  @discardableResult
  func checkedTypes(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [TensorType] {
    let types = try resolvedTypes(inputs, context).compactMap(\.tensor)
    for type in types { if let shape = type.knownShape { try context.checkSize(shape, type.element) } }
    return types
  }
}

/// Normalization with given statistics for each channel, or with those of the batch where `trainingMode`.
/// X[N,C,D…], scale, B, mean, variance [C]. ONNX BatchNormalization, opsets 1–28.
public struct BatchNormalization: FusesActivation {
  public static let name = "BatchNormalization"
  public static let inputs: Arity = 5
  public static let outputs = Arity(1...3)
  public static let attributes: [AttributeField<Self>] =
    [.float("epsilon", \.epsilon), .float("momentum", \.momentum), .flag("training_mode", \.trainingMode)]
    + AttributeField<Self>.activation
  public var epsilon: Float = 1e-5
  public var momentum: Float = 0.9
  public var trainingMode = false
  public var activation = Activation.none
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    for index in 0..<5 { try context.require(index, floatTypes) }
    try context.sameElement(1..<3)
    let statistics = try context.sameElement(3..<5)
    try context.requireRankAtLeast(0, 1)
    let x = try context.tensor(0)
    guard trainingMode || context.outputCount == 1 else {
      throw .invalid("running statistics are outputs only where attribute 'training_mode' is 1")
    }
    let channels = x.shape.map { $0.count < 2 ? 1 : $0[1] }
    if let channels { try context.requireChannelVectors(1..<5, channels: channels) }
    let vector = ValueType.tensor(statistics, [channels ?? .unknown])
    return [.tensor(x)] + Array(repeating: vector, count: context.outputCount - 1)
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let scale = try inputs.tensor(1).wide(Double.self)
    let bias = try inputs.tensor(2).wide(Double.self)
    let given = (mean: try inputs.tensor(3), variance: try inputs.tensor(4))
    var mean = given.mean.wide(Double.self)
    var variance = given.variance.wide(Double.self)
    let values = x.wide(Double.self)
    var running: [Datum] = []
    if trainingMode {
      guard !values.isEmpty else { throw .invalid("an empty batch has no statistics") }
      let batch = Moments(values, x.shape, x.shape.indices.filter { $0 != 1 })
      let keep = Double(momentum)
      let means = zip(mean, batch.mean).map { $0 * keep + $1 * (1 - keep) }
      let variances = zip(variance, batch.variance).map { $0 * keep + $1 * (1 - keep) }
      running = [
        .tensor(Tensor(wide: means, given.mean.type, given.mean.shape)),
        .tensor(Tensor(wide: variances, given.variance.type, given.variance.shape)),
      ]
      (mean, variance) = (batch.mean, batch.variance)
    }
    let factor = zip(scale, variance).map { $0 / ($1 + Double(epsilon)).squareRoot() }
    let centred = scaleChannels(values, x.shape, Array(repeating: 1, count: mean.count), mean.map { -$0 })
    let y = Tensor(wide: scaleChannels(centred, x.shape, factor, bias), x.type, x.shape)
    return [.tensor(activation.apply(y))] + running.prefix(context.outputCount - 1)
  }
}

/// Normalization of each channel of each instance over its spatial axes. X[N,C,D…], scale[C], B[C].
/// ONNX InstanceNormalization, opsets 1–28.
public struct InstanceNormalization: FusesActivation {
  public static let name = "InstanceNormalization"
  public static let inputs: Arity = 3
  public static let attributes: [AttributeField<Self>] =
    [.float("epsilon", \.epsilon)] + AttributeField<Self>.activation
  public var epsilon: Float = 1e-5
  public var activation = Activation.none
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.sameElement(0..<3)
    try context.requireRankAtLeast(0, 2)
    let x = try context.tensor(0)
    if let shape = x.shape { try context.requireChannelVectors(1..<3, channels: shape[1]) }
    return [.tensor(x)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let values = x.wide(Double.self)
    let normal = Moments(values, x.shape, Array(2..<x.rank)).normalize(values, x.shape, epsilon: Double(epsilon))
    let scale = try inputs.tensor(1).wide(Double.self)
    let y = scaleChannels(normal, x.shape, scale, try inputs.tensor(2).wide(Double.self))
    return [.tensor(activation.apply(Tensor(wide: y, x.type, x.shape)))]
  }
}

/// Normalization of groups of channels of each instance. X[N,C,D…], scale[C], bias[C]; the groups divide C.
/// ONNX GroupNormalization, opsets 21–28 (18–20 have a scale for each group).
public struct GroupNormalization: FusesActivation {
  public static let name = "GroupNormalization"
  public static let inputs: Arity = 3
  public static let attributes: [AttributeField<Self>] =
    [
      .int("num_groups", \.numGroups, in: 1...Int(Int32.max), isRequired: true), .float("epsilon", \.epsilon),
      .elementType("stash_type", \.stashType),
    ] + AttributeField<Self>.activation
  public var numGroups = 1
  public var epsilon: Float = 1e-5
  public var stashType: ElementType? = .float32
  public var activation = Activation.none
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.sameElement(0..<3)
    try context.requireRankAtLeast(0, 2)
    let x = try context.tensor(0)
    if let shape = x.shape {
      try context.requireChannelVectors(1..<3, channels: shape[1])
      if let channels = shape[1].value, channels % numGroups != 0 {
        throw .invalid("\(channels) channels are not divisible into \(numGroups) groups")
      }
    }
    return [.tensor(x)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let values = x.wide(Double.self)
    guard !values.isEmpty else { return [.tensor(x)] }
    let grouped = [x.shape[0], numGroups, values.count / (x.shape[0] * numGroups)]
    let normal = Moments(values, grouped, [2]).normalize(values, grouped, epsilon: Double(epsilon))
    let scale = try inputs.tensor(1).wide(Double.self)
    let y = scaleChannels(normal, x.shape, scale, try inputs.tensor(2).wide(Double.self))
    return [.tensor(activation.apply(Tensor(wide: y, x.type, x.shape)))]
  }
}

/// x / (bias + alpha / size · Σ x²)^beta, the sum over `size` neighbouring channels. X[N,C,D…]. ONNX LRN, opsets 1–28.
public struct LRN: Operator {
  public static let name = "LRN"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .int("size", \.size, in: 1...Int(Int32.max), isRequired: true), .float("alpha", \.alpha), .float("beta", \.beta),
    .float("bias", \.bias),
  ]
  public var size = 1
  public var alpha: Float = 0.0001
  public var beta: Float = 0.75
  public var bias: Float = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.requireRankAtLeast(0, 2)
    return [.tensor(try context.tensor(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let result = mapAlongAxis(x.wide(Double.self), x.shape, 1) { line in
      line.indices.map { c in
        let window = line[max(0, c - (size - 1) / 2)...min(line.count - 1, c + size / 2)]
        let sum = window.reduce(0) { $0 + $1 * $1 }
        return line[c] / pow(Double(bias) + Double(alpha) / Double(size) * sum, Double(beta))
      }
    }
    return [.tensor(Tensor(wide: result, x.type, x.shape))]
  }
}

/// x / its p-norm along an axis; 0 where the norm is 0. ONNX LpNormalization, opsets 1–28.
public struct LpNormalization: AxisFunctionOperator {
  public static let name = "LpNormalization"
  public static let attributes: [AttributeField<Self>] = [.int("axis", \.axis), .int("p", \.p, in: 1...2)]
  public var axis = -1
  public var p = 2
  public init() {}

  public func apply(_ values: ArraySlice<Double>) -> [Double] {
    let sum = values.reduce(0) { $0 + (p == 1 ? $1.magnitude : $1 * $1) }
    let norm = p == 1 ? sum : sum.squareRoot()
    return values.map { norm == 0 ? 0 : $0 / norm }
  }
}

/// (x − mean) / (deviation + 1e-9) along axes. ONNX MeanVarianceNormalization, opsets 9–28.
public struct MeanVarianceNormalization: Operator {
  public static let name = "MeanVarianceNormalization"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.ints("axes", \.axes)]
  /// nil: 0, 2 and 3.
  public var axes: [Int]?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    let x = try context.tensor(0)
    if let rank = x.rank { for axis in axes ?? [0, 2, 3] { _ = try normalizedAxis(axis, rank: rank) } }
    return [.tensor(x)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    var chosen: [Int] = []
    for axis in axes ?? [0, 2, 3] { chosen.append(try normalizedAxis(axis, rank: x.rank)) }
    let values = x.wide(Double.self)
    let moments = Moments(values, x.shape, x.shape.indices.filter { chosen.contains($0) })
    let inverse = moments.variance.map { 1 / ($0.squareRoot() + 1e-9) }
    let centred = broadcastMap(values, x.shape, moments.mean, moments.shape, to: x.shape) { $0 - $1 }
    let result = broadcastMap(centred, x.shape, inverse, moments.shape, to: x.shape) { $0 * $1 }
    return [.tensor(Tensor(wide: result, x.type, x.shape))]
  }
}
