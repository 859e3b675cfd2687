import IR

/// Recognizes Softmax written out.
///
///     before: Div(Exp(%x − ReduceMax(%x)), ReduceSum(Exp(%x − ReduceMax(%x))))      also without the maximum
///     after:  Softmax(%x) {axis=…}
public struct RecoverSoftmax: RewriteRule {
  public static let name = "recover-softmax"
  public init() {}

  public func rewrite(_ op: Div, at node: Node, in graph: Graph) -> Outcome {
    guard op.activation.isNone, let powers = node.input(0), let rank = graph.rank(powers),
      let (summed, sum, sumNode) = graph.soleArgument(node.input(1), of: ReduceSum.self), summed == powers,
      let axis = graph.soleAxis(sum, sumNode, rank: rank), let (_, exp) = graph.producer(powers, Exp.self),
      graph.useCount(powers) == 2, !graph.isOutput(powers), let argument = exp.input(0)
    else { return .noMatch }
    var softmax = Softmax()
    softmax.axis = axis
    if let (x, nodes) = shifted(argument, axis, rank, graph) {
      return .patch(
        .replacing(node, with: softmax, [x], absorbing: [exp.id, sumNode] + nodes, "recognized Softmax"))
    }
    return .patch(.replacing(node, with: softmax, [argument], absorbing: [exp.id, sumNode], "recognized Softmax"))
  }

  /// x, where a value is x − max(x) along the axis.
  private func shifted(_ value: ValueID, _ axis: Int, _ rank: Int, _ graph: Graph) -> (ValueID, [NodeID])? {
    guard let (op, node) = graph.soleProducer(value, Sub.self), op.activation.isNone, let x = node.input(0),
      let (source, maximum, id) = graph.soleArgument(node.input(1), of: ReduceMax.self), source == x,
      graph.soleAxis(maximum, id, rank: rank) == axis
    else { return nil }
    return (x, [node.id, id])
  }
}

extension Graph {
  /// Axes of a reduction that keeps them, counted from the front and sorted.
  func keptAxes(_ op: some ReduceOperator, _ id: NodeID, rank: Int) -> [Int]? {
    guard op.keepdims, let node = self[id] else { return nil }
    let context = inferenceContext(node.inputs, outputCount: 1)
    return (try? op.axes(context, rank: rank)) ?? nil
  }

  func soleAxis(_ op: some ReduceOperator, _ id: NodeID, rank: Int) -> Int? {
    guard let axes = keptAxes(op, id, rank: rank), axes.count == 1 else { return nil }
    return axes[0]
  }
}
