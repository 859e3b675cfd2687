import Bundle
import Kernels

/// A tensor seen as [outer, length, inner] around one axis; inner in bytes.
private struct AxisView {
  var outer = 1
  var length = 1
  var innerBytes: Int

  init(_ tensor: UnsafeMutablePointer<kerf_tensor>, axis: Int) {
    innerBytes = ElementType.width(UInt8(truncatingIfNeeded: tensor.pointee.type))
    for index in 0..<Int(tensor.pointee.rank) {
      let dim = Int(tensor.dims[index])
      if index < axis { outer *= dim } else if index == axis { length = dim } else { innerBytes *= dim }
    }
  }
}

extension Executor {
  /// One element of each scanned input at a time, in the direction of its axis.
  func runScan(_ index: Int, _ plan: Plan) throws(RuntimeError) {
    let step = unit.program.steps[index]
    guard case .scan(let stateCount, let scannedCount) = step.kind else { return }
    let states = Int(stateCount)
    let scanned = Int(scannedCount)
    let body = bodies[Int(step.bodies[0])]
    let memory = loopState(index, carried: states, scanned: step.outputs.count - states, elements: scanned)
    let trips = try scanLength(index, states: states, scanned: scanned, plan)
    for port in step.inputs.indices where port < states || port >= states + scanned {
      pass(step.inputs[port], to: port, of: body, plan)
    }
    for trip in 0..<trips {
      try state.check()
      for number in 0..<scanned { try slice(number, trip, index, memory, body, port: states + number, plan) }
      try body.run()
      for number in 0..<step.outputs.count - states where step.outputs[states + number] >= 0 {
        try place(number, trip, of: trips, index, memory, body, states: states, scanned: scanned, plan)
      }
      try carry(memory, body, set: trip & 1, count: states, firstPort: 0, firstOutput: 0)
    }
    try finishCarried(index, body, count: states, firstPort: 0, plan)
    for number in 0..<step.outputs.count - states where step.outputs[states + number] >= 0 {
      let axis = attribute(index, 2 * (scanned + number))
      var result = trips == 0 ? emptyElement(states + number, index, axis: axis, plan) : memory.elementShapes[number]
      result.data = memory.scanned[number].base
      try storeScanned(&result, axis: axis, trips: trips, output: states + number, index, plan)
    }
  }

  private func attribute(_ index: Int, _ number: Int) -> Int {
    if case .int(let value) = unit.program.steps[index].attributes[number] { return Int(value) }
    return 0
  }

  private func scanLength(_ index: Int, states: Int, scanned: Int, _ plan: Plan) throws(RuntimeError) -> Int {
    var length: Int64 = -1
    for number in 0..<scanned {
      let tensor = plan.tensors + Int(unit.program.steps[index].inputs[states + number])
      let own = tensor.dims[attribute(index, 2 * number)]
      guard length == -1 || own == length else {
        throw .step("\(plan.stepName(index)): scanned inputs have \(length) and \(own) elements")
      }
      length = own
    }
    return Int(length)
  }

  /// Makes element `trip` of a scanned input the input of the body: in place where it lies together, else copied.
  private func slice(
    _ number: Int, _ trip: Int, _ index: Int, _ memory: LoopState, _ body: Executor, port: Int, _ plan: Plan
  ) throws(RuntimeError) {
    let tensor = plan.tensors + Int(unit.program.steps[index].inputs[port])
    let axis = attribute(index, 2 * number)
    let view = AxisView(tensor, axis: axis)
    let position = attribute(index, 2 * number + 1) == 0 ? trip : view.length - 1 - trip
    body.inputs[port] = tensor.pointee
    let element = body.inputs + port
    element.pointee.rank -= 1
    for dim in axis..<max(axis, Int(element.pointee.rank)) { element.dims[dim] = tensor.dims[dim + 1] }
    guard let data = tensor.pointee.data else { return }
    if view.outer == 1 {
      element.pointee.data = data + position * view.innerBytes
      return
    }
    let bytes = view.outer * view.innerBytes
    try memory.elements[number].reserve(UInt64(max(bytes, 64)), memory.memory)
    guard let target = memory.elements[number].base else { return }
    for row in 0..<view.outer where view.innerBytes > 0 {
      let from = data + (row * view.length + position) * view.innerBytes
      (target + row * view.innerBytes).copyMemory(from: from, byteCount: view.innerBytes)
    }
    element.pointee.data = target
  }

  /// Writes the body's element into its place of a scanned output.
  private func place(
    _ number: Int, _ trip: Int, of trips: Int, _ index: Int, _ memory: LoopState, _ body: Executor, states: Int,
    scanned: Int, _ plan: Plan
  ) throws(RuntimeError) {
    guard let element = body.output(states + number), let bytes = element.checkedBytes else { return }
    let shape = memory.elementShapes + number
    if trip == 0 {
      let (total, overflow) = bytes.multipliedReportingOverflow(by: UInt64(trips))
      guard !overflow, total <= 1 << 47 else { throw .memory("\(plan.stepName(index)): output \(number) is too large") }
      shape.pointee = element.pointee
      try memory.scanned[number].reserve(max(total, 64), memory.memory)
    } else if !shape.hasSameDims(as: element) {
      throw .step(
        "\(plan.stepName(index)): scanned output \(number) is \(element.shape) in trip \(trip), \(shape.shape) before")
    }
    guard bytes > 0, let from = element.pointee.data, let to = memory.scanned[number].base else { return }
    let axis = attribute(index, 2 * (scanned + number))
    let position = attribute(index, 2 * (scanned + number) + 1) == 0 ? trip : trips - 1 - trip
    // The element's axes before `axis` are rows; between two rows of the result lie `trips` pieces.
    var rows = 1
    for dim in 0..<axis { rows *= Int(element.dims[dim]) }
    let piece = Int(bytes) / rows
    for row in 0..<rows {
      (to + (row * trips + position) * piece).copyMemory(from: from + row * piece, byteCount: piece)
    }
  }

  private func storeScanned(
    _ element: inout kerf_tensor, axis: Int, trips: Int, output: Int, _ index: Int, _ plan: Plan
  ) throws(RuntimeError) {
    element.rank += 1
    let failure: RuntimeError? = withUnsafeMutablePointer(to: &element) { pointer in
      var dim = Int(pointer.pointee.rank) - 1
      while dim > axis {
        pointer.dims[dim] = pointer.dims[dim - 1]
        dim -= 1
      }
      pointer.dims[axis] = Int64(trips)
      do throws(RuntimeError) {
        try store(pointer, output: output, of: index, plan)
        return nil
      } catch { return error }
    }
    if let failure { throw failure }
  }
}
