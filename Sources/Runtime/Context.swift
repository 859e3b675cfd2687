import Bundle
import CSystem
import Kernels

/// How a context is made.
public struct ContextOptions: Sendable {
  /// Bytes that the context may allocate for tensors; the memory of the machine when nil.
  public var memoryLimit: UInt64?
  /// Plans kept for different input shapes, at least 1.
  public var planLimit = 8
  public var cancel: CancelFlag?
  public var bands = BandPolicy()

  public init() {}
}

/// Runs a model, one run at a time: owns the arena, the plans and all other memory that changes. Not for several
/// threads at once; make one context per thread.
public final class Context {
  public let model: Model
  private let state: RunState
  private let executor: Executor
  /// Set by every successful run.
  private var hasRun = false

  public init(_ model: Model, options: ContextOptions = ContextOptions()) {
    self.model = model
    state = RunState(
      memory: MemoryBudget(limit: options.memoryLimit ?? csystem_physical_memory()),
      cancel: options.cancel ?? CancelFlag(), pool: model.pool, provider: model.provider,
      planLimit: max(1, options.planLimit), bands: options.bands)
    executor = Executor(model.unit, state)
    planAhead()
  }

  /// Plans and allocates before the first run, where the shapes of all inputs are known. What fails here fails there again,
  /// and is reported then.
  private func planAhead() {
    if model.inputs.contains(where: { $0.isHost || $0.dims.contains(-1) }) { return }
    do throws(RuntimeError) {
      try prepare(inputDims: model.inputs.map { $0.dims })
      try executor.touchArena()
    } catch {}
  }

  /// Monotonic time in nanoseconds (`Context.now`) at which a run gives up, checked before every step; 0 for none.
  public var deadline: UInt64 {
    get { state.deadline }
    set { state.deadline = newValue }
  }

  /// Stops a run from another thread; stays set until `reset`.
  public var cancelFlag: CancelFlag { state.cancel }

  /// Monotonic time in nanoseconds.
  public static var now: UInt64 { csystem_now() }

  // MARK: Running

  /// Runs on tensors, in the order of `model.inputs`. After a first run with the same shapes this allocates nothing,
  /// except in host calls.
  public func run(_ inputs: [TensorView]) throws(RuntimeError) {
    try run(inputs.count) { (index) throws(RuntimeError) in try set(index, inputs[index]) }
  }

  /// Runs on tensors and host values.
  public func run(_ inputs: [HostArgument]) throws(RuntimeError) {
    try run(inputs.count) { (index) throws(RuntimeError) in try set(index, inputs[index]) }
  }

  /// `set` gives the executor an input.
  private func run(_ count: Int, _ set: (Int) throws(RuntimeError) -> Void) throws(RuntimeError) {
    hasRun = false
    let mode = FloatMode()
    defer { mode.restore() }
    try checkCount(count)
    for index in 0..<count { try set(index) }
    try model.checkWeights()
    try executor.run()
    hasRun = true
  }

  /// Makes the plan for these input dimensions (one list per input, empty for host values) without running.
  public func prepare(inputDims: [[Int]]) throws(RuntimeError) {
    hasRun = false
    // Kernels compute factors here.
    let mode = FloatMode()
    defer { mode.restore() }
    try checkCount(inputDims.count)
    for index in inputDims.indices {
      let port = model.inputs[index]
      if port.isHost { continue }
      let view = TensorView(type: port.type, dims: inputDims[index], data: nil)
      try checkRank(port, view)
      executor.inputs[index] = view.tensor
    }
    _ = try executor.selectPlan()
  }

  private func checkCount(_ count: Int) throws(RuntimeError) {
    guard count == model.inputs.count else {
      var names = ""
      for (index, port) in model.inputs.prefix(20).enumerated() {
        names += (index > 0 ? ", " : "") + "'\(port.nameText)'"
      }
      throw .input("\(count) inputs given, expected \(model.inputs.count)" + (names.isEmpty ? "" : " (\(names))"))
    }
  }

