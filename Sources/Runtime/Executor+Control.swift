import Bundle
import Kernels

/// Memory of one Loop or Scan step.
final class LoopState {
  var iteration: UnsafeMutablePointer<Int64> = .allocate(capacity: 1)
  var condition: UnsafeMutablePointer<UInt8> = .allocate(capacity: 8)
  /// Carried values live in one set while the body writes, and are copied to the other.
  var sets: [[Buffer]]
  /// Scanned outputs, or results of a Scan.
  var scanned: [Buffer]
  /// Elements of scanned inputs that do not lie together.
  var elements: [Buffer]
  /// Shapes of one element of each scanned output.
  var elementShapes: UnsafeMutablePointer<kerf_tensor>
  /// Host values on their way from outputs to inputs.
  var hostCarried: [HostValue?] = []
  let memory: MemoryBudget

  init(carried: Int, scanned count: Int, elements elementCount: Int, _ memory: MemoryBudget) {
    let one = [Buffer](repeating: Buffer(), count: carried)
    sets = [one, one]
    scanned = [Buffer](repeating: Buffer(), count: count)
    elements = [Buffer](repeating: Buffer(), count: elementCount)
    elementShapes = .allocate(capacity: max(1, count))
    elementShapes.initialize(repeating: kerf_tensor(), count: count)
    self.memory = memory
  }

  deinit {
    iteration.deallocate()
    condition.deallocate()
    elementShapes.deallocate()
    for set in sets.indices { for index in sets[set].indices { sets[set][index].release(memory) } }
    for index in scanned.indices { scanned[index].release(memory) }
    for index in elements.indices { elements[index].release(memory) }
  }
}

extension Executor {
  /// Hands the value of a slot to a port of a body.
  func pass(_ slot: Int32, to port: Int, of body: Executor, _ plan: Plan) {
    if isHost(slot) {
      body.hostInputs[port] = hostValues[Int(slot)]
    } else {
      body.inputs[port] = plan.tensors[Int(slot)]
    }
  }

  /// The only element of a tensor.
  private func single<Number: BitwiseCopyable>(
    _ tensor: UnsafeMutablePointer<kerf_tensor>, as type: Number.Type, _ what: String, _ index: Int, _ plan: Plan
  ) throws(RuntimeError) -> Number {
    guard tensor.checkedBytes == UInt64(MemoryLayout<Number>.size), let data = tensor.pointee.data else {
      throw .step("\(plan.stepName(index)): \(what) has shape \(tensor.shape), expected one element")
    }
    return data.loadUnaligned(as: type)
  }

  // MARK: If

  func runConditional(_ index: Int, _ plan: Plan) throws(RuntimeError) {
    let step = unit.program.steps[index]
    let condition = try single(plan.tensors + Int(step.inputs[0]), as: UInt8.self, "condition", index, plan)
    let body = bodies[Int(step.bodies[condition != 0 ? 0 : 1])]
    for number in 1..<step.inputs.count { pass(step.inputs[number], to: number - 1, of: body, plan) }
    try body.run()
    for number in step.outputs.indices { try take(number, from: body, output: number, of: index, plan) }
  }

  /// Takes over an output of a body as an output of its step.
  private func take(
    _ number: Int, from body: Executor, output: Int, of index: Int, _ plan: Plan
  ) throws(RuntimeError) {
    let slot = unit.program.steps[index].outputs[number]
    guard slot >= 0 else { return }
    if isHost(slot) {
      hostValues[Int(slot)] = body.hostOutput(output)
    } else if let tensor = body.output(output) {
      try store(tensor, output: number, of: index, plan)
    }
  }

  // MARK: Loop

  /// Runs while the trip count (if given) is not reached and the condition (given, then the body's) holds.
  func runLoop(_ index: Int, _ plan: Plan) throws(RuntimeError) {
    let step = unit.program.steps[index]
    guard case .loop(let carriedCount) = step.kind else { return }
    let carried = Int(carriedCount)
    let body = bodies[Int(step.bodies[0])]
    let state = loopState(index, carried: carried, scanned: step.outputs.count - carried, elements: 0)
    var trips = Int64.max
    if step.inputs[0] >= 0 {
      trips = try single(plan.tensors + Int(step.inputs[0]), as: Int64.self, "trip count", index, plan)
    }
    var condition: UInt8 = 1
    if step.inputs[1] >= 0 {
      condition = try single(plan.tensors + Int(step.inputs[1]), as: UInt8.self, "condition", index, plan)
    }
    bindScalars(state, body)
    for port in 2..<step.inputs.count { pass(step.inputs[port], to: port, of: body, plan) }
    var trip: Int64 = 0
    while trip < trips, condition != 0 {
      try self.state.check()
      state.iteration.pointee = trip
      state.condition.pointee = condition
      try body.run()
      if let result = body.output(0) { condition = try single(result, as: UInt8.self, "condition", index, plan) }
      try carry(state, body, set: Int(trip & 1), count: carried, firstPort: 2, firstOutput: 1)
      for number in 0..<step.outputs.count - carried where step.outputs[carried + number] >= 0 {
        try append(state, number, body.output(1 + carried + number), trip: trip, index, plan)
      }
      trip += 1
    }
    try finishCarried(index, body, count: carried, firstPort: 2, plan)
    for number in 0..<step.outputs.count - carried where step.outputs[carried + number] >= 0 {
      try finishScanned(state, number, output: carried + number, trips: trip, index, plan)
    }
  }

