import IR

/// Recognizes Swish, HardSwish, HardSigmoid and Mish written out.
///
///     before: %x · Sigmoid(%x · a)    %x · Clip(%x + 3, 0, 6) / 6    %x · HardSigmoid(%x) {1/6, 1/2}    %x · Tanh(Softplus(%x))
///     after:  Swish(%x) {alpha=a}     HardSwish(%x)                  HardSwish(%x)                      Mish(%x)
public struct RecoverSwish: RewriteRule {
  public static let name = "recover-swish"
  public init() {}

  public func rewrite(_ op: any BinaryNumberOperator, at node: Node, in graph: Graph) -> Outcome {
    guard let product = Product(node, graph), let element = graph.element(node.outputs[0]), element != .float64 else {
      return .noMatch
    }
    if product.factors.count == 1 { return hardSigmoid(product, node, element, graph) }
    guard product.factors.count == 2 else { return .noMatch }
    for (x, factor) in [(0, 1), (1, 0)].map({ (product.factors[$0], product.factors[$1]) })
    where graph.haveSameType(x, node.outputs[0]) {
      guard let (op, nodes) = function(product, x, factor, element, graph) else { continue }
      let note = "recognized \(Swift.type(of: op).qualifiedName)"
      return .patch(.replacing(node, with: op, [x], absorbing: product.inner + nodes, note))
    }
    return .noMatch
  }

  /// Clip(x + 3, 0, 6) / 6
  private func hardSigmoid(_ product: Product, _ node: Node, _ element: ElementType, _ graph: Graph) -> Outcome {
    guard product.hasCoefficient(1.0 / 6, element), let (x, nodes) = clippedSum(product.factors[0], element, graph),
      graph.haveSameType(x, node.outputs[0])
    else { return .noMatch }
    var op = HardSigmoid()
    op.alpha = 1.0 / 6
    return .patch(.replacing(node, with: op, [x], absorbing: product.inner + nodes, "recognized HardSigmoid"))
  }

  private func function(
    _ product: Product, _ x: ValueID, _ factor: ValueID, _ element: ElementType, _ graph: Graph
  ) -> (any Operator, [NodeID])? {
    if let (inner, nodes) = clippedSum(factor, element, graph), inner == x {
      return product.hasCoefficient(1.0 / 6, element) ? (HardSwish(), nodes) : nil
    }
    guard product.coefficient == 1 else { return nil }
    if let (argument, _, sigmoid) = graph.soleArgument(factor, of: Sigmoid.self) {
      let scaled = Product(of: argument, graph)
      guard let alpha = argument == x ? 1 : graph.useCount(argument) == 1 ? scaled.multiple(of: x) : nil else {
        return nil
      }
      var swish = Swish()
      swish.alpha = Float(alpha)
      return (swish, [sigmoid] + (argument == x ? [] : scaled.inner))
    }
    if let (argument, op, id) = graph.soleArgument(factor, of: HardSigmoid.self), argument == x,
      isNear(Double(op.alpha), 1.0 / 6, element), isNear(Double(op.beta), 0.5, element)
    {
      return (HardSwish(), [id])
    }
    guard let (argument, _, tanh) = graph.soleArgument(factor, of: Tanh.self),
      let (inner, _, softplus) = graph.soleArgument(argument, of: Softplus.self), inner == x
    else { return nil }
    return (Mish(), [tanh, softplus])
  }

  /// x, where a value is Clip(x + 3, 0, 6).
  private func clippedSum(_ value: ValueID, _ element: ElementType, _ graph: Graph) -> (ValueID, [NodeID])? {
    guard let (argument, _, clip) = graph.soleArgument(value, of: Clip.self),
      let (x, three, sum) = graph.soleSum(argument),
      three == 3, graph.scalar(graph[clip]?.input(1)) == 0, graph.scalar(graph[clip]?.input(2)) == 6
    else { return nil }
    return (x, [clip, sum])
  }
}
