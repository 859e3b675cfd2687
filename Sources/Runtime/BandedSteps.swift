import Bundle
import CSystem
import Kernels

/// The calls of steps that run band by band. They point into tables that stay where they are; only data pointers change
/// from run to run. Threads take regions of the images, each with buffers of its own.
final class BandedSteps {
  let first: Int
  let last: Int
  /// How many threads take part.
  let slots: Int
  /// Per step but the last: bytes of the rows of its output that a slot keeps at a time.
  private(set) var bufferBytes: [UInt64]
  /// The most scratch bytes of a call.
  private(set) var scratchBytes: UInt64 = 0
  private let calls: UnsafeMutablePointer<kerf_call>
  private let tensors: UnsafeMutablePointer<kerf_tensor>
  private let pointers: UnsafeMutablePointer<UnsafeMutablePointer<kerf_tensor>?>
  private let attributes: UnsafeMutablePointer<kerf_attr>
  private var usedPointers = 0
  private var usedAttributes = 0
  /// Per tensor: where its rows lie.
  private var places: [Place] = []
  /// In the order of the slots.
  private var items: [Item] = []
  /// The items up to which each slot goes.
  private var ends: [Int] = []

  private struct Place {
    var slot: Int
    var offset: Int
    /// Of the buffers of which step, or -1 for a tensor that is whole.
    var buffer: Int
  }

  /// A call.
  private struct Item {
    var step: Int
    /// The slot of threads that it belongs to.
    var slot: Int
    /// The tensors up to which it reads or writes.
    var end: Int
    /// Rows of its output's buffer that move to its beginning before.
    var moveOffset = 0
    var moveBytes = 0
  }

  private static let mostCalls = 1 << 14

  /// nil where the images are not worth cutting.
  init?(_ planner: BandPlanner, _ chain: BandPlanner.Chain, pool: OpaquePointer?) {
    guard let regions = planner.regions(chain) else { return nil }
    let plan = planner.plan
    let images = Int(planner.inputOf(chain, 0).dims[0])
    let steps = chain.operations.count
    var bands = 0
    for region in regions { bands += region.count }
    guard images <= Self.mostCalls, bands <= Self.mostCalls / steps / images else { return nil }
    first = chain.first
    last = chain.last
    slots = min(Int(kerf_pool_threads(pool)), images * regions.count)
    var pointerCount = 0
    var attributeCount = 1
    for step in plan.unit.program.steps[first...last] {
      pointerCount += step.inputs.count + 1
      attributeCount += step.attributes.count
    }
    bands *= images
    calls = .allocate(capacity: bands * steps)
    calls.initialize(repeating: kerf_call(), count: bands * steps)
    tensors = .allocate(capacity: 3 * bands * steps)  // those of a call that go by rows
    tensors.initialize(repeating: kerf_tensor(), count: 3 * bands * steps)
    pointers = .allocate(capacity: bands * pointerCount)
    pointers.initialize(repeating: nil, count: bands * pointerCount)
    attributes = .allocate(capacity: bands * attributeCount)
    attributes.initialize(repeating: kerf_attr(), count: bands * attributeCount)
    bufferBytes = [UInt64](repeating: 0, count: steps - 1)
    let total = images * regions.count
    for slot in 0..<slots {
      for number in total * slot / slots..<total * (slot + 1) / slots {
        var begins = [Int64](repeating: 0, count: steps)  // the row at which each buffer begins
        for band in regions[number % regions.count] {
          for (step, part) in band.enumerated() {
            if let part { add(planner, chain, step, part, number / regions.count, slot, &begins) }
          }
        }
      }
      ends.append(items.count)
    }
  }

  deinit {
    calls.deallocate()
    tensors.deallocate()
    pointers.deallocate()
    attributes.deallocate()
  }

  // MARK: Planning

  private func add(
    _ planner: BandPlanner, _ chain: BandPlanner.Chain, _ number: Int, _ part: BandPlanner.Part, _ image: Int,
    _ slot: Int, _ begins: inout [Int64]
  ) {
    let plan = planner.plan
    let step = plan.unit.program.steps[first + number]
    let whole = plan.calls[first + number]
    var item = Item(step: first + number, slot: slot, end: 0)
    let isLast = first + number == last
    if !isLast {
      // Rows that stay move to the beginning of the buffer, the new ones follow.
      let rowBytes = Int((plan.tensors + Int(step.outputs[0])).rowBytes)
      item.moveOffset = Int(part.kept.low - begins[number]) * rowBytes
      item.moveBytes = item.moveOffset == 0 ? 0 : Int(part.kept.count) * rowBytes
      begins[number] = part.kept.low
      let bytes = UInt64(part.written.high - part.kept.low) * UInt64(rowBytes)
      bufferBytes[number] = max(bufferBytes[number], (bytes + 63) & ~63)
    }
    let firstPointer = pointers + usedPointers
    for (input, slot) in step.inputs.enumerated() {
      if input == chain.inputs[number] {
        append(slot, part.read, plan, image, number == 0 ? nil : (number - 1, begins[number - 1]))
      } else if chain.operations[number].sides?.contains(input) == true, slot >= 0 {
        append(slot, part.written, plan, image, nil)
      } else {
        append(whole.inputs[input])
      }
    }
    append(step.outputs[0], part.written, plan, image, isLast ? nil : (number, begins[number]))
    item.end = places.count
    let call = calls + items.count
    items.append(item)
    call.pointee = whole
    call.pointee.pool = nil
    call.pointee.inputs = UnsafeRawPointer(firstPointer).assumingMemoryBound(to: UnsafePointer<kerf_tensor>?.self)
    call.pointee.outputs = UnsafePointer(firstPointer + step.inputs.count)
    setAttributes(call, chain.operations[number], part)
  }

