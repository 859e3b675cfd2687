import IR

/// Attention whose queries and keys are codes takes its probabilities and values as codes, too, which it makes itself.
///
///     Attention(Dequantize(q), Dequantize(k), v)  →  the same {coded=1}
public struct QuantizeAttention: Pass {
  public static let name: String = "quantize-attention"
  public let name: String = QuantizeAttention.name
  // The plan is that of the outer graph.
  public let entersBodies = false
  let plan: QuantizationPlan

  public init(_ plan: QuantizationPlan) { self.plan = plan }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for (node, reason) in plan.rejected where node.op is Attention { context.reject(node, reason) }
    for id in plan.attentions.sorted() where context.mayEdit {
      guard let node = graph[id], var op = node.op as? Attention else { continue }
      guard (0..<2).allSatisfy({ graph.producer(node.input($0), DequantizeLinear.self) != nil }) else {
        context.reject(node, "no finite range of its queries and keys was measured")
        continue
      }
      op.isCoded = true
      try graph.setOperator(id, op)
      try context.didEdit(graph, "products of \(node.label)")
    }
  }

  /// Elements of a head and keys for which exact sums fit 32 bits.
  private static let most = 1 << 15

  /// Why an attention cannot compute on codes, or nil.
  static func obstacle(_ node: Node, _ graph: Graph) -> String? {
    guard let op = node.op as? Attention, let q = graph.shape(node.input(0)), let k = graph.shape(node.input(1)),
      let v = graph.shape(node.input(2)), (3...4).contains(q.count), k.count == q.count, v.count == q.count
    else { return "its shapes are not known" }
    guard (0..<3).allSatisfy({ graph.element(node.input($0)) == .float32 }) else { return "it is not in float32" }
    if op.softcap != 0 { return "it caps its scores" }
    if op.leftWindow >= 0 || op.rightWindow >= 0 { return "it looks through a window" }
    if (op.softmaxPrecision ?? .float32) != .float32 { return "it states a precision" }
    if let scale = op.scale, !(scale > 0 && scale.isFinite) { return "its scale is not above zero" }
    if node.inputs.dropFirst(4).contains(where: { $0 != nil }) { return "it has keys of earlier runs, or lengths" }
    if node.outputs.dropFirst().contains(where: { graph.useCount($0) > 0 }) { return "more than its result is read" }
    if let reason = obstacle(mask: node.input(3), k[k.count - 2], graph) { return reason }
    let heads = q.count == 4 ? [q[1].value, k[1].value] : [op.queryHeads, op.keyHeads]
    guard let queryHeads = heads[0], let keyHeads = heads[1], queryHeads > 0, keyHeads > 0, queryHeads % keyHeads == 0,
      let columns = q[q.count - 1].value, columns > 0, let others = v[v.count - 1].value, others > 0
    else { return "its heads are not known" }
    let size = q.count == 4 ? columns : columns / queryHeads
    // Lengths that are not known are checked when they are.
    let keys = k[k.count - 2].value ?? 1
    return size > 0 && size <= most && keys <= most ? nil : "it has more than \(most) keys"
  }

  private static func obstacle(mask: ValueID?, _ keys: Dim, _ graph: Graph) -> String? {
    guard let mask else { return nil }
    guard let shape = graph.shape(mask), let element = graph.element(mask) else { return "its mask is not known" }
    guard element == .float32 || element == .bool else { return "its mask is in \(element.name)" }
    return (1...4).contains(shape.count) && shape[shape.count - 1] == keys ? nil : "its mask is not as long as its keys"
  }
}
