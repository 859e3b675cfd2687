import Bundle
import IR

/// Graph to program: which kernel computes each node, in which layout, with weights packed. What no kernel takes becomes
/// a host call. `bounds` are those of symbolic dimensions; the program refuses inputs outside. `costs` decide where several
/// kernels fit. Throws an internal error where the graph is not what the verifier promises.
public func lower(
  _ graph: consuming Graph, bounds: [String: ClosedRange<Int>] = [:], costs: any KernelCosts = TabulatedCosts()
) throws(Diagnostic) -> LoweredModel {
  let weights = WeightStore()
  let record = LoweringRecord()
  let program = try GraphLowering(graph, weights: weights, record: record, costs: costs, bounds: bounds).lower()
  return LoweredModel(
    program: program, weights: weights.chunks, weightBytes: weights.size, layers: record.layers,
    choices: record.choices, hostCalls: record.hostCalls)
}
