import IR

/// Evens out the channels of a normalization's result, whose outliers one scale does not fit in transformers: its scale and
/// bias are divided by factors by which the weights that read it are multiplied.
///
///     MatMul(LayerNormalization(x, g, b), v)  →  MatMul(LayerNormalization(x, g / s, b / s), v · s)
///
/// Source: Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models", ICML
/// 2023, with strength 0.5.
public struct SmoothLayers: Pass {
  public let name = "smooth-layers"
  // The plan holds values of the outer graph.
  public let entersBodies = false
  private let balance: ChannelBalance

  /// As `EqualizeLayers`.
  public init(_ plan: QuantizationPlan, magnitudes: [ValueID: [Float]], leastImbalance: Double = 8) {
    balance = ChannelBalance(plan: plan, magnitudes: magnitudes, leastImbalance: leastImbalance)
  }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    try balance.run(on: &graph, context) { SmoothLayers.verdict($0, $1) }
  }

  static func isNormalization(_ op: any Operator) -> Bool { op is LayerNormalization || op is RMSNormalization }

  private static func verdict(_ node: Node?, _ graph: Graph) -> ChannelBalance.Verdict {
    guard let node, isNormalization(node.op) else { return .noMatch }
    guard graph.rank(node.input(1)) == 1 else { return .rejected("its scale has more than one axis") }
    return .divides([(1, 0), (2, 0)])
  }
}
