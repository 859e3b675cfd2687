import IR

/// Adds to the bias what rounding the weights takes from the mean of each output: (w − scale · code) · E[x].
///
///     Conv(x, w, b)  →  Conv(x, w, b + (w − w8) · E[x])
///
/// Of all layers whose weights become codes, those whose inputs stay float as well: what rounding takes does not depend on
/// how the inputs are stored.
///
/// Source: Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", ICCV 2019, section 4.2.
/// Before quantize-weights, which replaces the weights.
public struct CorrectBias: Pass {
  public static let name: String = "correct-bias"
  public let name: String = CorrectBias.name
  public let entersBodies = false
  let plan: QuantizationPlan
  let weights: [NodeID: LayerWeights]
  let means: [NodeID: [Double]]

  /// `means` of what each layer reads: of its input channels, or, as [groups, inputs of an output], of what it multiplies
  /// with each weight, which differs from those where padding is read too.
  public init(_ plan: QuantizationPlan, _ weights: [NodeID: LayerWeights], means: [NodeID: [Double]]) {
    self.plan = plan
    self.weights = weights
    self.means = means
  }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for id in plan.coded where context.mayEdit {
      guard let node = graph[id], let means = means[id], let weights = weights[id],
        let weight = graph.constant(node.input(1)), weight.type == .float32
      else { continue }
      guard CorrectBias.hasBiasPerChannel(node, graph) else {
        context.reject(node, "its addend is no bias per channel")
        continue
      }
      guard let shift = CorrectBias.shift(node, weight, weights, means) else {
        context.reject(node, "the channels of its input are not known")
        continue
      }
      try add(shift, to: node, &graph)
      try context.didEdit(graph, "bias of \(node.label)")
    }
  }

  /// Whether the bias of a layer takes its mean error where these means are known.
  public static func applies(to node: Node, _ graph: Graph, means: [Double]) -> Bool {
    guard let weight = graph.constant(node.input(1)), weight.type == .float32 else { return false }
    return hasBiasPerChannel(node, graph) && inputsOfMean(node, weight, means) != nil
  }

  /// Whether a layer has a bias of one number per output channel, or room for one.
  private static func hasBiasPerChannel(_ node: Node, _ graph: Graph) -> Bool {
    guard let bias = node.input(2) else { return true }
    guard let tensor = graph.constant(bias), let weight = graph.constant(node.input(1)) else { return false }
    return tensor.type == .float32 && tensor.count == weight.shape[QuantizationPlan.channelAxis(node.op)]
  }

  /// How many inputs of an output have the same mean: the taps of a channel, or 1; nil where means and weights do not belong
  /// together.
  private static func inputsOfMean(_ node: Node, _ weight: Tensor, _ means: [Double]) -> Int? {
    guard means.allSatisfy(\.isFinite) else { return nil }
    guard let conv = node.op as? Conv else {
      return means.count == weight.shape[1 - QuantizationPlan.channelAxis(node.op)] ? 1 : nil
    }
    let taps = weight.shape[2...].reduce(1, *)
    guard conv.group > 0, weight.shape[0] % conv.group == 0 else { return nil }
    if means.count == weight.shape[1] * conv.group { return taps }
    return means.count == weight.shape[1] * conv.group * taps ? 1 : nil
  }

  /// Per output channel; nil where the means do not fit the weights.
  static func shift(_ node: Node, _ weight: Tensor, _ layer: LayerWeights, _ means: [Double]) -> [Double]? {
    guard let values = weight.elements(Float.self), weight.shape == layer.codes.shape,
      let inputsOfMean = inputsOfMean(node, weight, means)
    else { return nil }
    let codes = layer.codes.elements(Int8.self) ?? layer.codes.integers.map { Int8(truncatingIfNeeded: $0) }
    let scales = layer.scales.wide(Double.self)
    let axis = QuantizationPlan.channelAxis(node.op)
    let outputs = weight.shape[axis]
    let depth = outputs > 0 ? weight.count / outputs : 0
    let outputsOfGroup = outputs / max((node.op as? Conv)?.group ?? 1, 1)
    let means = means.flatMap { [Double](repeating: $0, count: inputsOfMean) }
    // Inputs that share a scale: all, or those of a block.
    let block = layer.block > 0 ? layer.block : max(depth, 1)
    let blocks = (depth + block - 1) / block
    guard scales.count == outputs * blocks else { return nil }
    let blockOfInput = (0..<depth).map { $0 / block }
    var shift = [Double](repeating: 0, count: outputs)
    func add(_ index: Int, _ scale: Double, to output: Int, mean: Double) {
      shift[output] += (Double(values[index]) - scale * Double(codes[index])) * mean
    }
    // In the order in which weights lie.
    if axis == 0 {
      for output in 0..<outputs {
        let first = output / outputsOfGroup * depth
        for input in 0..<depth {
          let scale = scales[output * blocks + blockOfInput[input]]
          add(output * depth + input, scale, to: output, mean: means[first + input])
        }
      }
    } else {
      for input in 0..<depth {
        let first = blockOfInput[input] * outputs
        for output in 0..<outputs {
          add(input * outputs + output, scales[first + output], to: output, mean: means[input])
        }
      }
    }
    return shift
  }

  /// Adds to the bias, or gives the node one.
  private func add(_ shift: [Double], to node: Node, _ graph: inout Graph) throws(Diagnostic) {
    let old = graph.constant(node.input(2))?.wide(Double.self) ?? [Double](repeating: 0, count: shift.count)
    let name = node.input(2).map { graph[$0].name } ?? ""
    let sum = graph.addConstant(Tensor(zip(old, shift).map { Float($0 + $1) }), name: name)
    if node.inputs.count > 2 { graph.setInput(node.id, 2, sum) } else { graph.appendInput(node.id, sum) }
    try graph.reinfer(node.id)
  }
}
