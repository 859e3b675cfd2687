import Bundle
import Kernels

/// Tensors that lie within others, so that nothing is copied: the pieces of a concatenation are written where they belong,
/// and pieces cut out of a tensor are read where they are.
struct Views {
  /// Where a slot's bytes begin within those of another, which is none of these.
  struct Place {
    var slot: Int
    var offset: UInt64
    /// Elements from one row to the next; 0 where rows follow each other.
    var pitch: Int64
  }

  /// Per slot, nil for those with a place of their own.
  private(set) var places: [Place?]
  /// Per slot that others lie in: the last step that reads any of them.
  private(set) var lastUse: [Int32?]
  private(set) var count = 0

  init(slots: Int) {
    places = [Place?](repeating: nil, count: slots)
    lastUse = [Int32?](repeating: nil, count: slots)
  }

  mutating func add(_ slot: Int, _ place: Place, lastUse last: Int32) {
    places[slot] = place
    lastUse[place.slot] = max(lastUse[place.slot] ?? last, last)
    count += 1
  }
}

/// The input that is added to an output of the same shape, whose rows are then taken to follow each other.
private func residualInput(_ operation: UInt16) -> Int? {
  switch Int(operation) {
  case KERF_OP_CONV2D_F32, KERF_OP_WINOGRAD_F32, KERF_OP_DEPTHWISE_F32: 3
  case KERF_OP_CONV2D_U8_F32: 4
  default: nil
  }
}

/// Finds the views of a plan. One is kept where the arena needs no more with it.
struct ViewPlanner {
  private let plan: Plan
  private let program: Program
  private let analysis: ProgramAnalysis
  /// Per root slot: whether a dimension is read out of it.
  private var isNumbers: [Bool] = []
  /// Per root slot: who reads it, under which slot.
  private var readers: [[(step: Int, input: Int, slot: Int)]] = []
  private var concats: [Int] = []
  private var slices: [Int] = []
  private var views: Views
  private var peak: UInt64 = 0

  /// Looking at a bounded number keeps this from being quadratic in the program.
  private static func most(_ slots: Int) -> Int { min(256, max(1, (1 << 20) / max(1, slots))) }

  static func views(of plan: Plan) -> Views {
    var planner = ViewPlanner(plan)
    return planner.run()
  }

  private init(_ plan: Plan) {
    self.plan = plan
    program = plan.unit.program
    analysis = plan.unit.analysis
    views = Views(slots: program.slots.count)
    for (index, step) in program.steps.enumerated() where plan.unit.kinds[index] == .kernel {
      guard case .kernel(let operation) = step.kind else { continue }
      if Int(operation) == KERF_OP_CONCAT { concats.append(index) }
      if Int(operation) == KERF_OP_SLICE { slices.append(index) }
    }
    concats = concats.suffix(Self.most(program.slots.count))
    slices = slices.suffix(Self.most(program.slots.count))
  }

  private mutating func run() -> Views {
    guard !concats.isEmpty || !slices.isEmpty else { return views }
    readers = Array(repeating: [], count: program.slots.count)
    for (index, step) in program.steps.enumerated() {
      for (position, slot) in step.inputs.enumerated() where slot >= 0 {
        readers[Int(analysis.root[Int(slot)])].append((index, position, Int(slot)))
      }
    }
    isNumbers = Array(repeating: false, count: program.slots.count)
    for expression in program.expressions where expression.kind == .element {
      isNumbers[Int(analysis.root[Int(expression.a)])] = true
    }
    peak = plan.peak(views)
    // The last first: what it joins may be joined in part before.
    for index in concats.reversed() { join(index) }
    for index in slices { cut(index) }
    return views
  }

  private mutating func keep(_ trial: Views) {
    guard trial.count > views.count else { return }
    let bytes = plan.peak(trial)
    if bytes <= peak { (views, peak) = (trial, bytes) }
  }

  // MARK: Pieces of a concatenation

  private mutating func join(_ index: Int) {
    guard let whole = shape(of: index), isInArena(whole.slot) else { return }
    var trial = views
    var offset: UInt64 = 0
    for input in program.steps[index].inputs {
      let slot = Int(input)
      if trial.places[slot] == nil, slot != whole.slot, isWritten(slot, before: index, whole) {
        trial.add(slot, place(whole, offset, trial), lastUse: analysis.lastUse[slot])
      }
      offset &+= whole.bytes(plan.tensors + slot)
    }
    guard trial.count > views.count else { return }
    // Concatenations of the first of these pieces are there, too.
    for other in concats where other < index {
      guard let part = shape(of: other), trial.places[part.slot] == nil, isInner(part.slot),
        part.axis == whole.axis, part.outer == whole.outer, areRead(part.slot, whole),
        let first = places(of: other, part, in: trial)
      else { continue }
      trial.add(part.slot, first, lastUse: analysis.lastUse[part.slot])
    }
    keep(trial)
  }

