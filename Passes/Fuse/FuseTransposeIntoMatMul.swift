import IR

/// Lets MatMul and Gemm read an operand transposed.
///
///     before: MatMul(%q, Transpose(%k) {perm=[0, 1, 3, 2]})
///     after:  MatMul(%q, %k) {transB=1}
///
/// A transpose that also moves other axes keeps doing that; its innermost axis then stays in place, which is cheap.
public struct FuseTransposeIntoMatMul: RewriteRule {
  public static let name = "fuse-transpose-into-mat-mul"
  public init() {}

  public func rewrite(_ op: any FusesActivation, at node: Node, in graph: Graph) -> Outcome {
    guard op is MatMul || op is Gemm else { return .noMatch }
    for index in 0..<2 {
      guard let (transpose, order) = swapped(node.input(index), graph), let input = transpose.input(0) else { continue }
      var patch = Patch(at: node.id, note: "fused Transpose into the product")
      patch.absorbed = [transpose.id]
      var operands: [Patch.Operand?] = node.inputs.map { $0.map { .existing($0) } }
      operands[index] = .existing(input)
      if order != order.sorted() {
        var rest = Transpose()
        rest.permutation = order
        operands[index] = patch.add(rest, [.existing(input)], names: transpose.names)
      }
      patch.replace(node.outputs[0], with: patch.add(flipped(op, index), operands))
      return .patch(patch)
    }
    return .noMatch
  }

  /// A transpose that nothing else reads and that moves the innermost axis to the place before the last, and the
  /// permutation that remains when the product swaps the last two.
  private func swapped(_ operand: ValueID?, _ graph: Graph) -> (Node, [Int])? {
    guard let (op, node) = graph.soleProducer(operand, Transpose.self), let rank = graph.rank(node.input(0)), rank >= 2,
      var permutation = try? op.permutation(rank: rank), permutation[rank - 2] == rank - 1
    else { return nil }
    permutation.swapAt(rank - 2, rank - 1)
    return (node, permutation)
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
