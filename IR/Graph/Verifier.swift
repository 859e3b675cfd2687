/// Checks of the graph's own invariants: our bugs, not the user's. Run around every edit in tests and on request.
extension Graph {
  /// Throws the first violation: a definition or use that does not match, a node before what it reads, an operator that
  /// infers other types than its outputs have.
  public func verify() throws(Diagnostic) {
    var defined = Set<ValueID>()
    for (index, id) in inputs.enumerated() {
      guard values[id.index].definition == .input(Int32(truncatingIfNeeded: index)) else {
        throw .invalid("input \(index) is not defined as one")
      }
      defined.insert(id)
    }
    var readers: [ValueID: [NodeID]] = [:]
    var count = 0
    for node in orderedNodes {
      count += 1
      try verify(node, &defined, &readers)
    }
    guard count == nodeCount else { throw .invalid("the order holds \(count) of \(nodeCount) nodes") }
    for id in valueIDs {
      let listed = users(id)
      guard listed.count == readerCount(id), listed.sorted() == (readers[id] ?? []).sorted() else {
        throw .invalid("the readers of value '\(self[id].name)' are recorded wrongly")
      }
    }
    guard outputs.count == outputNames.count else { throw .invalid("outputs and their names differ in number") }
    for (id, name) in zip(outputs, outputNames) where constant(id) == nil && !defined.contains(id) {
      throw .invalid("output '\(name)' is not defined")
    }
  }

  private func verify(
    _ node: Node, _ defined: inout Set<ValueID>, _ readers: inout [ValueID: [NodeID]]
  ) throws(Diagnostic) {
    for (index, input) in node.inputs.enumerated() {
      guard let input else { continue }
      guard constant(input) != nil || defined.contains(input) else {
        throw .invalid("\(node.label) reads input \(index), '\(self[input].name)', which no earlier node defines")
      }
      readers[input, default: []].append(node.id)
    }
    let inferred = try infer(node.op, node.inputs, outputCount: node.outputs.count, label: node.label)
    for (index, output) in node.outputs.enumerated() {
      guard values[output.index].definition == .node(node.id, output: Int32(truncatingIfNeeded: index)) else {
        throw .invalid("\(node.label): output \(index) is defined elsewhere")
      }
      guard inferred.types[index].isCompatible(with: type(output)) else {
        throw .invalid("\(node.label): output \(index) is \(type(output)) but inferred as \(inferred.types[index])")
      }
      defined.insert(output)
    }
    for body in node.op.subgraphs { try body.verify() }
  }
}
