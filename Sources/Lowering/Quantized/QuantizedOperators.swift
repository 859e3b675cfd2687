import Bundle
import IR
import Kernels

/// The quantized products of ONNX; constant weights are packed now.
extension LoweringCatalog {
  static let quantizedOperators: [String: LoweringRule] = [
    "QLinearConv": qlinearConv, "QLinearMatMul": qlinearMatMul,
  ]

  private static let qlinearConv: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? QLinearConv, let x = node.inputs[0], l.rank(x) == 4 || l.rank(x) == 3,
      let weights = l.graph.constant(node.inputs[3]), weights.count > 0,
      let w = l.channelCodes(weights, node.inputs[4], node.inputs[5], channelAxis: 0),
      let product = QuantizedProduct(l, node, x, w.scales, bias: node.inputs.count > 8 ? node.inputs[8] : nil)
    else { return false }
    let filter = FilterShape(w.codes.shape, group: op.group)
    let layout = Layout.channelsLast(l.rank(x))
    let image = try ImageView(l, x, layout, type: .uint8)
    var attributes = try l.geometry(op.window, l.shape(x), w.codes.shape)
    if !filter.isDepthwise { attributes += [.int(op.group), .int(Int(filter.oc))] }
    try l.emit(
      filter.isDepthwise ? Op.depthwiseU8 : Op.conv2dU8, image.slot, try l.packedFilter(filter, w.codes),
      attributes + [.int(product.input.zero)], product.epilogue, node.outputs[0], layout, node)
    return true
  }

  private static let qlinearMatMul: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let a = node.inputs[0], l.rank(a) >= 2, let weights = l.graph.constant(node.inputs[3]), weights.rank == 2,
      weights.count > 0, let w = l.channelCodes(weights, node.inputs[4], node.inputs[5], channelAxis: 1),
      let product = QuantizedProduct(l, node, a, w.scales, bias: nil)
    else { return try qlinearProduct(l, node) }
    let (k, n) = (weights.shape[0], weights.shape[1])
    let packed = try l.packedCodes(w.codes, k, n, transposed: false)
    try l.emit(
      Op.gemmU8, try l.codes(a), packed, [.int(k), .int(n), .int(product.input.zero)], product.epilogue,
      node.outputs[0], .identity(l.rank(a)), node)
    return true
  }
}

/// Parameters of QLinearConv and QLinearMatMul: inputs 1 and 2 are those of x, 6 and 7 those of y.
private struct QuantizedProduct {
  let input: QuantizationParameters
  let epilogue: CodesEpilogue

  init?(_ l: GraphLowering, _ node: Node, _ x: ValueID, _ scales: [Double], bias: ValueID?) {
    guard let input = QuantizationParameters(l, x, node.inputs[1], node.inputs[2]),
      let y = QuantizationParameters(l, node.outputs[0], node.inputs[6], node.inputs[7])
    else { return nil }
    let factors = scales.compactMap { FixedPoint(input.scale * $0 / y.scale) }
    var steps = [Int32](repeating: 0, count: scales.count)
    if let bias {
      guard let tensor = l.graph.constant(bias), tensor.count == 1 || tensor.count == scales.count else { return nil }
      let values = tensor.integers.map { Int32($0) }
      steps = values.count == 1 ? Array(repeating: values[0], count: scales.count) : values
    }
    guard factors.count == scales.count else { return nil }
    self.input = input
    epilogue = CodesEpilogue(y: y, low: 0, high: 255, factors: factors, bias: steps)
  }
}
