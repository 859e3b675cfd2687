import Bundle
import IR

/// Steps that the host evaluates by reference: rare operators, strings, sequences, optionals, maps.
extension GraphLowering {
  /// Constants of up to this many bytes travel in the text of the call; larger ones as inputs.
  private static let inlineBytes = 1024

  func lowerToHost(_ node: Node, reason: String) throws(Diagnostic) {
    var call = Graph(name: Name("host"))
    var arguments: [ValueID?] = []
    var slots: [Int32] = []
    for input in node.inputs {
      guard let input else {
        arguments.append(nil)
        continue
      }
      if let tensor = graph.constant(input), travelsInText(tensor) {
        arguments.append(call.addConstant(tensor))
        continue
      }
      arguments.append(call.addInput(Name("i\(slots.count)"), graph.type(input)))
      slots.append(try isTensor(input) ? slot(input, type: element(input)) : hostSlot(input))
    }
    let outputs = try call.add(node.op, arguments, outputs: node.outputs.count, names: node.names)
    call.setOutputs(outputs, names: node.outputs.map { Name(isTensor($0) ? "tensor" : "host") })
    var results: [Int32] = []
    for output in node.outputs { results.append(hostResult(output)) }
    builder.add(
      Step(kind: .host(Array(call.standaloneText.utf8)), inputs: slots, outputs: results, name: node.stepName))
    record.hostCalls.append((node.label, reason))
  }

  private func travelsInText(_ tensor: Tensor) -> Bool {
    tensor.byteCount <= GraphLowering.inlineBytes || !GraphLowering.kernelTypes.contains(tensor.type) || tensor.rank > 8
  }

  /// The slot of a host call's result: a buffer sized by the result, or a host value.
  private func hostResult(_ output: ValueID) -> Int32 {
    guard isTensor(output) else {
      let slot = builder.addSlot(0, [], .host)
      setHostSlot(output, slot)
      return slot
    }
    let slot = dynamicResult(output)
    placements[output.index].append(Placement(slot: slot, layout: .identity(rank(output)), type: element(output)))
    return slot
  }

  /// A slot whose dimensions are those of whatever is put there; the value's own symbols get their meaning from it.
  func dynamicResult(_ value: ValueID) -> Int32 {
    let slot = builder.addSlot(element(value).rawValue, [], .dynamic)
    var dims: [Int32] = []
    for (axis, dim) in shape(value).enumerated() {
      let leaf = builder.expression(.resultDimension, Int64(slot), Int64(axis))
      builder.bind(dim, to: leaf)
      dims.append(leaf)
    }
    builder.program.slots[Int(slot)].dims = dims
    return slot
  }

  /// A constant that only the host understands, made by a host call without inputs.
  func emitHostConstant(_ value: ValueID, _ tensor: Tensor) throws(Diagnostic) -> Int32 {
    var call = Graph(name: Name("host"))
    call.setOutputs([call.addConstant(tensor)], names: [Name("host")])
    let slot = builder.addSlot(0, [], .host)
    builder.add(Step(kind: .host(Array(call.standaloneText.utf8)), inputs: [], outputs: [slot]))
    setHostSlot(value, slot)
    return slot
  }
}