  /// What a concatenation makes.
  private struct Whole {
    let slot: Int
    let axis: Int
    let outer: Int64
    /// Elements from a piece of one element on the axis to the next, in bytes.
    let inner: UInt64
    let pitch: Int64

    /// Bytes that a piece has of a row.
    func bytes(_ piece: UnsafeMutablePointer<kerf_tensor>) -> UInt64 {
      axis < Int(piece.pointee.rank) ? UInt64(max(0, piece.dims[axis])) &* inner : 0
    }
  }

  private func shape(of index: Int) -> Whole? {
    let slot = Int(program.steps[index].outputs.first ?? -1)
    guard slot >= 0, plan.calls[index].attr_count == 1, let attributes = plan.calls[index].attrs else { return nil }
    let tensor = plan.tensors + slot
    let rank = Int(tensor.pointee.rank)
    guard let axis = Int(exactly: attributes[0].i), axis >= 0, axis < rank, tensor.checkedBytes ?? 0 > 0 else {
      return nil
    }
    let outer = tensor.product(0..<axis)
    guard outer == 1 || axis == rank - 1 else { return nil }
    let width = UInt64(ElementType.width(program.slots[slot].type))
    return Whole(
      slot: slot, axis: axis, outer: outer, inner: UInt64(tensor.product(axis + 1..<rank)) * width,
      pitch: outer == 1 ? 0 : tensor.dims[rank - 1])
  }

  /// The place `offset` bytes into a tensor that may itself lie in another.
  private func place(_ whole: Whole, _ offset: UInt64, _ views: Views) -> Views.Place {
    guard let outer = views.places[whole.slot] else {
      return Views.Place(slot: whole.slot, offset: offset, pitch: whole.pitch)
    }
    return Views.Place(
      slot: outer.slot, offset: outer.offset &+ offset, pitch: whole.pitch == 0 ? 0 : max(outer.pitch, whole.pitch))
  }

  /// Where the pieces of a concatenation lie, if that is one behind the other.
  private func places(of index: Int, _ whole: Whole, in trial: Views) -> Views.Place? {
    var first: Views.Place?
    var offset: UInt64 = 0
    for input in program.steps[index].inputs {
      guard let place = trial.places[Int(input)] else { return nil }
      let begin = first ?? place
      guard place.slot == begin.slot, place.pitch == begin.pitch, place.offset == begin.offset &+ offset else {
        return nil
      }
      first = begin
      offset &+= whole.bytes(plan.tensors + Int(input))
    }
    return first
  }

  /// Whether a step before writes a slot that may lie in another.
  private func isWritten(_ slot: Int, before index: Int, _ whole: Whole) -> Bool {
    let writer = Int(analysis.defined[slot])
    guard isInner(slot), views.lastUse[slot] == nil, writer >= 0, writer < index, plan.unit.kinds[writer] == .kernel,
      case .kernel(let operation) = program.steps[writer].kind, program.steps[writer].outputs.count == 1
    else { return false }
    if whole.pitch == 0 { return true }
    if Int(operation) == KERF_OP_CONCAT, !joinsColumns(writer) { return false }
    let inputs = program.steps[writer].inputs
    if let residual = residualInput(operation), residual < inputs.count, inputs[residual] >= 0 { return false }
    return kerf_takes_pitch(operation, -1) != 0 && areRead(slot, whole)
  }

  /// Whether all who read a slot take it where it would lie.
  private func areRead(_ slot: Int, _ whole: Whole) -> Bool { whole.pitch == 0 || areReadByRows(slot) }

  private func areReadByRows(_ slot: Int) -> Bool {
    let columns = plan.tensors[slot].columns
    return readers[slot].allSatisfy { reader in
      guard plan.unit.kinds[reader.step] == .kernel, case .kernel(let operation) = program.steps[reader.step].kind,
        plan.tensors[reader.slot].columns == columns
      else { return false }
      switch Int(operation) {
      case KERF_OP_CONCAT: return joinsColumns(reader.step)
      // Columns of several heads, not one head after the other.
      case KERF_OP_ATTENTION_F32, KERF_OP_ATTENTION_U8:
        return kerf_takes_pitch(operation, Int32(reader.input)) != 0 && plan.tensors[reader.slot].rank == 3
      default: return kerf_takes_pitch(operation, Int32(reader.input)) != 0
      }
    }
  }

