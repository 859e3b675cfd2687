import IR

/// Movement of dequantized elements that are quantized again with the same parameters moves the codes instead.
///
///     Quantize(Reshape(Dequantize(q)))  →  Reshape(q)
public struct SinkDequantize: RewriteRule {
  public static let name = "sink-dequantize"
  public init() {}

  public func rewrite(_ op: QuantizeLinear, at node: Node, in graph: Graph) -> Outcome {
    guard let move = graph.soleProducer(node.input(0)), QuantizationPlan.movesOnly(move.op),
      let (_, dequantize) = graph.producer(move.input(0), DequantizeLinear.self), let source = dequantize.input(0),
      graph.constant(source) == nil
    else { return .noMatch }
    guard haveSameConstant(node.input(1), dequantize.input(1), graph),
      haveSameConstant(node.input(2), dequantize.input(2), graph)
    else { return .rejected("the scales before and after differ") }
    var inputs = move.inputs
    inputs[0] = source
    return .patch(.replacing(node, with: move.op, inputs, absorbing: [move.id], "moved codes instead of numbers"))
  }

  private func haveSameConstant(_ a: ValueID?, _ b: ValueID?, _ graph: Graph) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    if a == b { return true }
    guard let x = graph.constant(a), let y = graph.constant(b) else { return false }
    return x == y && x.count == 1
  }
}
