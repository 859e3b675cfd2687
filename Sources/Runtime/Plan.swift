import Bundle
import Kernels

/// Everything about a run that follows from the dimensions of the inputs: dimensions of slots, prepared calls, places
/// in the arena. The calls point into tables that stay where they are; only data pointers change from run to run.
final class Plan {
  let unit: LoadedProgram
  /// Dimensions of all tensor inputs, one after the other.
  let key: [Int64]
  /// Per expression; those not ready yet are `unknownValue`.
  let values: UnsafeMutablePointer<Int64>
  /// Per slot, and one absent tensor at the end.
  let tensors: UnsafeMutablePointer<kerf_tensor>
  /// Per step.
  let calls: UnsafeMutablePointer<kerf_call>
  private let pointers: UnsafeMutablePointer<UnsafeMutablePointer<kerf_tensor>?>
  private let attributes: UnsafeMutablePointer<kerf_attr>
  /// Per step: scratch bytes of planned kernels.
  private(set) var scratchBytes: [UInt64]
  private var scratchOffsets: [UInt64]
  /// Tensors that lie within others.
  private(set) var views: Views
  /// Steps that run band by band, in their order.
  private(set) var bands: [BandedSteps] = []
  /// Per slot: offset in the arena of planned roots, or `.max`.
  private var offsets: [UInt64]
  private(set) var arenaBytes: UInt64 = 0
  /// The most bytes of the arena that are needed at one time.
  private(set) var arenaLowerBound: UInt64 = 0
  /// The arena that the data pointers are made for.
  private var boundArena: UnsafeMutableRawPointer?

  init(
    _ unit: LoadedProgram, key: [Int64], pool: OpaquePointer?, limit: UInt64, policy: BandPolicy
  ) throws(RuntimeError) {
    self.unit = unit
    self.key = key
    let program = unit.program
    values = .allocate(capacity: max(1, program.expressions.count))
    values.initialize(repeating: unknownValue, count: program.expressions.count)
    tensors = .allocate(capacity: program.slots.count + 1)
    tensors.initialize(repeating: kerf_tensor(), count: program.slots.count + 1)
    calls = .allocate(capacity: max(1, program.steps.count))
    calls.initialize(repeating: kerf_call(), count: program.steps.count)
    var pointerCount = 1
    var attributeCount = 1
    for step in program.steps {
      pointerCount += step.inputs.count + step.outputs.count
      attributeCount += step.attributes.count
    }
    pointers = .allocate(capacity: pointerCount)
    pointers.initialize(repeating: nil, count: pointerCount)
    attributes = .allocate(capacity: attributeCount)
    attributes.initialize(repeating: kerf_attr(), count: attributeCount)
    views = Views(slots: 0)
    scratchBytes = [UInt64](repeating: 0, count: program.steps.count)
    scratchOffsets = scratchBytes
    offsets = [UInt64](repeating: .max, count: program.slots.count)
    try evaluate()
    try describeSlots()
    makeCalls(pool)
    makeViews()
    try prepareCalls()
    makeBands(policy, pool)
    try placeSlots(limit)
  }

  deinit {
    values.deallocate()
    tensors.deallocate()
    calls.deallocate()
    pointers.deallocate()
    attributes.deallocate()
  }

  // MARK: Dimensions

  private func evaluate() throws(RuntimeError) {
    let program = unit.program
    var firstAxis: [Int] = []
    var axis = 0
    for port in program.inputs {
      firstAxis.append(axis)
      let slot = program.slots[Int(port.slot)]
      if slot.storage == .input { axis += slot.dims.count }
    }
    for (index, expression) in program.expressions.enumerated() {
      guard unit.analysis.ready[index] == ProgramAnalysis.early else { continue }
      switch expression.kind {
      case .constant: values[index] = expression.a
      case .inputDimension: values[index] = key[firstAxis[Int(expression.a)] + Int(expression.b)]
      default: values[index] = expression.kind.apply(values[Int(expression.a)], values[Int(expression.b)])
      }
    }
  }

  private func describeSlots() throws(RuntimeError) {
    try checkInputs()
    for (index, slot) in unit.program.slots.enumerated() where slot.storage != .host {
      if slot.storage == .input { continue }
      let tensor = tensors + index
      describe(index)
      guard unit.isEarly[index] else { continue }
      if unit.analysis.defined[index] == ProgramAnalysis.never { continue }
      guard let bytes = tensor.checkedBytes else {
        throw .step("slot \(index): shape \(tensor.shape) cannot be allocated with these inputs")
      }
      try check(slot, index, bytes)
    }
    for alias in unit.plannedAliases { try checkAlias(Int(alias)) }
  }

  private func describe(_ index: Int) {
    let slot = unit.program.slots[index]
    tensors[index].type = Int32(slot.type)
    tensors[index].rank = Int32(slot.dims.count)
    guard unit.isEarly[index] else { return }
    for (axis, dim) in slot.dims.enumerated() { (tensors + index).dims[axis] = values[Int(dim)] }
  }

