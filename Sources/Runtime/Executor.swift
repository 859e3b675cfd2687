import Bundle
import CSystem
import Kernels

/// What an executor and those of its bodies share.
final class RunState {
  let memory: MemoryBudget
  let cancel: CancelFlag
  let pool: ThreadPool?
  let provider: HostProvider?
  /// Monotonic nanoseconds, 0 for none.
  var deadline: UInt64 = 0
  let planLimit: Int
  let bands: BandPolicy

  init(
    memory: MemoryBudget, cancel: CancelFlag, pool: ThreadPool?, provider: HostProvider?, planLimit: Int,
    bands: BandPolicy
  ) {
    self.memory = memory
    self.cancel = cancel
    self.pool = pool
    self.provider = provider
    self.planLimit = planLimit
    self.bands = bands
  }

  /// Whether the run was cancelled or its time is over.
  @inline(__always)
  var isOver: Bool { cancel.isCancelled || deadline != 0 && csystem_now() >= deadline }

  @inline(__always)
  func check() throws(RuntimeError) {
    if cancel.isCancelled { throw .cancelled }
    if deadline != 0, csystem_now() >= deadline { throw .deadlinePassed }
  }
}

/// Runs one program (the model's, or a body): owns its memory and plans.
final class Executor {
  let unit: LoadedProgram
  let state: RunState
  /// The tensors of the next run, by port; set before `run`.
  let inputs: UnsafeMutablePointer<kerf_tensor>
  var hostInputs: [HostValue?]
  let bodies: [Executor]
  /// Last used last.
  private(set) var plans: [Plan] = []
  private(set) var plan: Plan?
  private var arena = Buffer()
  private var scratch = Buffer()
  private var dynamic: [Buffer]
  var hostValues: [HostValue?]
  var loops: [LoopState?]
  /// Nanoseconds per step of the last run, when `isProfiling`.
  var isProfiling = false
  var nanoseconds: [UInt64] = []

  init(_ unit: LoadedProgram, _ state: RunState) {
    self.unit = unit
    self.state = state
    let ports = unit.program.inputs.count
    inputs = .allocate(capacity: max(1, ports))
    inputs.initialize(repeating: kerf_tensor(), count: ports)
    hostInputs = [HostValue?](repeating: nil, count: ports)
    bodies = unit.bodies.map { Executor($0, state) }
    dynamic = [Buffer](repeating: Buffer(), count: unit.dynamicBufferCount)
    hostValues = [HostValue?](repeating: nil, count: unit.hasHostSlots ? unit.program.slots.count : 0)
    loops = [LoopState?](repeating: nil, count: unit.bodies.isEmpty ? 0 : unit.program.steps.count)
  }

  deinit {
    inputs.deallocate()
    arena.release(state.memory)
    scratch.release(state.memory)
    for index in dynamic.indices { dynamic[index].release(state.memory) }
  }

  var arenaCapacity: UInt64 { arena.capacity }
  var dynamicBytes: UInt64 {
    var sum = scratch.capacity
    for buffer in dynamic { sum += buffer.capacity }
    return sum
  }

  // MARK: Running

  func run() throws(RuntimeError) {
    let plan = try selectPlan()
    try bind(plan)
    try late(plan, time: -1)
    if isProfiling { nanoseconds = [UInt64](repeating: 0, count: unit.kinds.count) }
    var next = 0
    for group in plan.groups {
      try runSteps(next..<group.first, plan)
      switch group {
      case .bands(let steps): try runBands(steps, plan)
      case .branches(let steps): try runBranches(steps, plan)
      }
      next = group.last + 1
    }
    try runSteps(next..<unit.kinds.count, plan)
  }

  @inline(__always)
  private func runSteps(_ range: Range<Int>, _ plan: Plan) throws(RuntimeError) {
    for index in range {
      let begin = isProfiling ? csystem_now() : 0
      try step(index, plan)
      if isProfiling { nanoseconds[index] = csystem_now() - begin }
    }
  }

  @inline(__always)
  private func step(_ index: Int, _ plan: Plan) throws(RuntimeError) {
    try state.check()
    switch unit.kinds[index] {
    case .kernel: try call(index, plan)
    case .lateKernel: try runLate(index, plan)
    case .host: try runHost(index, plan)
    case .conditional: try runConditional(index, plan)
    case .loop: try runLoop(index, plan)
    case .scan: try runScan(index, plan)
    }
    if unit.lateOffsets[index + 1] != unit.lateOffsets[index + 2] { try late(plan, time: index) }
    if unit.kinds[index].rawValue >= StepKind.host.rawValue { try checkStored(index, plan) }
  }

