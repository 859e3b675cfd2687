import IR

/// Removes nodes whose results nothing reads, and constants nothing reads.
public struct EliminateDeadNodes: Pass {
  public let name = "eliminate-dead-nodes"
  public init() {}

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for id in graph.nodeIDs().reversed() {
      guard context.mayEdit else { return }
      guard let node = graph[id], graph.remove(id) else { continue }
      try context.didEdit(graph, "removed \(node.label)")
    }
    graph.removeUnusedConstants()
  }
}
