import IR

/// Lets Conv, ConvTranspose, MatMul and Gemm add a constant per channel themselves.
///
///     before: Add(Conv(%x, %w), constant [1,C,1,1])      Add(MatMul(%a, %b), constant [N])
///     after:  Conv(%x, %w, constant [C])                 MatMul(%a, %b, constant [N])
public struct FuseBias: RewriteRule {
  public static let name = "fuse-bias"
  public init() {}

  public func rewrite(_ op: Add, at node: Node, in graph: Graph) -> Outcome {
    guard op.activation.isNone, let (input, constant) = graph.constantOperand(node),
      let producer = graph.producer(input), let affine = ChannelAffine.Target(producer, graph),
      graph.haveSameType(input, node.outputs[0]),
      let shift = graph.perChannel(constant, axis: affine.axis, rank: affine.rank, count: affine.channels)
    else { return .noMatch }
    if let reason = graph.reasonToKeep(input, "the result of \(producer.label)") { return .rejected(reason) }
    if let reason = affine.reasonNotToShift(graph) { return .rejected(reason) }
    guard let element = graph.element(input) else { return .noMatch }
    var patch = Patch(at: node.id, note: "fused Add as bias")
    patch.absorbed = [producer.id]
    let ones = [Double](repeating: 1, count: affine.channels)
    affine.rewrite(ChannelAffine(scale: ones, shift: shift), element, graph, &patch, replacing: node.outputs[0])
    return .patch(patch)
  }
}