  @inline(__always)
  private func call(_ index: Int, _ plan: Plan) throws(RuntimeError) {
    let code = unit.runs[index].map { $0(plan.calls + index) } ?? Int32(KERF_OK)
    if code != KERF_OK { throw plan.failure(index, code) }
  }

  // MARK: Plans

  /// The plan for the dimensions of the inputs, made when there is none.
  func selectPlan() throws(RuntimeError) -> Plan {
    if let plan, matches(plan) { return plan }
    for index in plans.indices.reversed() where matches(plans[index]) {
      let found = plans.remove(at: index)
      plans.append(found)
      plan = found
      return found
    }
    var key: [Int64] = []
    for (port, tensor) in zip(unit.program.inputs, UnsafeBufferPointer(start: inputs, count: unit.program.inputs.count))
    where unit.program.slots[Int(port.slot)].storage == .input {
      var copy = tensor
      withUnsafeMutablePointer(to: &copy) { for axis in 0..<Int($0.pointee.rank) { key.append($0.dims[axis]) } }
    }
    let made = try Plan(unit, key: key, pool: state.pool?.pool, limit: state.memory.limit, policy: state.bands)
    if plans.count >= state.planLimit { plans.removeFirst() }
    plans.append(made)
    plan = made
    return made
  }

  private func matches(_ plan: Plan) -> Bool {
    var axis = 0
    for index in unit.program.inputs.indices {
      let tensor = inputs + index
      for dim in 0..<Int(tensor.pointee.rank) {
        if plan.key[axis] != tensor.dims[dim] { return false }
        axis += 1
      }
    }
    return true
  }

  /// Allocates the arena of the plan at hand and has the system give it its pages, unless these are many: runs that take
  /// long do not feel it.
  func touchArena() throws(RuntimeError) {
    guard let plan else { return }
    try bindArena(plan)
    guard let base = arena.base, arena.capacity <= 4 << 20 else { return }
    for offset in stride(from: 0, to: Int(arena.capacity), by: 4096) {
      base.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
    }
  }

  private func bindArena(_ plan: Plan) throws(RuntimeError) {
    try arena.reserve(max(plan.arenaBytes, 64), state.memory)
    if let base = arena.base { plan.bind(arena: base) }
  }

  /// Arena, inputs and aliases of inputs.
  private func bind(_ plan: Plan) throws(RuntimeError) {
    try bindArena(plan)
    for (index, port) in unit.program.inputs.enumerated() {
      let slot = Int(port.slot)
      if unit.program.slots[slot].storage == .host {
        hostValues[slot] = hostInputs[index]
      } else {
        plan.tensors[slot].data = inputs[index].data
      }
    }
  }

  // MARK: What depends on data

  /// Evaluates what is known from `time` on: expressions and aliases.
  private func late(_ plan: Plan, time: Int) throws(RuntimeError) {
    for position in unit.lateOffsets[time + 1]..<unit.lateOffsets[time + 2] {
      let item = unit.lateItems[Int(position)]
      if item >= 0 {
        plan.values[Int(item)] = value(unit.program.expressions[Int(item)], plan)
      } else {
        let slot = Int(~item)
        if !unit.isEarly[slot] { try setDims(slot, plan) }
        try plan.checkAlias(slot)
        plan.tensors[slot].data = plan.tensors[Int(unit.analysis.root[slot])].data
      }
    }
  }

  private func value(_ expression: Expression, _ plan: Plan) -> Int64 {
    switch expression.kind {
    case .element: return element(plan.tensors + Int(expression.a), expression.b)
    case .resultDimension: return (plan.tensors + Int(expression.a)).dims[Int(expression.b)]
    case .constant, .inputDimension: return unknownValue
    default: return expression.kind.apply(plan.values[Int(expression.a)], plan.values[Int(expression.b)])
    }
  }

  private func element(_ tensor: UnsafeMutablePointer<kerf_tensor>, _ index: Int64) -> Int64 {
    let type = UInt8(truncatingIfNeeded: tensor.pointee.type)
    guard let bytes = tensor.checkedBytes, let data = tensor.pointee.data else { return unknownValue }
    guard index >= 0, UInt64(index) < bytes / UInt64(ElementType.width(type)) else { return unknownValue }
    switch type {
    case ElementType.int64: return data.loadUnaligned(fromByteOffset: Int(index) * 8, as: Int64.self)
    case ElementType.int32: return Int64(data.loadUnaligned(fromByteOffset: Int(index) * 4, as: Int32.self))
    case ElementType.bool: return data.loadUnaligned(fromByteOffset: Int(index), as: UInt8.self) != 0 ? 1 : 0
    default: return unknownValue
    }
  }

