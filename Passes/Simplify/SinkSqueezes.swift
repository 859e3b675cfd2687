import IR

/// Moves a Squeeze that names no axes, and whose result has no known rank for want of a dimension, behind an elementwise
/// operator that otherwise reads scalars only. There kernels compute what they could not compute without a rank.
///
///     before: Mul(Squeeze(%x), 4)      %x: f32[N,1]
///     after:  Squeeze(Mul(%x, 4))
public struct SinkSqueezes: RewriteRule {
  public static let name = "sink-squeezes"
  public init() {}

  public func rewrite(_ op: any ElementwiseOperator, at node: Node, in graph: Graph) -> Outcome {
    guard node.outputs.count == 1, graph.rank(node.outputs[0]) == nil, let at = squeezed(node, graph),
      at == 0 || op is any BinaryNumberOperator, let input = node.inputs[at],
      let (op: _, node: squeeze) = graph.producer(input, Squeeze.self), let source = squeeze.input(0)
    else { return .noMatch }
    if let reason = graph.reasonToKeep(input, "the squeezed value") { return .rejected(reason) }
    var patch = Patch(at: node.id, note: "moved Squeeze behind \(Swift.type(of: op).qualifiedName)")
    var operands = node.inputs.map { $0.map { Patch.Operand.existing($0) } }
    operands[at] = .existing(source)
    let result = patch.add(node.op, operands)
    patch.replace(node.outputs[0], with: patch.add(Squeeze(), [result], names: squeeze.names))
    return .patch(patch)
  }

  /// The input that comes from such a Squeeze, where all others are scalars.
  private func squeezed(_ node: Node, _ graph: Graph) -> Int? {
    var found: Int?
    for (index, input) in node.inputs.enumerated() where input != nil && graph.rank(input) != 0 {
      guard found == nil, let (op: _, node: squeeze) = graph.producer(input, Squeeze.self), squeeze.input(1) == nil,
        graph.rank(squeeze.input(0)) != nil
      else { return nil }
      found = index
    }
    return found
  }
}
