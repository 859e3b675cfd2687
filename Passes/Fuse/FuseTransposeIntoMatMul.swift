import IR

/// Lets MatMul and Gemm read an operand transposed.
///
///     before: MatMul(%q, Transpose(%k) {perm=[0, 1, 3, 2]})
///     after:  MatMul(%q, %k) {transB=1}
public struct FuseTransposeIntoMatMul: RewriteRule {
  public static let name = "fuse-transpose-into-mat-mul"
  public init() {}

  public func rewrite(_ op: any FusesActivation, at node: Node, in graph: Graph) -> Outcome {
    guard op is MatMul || op is Gemm else { return .noMatch }
    for index in 0..<2 {
      guard let (input, transpose) = swapped(node.input(index), graph) else { continue }
      var inputs = node.inputs
      inputs[index] = input
      let fused = flipped(op, index)
      return .patch(.replacing(node, with: fused, inputs, absorbing: [transpose], "fused Transpose into the product"))
    }
    return .noMatch
  }

  /// The value behind a transpose of the last two axes that nothing else reads.
  private func swapped(_ operand: ValueID?, _ graph: Graph) -> (ValueID, NodeID)? {
    guard let (op, node) = graph.soleProducer(operand, Transpose.self), let input = node.input(0),
      let rank = graph.rank(input), rank >= 2, let permutation = try? op.permutation(rank: rank),
      permutation == Array(0..<rank - 2) + [rank - 1, rank - 2]
    else { return nil }
    return (input, node.id)
  }

  private func flipped(_ op: any FusesActivation, _ index: Int) -> any Operator {
    switch op {
    case var op as MatMul:
      if index == 0 { op.transposesA.toggle() } else { op.transposesB.toggle() }
      return op
    case var op as Gemm:
      if index == 0 { op.transposesA.toggle() } else { op.transposesB.toggle() }
      return op
    default: return op
    }
  }
}
