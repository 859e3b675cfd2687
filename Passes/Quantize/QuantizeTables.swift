import IR

/// Embedding tables become codes: s8 with a scale for each row, which is all that a lookup reads.
///
///     Gather(table, i)  →  Gather(Dequantize(table8), i)
public struct QuantizeTables: Pass {
  public let name = "quantize-tables"
  // The plan is that of the outer graph.
  public let entersBodies = false
  let plan: QuantizationPlan

  /// Bytes in float below which a table stays as it is: what it saves is not worth a step more.
  static let leastBytes = 64 << 10

  public init(_ plan: QuantizationPlan) { self.plan = plan }

  /// After the passes that give products codes: what then still reads a table reads it in float.
  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for node in Array(graph.orderedNodes) where plan.tables.contains(node.id) && context.mayEdit {
      guard let table = graph[node.id]?.input(0), let weight = graph.constant(table) else { continue }
      let readers = graph.users(table)
      if let other = readers.first(where: { !plan.tables.contains($0) }).flatMap({ graph[$0] }) {
        context.reject(node, "\(other.label) reads its table in float")
        continue
      }
      // The first of a table's readers, so that the others find the numbers made.
      try QuantizeWeights.replace(0, of: node, by: LayerWeights(weight, axis: 0), &graph)
      guard let rows = graph[node.id]?.input(0) else { continue }
      for reader in readers where reader != node.id { graph.setInput(reader, 0, rows) }
      try context.didEdit(graph, "table of \(node.label)")
    }
  }

  /// Whether a node gathers rows of a large constant matrix.
  static func isLookup(_ node: Node, _ graph: Graph) -> Bool {
    guard let gather = node.op as? Gather, gather.axis == 0 || gather.axis == -2, node.input(0) != node.input(1),
      let table = graph.constant(node.input(0)), table.type == .float32, table.rank == 2
    else { return false }
    return table.byteCount >= leastBytes
  }
}