  /// An alias has as many bytes as what it names.
  func checkAlias(_ slot: Int) throws(RuntimeError) {
    let root = tensors + Int(unit.analysis.root[slot])
    guard let bytes = (tensors + slot).checkedBytes, bytes == root.checkedBytes else {
      throw .step("slot \(slot): shape \((tensors + slot).shape) does not hold the elements of shape \(root.shape)")
    }
  }

  private func check(_ slot: Slot, _ index: Int, _ bytes: UInt64) throws(RuntimeError) {
    switch slot.storage {
    case .weights(let offset, let length):
      guard bytes == length else {
        throw .bundle(.program("slot \(index) of shape \(tensors[index].shapeText) has \(length) bytes of weights"))
      }
      tensors[index].data = UnsafeMutableRawPointer(mutating: unit.weights.map { $0 + Int(offset) })
    default: break
    }
  }

  /// The given dimensions against those that the program expects.
  private func checkInputs() throws(RuntimeError) {
    var axis = 0
    for port in unit.program.inputs {
      let slot = unit.program.slots[Int(port.slot)]
      guard slot.storage == .input else { continue }
      let tensor = tensors + Int(port.slot)
      describe(Int(port.slot))
      let given = Array(key[axis..<axis + slot.dims.count])
      axis += slot.dims.count
      for index in slot.dims.indices where tensor.dims[index] != given[index] || given[index] < 0 {
        throw .input("input '\(printable(port.name))': given \(shapeText(given)), expected \(tensor.shape)")
      }
      guard tensor.checkedBytes != nil else {
        throw .input("input '\(printable(port.name))': \(shapeText(given)) is too large")
      }
    }
  }

  // MARK: Calls

  private func makeCalls(_ pool: OpaquePointer?) {
    let absent = tensors + unit.program.slots.count
    var nextPointer = pointers
    var nextAttribute = attributes
    for (index, step) in unit.program.steps.enumerated() {
      let first = nextPointer
      for slot in step.inputs + step.outputs {
        nextPointer.pointee = slot < 0 || unit.program.slots[Int(slot)].storage == .host ? absent : tensors + Int(slot)
        nextPointer += 1
      }
      calls[index].inputs = UnsafeRawPointer(first).assumingMemoryBound(to: UnsafePointer<kerf_tensor>?.self)
      calls[index].outputs = UnsafePointer(first + step.inputs.count)
      calls[index].attrs = UnsafePointer(nextAttribute)
      calls[index].pool = pool
      calls[index].input_count = Int32(step.inputs.count)
      calls[index].output_count = Int32(step.outputs.count)
      calls[index].attr_count = Int32(step.attributes.count)
      setAttributes(index)
      nextAttribute += step.attributes.count
    }
  }

  /// Writes the attributes of a step from the values at hand.
  func setAttributes(_ index: Int) {
    guard let first = UnsafeMutablePointer(mutating: calls[index].attrs) else { return }
    let list = unit.program.steps[index].attributes
    for number in list.indices {
      switch list[number] {
      case .dimension(let expression): first[number].i = values[Int(expression)]
      case .int(let value): first[number].i = value
      case .float(let value): first[number].f = value
      }
    }
  }

  private func prepareCalls() throws(RuntimeError) {
    for (index, kind) in unit.kinds.enumerated() where kind == .kernel {
      scratchBytes[index] = try prepare(index)
    }
  }

  /// Lets the operation of a step check its shapes; returns the scratch bytes it needs.
  func prepare(_ index: Int) throws(RuntimeError) -> UInt64 {
    for case .dimension(let expression) in unit.program.steps[index].attributes
    where values[Int(expression)] == unknownValue {
      throw .step("\(stepName(index)): a dimension cannot be computed (division by zero or overflow)")
    }
    var bytes: UInt64 = 0
    let code = unit.prepares[index].map { $0(calls + index, &bytes) } ?? Int32(KERF_OK)
    guard code == KERF_OK else { throw failure(index, code) }
    return bytes
  }

  /// Cuts steps into bands where that keeps large tensors in the cache.
  private func makeBands(_ policy: BandPolicy, _ pool: OpaquePointer?) {
    let planner = BandPlanner(plan: self, policy: policy)
    for chain in planner.chains() {
      guard let steps = BandedSteps(planner, chain, pool: pool), steps.prepare(self) else { continue }
      bands.append(steps)
      for index in steps.first...steps.last { scratchBytes[index] = 0 }
      scratchBytes[steps.first] = steps.scratchBytes * UInt64(steps.slots)
    }
  }

  /// Finds tensors that lie within others, and tells the calls.
  private func makeViews() {
    views = ViewPlanner.views(of: self)
    for (slot, place) in views.places.enumerated() { tensors[slot].pitch = place?.pitch ?? 0 }
    for slot in unit.plannedAliases { tensors[Int(slot)].pitch = tensors[Int(unit.analysis.root[Int(slot)])].pitch }
  }

  // MARK: Memory

