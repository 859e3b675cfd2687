import IR

/// A product of values and a number, read off a tree of Mul and Div whose inner results nothing else reads.
struct Product {
  var coefficient = 1.0
  var factors: [ValueID] = []
  /// Nodes of the tree below its root.
  var inner: [NodeID] = []

  /// The product a node computes; nil where it is no plain Mul or Div of floats.
  init?(_ node: Node, _ graph: Graph) {
    guard let output = node.outputs.first, graph.element(output)?.isFloat == true, add(node, graph, depth: 0) else {
      return nil
    }
  }

  /// The product a value is: of itself alone where no Mul or Div computes it.
  init(of value: ValueID, _ graph: Graph) {
    if let node = graph.producer(value), let product = Product(node, graph) {
      self = product
    } else {
      factors = [value]
    }
  }

  private mutating func add(_ node: Node, _ graph: Graph, depth: Int) -> Bool {
    guard depth < 4, let plain = node.op as? any FusesActivation, plain.activation.isNone, let a = node.input(0),
      let b = node.input(1)
    else { return false }
    switch node.op {
    case is Mul:
      add(a, graph, depth)
      add(b, graph, depth)
      return true
    case is Div:
      guard let divisor = graph.scalar(b), divisor != 0 else { return false }
      coefficient /= divisor
      add(a, graph, depth)
      return true
    default: return false
    }
  }

  private mutating func add(_ value: ValueID, _ graph: Graph, _ depth: Int) {
    if let number = graph.scalar(value) {
      coefficient *= number
    } else if let node = graph.soleProducer(value) {
      var nested = self
      if nested.add(node, graph, depth: depth + 1) {
        self = nested
        inner.append(node.id)
      } else {
        factors.append(value)
      }
    } else {
      factors.append(value)
    }
  }

  /// The coefficient, where the product is that times one value.
  func multiple(of value: ValueID) -> Double? { factors == [value] ? coefficient : nil }

  /// Whether the coefficient is that number, but for rounding.
  func hasCoefficient(_ expected: Double, _ element: ElementType) -> Bool { isNear(coefficient, expected, element) }
}

/// Whether two constants are the same but for rounding: models write √2 with six digits, or in half precision.
func isNear(_ a: Double, _ b: Double, _ element: ElementType) -> Bool {
  (a - b).magnitude <= (element.bitWidth == 16 ? 4e-3 : 1e-5) * max(a.magnitude, b.magnitude)
}

extension Graph {
  /// x and c, where a value is x + c that nothing else reads.
  func soleSum(_ value: ValueID?) -> (ValueID, Double, NodeID)? {
    guard let (op, node) = soleProducer(value, Add.self), op.activation.isNone,
      let (other, constant) = constantOperand(node), let number = scalar(constant)
    else { return nil }
    return (other, number, node.id)
  }

  /// x, where a value is a function of one input that nothing else reads.
  func soleArgument<Op: Operator>(_ value: ValueID?, of _: Op.Type) -> (ValueID, Op, NodeID)? {
    guard let (op, node) = soleProducer(value, Op.self), let input = node.input(0) else { return nil }
    return (input, op, node.id)
  }
}
