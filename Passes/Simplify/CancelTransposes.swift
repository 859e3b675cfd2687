import IR

/// Makes one Transpose of two, or none.
///
///     before: Transpose(Transpose(%x) {perm=[0, 2, 3, 1]}) {perm=[0, 3, 1, 2]}
///     after:  %x
public struct CancelTransposes: RewriteRule {
  public static let name = "cancel-transposes"
  public init() {}

  public func rewrite(_ op: Transpose, at node: Node, in graph: Graph) -> Outcome {
    guard let (inner, innerNode) = graph.producer(node.input(0), Transpose.self), let input = innerNode.input(0),
      let rank = graph.rank(input), let outer = try? op.permutation(rank: rank),
      let first = try? inner.permutation(rank: rank)
    else { return .noMatch }
    let combined = outer.map { first[$0] }
    if combined == Array(0..<rank) {
      guard graph.mayReplace(node.outputs[0], with: input) else { return .noMatch }
      return .patch(.replacing(node, with: input, "cancelled two transposes"))
    }
    guard graph.useCount(innerNode.outputs[0]) == 1 else { return .noMatch }
    var merged = Transpose()
    merged.permutation = combined
    return .patch(.replacing(node, with: merged, [input], absorbing: [innerNode.id], "merged two transposes"))
  }
}
