import IR

/// Recognizes LayerNormalization and RMSNormalization written out, over the last axes.
///
///     before: %d = %x − ReduceMean(%x)      %d / Sqrt(ReduceMean(%d²) + ε) · %gamma + %beta
///     after:  LayerNormalization(%x, %gamma, %beta)
///
///     before: %x / Sqrt(ReduceMean(%x²) + ε) · %gamma
///     after:  RMSNormalization(%x, %gamma)
///
/// First without scale and bias (a scale of ones is put in), which then join one by one.
public struct RecoverLayerNormalization: RewriteRule {
  public static let name = "recover-layer-normalization"
  public init() {}

  public func rewrite(_ op: any BinaryNumberOperator, at node: Node, in graph: Graph) -> Outcome {
    guard let output = node.outputs.first, let element = graph.element(output), element.isFloat, element != .float64,
      let plain = op as? any FusesActivation, plain.activation.isNone
    else { return .noMatch }
    if let patch = withScale(op, node, graph) ?? withBias(op, node, graph) { return .patch(patch) }
    guard let match = RootMeanSquare(node, graph), graph.haveSameType(match.x, output) else { return .noMatch }
    return normalization(match, node, element, graph)
  }

  private func normalization(_ match: RootMeanSquare, _ node: Node, _ element: ElementType, _ graph: Graph) -> Outcome {
    guard let shape = graph.shape(match.x), let first = match.axes.first, match.axes == Array(first..<shape.count)
    else {
      return .rejected("normalizes over axes \(match.axes), not over the last ones")
    }
    let sizes = shape[first...].compactMap(\.value)
    guard sizes.count == match.axes.count, let count = Tensor.elementCount(of: sizes), count <= 1 << 24 else {
      return .rejected("the normalized dimensions are not numbers")
    }
    var patch = Patch(at: node.id, note: "recognized a normalization")
    patch.absorbed = match.nodes
    let ones = patch.constant(Tensor(wide: [Double](repeating: 1, count: count), element, sizes))
    let axis = first - shape.count
    let result: Patch.Operand
    if let x = match.centered(graph) {
      var op = LayerNormalization()
      op.axis = axis
      op.epsilon = Float(match.epsilon)
      patch.absorbed += x.nodes
      result = patch.add(op, [.existing(x.value), ones])
    } else {
      var op = RMSNormalization()
      op.axis = axis
      op.epsilon = Float(match.epsilon)
      result = patch.add(op, [.existing(match.x), ones])
    }
    patch.replace(node.outputs[0], with: result)
    return .patch(patch)
  }

  // MARK: Scale and bias

  private func withScale(_ op: any BinaryNumberOperator, _ node: Node, _ graph: Graph) -> Patch? {
    guard op is Mul, let (normal, operand) = normalized(node, graph), graph.uniform(normal.input(1)) == 1,
      normal.input(2) == nil
    else { return nil }
    return joined(node, normal, [normal.input(0), nil], at: 1, operand, graph)
  }

  private func withBias(_ op: any BinaryNumberOperator, _ node: Node, _ graph: Graph) -> Patch? {
    guard op is Add, let (normal, operand) = normalized(node, graph), normal.op is LayerNormalization,
      normal.input(2) == nil
    else { return nil }
    return joined(node, normal, [normal.input(0), normal.input(1), nil], at: 2, operand, graph)
  }

  /// A normalization that only this node reads, and the other operand.
  private func normalized(_ node: Node, _ graph: Graph) -> (Node, ValueID)? {
    for (a, b) in [(0, 1), (1, 0)] {
      guard let normal = graph.soleProducer(node.input(a)), let other = node.input(b),
        normal.op is LayerNormalization || normal.op is RMSNormalization
      else { continue }
      return (normal, other)
    }
    return nil
  }