  /// Whether a step is a concatenation along the last axis.
  private func joinsColumns(_ index: Int) -> Bool {
    guard plan.calls[index].attr_count == 1, let axis = plan.calls[index].attrs?[0].i,
      let output = program.steps[index].outputs.first, output >= 0
    else { return false }
    return axis == Int64(plan.tensors[Int(output)].rank) - 1
  }

  private func isInArena(_ slot: Int) -> Bool {
    program.slots[slot].storage == .arena && plan.unit.dynamicBuffer[slot] < 0 && plan.unit.isEarly[slot]
      && analysis.defined[slot] != ProgramAnalysis.never
  }

  /// Whether a slot can do without a place of its own: steps alone read it, and it is no result of the program.
  private func isInner(_ slot: Int) -> Bool {
    isInArena(slot) && !isNumbers[slot] && Int(analysis.lastUse[slot]) < program.steps.count
  }

  // MARK: Pieces cut out

  private mutating func cut(_ index: Int) {
    let step = program.steps[index]
    guard let (source, result) = operands(step), views.places[result] == nil, isInner(result),
      views.lastUse[result] == nil, let (axis, start) = cutAxis(index, source, result)
    else { return }
    let (x, y) = (plan.tensors + source, plan.tensors + result)
    let rank = Int(x.pointee.rank)
    let root = Int(analysis.root[source])
    let outer = views.places[root]
    let isRows = y.product(0..<axis) > 1
    guard axis == rank - 1 ? !isRows || areReadByRows(result) : !isRows && outer?.pitch ?? 0 == 0 else { return }
    let width = UInt64(ElementType.width(program.slots[result].type))
    let offset = (outer?.offset ?? 0) &+ UInt64(start) &* UInt64(y.product(axis + 1..<rank)) &* width
    var trial = views
    let pitch = outer.map { max($0.pitch, x.dims[rank - 1]) } ?? x.dims[rank - 1]
    trial.add(
      result, Views.Place(slot: outer?.slot ?? root, offset: offset, pitch: isRows ? pitch : 0),
      lastUse: analysis.lastUse[result])
    keep(trial)
  }

  private func operands(_ step: Step) -> (source: Int, result: Int)? {
    guard step.inputs.count == 1, step.outputs.count == 1, step.inputs[0] >= 0, step.outputs[0] >= 0 else { return nil }
    let (source, result) = (Int(step.inputs[0]), Int(step.outputs[0]))
    let root = Int(analysis.root[source])
    guard program.slots[root].storage == .arena, plan.unit.dynamicBuffer[root] < 0, plan.unit.isEarly[source],
      program.slots[source].type == program.slots[result].type, plan.tensors[result].rank == plan.tensors[source].rank,
      (plan.tensors + result).checkedBytes ?? 0 > 0
    else { return nil }
    return (source, result)
  }

  /// The only axis along which a slice takes less than all, and where it begins; nil for others.
  private func cutAxis(_ index: Int, _ source: Int, _ result: Int) -> (axis: Int, start: Int64)? {
    let (x, y) = (plan.tensors + source, plan.tensors + result)
    let rank = Int(x.pointee.rank)
    guard plan.calls[index].attr_count == 2 * rank, let attributes = plan.calls[index].attrs else { return nil }
    var found: (axis: Int, start: Int64)?
    for axis in 0..<rank {
      let (start, step) = (attributes[2 * axis].i, attributes[2 * axis + 1].i)
      guard step == 1 || y.dims[axis] == 1, start >= 0, y.dims[axis] <= x.dims[axis],
        start <= x.dims[axis] - y.dims[axis]
      else { return nil }
      if y.dims[axis] == x.dims[axis] { continue }
      guard found == nil else { return nil }
      found = (axis, start)
    }
    return found
  }
}

extension UnsafeMutablePointer where Pointee == kerf_tensor {
  /// Of the dimensions of a tensor that has elements.
  fileprivate func product(_ axes: Range<Int>) -> Int64 {
    var result: Int64 = 1
    for axis in axes { result *= dims[axis] }
    return result
  }
}

extension kerf_tensor {
  /// The last dimension; -1 for a number.
  fileprivate var columns: Int64 {
    var copy = self
    return rank > 0 ? withUnsafeMutablePointer(to: &copy) { $0.dims[Int(rank) - 1] } : -1
  }
}
