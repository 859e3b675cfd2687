import IR

/// Lets MatMul multiply by a constant.
///
///     before: Mul(MatMul(%q, %k), 0.125)      MatMul(Mul(%q, 0.125), %k)
///     after:  MatMul(%q, %k) {alpha=0.125}
public struct FuseScaleIntoMatMul: RewriteRule {
  public static let name = "fuse-scale-into-mat-mul"
  public init() {}

  public static func isRoot(_ op: any Operator) -> Bool { op is MatMul || op is Mul || op is Div }

  public func rewrite(_ op: any Operator, at node: Node, in graph: Graph) -> Outcome {
    switch op {
    case let op as MatMul: return scaleOperand(op, node, graph)
    case is Mul, is Div: return scaleResult(node, graph)
    default: return .noMatch
    }
  }

  private func scaleResult(_ node: Node, _ graph: Graph) -> Outcome {
    guard let (input, factor) = factor(node, graph), let (op, producer) = graph.producer(input, MatMul.self),
      op.activation.isNone, producer.input(2) == nil, producer.input(3) == nil,
      let scaled = scaled(op, factor, graph, input)
    else { return .noMatch }
    if let reason = graph.reasonToKeep(input, "the result of \(producer.label)") { return .rejected(reason) }
    return .patch(
      .replacing(node, with: scaled, producer.inputs, absorbing: [producer.id], "fused a factor into MatMul"))
  }

  private func scaleOperand(_ op: MatMul, _ node: Node, _ graph: Graph) -> Outcome {
    for index in 0..<2 {
      guard let operand = node.input(index), let producer = graph.soleProducer(operand),
        producer.op is Mul || producer.op is Div,
        let (input, factor) = factor(producer, graph), let scaled = scaled(op, factor, graph, input)
      else { continue }
      var inputs = node.inputs
      inputs[index] = input
      return .patch(.replacing(node, with: scaled, inputs, absorbing: [producer.id], "fused a factor into MatMul"))
    }
    return .noMatch
  }

  /// The operand that is multiplied by a constant of one element, shape unchanged, and that constant.
  private func factor(_ node: Node, _ graph: Graph) -> (ValueID, Double)? {
    guard let (input, constant) = graph.constantOperand(node), let factor = graph.scalar(constant),
      let plain = node.op as? any FusesActivation, plain.activation.isNone, graph.haveSameType(input, node.outputs[0])
    else { return nil }
    if node.op is Mul { return factor.isFinite ? (input, factor) : nil }
    guard node.op is Div, node.inputs[1] == constant, factor != 0, factor.isFinite else { return nil }
    return (input, 1 / factor)
  }

  /// The operator with its factor multiplied. `alpha` is a single-precision number: doubles only where it is exact.
  private func scaled(_ op: MatMul, _ factor: Double, _ graph: Graph, _ input: ValueID) -> MatMul? {
    guard let element = graph.element(input), element.isFloat else { return nil }
    let alpha = Double(op.alpha) * factor
    var scaled = op
    scaled.alpha = Float(alpha)
    guard scaled.alpha.isFinite, element != .float64 || Double(scaled.alpha) == alpha else { return nil }
    return scaled
  }
}
