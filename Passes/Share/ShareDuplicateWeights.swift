import IR

/// Stores equal constants once.
///
///     before: Add(%x, constant a)  Add(%y, constant b)    a and b hold the same
///     after:  Add(%x, constant a)  Add(%y, constant a)
public struct ShareDuplicateWeights: Pass {
  public let name = "share-duplicate-weights"
  public init() {}

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    var groups: [TensorType: [ValueID]] = [:]
    for id in graph.valueIDs where graph.useCount(id) > 0 {
      if let tensor = graph.constant(id) { groups[tensor.tensorType, default: []].append(id) }
    }
    // In order of each group's first value, so that edits come in the same order every time.
    for group in groups.values.sorted(by: { $0[0] < $1[0] }) where group.count > 1 {
      try share(group, &graph, context)
    }
    graph.removeUnusedConstants()
  }

  private func share(_ group: [ValueID], _ graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    var kept: [Int: [ValueID]] = [:]
    for id in group {
      guard let tensor = graph.constant(id) else { continue }
      let key = contentHash(tensor)
      guard let twin = kept[key]?.first(where: { graph.constant($0) == tensor }) else {
        kept[key, default: []].append(id)
        continue
      }
      guard context.mayEdit else { return }
      graph.replaceUses(of: id, with: twin)
      try context.didEdit(graph, "shared '\(graph[id].name)' with '\(graph[twin].name)'")
    }
  }

  /// Of both ends and samples between: enough to tell most apart, and equality looks at every byte anyway.
  private func contentHash(_ tensor: Tensor) -> Int {
    var hasher = Hasher()
    let bytes = tensor.bytes
    if bytes.count <= 2048 {
      hasher.combine(bytes: bytes)
    } else {
      let step = (bytes.count - 64) / 31
      for i in 0..<32 { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes[i * step..<i * step + 64])) }
    }
    hasher.combine(tensor.strings)
    return hasher.finalize()
  }
}
