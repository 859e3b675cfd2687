extension ProgramVerifier {
  /// Checks one step; the values it reads are defined, what it writes is known to be written once.
  mutating func check(step index: Int) throws(BundleError) {
    let step = program.steps[index]
    for input in step.inputs where input != -1 { try use(input, by: index, step) }
    try checkAttributes(step, index)
    try checkDimensions(step, index)
    try checkInPlace(step, index)
    for body in step.bodies { _ = try body.checked(program.bodies.count, "step \(index)", "body") }
    switch step.kind {
    case .kernel, .host:
      guard step.bodies.isEmpty else { throw .program("step \(index) calls no body but names \(step.bodies.count)") }
    case .conditional: try checkConditional(step, index)
    case .loop(let carried): try checkLoop(step, index, Int(carried))
    case .scan(let states, let scanned): try checkScan(step, index, Int(states), Int(scanned))
    }
  }

  private mutating func use(_ input: Int32, by index: Int, _ step: Step) throws(BundleError) {
    let slot = try input.checked(program.slots.count, "step \(index)", "slot")
    guard analysis.defined[slot] < index else {
      throw .program("step \(index) ('\(printable(step.name))') reads slot \(slot) before it has a value")
    }
    if case .kernel = step.kind, program.slots[slot].storage == .host {
      throw .program("step \(index) ('\(printable(step.name))') reads slot \(slot), which only host calls can read")
    }
    let root = Int(analysis.root[slot])
    analysis.lastUse[root] = max(analysis.lastUse[root], Int32(index))
  }

  private func checkAttributes(_ step: Step, _ index: Int) throws(BundleError) {
    for attribute in step.attributes {
      guard case .dimension(let expression) = attribute else { continue }
      let number = try expression.checked(program.expressions.count, "step \(index)", "expression")
      guard analysis.ready[number] < index else {
        throw .program("step \(index) ('\(printable(step.name))') uses expression \(number) before it can be evaluated")
      }
    }
  }

  /// Kernels are told the dimensions of their outputs; other steps tell them.
  private func checkDimensions(_ step: Step, _ index: Int) throws(BundleError) {
    var limit = Int32(index)
    if case .kernel = step.kind {} else { limit += 1 }
    for output in step.outputs where output != -1 {
      let slot = program.slots[Int(output)]
      if case .kernel = step.kind, slot.storage == .host {
        throw .program(
          "step \(index) ('\(printable(step.name))') writes slot \(output), which only host calls can write")
      }
      if slot.storage == .host { continue }
      for dim in slot.dims where analysis.ready[Int(dim)] >= limit {
        throw .program("slot \(output) has dimensions that are not known when step \(index) writes it")
      }
    }
  }

  private func checkInPlace(_ step: Step, _ index: Int) throws(BundleError) {
    guard step.inPlace != -1 else { return }
    guard case .kernel = step.kind, let output = step.outputs.first, output != -1 else {
      throw .program("step \(index) has nothing to write in place")
    }
    let input = try step.inPlace.checked(step.inputs.count, "step \(index)", "input")
    guard step.inputs[input] != -1 else { throw .program("step \(index) writes in place of an absent input") }
  }

  // MARK: Bodies

  private func body(_ step: Step, _ index: Int, _ number: Int, of count: Int) throws(BundleError) -> Program {
    guard step.bodies.count == count else {
      throw .program("step \(index) ('\(printable(step.name))') names \(step.bodies.count) bodies, not \(count)")
    }
    return program.bodies[Int(step.bodies[number])]
  }

  private func count(
    _ actual: Int, _ expected: Int, _ what: String, _ step: Step, _ index: Int
  ) throws(BundleError) {
    guard actual == expected else {
      throw .program("step \(index) ('\(printable(step.name))') has \(actual) \(what), not \(expected)")
    }
  }

  /// A value handed over between a step and a body: same type, same rank up to `rankDifference`, both or none host
  /// values.
  private func fits(
    _ outer: Int32, _ inner: Slot, _ what: String, _ index: Int, rankDifference: Int = 0
  ) throws(BundleError) {
    guard outer >= 0 else { throw .program("step \(index): \(what) is absent") }
    let slot = program.slots[Int(outer)]
    guard slot.type != ElementType.packed || slot.storage == .host else {
      throw .program("step \(index): \(what) is packed weights")
    }
    if slot.storage == .host || inner.storage == .host {
      guard slot.storage == inner.storage, rankDifference == 0 else {
        throw .program("step \(index): \(what) is a host value on one side only")
      }
      return
    }
    guard slot.type == inner.type, slot.dims.count == inner.dims.count + rankDifference else {
      throw .program(
        "step \(index): \(what) is \(ElementType.name(slot.type)) of rank \(slot.dims.count) but the body has "
          + "\(ElementType.name(inner.type)) of rank \(inner.dims.count)")
    }
  }

  private func single(_ slot: Slot, _ type: UInt8, _ what: String, _ index: Int) throws(BundleError) {
    guard slot.storage != .host, slot.type == type, slot.dims.count <= 1 else {
      throw .program("step \(index): \(what) must be one \(ElementType.name(type))")
    }
  }

  private func input(_ body: Program, _ number: Int) -> Slot { body.slots[Int(body.inputs[number].slot)] }
  private func output(_ body: Program, _ number: Int) -> Slot { body.slots[Int(body.outputs[number].slot)] }

  private func checkConditional(_ step: Step, _ index: Int) throws(BundleError) {
    guard let condition = step.inputs.first, condition != -1 else {
      throw .program("step \(index) ('\(printable(step.name))') has no condition")
    }
    try single(program.slots[Int(condition)], ElementType.bool, "condition", index)
    for number in 0..<2 {
      let body = try body(step, index, number, of: 2)
      try count(step.inputs.count - 1, body.inputs.count, "captures", step, index)
      try count(step.outputs.count, body.outputs.count, "outputs", step, index)
      for k in body.inputs.indices { try fits(step.inputs[k + 1], input(body, k), "capture \(k)", index) }
      for k in body.outputs.indices where step.outputs[k] != -1 {
        try fits(step.outputs[k], output(body, k), "output \(k)", index)
      }
    }
  }

  private func checkLoop(_ step: Step, _ index: Int, _ carried: Int) throws(BundleError) {
    let body = try body(step, index, 0, of: 1)
    guard carried >= 0, step.inputs.count >= 2 + carried, body.outputs.count >= 1 + carried else {
      throw .program("step \(index) ('\(printable(step.name))') carries \(carried) values, more than it has")
    }
    try count(step.inputs.count, body.inputs.count, "inputs", step, index)
    try count(step.outputs.count, body.outputs.count - 1, "outputs", step, index)
    if step.inputs[0] != -1 {
      try single(program.slots[Int(step.inputs[0])], ElementType.int64, "trip count", index)
    }
    if step.inputs[1] != -1 {
      try single(program.slots[Int(step.inputs[1])], ElementType.bool, "condition", index)
    }
    try single(input(body, 0), ElementType.int64, "iteration number", index)
    try single(input(body, 1), ElementType.bool, "condition of the body", index)
    try single(output(body, 0), ElementType.bool, "condition from the body", index)
    for k in 2..<body.inputs.count { try fits(step.inputs[k], input(body, k), "input \(k)", index) }
    try checkCarried(step, index, body, first: 2, carried: carried, bodyFirst: 1)
  }

  private func checkScan(_ step: Step, _ index: Int, _ states: Int, _ scanned: Int) throws(BundleError) {
    let body = try body(step, index, 0, of: 1)
    guard states >= 0, scanned >= 1, states <= step.inputs.count, scanned <= step.inputs.count - states,
      body.outputs.count >= states
    else {
      throw .program(
        "step \(index) ('\(printable(step.name))') has \(states) states and \(scanned) scanned inputs, too many")
    }
    try count(step.inputs.count, body.inputs.count, "inputs", step, index)
    try count(step.outputs.count, body.outputs.count, "outputs", step, index)
    for k in body.inputs.indices {
      let difference = k >= states && k < states + scanned ? 1 : 0
      try fits(step.inputs[k], input(body, k), "input \(k)", index, rankDifference: difference)
    }
    try checkCarried(step, index, body, first: 0, carried: states, bodyFirst: 0)
    try count(step.attributes.count, 2 * (scanned + step.outputs.count - states), "attributes", step, index)
    for k in step.attributes.indices { try checkScanAttribute(step, index, k, states: states, scanned: scanned) }
  }

  private func checkScanAttribute(
    _ step: Step, _ index: Int, _ k: Int, states: Int, scanned: Int
  ) throws(BundleError) {
    guard case .int(let value) = step.attributes[k] else {
      throw .program("step \(index): attribute \(k) is not an integer")
    }
    let number = k / 2
    var limit = 2
    if k % 2 == 0 {
      let slot = number < scanned ? step.inputs[states + number] : step.outputs[states + number - scanned]
      limit = slot == -1 ? ProgramLimits.rank : program.slots[Int(slot)].dims.count
    }
    guard value >= 0, value < limit else {
      throw .program("step \(index): scan attribute \(k) is \(value), must be in 0..<\(limit)")
    }
  }

  /// Carried values come back as they went in; scanned outputs gain an axis.
  private func checkCarried(
    _ step: Step, _ index: Int, _ body: Program, first: Int, carried: Int, bodyFirst: Int
  ) throws(BundleError) {
    for k in 0..<carried {
      try fits(step.inputs[first + k], output(body, bodyFirst + k), "carried value \(k)", index)
      if step.outputs[k] != -1 { try fits(step.outputs[k], output(body, bodyFirst + k), "output \(k)", index) }
    }
    for k in carried..<step.outputs.count {
      let inner = output(body, bodyFirst + k)
      guard inner.storage != .host, inner.dims.count < ProgramLimits.rank else {
        throw .program("step \(index): output \(k) cannot be scanned")
      }
      if step.outputs[k] != -1 { try fits(step.outputs[k], inner, "output \(k)", index, rankDifference: 1) }
    }
  }
}
