import IR

/// Reverse-mode differentiation: nodes that compute the derivative of one value by others are appended to the graph.
///
/// From y back to the x's, each node turns the gradient of its output into those of its inputs by the rule of its operator;
/// gradients that meet at a value are added. Source: Griewank and Walther, Evaluating Derivatives, 3.2.
struct Differentiation {
  var graph: Graph
  /// ONNX names of the nodes that are added.
  let names: [Name]
  private var gradients: [ValueID: ValueID] = [:]
  private var active: Set<ValueID> = []

  init(_ graph: Graph, names: [Name]) {
    self.graph = graph
    self.names = names
  }

  /// dy/dx for each x, in the type of x; zeros where y does not depend on it. `frozen` values count as constants.
  /// Throws on an operator between them that has no rule.
  mutating func gradients(of y: ValueID, by xs: [ValueID], frozen: Set<ValueID> = []) throws(Diagnostic) -> [ValueID] {
    guard let type = graph.type(y).tensor, floatTypes.contains(type.element) else {
      throw .invalid("the gradient of a \(graph.type(y)) does not exist, expected a tensor of floats")
    }
    let path = nodes(from: xs, to: y, frozen)
    gradients = [y: try filled(1, like: y)]
    for node in path.reversed() { try differentiate(node) }
    var results: [ValueID] = []
    for x in xs {
      if let gradient = gradients[x] { results.append(gradient) } else { results.append(try filled(0, like: x)) }
    }
    return results
  }

  /// The nodes on the ways from the x's to y, in order; marks the values on them.
  private mutating func nodes(from xs: [ValueID], to y: ValueID, _ frozen: Set<ValueID>) -> [Node] {
    active = Set(xs)
    var path: [Node] = []
    for node in dependencies(of: y, until: active.union(frozen)) {
      guard node.inputs.contains(where: { $0.map(active.contains) ?? false }) else { continue }
      active.formUnion(node.outputs.filter { !frozen.contains($0) })
      path.append(node)
    }
    return path
  }

  /// The nodes that a value needs, in order, without those behind the given values.
  func dependencies(of y: ValueID, until ends: Set<ValueID>) -> [Node] {
    var needed: Set<NodeID> = []
    var pending = [y]
    while let value = pending.popLast() {
      guard !ends.contains(value), let node = graph.producer(value), needed.insert(node.id).inserted else { continue }
      pending += node.inputs.compactMap { $0 }
    }
    return graph.orderedNodes.filter { needed.contains($0.id) }
  }

  private mutating func differentiate(_ node: Node) throws(Diagnostic) {
    guard let output = node.outputs.first(where: { gradients[$0] != nil }), let gradient = gradients[output] else {
      return
    }
    let name = Swift.type(of: node.op).qualifiedName
    guard let rule = DifferentiationRules.find(name), output == node.outputs[0] else {
      throw .unsupported(
        "the gradient of \(node.label); operators with one are \(DifferentiationRules.names.joined(separator: ", "))")
    }
    for (input, part) in zip(node.inputs, try rule(&self, node, gradient)) {
      guard let input, let part, active.contains(input) else { continue }
      if let sum = gradients[input] { gradients[input] = try add(Add(), sum, part) } else { gradients[input] = part }
    }
  }

  /// Whether the derivative by an input of a node is asked for.
  func wants(_ node: Node, _ index: Int) -> Bool {
    index < node.inputs.count && node.inputs[index].map(active.contains) ?? false
  }

  // MARK: Nodes

  mutating func add(_ op: any Operator, _ inputs: ValueID?...) throws(Diagnostic) -> ValueID {
    try graph.add(op, inputs, names: names)[0]
  }

  mutating func constant(_ numbers: [Int]) -> ValueID { graph.addConstant(Tensor(numbers.map { Int64($0) })) }

  /// A number in the element type of a value.
  mutating func scalar(_ number: Float, like x: ValueID) -> ValueID {
    graph.addConstant(Tensor(wide: [number], element(x), []))
  }

  func element(_ x: ValueID) -> ElementType { graph.type(x).tensor?.element ?? .float32 }
  func shape(_ x: ValueID) throws(Diagnostic) -> Shape {
    guard let shape = graph.type(x).tensor?.shape else { throw .unsupported("the gradient by a value of unknown rank") }
    return shape
  }

  mutating func shapeVector(_ x: ValueID) throws(Diagnostic) -> ValueID {
    if let known = graph.type(x).tensor?.knownShape { return constant(known) }
    return try add(ShapeOf(), x)
  }

  mutating func reshaped(_ gradient: ValueID, like x: ValueID) throws(Diagnostic) -> ValueID {
    var op = Reshape()
    op.allowsZero = true
    return try shape(gradient) == shape(x) ? gradient : add(op, gradient, shapeVector(x))
  }

  mutating func filled(_ number: Float, like x: ValueID) throws(Diagnostic) -> ValueID {
    try add(Expand(), scalar(number, like: x), shapeVector(x))
  }

  /// The gradient of an operand that was broadcast: summed over the axes along which it was repeated.
  mutating func reduced(_ gradient: ValueID, like x: ValueID) throws(Diagnostic) -> ValueID {
    let (from, to) = (try shape(gradient), try shape(x))
    guard from != to else { return gradient }
    let lead = from.count - to.count
    var axes = Array(0..<lead)
    for (axis, dim) in to.enumerated() where dim != from[lead + axis] {
      guard dim == 1 else {
        throw .unsupported("the gradient where \(describe(to)) may be broadcast to \(describe(from))")
      }
      axes.append(lead + axis)
    }
    return try reshaped(add(ReduceSum(), gradient, constant(axes)), like: x)
  }
}