  private func setAttributes(
    _ call: UnsafeMutablePointer<kerf_call>, _ operation: RowOperation, _ part: BandPlanner.Part
  ) {
    let own = attributes + usedAttributes
    usedAttributes += Int(call.pointee.attr_count)
    for position in 0..<Int(call.pointee.attr_count) { own[position] = call.pointee.attrs[position] }
    call.pointee.attrs = UnsafePointer(own)
    guard operation.isWindow else { return }
    // Padding is what the window has beyond the image; inside it there is none.
    let window = operation.window(part.written)
    own[6].i = part.read.low - window.low
    own[8].i = window.high - part.read.high
  }

  /// A tensor as it is.
  private func append(_ tensor: UnsafePointer<kerf_tensor>?) {
    pointers[usedPointers] = tensor.map { UnsafeMutablePointer(mutating: $0) }
    usedPointers += 1
  }

  /// Rows of an image of a tensor; those in the buffer of a step lie from row `begin` on.
  private func append(_ slot: Int32, _ rows: Rows, _ plan: Plan, _ image: Int, _ buffer: (step: Int, begin: Int64)?) {
    let whole = plan.tensors + Int(slot)
    let tensor = tensors + places.count
    tensor.pointee = whole.pointee
    tensor.dims[0] = 1
    tensor.dims[1] = rows.count
    let before = buffer.map { rows.low - $0.begin } ?? Int64(image) * whole.dims[1] + rows.low
    places.append(Place(slot: Int(slot), offset: Int(before) * Int(whole.rowBytes), buffer: buffer?.step ?? -1))
    append(UnsafePointer(tensor))
  }

  /// Lets the operations check the shapes of all calls.
  func prepare(_ plan: Plan) -> Bool {
    for (position, item) in items.enumerated() {
      var bytes: UInt64 = 0
      let code = plan.unit.prepares[item.step].map { $0(calls + position, &bytes) } ?? Int32(KERF_OK)
      guard code == KERF_OK else { return false }
      scratchBytes = max(scratchBytes, (bytes + 63) & ~63)
    }
    return true
  }

  // MARK: Running

  /// What a run needs to know, for the threads that share it.
  struct Run {
    unowned(unsafe) let steps: BandedSteps
    unowned(unsafe) let plan: Plan
    unowned(unsafe) let state: RunState
    /// Per slot: the position and the code of the call that failed.
    let failures: UnsafeMutablePointer<(step: Int, code: Int32)>
    /// Per slot and step, or nil.
    let nanoseconds: UnsafeMutablePointer<UInt64>?
  }

  /// Runs the calls of a slot up to the first that fails, or to the end of the run.
  func run(_ slot: Int, _ run: Run) {
    for position in (slot == 0 ? 0 : ends[slot - 1])..<ends[slot] {
      let begin = run.nanoseconds == nil ? 0 : csystem_now()
      if run.state.isOver { return }
      let step = items[position].step
      bind(position, run.plan)
      let code = run.plan.unit.runs[step].map { $0(calls + position) } ?? Int32(KERF_OK)
      if code != KERF_OK {
        run.failures[slot] = (step, code)
        return
      }
      run.nanoseconds?[slot * (last - first + 1) + step - first] += csystem_now() - begin
    }
  }

  /// Makes a call ready to run: its rows are where the tensors of the plan lie now.
  @inline(__always)
  private func bind(_ position: Int, _ plan: Plan) {
    let item = items[position]
    for number in (position == 0 ? 0 : items[position - 1].end)..<item.end {
      let place = places[number]
      tensors[number].data = base(place, item.slot, plan).map { $0 + place.offset }
    }
    if item.moveBytes > 0, let base = base(places[item.end - 1], item.slot, plan) {
      base.copyMemory(from: base + item.moveOffset, byteCount: item.moveBytes)
    }
    calls[position].scratch = plan.calls[first].scratch.map { $0 + item.slot * Int(scratchBytes) }
  }

  @inline(__always)
  private func base(_ place: Place, _ slot: Int, _ plan: Plan) -> UnsafeMutableRawPointer? {
    let offset = place.buffer < 0 ? 0 : slot * Int(bufferBytes[place.buffer])
    return plan.tensors[place.slot].data.map { $0 + offset }
  }
}