  /// The intervals of all slots with a place of their own; per root slot, which it is.
  private func intervals(_ views: Views) -> (owner: [Int32], intervals: [MemoryInterval]) {
    let analysis = unit.analysis
    var owner = [Int32](repeating: -1, count: unit.program.slots.count)
    var intervals: [MemoryInterval] = []
    for (index, slot) in unit.program.slots.enumerated() {
      let defined = analysis.defined[index]
      guard slot.storage == .arena, unit.dynamicBuffer[index] < 0, defined != ProgramAnalysis.never else { continue }
      owner[index] = Int32(intervals.count)
      let bytes = (tensors + index).checkedBytes ?? 0
      intervals.append(MemoryInterval(bytes: bytes, first: defined, last: max(defined, analysis.lastUse[index])))
    }
    for (slot, place) in views.places.enumerated() {
      guard let place else { continue }
      let (from, to) = (Int(owner[slot]), Int(owner[place.slot]))
      intervals[to].first = min(intervals[to].first, intervals[from].first)
      intervals[to].last = max(intervals[to].last, intervals[from].last)
      intervals[from].bytes = 0
      owner[slot] = Int32(to)
    }
    shareInPlace(views, &owner, &intervals)
    return (owner, intervals)
  }

  /// The most bytes that tensors need at one time.
  func peak(_ views: Views) -> UInt64 { MemoryPlanner.lowerBound(intervals(views).intervals) }

  private func placeSlots(_ limit: UInt64) throws(RuntimeError) {
    let (owner, kept) = intervals(views)
    var intervals = kept
    let firstScratch = intervals.count
    for (index, bytes) in scratchBytes.enumerated() {
      intervals.append(MemoryInterval(bytes: bytes, first: Int32(index), last: Int32(index)))
    }
    for steps in bands { keep(steps, owner, &intervals) }
    guard let layout = MemoryPlanner.place(intervals, limit: limit) else {
      throw .memory("the arena of this model needs more than the limit of \(limit) bytes with these inputs")
    }
    for index in owner.indices where owner[index] >= 0 {
      offsets[index] = layout.offsets[Int(owner[index])] + (views.places[index]?.offset ?? 0)
    }
    for index in scratchBytes.indices { scratchOffsets[index] = layout.offsets[firstScratch + index] }
    arenaBytes = layout.total
    arenaLowerBound = MemoryPlanner.lowerBound(intervals)
  }

  /// What steps in bands read and write is needed as long as any of them runs; between them there are buffers of rows.
  private func keep(_ steps: BandedSteps, _ owner: [Int32], _ intervals: inout [MemoryInterval]) {
    let first = Int32(steps.first)
    let last = Int32(steps.last)
    for index in intervals.indices where intervals[index].first <= last && intervals[index].last >= first {
      intervals[index].first = min(intervals[index].first, first)
      intervals[index].last = max(intervals[index].last, last)
    }
    for (number, bytes) in steps.bufferBytes.enumerated() {
      let output = Int(unit.program.steps[steps.first + number].outputs[0])
      intervals[Int(owner[output])].bytes = bytes * UInt64(steps.slots)
    }
  }

  /// Whether the output of a step may lie where one of its inputs does, as far as bands are concerned: rows of what the
  /// first step of a chain reads are needed after the last has written some.
  private func bandsAllow(_ index: Int, over root: Int32) -> Bool {
    guard let steps = bands.first(where: { $0.first <= index && index <= $0.last }) else { return true }
    guard index == steps.last else { return false }
    let read = unit.program.steps[steps.first].inputs.filter { $0 >= 0 }.map { unit.analysis.root[Int($0)] }
    let between = unit.program.steps[steps.first..<steps.last].map { unit.analysis.root[Int($0.outputs[0])] }
    return !read.contains(root) && !between.contains(root)
  }

  /// Joins the interval of an output to that of the input it takes over, when both have the same size.
  private func shareInPlace(_ views: Views, _ owner: inout [Int32], _ intervals: inout [MemoryInterval]) {
    for (index, root) in unit.inPlace.enumerated() where root >= 0 {
      let output = Int(unit.program.steps[index].outputs[0])
      // What lies in another tensor has its place; what others lie in is written over only once they are not needed.
      if views.places[output] != nil || views.places[Int(root)] != nil || views.lastUse[output] != nil { continue }
      if let last = views.lastUse[Int(root)], last >= index { continue }
      let from = Int(owner[output])
      let to = Int(owner[Int(root)])
      guard from >= 0, to >= 0, intervals[from].bytes == intervals[to].bytes, intervals[to].last == index,
        bandsAllow(index, over: root)
      else {
        continue
      }
      intervals[to].last = intervals[from].last
      intervals[from].bytes = 0
      owner[output] = Int32(to)
    }
  }

  /// Points everything that was planned into the arena.
  func bind(arena: UnsafeMutableRawPointer) {
    if boundArena == arena { return }
    boundArena = arena
    for index in offsets.indices where offsets[index] != .max { tensors[index].data = arena + Int(offsets[index]) }
    for index in scratchBytes.indices { calls[index].scratch = arena + Int(scratchOffsets[index]) }
    for slot in unit.plannedAliases {
      tensors[Int(slot)].data = tensors[Int(unit.analysis.root[Int(slot)])].data
    }
  }
}

extension kerf_tensor {
  var shapeText: String {
    var copy = self
    return withUnsafeMutablePointer(to: &copy) { $0.shape }
  }
}
