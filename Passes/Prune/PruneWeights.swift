import IR

/// Sets the weights of least magnitude to zero, in every layer the same part of them.
///
///     before: Conv(%x, constant)      after: Conv(%x, constant′), of which 80 % are zero
///
/// Works on constant weights of Conv, ConvTranspose, Gemm and MatMul. Biases stay; so do layers with fewer than
/// `minimumInputs` input channels per output, such as depthwise convolutions: each weight matters and none saves time.
public struct PruneWeights: Pass {
  public let name = "prune-weights"
  public var pattern: PrunePattern
  /// ONNX names of nodes that stay as they are.
  public var keep: [Name] = []
  public var minimumInputs = 2

  public init(_ pattern: PrunePattern) { self.pattern = pattern }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    var done: [ValueID: WeightLayout] = [:]
    for id in graph.orderedNodes.map(\.id) {
      guard context.mayEdit else { return }
      guard let node = graph[id], let weight = node.input(1) else { continue }
      guard let tensor = graph.constant(weight) else {
        rejectComputed(node, weight, graph, context)
        continue
      }
      guard let layout = WeightLayout(node.op, tensor.shape) else { continue }
      if let reason = reasonNotToPrune(node, tensor, layout, done[weight]) {
        context.reject(node, reason)
        continue
      }
      guard done[weight] == nil else { continue }
      let zeros = pattern.pruned(tensor.wide(Float.self), layout)
      guard !zeros.isEmpty else { continue }
      let pruned = graph.addConstant(PruneWeights.zeroed(tensor, zeros), name: graph[weight].name)
      graph.replaceUses(of: weight, with: pruned)
      done[pruned] = layout
      let percent = zeros.count * 100 / max(tensor.count, 1)
      try context.didEdit(graph, "\(pattern) set \(percent) % of \(node.label) to zero")
    }
    graph.removeUnusedConstants()
  }

  private func reasonNotToPrune(
    _ node: Node, _ tensor: Tensor, _ layout: WeightLayout, _ earlier: WeightLayout?
  ) -> String? {
    if let name = node.names.first(where: { keep.contains($0) }) { return "'\(name)' is to be kept" }
    guard tensor.type.isFloat else { return "the weights are \(tensor.type.name)" }
    if layout.inputs < minimumInputs {
      return "\(layout.inputs) input channels per output are too few to prune"
    }
    if let earlier, earlier != layout { return "another node reads the same weights in another layout" }
    return pattern.reasonNotToApply(layout)
  }

  /// Weights that something computes: quantized ones are worth a reason, products of two activations are not.
  private func rejectComputed(_ node: Node, _ weight: ValueID, _ graph: Graph, _ context: PassContext) {
    guard node.op is Conv || node.op is ConvTranspose || node.op is Gemm || node.op is MatMul,
      graph.producer(weight)?.op is DequantizeLinear, graph.constant(graph.producer(weight)?.input(0)) != nil
    else { return }
    context.reject(node, "the weights are quantized already: prune before")
  }

  static func zeroed(_ tensor: Tensor, _ zeros: [Int]) -> Tensor {
    if tensor.type == .float32, var values = tensor.elements(Float.self) {
      for index in zeros { values[index] = 0 }
      return Tensor(values, shape: tensor.shape)
    }
    var values = tensor.wide(Double.self)
    for index in zeros { values[index] = 0 }
    return Tensor(wide: values, tensor.type, tensor.shape)
  }
}

extension Graph {
  /// The part of a node's constant weights that is zero; nil where it has none.
  public func sparsity(_ node: Node) -> Double? {
    guard let tensor = constant(node.input(1)), tensor.type.isFloat, tensor.count > 0,
      WeightLayout(node.op, tensor.shape) != nil
    else { return nil }
    return Double(tensor.wide(Float.self).count { $0 == 0 }) / Double(tensor.count)
  }
}
