import Bundle
import IR
import Kernels

/// Normalizations.
extension LoweringCatalog {
  static let normalization: [String: LoweringRule] = [
    "BatchNormalization": batchNormalization, "LayerNormalization": layerNormalization,
    "RMSNormalization": rmsNormalization, "InstanceNormalization": instanceNormalization,
    "GroupNormalization": groupNormalization, "LRN": lrn,
  ]

  /// y = x · s + t with s = scale / √(variance + ε), t = bias − mean · s. ONNX BatchNormalization-15, inference.
  private static let batchNormalization: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? BatchNormalization, !op.trainingMode, op.activation.kernelCode != nil,
      let x = node.inputs[0]
    else { return false }
    let parameters = node.inputs.dropFirst().compactMap { l.graph.constant($0)?.wide(Double.self) }
    guard parameters.count == 4, l.computeType(x) == .float32, l.rank(x) >= 2 else { return false }
    let scale = zip(parameters[0], parameters[3]).map { $0 / ($1 + Double(op.epsilon)).squareRoot() }
    let shift = zip(zip(parameters[1], parameters[2]), scale).map { $0.0 - $0.1 * $1 }
    let layout = Layout.channelsLast(l.rank(x))
    let inputs = [
      try l.slot(x, layout), l.builder.weight(Tensor(scale.map { Float($0) })),
      l.builder.weight(Tensor(shift.map { Float($0) })),
    ]
    l.emit(Op.scaleShift, inputs, [try l.result(node.outputs[0], layout)], op.activation.attributes, node, inPlace: 0)
    return true
  }

  private static func layerNorm(
    _ l: GraphLowering, _ node: Node, axis: Int, epsilon: Float, isRMS: Bool
  ) throws(Diagnostic) -> Bool {
    guard let x = node.inputs[0], l.computeType(x) == .float32 else { return false }
    let axis = try normalizedAxis(axis, rank: l.rank(x))
    let trailing = Array(l.shape(x)[axis...])
    for input in node.inputs.dropFirst() {
      if let input, l.shape(input) != trailing { return false }
    }
    var outputs = [try l.result(node.outputs[0])]
    for output in node.outputs.dropFirst() { outputs.append(l.graph.useCount(output) > 0 ? try l.result(output) : -1) }
    let inputs = [try l.slot(x), try l.optionalSlot(node, 1), try l.optionalSlot(node, 2)]
    l.emit(
      Op.layerNorm, inputs, outputs + Array(repeating: -1, count: 3 - outputs.count),
      [.int(axis), .float(Double(epsilon)), .flag(isRMS)], node)
    return true
  }

  private static let layerNormalization: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? LayerNormalization else { return false }
    return try layerNorm(l, node, axis: op.axis, epsilon: op.epsilon, isRMS: false)
  }

  private static let rmsNormalization: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? RMSNormalization else { return false }
    return try layerNorm(l, node, axis: op.axis, epsilon: op.epsilon, isRMS: true)
  }

  private static func groupNorm(_ l: GraphLowering, _ node: Node, groups: Dim, epsilon: Float, _ activation: Activation)
    throws(Diagnostic) -> Bool
  {
    guard let x = node.inputs[0], l.computeType(x) == .float32, l.rank(x) >= 3, activation.kernelCode != nil else {
      return false
    }
    let shape = l.shape(x)
    for input in node.inputs.dropFirst() { if let input, l.shape(input) != [shape[1]] { return false } }
    let layout = Layout.channelsLast(l.rank(x))
    let spatial = shape[2...].reduce(Dim(1)) { $0 * $1 }
    let dims = try l.dims([shape[0], spatial, shape[1]])
    let source = l.view(try l.slot(x, layout), dims)
    let result = l.builder.resultSlot(ElementType.float32.rawValue, dims)
    try l.alias(node.outputs[0], result, layout)
    let inputs = [source, try l.optionalSlot(node, 1), try l.optionalSlot(node, 2)]
    let attributes: [Step.Attribute] = [try attribute(l, groups), .float(Double(epsilon))] + activation.attributes
    l.emit(Op.groupNorm, inputs, [result], attributes, node)
    return true
  }

  private static let instanceNormalization: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? InstanceNormalization, let x = node.inputs[0], l.rank(x) >= 3 else { return false }
    return try groupNorm(l, node, groups: l.shape(x)[1], epsilon: op.epsilon, op.activation)
  }

  private static let groupNormalization: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? GroupNormalization else { return false }
    return try groupNorm(l, node, groups: Dim(op.numGroups), epsilon: op.epsilon, op.activation)
  }

  private static let lrn: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? LRN, let x = node.inputs[0], l.computeType(x) == .float32, l.rank(x) >= 3 else {
      return false
    }
    let layout = Layout.channelsLast(l.rank(x))
    let attributes: [Step.Attribute] = [
      .int(op.size), .float(Double(op.alpha)), .float(Double(op.beta)), .float(Double(op.bias)),
    ]
    l.emit(Op.lrn, [try l.slot(x, layout)], [try l.result(node.outputs[0], layout)], attributes, node)
    return true
  }
}