  /// The normalization with one more input, where that has (but for leading ones) the shape of what is normalized.
  private func joined(
    _ node: Node, _ normal: Node, _ inputs: [ValueID?], at index: Int, _ operand: ValueID, _ graph: Graph
  ) -> Patch? {
    guard let wanted = graph.shape(normal.input(1)), let shape = graph.shape(operand), shape.count >= wanted.count,
      Array(shape.suffix(wanted.count)) == wanted, shape.dropLast(wanted.count).allSatisfy({ $0 == 1 }),
      graph.haveSameType(normal.outputs[0], node.outputs[0])
    else { return nil }
    var patch = Patch(at: node.id, note: "joined \(index == 1 ? "scale" : "bias") to the normalization")
    patch.absorbed = [normal.id]
    var operands: [Patch.Operand?] = inputs.map { $0.map { .existing($0) } }
    if shape.count == wanted.count {
      operands[index] = .existing(operand)
    } else {
      let sizes = wanted.compactMap(\.value)
      guard sizes.count == wanted.count, let tensor = graph.constant(operand)?.reshaped(sizes) else { return nil }
      operands[index] = patch.constant(tensor, name: graph[operand].name)
    }
    patch.replace(node.outputs[0], with: patch.add(normal.op, operands))
    return patch
  }
}

/// x / Sqrt(ReduceMean(x²) + ε), in the ways models write it.
private struct RootMeanSquare {
  let x: ValueID
  let axes: [Int]
  let epsilon: Double
  var nodes: [NodeID]
  /// How often the pattern reads x.
  let reads: Int

  init?(_ node: Node, _ graph: Graph) {
    guard let (x, sum, outer) = RootMeanSquare.divided(node, graph), let rank = graph.rank(x),
      let (mean, epsilon, add) = graph.soleSum(sum), epsilon > 0,
      let (square, reduce, reduceID) = graph.soleArgument(mean, of: ReduceMean.self),
      let axes = graph.keptAxes(reduce, reduceID, rank: rank), let squareNode = graph.soleProducer(square),
      let reads = RootMeanSquare.reads(squareNode, of: x, graph)
    else { return nil }
    self.x = x
    self.axes = axes
    self.epsilon = epsilon
    self.reads = reads + 1
    nodes = outer + [add, reduceID, squareNode.id]
  }

  /// x and t, where the node computes x / √t.
  private static func divided(_ node: Node, _ graph: Graph) -> (ValueID, ValueID, [NodeID])? {
    guard let a = node.input(0), let b = node.input(1) else { return nil }
    if node.op is Div, let (t, nodes) = root(b, exponent: 0.5, graph) { return (a, t, nodes) }
    guard node.op is Mul else { return nil }
    for (x, factor) in [(a, b), (b, a)] {
      if let (t, nodes) = root(factor, exponent: -0.5, graph) { return (x, t, nodes) }
      if let (inner, _, id) = graph.soleArgument(factor, of: Reciprocal.self),
        let (t, nodes) = root(inner, exponent: 0.5, graph)
      {
        return (x, t, nodes + [id])
      }
      if let (op, division) = graph.soleProducer(factor, Div.self), op.activation.isNone,
        graph.scalar(division.input(0)) == 1, let (t, nodes) = root(division.input(1), exponent: 0.5, graph)
      {
        return (x, t, nodes + [division.id])
      }
    }
    return nil
  }

  /// t, where a value is t to the power of ±½.
  private static func root(_ value: ValueID?, exponent: Double, _ graph: Graph) -> (ValueID, [NodeID])? {
    if exponent > 0, let (t, _, id) = graph.soleArgument(value, of: Sqrt.self) { return (t, [id]) }
    guard let (t, _, id) = graph.soleArgument(value, of: Pow.self), graph.scalar(graph[id]?.input(1)) == exponent else {
      return nil
    }
    return (t, [id])
  }

  /// How often a node that squares x reads it.
  private static func reads(_ node: Node, of x: ValueID, _ graph: Graph) -> Int? {
    if let op = node.op as? Mul, op.activation.isNone, node.inputs == [x, x] { return 2 }
    if node.op is Pow, node.input(0) == x, graph.scalar(node.input(1)) == 2 { return 1 }
    return nil
  }

  /// y, where x is y − ReduceMean(y) over the same axes and only this pattern reads x.
  func centered(_ graph: Graph) -> (value: ValueID, nodes: [NodeID])? {
    guard let (op, node) = graph.producer(x, Sub.self), op.activation.isNone, graph.useCount(x) == reads,
      !graph.isOutput(x),
      let y = node.input(0), let rank = graph.rank(y),
      let (source, mean, id) = graph.soleArgument(node.input(1), of: ReduceMean.self), source == y,
      graph.keptAxes(mean, id, rank: rank) == axes
    else { return nil }
    return (y, [node.id, id])
  }
}