  func loopState(_ index: Int, carried: Int, scanned: Int, elements: Int) -> LoopState {
    if let state = loops[index] { return state }
    let made = LoopState(carried: carried, scanned: scanned, elements: elements, state.memory)
    loops[index] = made
    return made
  }

  private func bindScalars(_ state: LoopState, _ body: Executor) {
    for port in 0..<2 {
      let slot = body.unit.program.slots[Int(body.unit.program.inputs[port].slot)]
      var tensor = kerf_tensor()
      tensor.type = Int32(slot.type)
      tensor.rank = Int32(slot.dims.count)
      tensor.data = port == 0 ? UnsafeMutableRawPointer(state.iteration) : UnsafeMutableRawPointer(state.condition)
      body.inputs[port] = tensor
      if slot.dims.count == 1 { (body.inputs + port).dims[0] = 1 }
    }
  }

  /// Copies what the body made into the set that it did not read, and makes that its next input.
  func carry(
    _ state: LoopState, _ body: Executor, set: Int, count: Int, firstPort: Int, firstOutput: Int
  ) throws(RuntimeError) {
    state.hostCarried.removeAll(keepingCapacity: true)
    for number in 0..<count {
      let slot = body.unit.program.outputs[firstOutput + number].slot
      if body.isHost(slot) {
        state.hostCarried.append(body.hostOutput(firstOutput + number))
        continue
      }
      state.hostCarried.append(nil)
      guard let tensor = body.output(firstOutput + number), let bytes = tensor.checkedBytes else { continue }
      try state.sets[set][number].reserve(max(bytes, 64), state.memory)
      if bytes > 0, let from = tensor.pointee.data {
        state.sets[set][number].base?.copyMemory(from: from, byteCount: Int(bytes))
      }
    }
    for number in 0..<count {
      let slot = body.unit.program.outputs[firstOutput + number].slot
      if body.isHost(slot) {
        body.hostInputs[firstPort + number] = state.hostCarried[number]
      } else if let tensor = body.output(firstOutput + number) {
        body.inputs[firstPort + number] = tensor.pointee
        body.inputs[firstPort + number].data = state.sets[set][number].base
      }
    }
    state.hostCarried.removeAll(keepingCapacity: true)
  }

  /// The carried values after the last trip are the inputs that the next trip would have had.
  func finishCarried(
    _ index: Int, _ body: Executor, count: Int, firstPort: Int, _ plan: Plan
  ) throws(RuntimeError) {
    for number in 0..<count {
      let slot = unit.program.steps[index].outputs[number]
      if slot < 0 { continue }
      if isHost(slot) {
        hostValues[Int(slot)] = body.hostInputs[firstPort + number]
      } else {
        try store(body.inputs + firstPort + number, output: number, of: index, plan)
      }
    }
  }

  /// Adds one element to a scanned output.
  private func append(
    _ state: LoopState, _ number: Int, _ element: UnsafeMutablePointer<kerf_tensor>?, trip: Int64, _ index: Int,
    _ plan: Plan
  ) throws(RuntimeError) {
    guard let element, let bytes = element.checkedBytes else { return }
    let shape = state.elementShapes + number
    if trip == 0 {
      shape.pointee = element.pointee
    } else if !shape.hasSameDims(as: element) {
      throw .step(
        "\(plan.stepName(index)): scanned output \(number) is \(element.shape) in trip \(trip), \(shape.shape) before")
    }
    let (used, overflow) = bytes.multipliedReportingOverflow(by: UInt64(trip))
    guard !overflow, used < 1 << 47 else {
      throw .memory("\(plan.stepName(index)): scanned output \(number) is too large")
    }
    try state.scanned[number].extend(used + bytes, keeping: used, state.memory)
    if bytes > 0, let from = element.pointee.data, let to = state.scanned[number].base {
      (to + Int(used)).copyMemory(from: from, byteCount: Int(bytes))
    }
  }

  private func finishScanned(
    _ state: LoopState, _ number: Int, output: Int, trips: Int64, _ index: Int, _ plan: Plan
  ) throws(RuntimeError) {
    var result = trips == 0 ? emptyElement(output, index, axis: 0, plan) : state.elementShapes[number]
    result.rank += 1
    result.data = state.scanned[number].base
    let failure: RuntimeError? = withUnsafeMutablePointer(to: &result) { pointer in
      var axis = Int(pointer.pointee.rank) - 1
      while axis > 0 {
        pointer.dims[axis] = pointer.dims[axis - 1]
        axis -= 1
      }
      pointer.dims[0] = trips
      do throws(RuntimeError) {
        try store(pointer, output: output, of: index, plan)
        return nil
      } catch { return error }
    }
    if let failure { throw failure }
  }

  /// Shape of an element that never came: what the program knows of the output without `axis`, 0 for the rest.
  func emptyElement(_ output: Int, _ index: Int, axis: Int, _ plan: Plan) -> kerf_tensor {
    let slot = unit.program.slots[Int(unit.program.steps[index].outputs[output])]
    var result = kerf_tensor()
    result.type = Int32(slot.type)
    result.rank = Int32(slot.dims.count - 1)
    withUnsafeMutablePointer(to: &result) { pointer in
      var next = 0
      for (number, dim) in slot.dims.enumerated() where number != axis {
        let isKnown = unit.analysis.ready[Int(dim)] < Int32(index)
        pointer.dims[next] = isKnown ? max(0, plan.values[Int(dim)]) : 0
        next += 1
      }
    }
    return result
  }
}
