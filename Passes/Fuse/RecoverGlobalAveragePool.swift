import IR

/// Recognizes the mean over all spatial axes.
///
///     before: ReduceMean(%x, [2, 3])          %x: f32[N,C,H,W]
///     after:  GlobalAveragePool(%x)           Flatten(GlobalAveragePool(%x)) where the axes go
public struct RecoverGlobalAveragePool: RewriteRule {
  public static let name = "recover-global-average-pool"
  public init() {}

  public func rewrite(_ op: ReduceMean, at node: Node, in graph: Graph) -> Outcome {
    guard let x = node.input(0), let rank = graph.rank(x), (4...5).contains(rank), graph.element(x)?.isFloat == true,
      let axes = try? op.axes(graph.inferenceContext(node.inputs, outputCount: 1), rank: rank), axes == Array(2..<rank)
    else { return .noMatch }
    var patch = Patch(at: node.id, note: "recognized GlobalAveragePool")
    let pooled = patch.add(GlobalAveragePool(), [.existing(x)])
    patch.replace(node.outputs[0], with: op.keepdims ? pooled : patch.add(Flatten(), [pooled]))
    return .patch(patch)
  }
}
