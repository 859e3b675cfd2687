import IR

/// Recognizes GELU written out, exactly or by the tanh formula.
///
///     before: 0.5 · %x · (1 + Erf(%x / √2))      0.5 · %x · (1 + Tanh(√(2/π) · (%x + 0.044715 · %x³)))
///     after:  Gelu(%x)                           Gelu(%x) {approximate="tanh"}
public struct RecoverGelu: RewriteRule {
  public static let name = "recover-gelu"
  public init() {}

  public func rewrite(_ op: any BinaryNumberOperator, at node: Node, in graph: Graph) -> Outcome {
    guard let product = Product(node, graph), product.factors.count == 2, let element = graph.element(node.outputs[0]),
      element != .float64, product.hasCoefficient(0.5, element)
    else { return .noMatch }
    for (x, factor) in [(0, 1), (1, 0)].map({ (product.factors[$0], product.factors[$1]) }) {
      guard let (inner, one, sum) = graph.soleSum(factor), isNear(one, 1, element),
        graph.haveSameType(x, node.outputs[0])
      else { continue }
      if let nodes = exact(inner, x, element, graph) { return patch(node, x, .none, product.inner + [sum] + nodes) }
      if let nodes = tanh(inner, x, element, graph) { return patch(node, x, .tanh, product.inner + [sum] + nodes) }
    }
    return .noMatch
  }

  private func patch(_ node: Node, _ x: ValueID, _ form: Gelu.Approximation, _ nodes: [NodeID]) -> Outcome {
    var gelu = Gelu()
    gelu.approximate = form
    return .patch(.replacing(node, with: gelu, [x], absorbing: nodes, "recognized Gelu"))
  }

  /// Erf(x / √2)
  private func exact(_ value: ValueID, _ x: ValueID, _ element: ElementType, _ graph: Graph) -> [NodeID]? {
    guard let (argument, _, erf) = graph.soleArgument(value, of: Erf.self) else { return nil }
    let scaled = Product(of: argument, graph)
    guard graph.useCount(argument) == 1, let factor = scaled.multiple(of: x), isNear(factor, 0.5.squareRoot(), element)
    else {
      return nil
    }
    return [erf] + scaled.inner
  }

  /// Tanh(√(2/π) · (x + 0.044715 · x³)), also with x taken out of the sum.
  private func tanh(_ value: ValueID, _ x: ValueID, _ element: ElementType, _ graph: Graph) -> [NodeID]? {
    guard let (argument, _, tanh) = graph.soleArgument(value, of: Tanh.self) else { return nil }
    let scaled = Product(of: argument, graph)
    guard scaled.hasCoefficient((2 / Double.pi).squareRoot(), element) else { return nil }
    if scaled.factors.count == 1, let nodes = cubicSum(scaled.factors[0], x, element, graph) {
      return [tanh] + scaled.inner + nodes
    }
    guard scaled.factors.count == 2, let index = scaled.factors.firstIndex(of: x),
      let (square, one, sum) = graph.soleSum(scaled.factors[1 - index]), isNear(one, 1, element),
      isPower(square, of: x, 2, element, graph)
    else { return nil }
    return [tanh, sum] + scaled.inner
  }

  /// x + 0.044715 · x³
  private func cubicSum(_ value: ValueID, _ x: ValueID, _ element: ElementType, _ graph: Graph) -> [NodeID]? {
    guard let (op, node) = graph.soleProducer(value, Add.self), op.activation.isNone, let a = node.input(0),
      let b = node.input(1)
    else { return nil }
    let cubic = a == x ? b : a
    guard a == x || b == x, isPower(cubic, of: x, 3, element, graph) else { return nil }
    return [node.id]
  }

  /// Whether a value is 0.044715 · xⁿ.
  private func isPower(_ value: ValueID, of x: ValueID, _ n: Int, _ element: ElementType, _ graph: Graph) -> Bool {
    let product = Product(of: value, graph)
    guard graph.useCount(value) == 1, product.hasCoefficient(0.044715, element) else { return false }
    var degree = 0.0
    for factor in product.factors {
      if factor == x {
        degree += 1
      } else if let (base, _, id) = graph.soleArgument(factor, of: Pow.self), base == x,
        let exponent = graph.scalar(graph[id]?.input(1))
      {
        degree += exponent
      } else {
        return false
      }
    }
    return degree == Double(n)
  }
}