  private func set(_ index: Int, _ argument: HostArgument) throws(RuntimeError) {
    let port = model.inputs[index]
    switch argument {
    case .tensor(let view): try set(index, view)
    case .host(let value):
      guard port.isHost else { throw .input("input '\(port.nameText)': given a host value, expected a tensor") }
      executor.hostInputs[index] = value
    case .absent:
      guard port.isHost else { throw .input("input '\(port.nameText)': nothing given, expected a tensor") }
      executor.hostInputs[index] = nil
    }
  }

  private func set(_ index: Int, _ view: TensorView) throws(RuntimeError) {
    let slot = model.unit.program.slots[Int(model.unit.program.inputs[index].slot)]
    guard view.tensor.type == Int32(slot.type), view.tensor.rank == Int32(slot.dims.count), slot.storage == .input
    else {
      return try refuse(model.inputs[index], view)
    }
    if view.tensor.data == nil, view.count > 0 {
      throw .input("input '\(model.inputs[index].nameText)': given no data")
    }
    executor.inputs[index] = view.tensor
  }

  private func refuse(_ port: ModelPort, _ view: TensorView) throws(RuntimeError) {
    if port.isHost { throw .input("input '\(port.nameText)': given a tensor, expected a host value") }
    guard view.type == port.type else {
      throw .input(
        "input '\(port.nameText)': given \(ElementType.name(view.type)), expected \(ElementType.name(port.type))")
    }
    try checkRank(port, view)
  }

  private func checkRank(_ port: ModelPort, _ view: TensorView) throws(RuntimeError) {
    guard view.rank != port.dims.count else { return }
    let expected = shapeText(port.dims.map { Int64($0) })
    throw .input(
      "input '\(port.nameText)': given \(view.tensor.shapeText) of rank \(view.rank), expected \(expected) of rank "
        + "\(port.dims.count)")
  }

  // MARK: Results

  /// An output of the last run that succeeded; the view is valid until the next run. `absent` before any run.
  public func output(_ index: Int) -> HostArgument {
    guard hasRun, model.outputs.indices.contains(index) else { return .absent }
    if model.outputs[index].isHost { return executor.hostOutput(index).map { .host($0) } ?? .absent }
    guard let tensor = executor.output(index) else { return .absent }
    let view = TensorView(tensor.pointee)
    return .tensor(model.outputs[index].isSqueezed ? view.squeezed : view)
  }

  /// An output of the last run as a tensor; nil before any run and for host values.
  public func tensor(_ index: Int) -> TensorView? {
    if case .tensor(let view) = output(index) { return view }
    return nil
  }

  // MARK: Figures

  /// Bytes of the arena of the current plan, scratch of planned kernels included.
  public var arenaBytes: UInt64 { executor.plan?.arenaBytes ?? 0 }
  /// The most bytes of it that are needed at one time: how small an arena could be at best.
  public var arenaLowerBound: UInt64 { executor.plan?.arenaLowerBound ?? 0 }
  /// Bytes in buffers whose size depends on data.
  public var dynamicBytes: UInt64 { executor.dynamicBytes }
  /// Bytes allocated for tensors by this context and the contexts of its bodies.
  public var allocatedBytes: UInt64 { state.memory.used }
  public var planCount: Int { executor.plans.count }

  /// Whether runs measure their steps.
  public var isProfiling: Bool {
    get { executor.isProfiling }
    set { executor.isProfiling = newValue }
  }
  /// Nanoseconds per step of the last profiled run.
  public var stepNanoseconds: [UInt64] { executor.nanoseconds }

  /// The steps with the dimensions of the current plan (late dimensions as they were in the last run).
  public var steps: [StepDescription] {
    model.program.steps.indices.map { StepDescription(model.unit, $0, executor.plan) }
  }
}
