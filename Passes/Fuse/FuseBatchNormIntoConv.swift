import IR

/// Folds a batch normalization into the weights of the operator before it.
///
///     before: BatchNormalization(Conv(%x, %w, %b), scale, bias, mean, variance)      also ConvTranspose, Gemm, MatMul
///     after:  Conv(%x, %w′, %b′)      w′ = w · scale / √(variance + ε)
public struct FuseBatchNormIntoConv: RewriteRule {
  public static let name = "fuse-batch-norm-into-conv"
  public init() {}

  public func rewrite(_ op: BatchNormalization, at node: Node, in graph: Graph) -> Outcome {
    guard !op.trainingMode, node.outputs.dropFirst().allSatisfy({ graph.useCount($0) == 0 }), let input = node.input(0),
      let producer = graph.producer(input), let target = ChannelAffine.Target(producer, graph), target.axis == 1,
      let element = graph.element(input)
    else { return .noMatch }
    guard let affine = ChannelAffine(op, node, graph) else { return .rejected("the statistics are not constant") }
    guard affine.scale.count == target.channels else { return .noMatch }
    if let reason = graph.reasonToKeep(input, "the result of \(producer.label)") ?? target.reasonNotToScale(graph)
      ?? target.reasonNotToShift(graph)
    {
      return .rejected(reason)
    }
    guard affine.isFinite else { return .rejected("the statistics are not finite") }
    var patch = Patch(at: node.id, note: "folded BatchNormalization into \(producer.label)")
    patch.absorbed = [producer.id]
    target.rewrite(affine, element, graph, &patch, replacing: node.outputs[0], activation: op.activation)
    return .patch(patch)
  }
}

extension ChannelAffine {
  /// What a batch normalization with constant statistics does: y = (x − mean) · scale / √(variance + ε) + bias.
  init?(_ op: BatchNormalization, _ node: Node, _ graph: Graph) {
    var parameters: [[Double]] = []
    for index in 1..<5 {
      guard let tensor = graph.constant(node.input(index)) else { return nil }
      parameters.append(tensor.wide(Double.self))
    }
    guard Set(parameters.map(\.count)).count == 1 else { return nil }
    let indices = parameters[0].indices
    scale = indices.map { parameters[0][$0] / (parameters[3][$0] + Double(op.epsilon)).squareRoot() }
    shift = []
    for i in indices { shift.append(parameters[1][i] - parameters[2][i] * scale[i]) }
  }

  var isFinite: Bool { scale.allSatisfy(\.isFinite) && shift.allSatisfy(\.isFinite) }
}
