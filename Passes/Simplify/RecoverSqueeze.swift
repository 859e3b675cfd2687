import IR

/// Turns the If that exporters write for a squeeze along an axis of unknown size into that Squeeze, where nothing that
/// follows takes the other branch. The rank, which the two branches differ in, is then known.
///
///     before: %y = If(Equal(%x's size along the axis, 1), %x) {then_branch=Squeeze, else_branch=%x}; Transpose(%y) {perm=[1, 0]}
///     after:  %y = Squeeze(%x, axis); Transpose(%y) {perm=[1, 0]}
///
/// A run on a longer axis failed behind the If; it now fails at the Squeeze.
public struct RecoverSqueeze: RewriteRule {
  public static let name = "recover-squeeze"
  /// Larger graphs are left alone: each If is tried on a copy.
  static let maximumNodes = 2000
  public init() {}

  public func rewrite(_ op: If, at node: Node, in graph: Graph) -> Outcome {
    guard node.outputs.count == 1, node.inputs.count == 2, let x = node.inputs[1],
      let shape = graph.type(x).tensor?.shape, let axis = squeezedAxis(op.thenBranch, rank: shape.count),
      passesOn(op.elseBranch), asksForOne(node.input(0), shape[axis], in: graph)
    else { return .noMatch }
    guard graph.nodeIndexLimit <= Self.maximumNodes else {
      return .rejected("the graph is too large to try both branches")
    }
    guard graph.contradiction(of: graph.type(x), for: node.outputs[0]) != nil else {
      return .rejected("what follows takes both branches")
    }
    var patch = Patch(at: node.id, note: "recovered the squeeze")
    let axes = patch.constant(Tensor([Int64(axis)]))
    patch.replace(node.outputs[0], with: patch.add(Squeeze(), [.existing(x), axes]))
    return .patch(patch)
  }

  /// The one axis that a branch of nothing but a Squeeze takes away.
  private func squeezedAxis(_ branch: Graph, rank: Int) -> Int? {
    guard branch.inputs.count == 1, branch.outputs.count == 1, let node = branch.producer(branch.outputs[0]),
      node.op is Squeeze, node.input(0) == branch.inputs[0], let axes = branch.constant(node.input(1))?.integers,
      axes.count == 1, (-rank..<rank).contains(Int(axes[0]))
    else { return nil }
    return axes[0] < 0 ? Int(axes[0]) + rank : Int(axes[0])
  }

  /// Whether a branch returns what it was given.
  private func passesOn(_ branch: Graph) -> Bool {
    guard branch.inputs.count == 1, var value = branch.outputs.first, branch.outputs.count == 1 else { return false }
    while let node = branch.producer(value), node.op is Identity, let source = node.input(0) { value = source }
    return value == branch.inputs[0]
  }

  /// Whether a condition compares a dimension with 1.
  private func asksForOne(_ condition: ValueID?, _ dim: Dim, in graph: Graph) -> Bool {
    guard let node = graph.producer(condition), node.op is Equal, let a = node.input(0), let b = node.input(1) else {
      return false
    }
    let sides = [graph.contents(a), graph.contents(b)]
    return sides == [[dim], [1]] || sides == [[1], [dim]]
  }
}
