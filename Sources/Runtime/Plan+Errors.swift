import Bundle
import Kernels

extension Plan {
  func stepName(_ index: Int) -> String {
    let step = unit.program.steps[index]
    let operation =
      switch step.kind {
      case .kernel: text(unit.operationNames[index])
      case .host: "host call"
      case .conditional: "if"
      case .loop: "loop"
      case .scan: "scan"
      }
    return "step \(index) '\(printable(step.name))' (\(operation))"
  }

  /// The error behind a kernel's code, with the tensors it was called with.
  func failure(_ index: Int, _ code: Int32) -> RuntimeError {
    let reason =
      switch Int(code) {
      case KERF_BAD_COUNT: "wrong number of inputs, outputs or attributes"
      case KERF_BAD_TYPE: "element types do not fit"
      case KERF_BAD_SHAPE: "shapes do not fit"
      case KERF_BAD_ATTR: "an attribute is out of range"
      case KERF_BAD_INDEX: "an index in the data is out of range"
      case KERF_BAD_DIVISOR: "division of an integer by zero"
      default: "code \(code)"
      }
    return .step("\(stepName(index)): \(reason); \(tensorList(index))")
  }

  private func tensorList(_ index: Int) -> String {
    let step = unit.program.steps[index]
    var list = "inputs"
    for slot in step.inputs { list += " " + tensorText(slot) }
    list += ", outputs"
    for slot in step.outputs { list += " " + tensorText(slot) }
    return list
  }

  private func tensorText(_ slot: Int32) -> String {
    guard slot >= 0 else { return "-" }
    let tensor = tensors + Int(slot)
    return ElementType.name(unit.program.slots[Int(slot)].type) + "[" + tensor.shape + "]"
  }
}
