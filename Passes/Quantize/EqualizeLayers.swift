import IR

/// Evens out the channels of a value between two layers, so that one scale fits all of them.
///
///     Conv(Relu(Conv(x, w, b)), v)  →  Conv(Relu(Conv(x, w / s, b / s)), v · s)
///
/// Source: Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", ICCV 2019, section 4.1.
public struct EqualizeLayers: Pass {
  public let name = "equalize-layers"
  // The plan holds values of the outer graph.
  public let entersBodies = false
  private let balance: ChannelBalance

  /// `magnitudes`: largest of each channel of what the layers read. `leastImbalance`: of the largest channel to the
  /// geometric mean, from which on a value is changed.
  public init(_ plan: QuantizationPlan, magnitudes: [ValueID: [Float]], leastImbalance: Double = 8) {
    balance = ChannelBalance(plan: plan, magnitudes: magnitudes, leastImbalance: leastImbalance)
  }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    try balance.run(on: &graph, context) { node, _ in EqualizeLayers.verdict(node) }
  }

  /// Layers with no activation, or one that factors pass through.
  private static func verdict(_ node: Node?) -> ChannelBalance.Verdict {
    guard let node else { return .rejected("it is an input: nothing before it can take the factors") }
    if SmoothLayers.isNormalization(node.op) { return .noMatch }
    guard node.op is Conv || node.op is Gemm || node.op is MatMul else {
      return .rejected("it is no layer that could take the factors")
    }
    guard node.input(3) == nil else { return .rejected("it adds a value that cannot take the factors") }
    let activation = (node.op as? any FusesActivation)?.activation.function ?? .none
    guard activation == .none || activation == .relu || activation == .leakyRelu else {
      return .rejected("factors do not pass through its activation")
    }
    return .divides([(1, QuantizationPlan.channelAxis(node.op)), (2, 0)])
  }
}
