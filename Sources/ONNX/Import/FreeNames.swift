import IR

extension ProtoGraph {
  /// Names that the graph reads and does not define itself, in order of first appearance.
  /// Recursive over subgraphs, whose depth the wire scan has bounded.
  var freeNames: [Name] {
    var collector = FreeNameCollector()
    collector.visit(self)
    return collector.free
  }
}

private struct FreeNameCollector {
  var free: [Name] = []
  private var known: Set<Name> = []
  private var scopes: [Set<Name>] = []

  mutating func visit(_ graph: ProtoGraph) {
    var defined = Set(graph.inputs.map(\.name))
    for index in 0..<graph.initializerCount { defined.insert(graph.initializer(index).name) }
    for sparse in graph.sparseInitializers { if let values = sparse.values { defined.insert(values.name) } }
    scopes.append(defined)
    for index in 0..<graph.nodeCount {
      let node = graph.node(index)
      for name in node.inputs { read(name) }
      for subgraph in node.subgraphs { visit(subgraph) }
      for name in node.outputs { scopes[scopes.count - 1].insert(name) }
    }
    for output in graph.outputs { read(output.name) }
    scopes.removeLast()
  }

  private mutating func read(_ name: Name) {
    if name.isEmpty || scopes.contains(where: { $0.contains(name) }) { return }
    if known.insert(name).inserted { free.append(name) }
  }
}
