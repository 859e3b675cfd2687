import IR

/// Puts the branch that is taken in the place of an If whose condition is constant.
///
///     before: If(constant true, %x) {then_branch=graph(%a) { Relu(%a) }, else_branch=…}
///     after:  Relu(%x)
public struct InlineConditionals: RewriteRule {
  public static let name = "inline-conditionals"
  public init() {}

  public func rewrite(_ op: If, at node: Node, in graph: Graph) -> Outcome {
    guard let condition = graph.constant(node.input(0)) else { return .noMatch }
    guard condition.type == .bool, condition.count == 1 else {
      return .rejected("the condition is not one truth value")
    }
    let branch = condition.bytes[0] != 0 ? op.thenBranch : op.elseBranch
    guard branch.inputs.count == node.inputs.count - 1, branch.outputs.count == node.outputs.count else {
      return .noMatch
    }
    var patch = Patch(at: node.id, note: "inlined the branch taken")
    var operands: [ValueID: Patch.Operand] = [:]
    for (inner, outer) in zip(branch.inputs, node.inputs.dropFirst()) {
      guard let outer else { return .noMatch }
      operands[inner] = .existing(outer)
    }
    func operand(_ id: ValueID) -> Patch.Operand? {
      if let known = operands[id] { return known }
      guard let tensor = branch.constant(id) else { return nil }
      let made = patch.constant(tensor, name: branch[id].name)
      operands[id] = made
      return made
    }
    for inner in branch.orderedNodes {
      let inputs = inner.inputs.map { $0.flatMap { operand($0) } }
      let names = inner.names.isEmpty ? nil : inner.names
      let results = patch.add(inner.op, inputs, outputs: inner.outputs.count, names: names)
      for (value, result) in zip(inner.outputs, results) { operands[value] = result }
    }
    for (outer, inner) in zip(node.outputs, branch.outputs) {
      guard let result = operand(inner) else { return .noMatch }
      // An output of the graph needs a node of its own: the branch may return what it was given.
      let isPassedOn = branch.producer(inner) == nil && graph.isOutput(outer)
      patch.replace(outer, with: isPassedOn ? patch.add(Identity(), [result]) : result)
    }
    return .patch(patch)
  }
}
