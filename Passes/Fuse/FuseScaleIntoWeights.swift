import IR

/// Multiplies the weights of Conv, ConvTranspose, MatMul and Gemm instead of their result.
///
///     before: Mul(Conv(%x, constant, constant), constant [1,C,1,1])     also Div
///     after:  Conv(%x, constant′, constant′)
public struct FuseScaleIntoWeights: RewriteRule {
  public static let name = "fuse-scale-into-weights"
  public init() {}

  public func rewrite(_ op: any BinaryNumberOperator, at node: Node, in graph: Graph) -> Outcome {
    guard isPlainScale(op), let (input, constant) = graph.constantOperand(node),
      op is Mul || node.inputs[1] == constant, let producer = graph.producer(input),
      let affine = ChannelAffine.Target(producer, graph), graph.haveSameType(input, node.outputs[0]),
      let factors = graph.perChannel(constant, axis: affine.axis, rank: affine.rank, count: affine.channels),
      let element = graph.element(input)
    else { return .noMatch }
    let scale = op is Mul ? factors : factors.map { 1 / $0 }
    guard scale.allSatisfy(\.isFinite) else { return .rejected("a factor is zero or not finite") }
    if let reason = graph.reasonToKeep(input, "the result of \(producer.label)") ?? affine.reasonNotToScale(graph)
      ?? affine.reasonNotToShift(graph)
    {
      return .rejected(reason)
    }
    var patch = Patch(at: node.id, note: "multiplied the weights of \(producer.label)")
    patch.absorbed = [producer.id]
    let shift = [Double](repeating: 0, count: affine.channels)
    affine.rewrite(ChannelAffine(scale: scale, shift: shift), element, graph, &patch, replacing: node.outputs[0])
    return .patch(patch)
  }

  private func isPlainScale(_ op: any BinaryNumberOperator) -> Bool {
    switch op {
    case let op as Mul: op.activation.isNone
    case let op as Div: op.activation.isNone
    default: false
    }
  }
}
