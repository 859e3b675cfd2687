import IR

/// Weights of LSTM, GRU and RNN become codes: s8 with a scale for each row of a gate. Inputs and states stay float.
///
///     LSTM(x, w, r)  →  LSTM(x, Dequantize(w8), Dequantize(r8))
public struct QuantizeRecurrent: Pass {
  public static let name: String = "quantize-recurrent"
  public let name: String = QuantizeRecurrent.name
  // The plan is that of the outer graph.
  public let entersBodies = false
  let plan: QuantizationPlan

  public init(_ plan: QuantizationPlan) { self.plan = plan }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for id in plan.recurrent.sorted() where context.mayEdit {
      guard let node = graph[id] else { continue }
      for index in 1...2 {
        guard let weight = graph.constant(node.input(index)), weight.rank == 3 else { continue }
        try QuantizeWeights.replace(index, of: node, by: LayerWeights(rowsOf: weight), &graph)
      }
      try context.didEdit(graph, "weights of \(node.label)")
    }
  }
}

extension LayerWeights {
  /// Recurrent weights [directions, rows, inputs] with a scale for each row. Of two directions the rows are blocks, since
  /// scales along one axis would be the same in both.
  init(rowsOf weight: Tensor) {
    let (directions, rows, inputs) = (weight.shape[0], weight.shape[1], weight.shape[2])
    let all = weight.reshaped([directions * rows, inputs]) ?? weight
    self.init(all, axis: 0)
    codes = codes.reshaped(weight.shape) ?? codes
    axis = 1
    guard directions > 1 else { return }
    scales = scales.reshaped([directions, rows, 1]) ?? scales
    (axis, block) = (2, inputs)
  }
}
