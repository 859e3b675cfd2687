import IR

/// Adds to the bias what rounding the weights takes from the mean of each output: (w − scale · code) · E[x].
///
///     Conv(x, w, b)  →  Conv(x, w, b + (w − w8) · E[x])
///
/// Source: Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", ICCV 2019, section 4.2.
/// Before quantize-weights, which replaces the weights.
public struct CorrectBias: Pass {
  public static let name: String = "correct-bias"
  public let name: String = CorrectBias.name
  public let entersBodies = false
  let plan: QuantizationPlan
  let weights: [NodeID: LayerWeights]
  let means: [ValueID: [Double]]

  /// `means`: of each input channel of what the layers read.
  public init(_ plan: QuantizationPlan, _ weights: [NodeID: LayerWeights], means: [ValueID: [Double]]) {
    self.plan = plan
    self.weights = weights
    self.means = means
  }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for id in plan.layers.sorted() where context.mayEdit {
      guard let node = graph[id], let x = node.input(0), let means = means[x], let weights = weights[id],
        let weight = graph.constant(node.input(1)), weight.type == .float32
      else { continue }
      guard let shift = CorrectBias.shift(node, weight, weights, means) else {
        context.reject(node, "the channels of its input are not known")
        continue
      }
      guard try add(shift, to: node, &graph) else {
        context.reject(node, "its addend is no bias per channel")
        continue
      }
      try context.didEdit(graph, "bias of \(node.label)")
    }
  }

  /// Per output channel; nil where the means do not fit the weights.
  static func shift(_ node: Node, _ weight: Tensor, _ layer: LayerWeights, _ means: [Double]) -> [Double]? {
    guard let values = weight.elements(Float.self), let codes = layer.codes.elements(Int8.self),
      let scales = layer.scales.elements(Float.self), means.allSatisfy(\.isFinite)
    else { return nil }
    func error(_ index: Int, _ channel: Int) -> Double {
      Double(values[index]) - Double(scales[channel]) * Double(codes[index])
    }
    var shift = [Double](repeating: 0, count: scales.count)
    if let conv = node.op as? Conv {
      let (perGroup, taps) = (weight.shape[1], weight.shape[2...].reduce(1, *))
      guard means.count == perGroup * conv.group, conv.group > 0, scales.count % conv.group == 0 else { return nil }
      for o in 0..<scales.count {
        let first = o / (scales.count / conv.group) * perGroup
        for c in 0..<perGroup {
          var sum = 0.0
          for index in (o * perGroup + c) * taps..<(o * perGroup + c + 1) * taps { sum += error(index, o) }
          shift[o] += sum * means[first + c]
        }
      }
      return shift
    }
    guard means.count * scales.count == values.count else { return nil }
    for k in 0..<means.count {
      for n in 0..<scales.count {
        shift[n] += error(layer.axis == 0 ? n * means.count + k : k * scales.count + n, n) * means[k]
      }
    }
    return shift
  }

  /// Adds to the bias, or gives the node one. False where the third input is something else.
  private func add(_ shift: [Double], to node: Node, _ graph: inout Graph) throws(Diagnostic) -> Bool {
    var old = [Double](repeating: 0, count: shift.count)
    if let bias = node.input(2) {
      guard let tensor = graph.constant(bias), tensor.type == .float32, tensor.count == shift.count else {
        return false
      }
      old = tensor.wide(Double.self)
    }
    let name = node.input(2).map { graph[$0].name } ?? ""
    let sum = graph.addConstant(Tensor(zip(old, shift).map { Float($0 + $1) }), name: name)
    if node.inputs.count > 2 { graph.setInput(node.id, 2, sum) } else { graph.appendInput(node.id, sum) }
    try graph.reinfer(node.id)
    return true
  }
}
