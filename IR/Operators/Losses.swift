extension OperatorCatalog {
  static let losses: [any Operator.Type] = [NegativeLogLikelihoodLoss.self, SoftmaxCrossEntropyLoss.self]
}

public enum LossReduction: String, CaseIterable, Sendable { case none, sum, mean }

/// −weight[class] · (log-probability of the class) for each sample, reduced: what both losses have in common.
/// Log-probabilities [N,C,d…], classes [N,d…], weight [C]?.
private struct ClassLoss {
  var reduction: LossReduction
  var ignoreIndex: Int?

  func check(_ context: InferenceContext) throws(Diagnostic) -> ValueType {
    try context.require(0, floatTypes)
    try context.require(1, [.int32, .int64])
    if context.has(2) { try context.sameElement([0, 2]) }
    try context.requireRankAtLeast(0, 2)
    let x = try context.tensor(0)
    guard let shape = x.shape else { return .tensor(x.element, reduction == .none ? nil : []) }
    let samples = [shape[0]] + shape.dropFirst(2)
    if let classes = try context.shape(1) {
      guard classes.count == samples.count, zip(classes, samples).allSatisfy({ $0.isEqual(to: $1) != false }) else {
        throw .invalid("the classes are \(describe(classes)), expected \(describe(samples))")
      }
    }
    if context.has(2) { try context.requireChannelVectors(2..<3, channels: shape[1]) }
    return .tensor(x.element, reduction == .none ? samples : [])
  }

  func loss(
    _ logs: [Double], _ x: Tensor, _ classes: Tensor, _ weight: Tensor?
  ) throws(Diagnostic) -> Tensor {
    let count = x.shape[1]
    let plane = x.shape.dropFirst(2).reduce(1, *)
    let weights = weight?.wide(Double.self)
    var losses: [Double] = []
    var total = 0.0
    for (i, label) in classes.integers.enumerated() {
      if label == ignoreIndex {
        losses.append(0)
        continue
      }
      guard label >= 0, label < count else { throw .invalid("class \(label) is outside 0...\(count - 1)") }
      let factor = weights?[label] ?? 1
      losses.append(-logs[(i / plane * count + label) * plane + i % plane] * factor)
      total += factor
    }
    switch reduction {
    case .none: return Tensor(wide: losses, x.type, classes.shape)
    case .sum: return Tensor(wide: [losses.reduce(0, +)], x.type, [])
    case .mean: return Tensor(wide: [losses.reduce(0, +) / total], x.type, [])
    }
  }
}

/// Loss of log-probabilities [N,C,d…] for classes [N,d…] with weights [C]?; samples of class `ignoreIndex` do not
/// count. ONNX NegativeLogLikelihoodLoss, opsets 12–28.
public struct NegativeLogLikelihoodLoss: Operator {
  public static let name = "NegativeLogLikelihoodLoss"
  public static let inputs = Arity(2...3)
  public static let attributes: [AttributeField<Self>] = [
    .choice("reduction", \.reduction), .optionalInt("ignore_index", \.ignoreIndex),
  ]
  public var reduction = LossReduction.mean
  public var ignoreIndex: Int?
  public init() {}
  private var rule: ClassLoss { ClassLoss(reduction: reduction, ignoreIndex: ignoreIndex) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] { [try rule.check(context)] }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let logs = x.wide(Double.self)
    return [.tensor(try rule.loss(logs, x, try inputs.tensor(1), inputs.optionalTensor(2)))]
  }
}

/// The same loss of the softmax of scores [N,C,d…] along axis 1. Second output: the log-probabilities.
/// ONNX SoftmaxCrossEntropyLoss, opsets 12–28.
public struct SoftmaxCrossEntropyLoss: Operator {
  public static let name = "SoftmaxCrossEntropyLoss"
  public static let inputs = Arity(2...3)
  public static let outputs = Arity(1...2)
  public static let attributes: [AttributeField<Self>] = [
    .choice("reduction", \.reduction), .optionalInt("ignore_index", \.ignoreIndex),
  ]
  public var reduction = LossReduction.mean
  public var ignoreIndex: Int?
  public init() {}
  private var rule: ClassLoss { ClassLoss(reduction: reduction, ignoreIndex: ignoreIndex) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let loss = try rule.check(context)
    return context.outputCount == 1 ? [loss] : [loss, .tensor(try context.tensor(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let softmax = LogSoftmax()
    let logs = mapAlongAxis(x.wide(Double.self), x.shape, 1) { softmax.apply($0) }
    let loss = try rule.loss(logs, x, try inputs.tensor(1), inputs.optionalTensor(2))
    return context.outputCount == 1 ? [.tensor(loss)] : [.tensor(loss), .tensor(Tensor(wide: logs, x.type, x.shape))]
  }
}
