import Runtime

extension Session {
  /// The steps for inputs whose free dimensions are 1, without running; `arenaBytes` is then that of this plan.
  func planned() throws -> [StepProfile] {
    let dims = model.inputs.map { port in port.isHost ? [] : port.dims.map { $0 < 0 ? 1 : $0 } }
    do throws(RuntimeError) {
      try context.prepare(inputDims: dims)
    } catch {
      throw KerfError(error.description)
    }
    return context.steps.map { StepProfile($0, nanoseconds: 0) }
  }
}
