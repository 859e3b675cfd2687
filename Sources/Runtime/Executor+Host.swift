import Bundle
import Kernels

extension Executor {
  /// What a slot holds, as an argument of a host call.
  func argument(_ slot: Int32, _ plan: Plan) -> HostArgument {
    if slot < 0 { return .absent }
    if isHost(slot) {
      guard let value = hostValues[Int(slot)] else { return .absent }
      return .host(value)
    }
    return .tensor(TensorView(plan.tensors[Int(slot)]))
  }

  func runHost(_ index: Int, _ plan: Plan) throws(RuntimeError) {
    let step = unit.program.steps[index]
    guard case .host(let text) = step.kind else { return }
    guard let provider = state.provider else {
      throw .unsupported("\(plan.stepName(index)) needs a host provider")
    }
    let call = HostCall(
      site: unit.sites[index], text: text, name: step.name, usedOutputs: step.outputs.map { $0 >= 0 })
    var arguments: [HostArgument] = []
    for slot in step.inputs { arguments.append(argument(slot, plan)) }
    let results = try provider.evaluate(call, inputs: arguments)
    guard results.count == step.outputs.count else {
      throw .host("\(plan.stepName(index)): \(results.count) results, expected \(step.outputs.count)")
    }
    for number in results.indices where step.outputs[number] >= 0 {
      try store(results[number], output: number, of: index, plan)
    }
  }

  private func store(
    _ result: HostResult, output number: Int, of index: Int, _ plan: Plan
  ) throws(RuntimeError) {
    let slot = unit.program.steps[index].outputs[number]
    switch result {
    case .host(let value):
      guard isHost(slot) else {
        throw .host("\(plan.stepName(index)): result \(number) is a host value, expected a tensor")
      }
      hostValues[Int(slot)] = value
    case .tensor(let type, let dims, let bytes):
      guard !isHost(slot) else {
        throw .host("\(plan.stepName(index)): result \(number) is a tensor, expected a host value")
      }
      try store(type, dims, bytes, output: number, of: index, plan)
    case .absent:
      guard isHost(slot) else { throw .host("\(plan.stepName(index)): result \(number) is missing") }
      hostValues[Int(slot)] = nil
    }
  }

  private func store(
    _ type: UInt8, _ dims: [Int], _ bytes: [UInt8], output number: Int, of index: Int, _ plan: Plan
  ) throws(RuntimeError) {
    let failure: RuntimeError? = bytes.withUnsafeBufferPointer { buffer in
      var tensor = TensorView(type: type, dims: dims, data: UnsafeRawPointer(buffer.baseAddress)).tensor
      return withUnsafeMutablePointer(to: &tensor) { pointer in
        guard pointer.checkedBytes == UInt64(bytes.count) else {
          return .host("\(plan.stepName(index)): result \(number) of shape \(pointer.shape) has \(bytes.count) bytes")
        }
        do throws(RuntimeError) {
          try store(pointer, output: number, of: index, plan)
          return nil
        } catch { return error }
      }
    }
    if let failure { throw failure }
  }
}
