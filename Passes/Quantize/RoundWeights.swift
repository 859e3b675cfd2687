import IR

/// Codes of weights rounded so that the results change least on samples, where rounding to the nearest makes the weights
/// change least.
///
///     Conv(x, Dequantize(w8))  →  Conv(x, Dequantize(w8'))
///
/// Behind quantize-weights, whose codes it replaces.
public struct RoundWeights: Pass {
  public static let name: String = "round-weights"
  public let name: String = RoundWeights.name
  public let entersBodies = false
  let plan: QuantizationPlan
  let rounded: [NodeID: RoundedWeights]

  public init(_ plan: QuantizationPlan, _ rounded: [NodeID: RoundedWeights]) {
    self.plan = plan
    self.rounded = rounded
  }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for id in plan.coded where context.mayEdit {
      guard let node = graph[id], let result = rounded[id] else { continue }
      switch result {
      case .kept(let reason): context.reject(node, reason)
      case .improved(let weights, let ratio):
        guard let dequantize = graph.producer(node.input(1)), dequantize.op is DequantizeLinear,
          let old = dequantize.input(0), graph.constant(old)?.shape == weights.codes.shape
        else { continue }
        graph.setInput(dequantize.id, 0, graph.addConstant(weights.codes, name: graph[old].name))
        let percent = Int((ratio * 100).rounded())
        try context.didEdit(graph, "codes of \(node.label): \(percent) % of the error that the nearest ones have")
      }
    }
  }
}

/// What rounding on samples did to a layer.
public enum RoundedWeights: Sendable {
  /// Codes, and the squared error of the results on the samples over that of the nearest codes.
  case improved(LayerWeights, ratio: Double)
  case kept(reason: String)

  /// The codes, where they are others than the nearest.
  public var weights: LayerWeights? { if case .improved(let weights, _) = self { weights } else { nil } }
}
