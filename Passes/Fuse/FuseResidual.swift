import IR

/// Lets Conv, MatMul and Gemm add another value of the same shape while they write their result.
///
///     before: Add(Conv(%x, %w, %b), %r)
///     after:  Conv(%x, %w, %b, %r)
///
/// Behind an activation the residual is added after it. The activation of the sum is taken along where there is none before.
public struct FuseResidual: RewriteRule {
  public static let name = "fuse-residual"
  public init() {}

  public func rewrite(_ op: Add, at node: Node, in graph: Graph) -> Outcome {
    guard let a = node.input(0), let b = node.input(1), a != b,
      let element = graph.element(a), element.isFloat, element != .float64
    else { return .noMatch }
    let candidates = [Candidate(a, b, graph), Candidate(b, a, graph)].compactMap { $0 }.filter {
      op.activation.isNone || $0.target.op.activation.isNone
    }
    guard let first = candidates.first else { return .noMatch }
    // The later one: the other operand is then likely to be there already.
    let free = candidates.filter { graph.reasonToKeep($0.value, "it") == nil }
    guard let chosen = free.max(by: { $0.target.node.id < $1.target.node.id }) else {
      return .rejected(
        graph.reasonToKeep(first.value, "the result of \(first.target.node.label)") ?? "it is read elsewhere")
    }
    var patch = Patch(at: node.id, note: "fused Add as residual")
    patch.absorbed = [chosen.target.node.id]
    let inputs = chosen.target.inputs(residual: .existing(chosen.residual))
    patch.replace(node.outputs[0], with: patch.add(withResidual(chosen.target.op, op.activation), inputs))
    return .patch(patch)
  }

  private struct Candidate {
    let target: EpilogueTarget
    let value: ValueID
    let residual: ValueID

    init?(_ value: ValueID, _ residual: ValueID, _ graph: Graph) {
      guard let target = EpilogueTarget(graph.producer(value)), target.residual == nil, graph.constant(residual) == nil,
        graph.haveSameType(value, residual)
      else { return nil }
      self.target = target
      self.value = value
      self.residual = residual
    }
  }

  private func withResidual(_ op: any FusesActivation, _ activation: Activation) -> any Operator {
    let isLast = !op.activation.isNone
    var op = op
    if !isLast { op.activation = activation }
    switch op {
    case var op as Conv:
      op.residualAfterActivation = isLast
      return op
    case var op as MatMul:
      op.residualAfterActivation = isLast
      return op
    case var op as Gemm:
      op.residualAfterActivation = isLast
      return op
    default: return op
    }
  }
}
