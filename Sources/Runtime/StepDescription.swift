import Bundle
import Kernels

/// One step of a model, for profiles and reports.
public struct StepDescription: Sendable {
  /// A tensor that a step reads or writes.
  public struct Tensor: Sendable {
    public var slot: Int
    /// ONNX TensorProto.DataType; 255 for packed weights.
    public var type: UInt8
    /// Empty for host values; -1 where not known yet.
    public var dims: [Int]
    public var isWeight: Bool
    /// 0 while not known.
    public var bytes: UInt64
  }
  public var index: Int
  /// ONNX names of the nodes it stands for.
  public var names: [String]
  /// Operation, as gemm_f32; "host", "if", "loop" or "scan" for steps that are no kernels.
  public var operation: String
  /// Kernel, as gemm_f32_avx512; empty for steps that are no kernels.
  public var kernel: String
  public var inputs: [Tensor] = []
  public var outputs: [Tensor] = []
  /// Attributes of a kernel; dimensions by their values.
  public var attributes: [Step.Attribute] = []
  public var scratchBytes: UInt64 = 0

  init(_ unit: LoadedProgram, _ index: Int, _ plan: Plan?) {
    let step = unit.program.steps[index]
    self.index = index
    names = step.name.split(separator: 10).map { printable([UInt8]($0)) }
    operation =
      switch step.kind {
      case .kernel: text(unit.operationNames[index])
      case .host: "host"
      case .conditional: "if"
      case .loop: "loop"
      case .scan: "scan"
      }
    kernel = text(unit.kernelNames[index])
    for slot in step.inputs where slot >= 0 { inputs.append(Self.tensor(Int(slot), unit, plan)) }
    for slot in step.outputs where slot >= 0 { outputs.append(Self.tensor(Int(slot), unit, plan)) }
    for attribute in step.attributes {
      if case .dimension(let expression) = attribute, let plan {
        attributes.append(.int(plan.values[Int(expression)]))
      } else {
        attributes.append(attribute)
      }
    }
    if let plan { scratchBytes = plan.scratchBytes[index] }
  }

  private static func tensor(_ index: Int, _ unit: LoadedProgram, _ plan: Plan?) -> Tensor {
    let slot = unit.program.slots[index]
    var isWeight = false
    if case .weights = unit.program.slots[Int(unit.analysis.root[index])].storage { isWeight = true }
    var result = Tensor(slot: index, type: slot.type, dims: [], isWeight: isWeight, bytes: 0)
    if slot.storage == .host { return result }
    for axis in slot.dims.indices { result.dims.append(plan.map { Int(($0.tensors + index).dims[axis]) } ?? -1) }
    if let plan { result.bytes = (plan.tensors + index).checkedBytes ?? 0 }
    return result
  }
}
