import IR

/// Removes nodes whose results nothing reads, and constants nothing reads.
public struct EliminateDeadNodes: Pass {
  public let name = "eliminate-dead-nodes"
  public init() {}

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    let ids = graph.orderedNodes.map(\.id)
    for id in ids.reversed() {
      guard context.mayEdit else { return }
      guard let label = graph[id]?.label, graph.remove(id) else { continue }
      try context.didEdit(graph, "removed \(label)")
    }
    graph.removeUnusedConstants()
  }
}
