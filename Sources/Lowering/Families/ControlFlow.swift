import Bundle
import IR

/// If, Loop and Scan: their bodies become programs inside the program.
extension LoweringCatalog {
  static let controlFlow: [String: LoweringRule] = ["If": conditional, "Loop": loop, "Scan": scan]

  private static let conditional: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? If else { return false }
    return try emit(l, node, .conditional, [op.thenBranch, op.elseBranch], [])
  }

  private static let loop: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Loop else { return false }
    return try emit(l, node, .loop(carried: Int32(node.inputs.count - 2 - op.captures)), [op.body], [])
  }

  private static let scan: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Scan else { return false }
    let scanned = op.scannedCount
    let states = node.inputs.count - scanned - op.captures
    let scannedOutputs = node.outputs.count - states
    guard states >= 0, scannedOutputs >= 0 else { return false }
    var attributes: [Step.Attribute] = []
    for index in 0..<scanned {
      guard let input = node.inputs[states + index] else { return false }
      let axis = try normalizedAxis(op.inputAxes?[index] ?? 0, rank: l.rank(input))
      attributes += [.int(axis), .int(op.inputDirections?[index] ?? 0)]
    }
    for index in 0..<scannedOutputs {
      let axis = try normalizedAxis(op.outputAxes?[index] ?? 0, rank: l.rank(node.outputs[states + index]))
      attributes += [.int(axis), .int(op.outputDirections?[index] ?? 0)]
    }
    return try emit(l, node, .scan(states: Int32(states), scanned: Int32(scanned)), [op.body], attributes)
  }

  private static func emit(
    _ l: GraphLowering, _ node: Node, _ kind: Step.Kind, _ bodies: [Graph], _ attributes: [Step.Attribute]
  ) throws(Diagnostic) -> Bool {
    guard l.depth < 12, bodies.allSatisfy(isLowerable) else { return false }
    for output in node.outputs where !l.isTensor(output) { return false }
    var inputs: [Int32] = []
    for input in node.inputs {
      if let input { inputs.append(try l.slot(input, type: l.element(input))) } else { inputs.append(-1) }
    }
    var step = Step(kind: kind, inputs: inputs, outputs: [], attributes: attributes)
    for body in bodies {
      let inner = GraphLowering(
        body, weights: l.builder.weights, record: l.record, costs: l.costs, depth: l.depth + 1)
      l.builder.program.bodies.append(try inner.lower())
      step.bodies.append(Int32(l.builder.program.bodies.count - 1))
    }
    for output in node.outputs {
      let slot = l.dynamicResult(output)
      l.placements[output.index].append(
        GraphLowering.Placement(slot: slot, layout: .identity(l.rank(output)), type: l.element(output)))
      step.outputs.append(slot)
    }
    for (index, name) in node.names.enumerated() { step.name += (index > 0 ? [10] : []) + name.bytes }
    l.builder.add(step)
    return true
  }

  /// Whether every value that crosses the body's border is a tensor that kernels know.
  private static func isLowerable(_ body: Graph) -> Bool {
    (body.inputs + body.outputs).allSatisfy { value in
      guard let type = body.type(value).tensor, let shape = type.shape else { return false }
      return shape.count <= 8 && GraphLowering.kernelTypes.contains(type.element)
    }
  }
}
