import IR

/// Lets equal nodes on equal inputs be one.
///
///     before: %1 = Shape(%x)  %2 = Shape(%x)  f(%1, %2)
///     after:  %1 = Shape(%x)                  f(%1, %1)
public struct EliminateCommonSubexpressions: Pass {
  public let name = "eliminate-common-subexpressions"
  public init() {}

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    var kept: [Int: [NodeID]] = [:]
    for id in graph.orderedNodes.map(\.id) {
      guard let node = graph[id], node.op.isPure else { continue }
      let key = hash(node)
      guard let twin = (kept[key] ?? []).compactMap({ graph[$0] }).first(where: { isSame($0, node) }) else {
        kept[key, default: []].append(id)
        continue
      }
      guard context.mayEdit else { return }
      for (old, new) in zip(node.outputs, twin.outputs) { graph.replaceUses(of: old, with: new) }
      graph.addNames(node.names, to: twin.id)
      graph.remove(id)
      try context.didEdit(graph, "merged \(node.label) into \(twin.label)")
    }
  }

  private func hash(_ node: Node) -> Int {
    var hasher = Hasher()
    node.op.hash(into: &hasher)
    hasher.combine(node.inputs)
    hasher.combine(node.outputs.count)
    return hasher.finalize()
  }

  private func isSame(_ a: Node, _ b: Node) -> Bool {
    a.inputs == b.inputs && a.outputs.count == b.outputs.count && a.op.isEqual(to: b.op)
  }
}
