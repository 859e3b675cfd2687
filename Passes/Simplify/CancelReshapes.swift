import IR

/// Makes one Reshape of two operators that only change the shape.
///
///     before: Unsqueeze(Squeeze(%x, [2]), [1])      Reshape(Flatten(%x), [0, 4, 8])
///     after:  Reshape(%x, constant) or %x
public struct CancelReshapes: RewriteRule {
  public static let name = "cancel-reshapes"
  public init() {}

  public func rewrite(_ op: any ReshapingOperator, at node: Node, in graph: Graph) -> Outcome {
    guard let inner = graph.producer(node.input(0)), inner.op is any ReshapingOperator, let input = inner.input(0),
      let from = graph.shape(input), let to = graph.shape(node.outputs[0])
    else { return .noMatch }
    if from == to {
      guard graph.mayReplace(node.outputs[0], with: input) else { return .noMatch }
      return .patch(.replacing(node, with: input, "cancelled two reshapes"))
    }
    guard graph.useCount(inner.outputs[0]) == 1, let target = ReshapeTarget.constant(from: from, to: to) else {
      return .noMatch
    }
    var patch = Patch(at: node.id, note: "merged two reshapes")
    patch.absorbed = [inner.id]
    let shape = patch.constant(Tensor(target.map { Int64($0) }))
    patch.replace(node.outputs[0], with: patch.add(Reshape(), [.existing(input), shape]))
    return .patch(patch)
  }
}
