import IR

/// Lets the window of a convolution or average pool pad.
///
///     before: Conv(Pad(%x, [0,0,1,1,0,0,1,1]), %w)
///     after:  Conv(%x, %w) {pads=[1, 1, 1, 1]}
public struct FusePadIntoConv: RewriteRule {
  public static let name = "fuse-pad-into-conv"
  public init() {}

  public func rewrite(_ op: any WindowOperator, at node: Node, in graph: Graph) -> Outcome {
    guard op is Conv || op is AveragePool, let input = node.input(0),
      let (pad, padNode) = graph.producer(input, Pad.self),
      pad.mode == .constant, let rank = graph.rank(input), rank >= 3, let data = padNode.input(0),
      let pads = graph.integers(padNode.input(1)), padNode.input(3) == nil || graph.integers(padNode.input(3)) != nil,
      let (begins, ends) = try? Pad.resolve(pads, axes: graph.integers(padNode.input(3)), rank: rank)
    else { return .noMatch }
    if let reason = reasonToKeep(op, graph, padNode, begins, ends) { return .rejected(reason) }
    if let reason = graph.reasonToKeep(input, "the padded value") { return .rejected(reason) }
    var fused = op
    let own = op.window.autoPad == .valid ? nil : op.window.pads
    let added = begins.dropFirst(2) + ends.dropFirst(2)
    fused.window.autoPad = .notSet
    fused.window.pads = zip(own ?? [Int](repeating: 0, count: 2 * (rank - 2)), added).map { $0 + $1 }
    if var pool = fused as? AveragePool {
      pool.countsPadding = true
      fused = pool
    }
    return .patch(
      .replacing(node, with: fused, [data] + node.inputs.dropFirst(), absorbing: [padNode.id], "fused Pad"))
  }

  private func reasonToKeep(
    _ op: any WindowOperator, _ graph: Graph, _ pad: Node, _ begins: [Int], _ ends: [Int]
  ) -> String? {
    if let value = pad.input(2), graph.uniform(value) != 0 { return "the padding is not zero" }
    if begins.prefix(2).contains(where: { $0 != 0 }) || ends.prefix(2).contains(where: { $0 != 0 }) {
      return "the padding is not only along spatial axes"
    }
    if (begins + ends).contains(where: { $0 < 0 }) { return "the padding cuts off" }
    if op.window.autoPad != .notSet && op.window.autoPad != .valid { return "the window pads by itself (auto_pad)" }
    guard let pool = op as? AveragePool else { return nil }
    if pool.ceilMode { return "the pool rounds its size up" }
    let hasOwn = op.window.pads?.contains { $0 != 0 } ?? false
    return hasOwn && !pool.countsPadding ? "the pool does not count its own padding" : nil
  }
}