  /// Takes the dimensions of a slot from the values of its expressions.
  private func setDims(_ slot: Int, _ plan: Plan) throws(RuntimeError) {
    let dims = unit.program.slots[slot].dims
    for axis in dims.indices { plan.tensors.advanced(by: slot).dims[axis] = plan.values[Int(dims[axis])] }
  }

  private func runLate(_ index: Int, _ plan: Plan) throws(RuntimeError) {
    let step = unit.program.steps[index]
    plan.setAttributes(index)
    for output in step.outputs where output >= 0 {
      if !unit.isEarly[Int(output)] { try setDims(Int(output), plan) }
      try reserve(Int(output), index, plan)
    }
    let bytes = try plan.prepare(index)
    try scratch.reserve(max(bytes, 64), state.memory)
    plan.calls[index].scratch = scratch.base
    try call(index, plan)
  }

  /// Gives a slot in a dynamic buffer its memory; other slots have theirs.
  private func reserve(_ slot: Int, _ index: Int, _ plan: Plan) throws(RuntimeError) {
    let number = Int(unit.dynamicBuffer[slot])
    guard number >= 0 else { return }
    guard let bytes = (plan.tensors + slot).checkedBytes else {
      throw .step("\(plan.stepName(index)): an output of shape \((plan.tensors + slot).shape) cannot be allocated")
    }
    try dynamic[number].reserve(max(bytes, 64), state.memory)
    plan.tensors[slot].data = dynamic[number].base
  }

  // MARK: Results of steps that are not kernels

  /// Copies a result into the slot of output `number` of a step, after comparing its shape with what the program says.
  func store(
    _ source: UnsafeMutablePointer<kerf_tensor>, output number: Int, of index: Int, _ plan: Plan
  ) throws(RuntimeError) {
    let target = unit.program.steps[index].outputs[number]
    guard target >= 0 else { return }
    let slot = unit.program.slots[Int(target)]
    let tensor = plan.tensors + Int(target)
    guard source.pointee.type == Int32(slot.type), source.pointee.rank == Int32(slot.dims.count) else {
      let given = ElementType.name(UInt8(truncatingIfNeeded: source.pointee.type))
      throw .step(
        "\(plan.stepName(index)): output \(number) is \(given)[\(source.shape)], expected "
          + "\(ElementType.name(slot.type)) of rank \(slot.dims.count)")
    }
    for (axis, dim) in slot.dims.enumerated() where unit.analysis.ready[Int(dim)] < Int32(index) {
      guard plan.values[Int(dim)] == source.dims[axis] else {
        throw .step(
          "\(plan.stepName(index)): output \(number) is \(source.shape), expected \(plan.values[Int(dim)]) "
            + "on axis \(axis)"
        )
      }
    }
    guard let bytes = source.checkedBytes else {
      throw .step("\(plan.stepName(index)): output \(number) of shape \(source.shape) cannot be allocated")
    }
    for axis in slot.dims.indices { tensor.dims[axis] = source.dims[axis] }
    try reserve(Int(target), index, plan)
    if bytes > 0, let from = source.pointee.data, let to = tensor.pointee.data {
      to.copyMemory(from: from, byteCount: Int(bytes))
    }
  }

  /// Dimensions of stored outputs that depend on the step itself must agree with each other.
  private func checkStored(_ index: Int, _ plan: Plan) throws(RuntimeError) {
    for output in unit.program.steps[index].outputs where output >= 0 && !isHost(output) {
      let tensor = plan.tensors + Int(output)
      for (axis, dim) in unit.program.slots[Int(output)].dims.enumerated()
      where unit.analysis.ready[Int(dim)] == Int32(index) && plan.values[Int(dim)] != tensor.dims[axis] {
        throw .step(
          "\(plan.stepName(index)): an output is \(tensor.shape), expected \(plan.values[Int(dim)]) on axis \(axis)")
      }
    }
  }

  // MARK: Results

  func output(_ index: Int) -> UnsafeMutablePointer<kerf_tensor>? {
    guard let plan else { return nil }
    return plan.tensors + Int(unit.program.outputs[index].slot)
  }

  func hostOutput(_ index: Int) -> HostValue? {
    let slot = Int(unit.program.outputs[index].slot)
    return slot < hostValues.count ? hostValues[slot] : nil
  }

  func isHost(_ slot: Int32) -> Bool { unit.program.slots[Int(slot)].storage == .host }
}
