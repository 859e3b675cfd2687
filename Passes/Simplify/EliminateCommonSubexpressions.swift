import IR

/// Lets equal nodes on equal inputs be one.
///
///     before: %1 = Shape(%x)  %2 = Shape(%x)  f(%1, %2)
///     after:  %1 = Shape(%x)                  f(%1, %1)
public struct EliminateCommonSubexpressions: Pass {
  public let name = "eliminate-common-subexpressions"
  public init() {}

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    var kept = KeptNodes()
    for id in graph.nodeIDs() {
      guard let node = graph[id], node.op.isPure, let twin = kept.twin(of: node, in: graph) else { continue }
      guard context.mayEdit else { return }
      let outputs = graph[twin]?.outputs ?? []
      for (old, new) in zip(node.outputs, outputs) { graph.replaceUses(of: old, with: new) }
      graph.addNames(node.names, to: twin)
      graph.remove(id)
      try context.didEdit(graph, "merged \(node.label) into \(graph[twin]?.label ?? "")")
    }
  }
}

/// The nodes met so far. Most differ in type or inputs already; attributes are looked at only where those are equal.
private struct KeptNodes {
  private enum Bucket {
    case one(NodeID)
    /// By hash of the attributes.
    case many([Int: [NodeID]])
  }
  private var buckets: [Int: Bucket] = [:]

  /// The node met before that computes the same; nil, and this one is kept, where there is none. Only its
  /// number is given: a copy of the node would make each name added to it copy all those before.
  mutating func twin(of node: Node, in graph: Graph) -> NodeID? {
    let key = hash(node)
    switch buckets[key] {
    case nil:
      buckets[key] = .one(node.id)
      return nil
    case .one(let id):
      guard let other = graph[id] else {
        buckets[key] = .one(node.id)
        return nil
      }
      if isSame(other, node) { return id }
      buckets[key] = .many([attributeHash(other): [other.id]])
    case .many: break
    }
    return twinAmongMany(of: node, in: graph, key)
  }

  private mutating func twinAmongMany(of node: Node, in graph: Graph, _ key: Int) -> NodeID? {
    guard case .many(var lists)? = buckets.removeValue(forKey: key) else { return nil }
    let attributes = attributeHash(node)
    let twin = lists[attributes]?.first { graph[$0].map { isSame($0, node) } ?? false }
    if twin == nil { lists[attributes, default: []].append(node.id) }
    buckets[key] = .many(lists)
    return twin
  }

  private func hash(_ node: Node) -> Int {
    var hasher = Hasher()
    hasher.combine(ObjectIdentifier(Swift.type(of: node.op)))
    hasher.combine(node.inputs)
    hasher.combine(node.outputs.count)
    return hasher.finalize()
  }

  private func attributeHash(_ node: Node) -> Int {
    var hasher = Hasher()
    node.op.hash(into: &hasher)
    return hasher.finalize()
  }

  private func isSame(_ a: Node, _ b: Node) -> Bool {
    a.inputs == b.inputs && a.outputs.count == b.outputs.count && a.op.isEqual(to: b.op)
  }
}
