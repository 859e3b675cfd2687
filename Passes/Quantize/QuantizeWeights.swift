import IR

/// Weights of a plan's layers become codes: s8 with a scale per output channel, or s4 with a scale per block of inputs.
///
///     Conv(x, w)  →  Conv(x, Dequantize(w8))
public struct QuantizeWeights: Pass {
  public let name = "quantize-weights"
  // Plan and weights are those of the outer graph.
  public let entersBodies = false
  let plan: QuantizationPlan
  let weights: [NodeID: LayerWeights]

  public init(_ plan: QuantizationPlan, _ weights: [NodeID: LayerWeights]) {
    self.plan = plan
    self.weights = weights
  }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    // Where activations get codes too, quantize-static says so.
    if plan.layers.isEmpty { for (node, reason) in plan.rejected { context.reject(node, reason) } }
    for id in plan.coded where context.mayEdit {
      guard let node = graph[id], let weights = weights[id] else { continue }
      try QuantizeWeights.replace(1, of: node, by: weights, &graph)
      try context.didEdit(graph, "weights of \(node.label)")
    }
  }

  /// Makes codes of a node's constant input.
  static func replace(
    _ index: Int, of node: Node, by weights: LayerWeights, _ graph: inout Graph
  ) throws(Diagnostic) {
    guard let id = node.input(index), let weight = graph.constant(id) else { return }
    let name = graph[id].name
    let stored = graph.addConstant(
      weights.codes, name: Name(name.bytes + Array((weights.codes.type == .int4 ? ".int4" : ".int8").utf8)))
    let scale = graph.addConstant(weights.scales, name: Name(name.bytes + Array(".scale".utf8)))
    var dequantize = DequantizeLinear()
    dequantize.granularity.axis = weights.axis
    dequantize.granularity.blockSize = weights.block
    if weight.type != .float32 { dequantize.outputType = weight.type }
    let back = try graph.add(dequantize, [stored, scale], names: node.names, before: node.id)
    graph.setInput(node.id, index, back[0])
  }
}
