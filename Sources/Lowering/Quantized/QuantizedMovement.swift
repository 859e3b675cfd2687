import Bundle
import IR
import Kernels

/// Pools and concatenations on 8-bit codes.
extension LoweringCatalog {
  static let quantizedMovement: [String: LoweringRule] = [
    "Concat": quantizedConcat, "MaxPool": quantizedMaxPool, "AveragePool": quantizedAveragePool,
    "GlobalAveragePool": quantizedGlobalAverage,
  ]

  private static let quantizedConcat: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Concat, let y = l.quantizedReader(node) else { return false }
    var sources: [(source: ValueID, parameters: QuantizationParameters)] = []
    for input in node.inputs {
      guard let x = l.dequantized(input) else { return false }
      sources.append(x)
    }
    let rank = l.rank(node.outputs[0])
    let layout = try l.commonLayout(sources.map(\.source), rank: rank)
    var slots: [Int32] = []
    for x in sources { slots.append(try recoded(l, node, x, y.parameters, layout)) }
    let result = try l.result(y.node.outputs[0], layout, type: .uint8)
    l.emit(Op.concat, slots, [result], [.int(layout.position(try normalizedAxis(op.axis, rank: rank)))], node)
    l.covered.insert(y.node.id)
    return true
  }

  /// The codes under other parameters, through a table where they differ.
  private static func recoded(
    _ l: GraphLowering, _ node: Node, _ x: (source: ValueID, parameters: QuantizationParameters),
    _ y: QuantizationParameters,
    _ layout: Layout
  ) throws(Diagnostic) -> Int32 {
    let slot = try l.codes(x.source, layout)
    if x.parameters == y { return slot }
    let table = l.builder.weight(Tensor((0..<256).map { UInt8(y.code(x.parameters.value($0))) }))
    let result = l.builder.resultSlot(ElementType.uint8.rawValue, l.builder.dims(slot))
    l.emit(Op.lutU8, [slot, table], [result], [], node)
    return result
  }

  private static let quantizedMaxPool: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? MaxPool, node.outputs.count == 1, let kernel = op.window.kernelShape,
      let x = l.dequantized(node.inputs[0]), let y = l.quantizedReader(node),
      l.rank(x.source) == 4 || l.rank(x.source) == 3
    else { return false }
    let layout = Layout.channelsLast(l.rank(x.source))
    let image = try l.image(recoded(l, node, x, y.parameters, layout), l.shape(x.source))
    let attributes = try l.geometry(op.window, l.shape(x.source), kernel)
    let result = try ImageView(l, result: y.node.outputs[0], layout, type: .uint8)
    l.emit(Op.maxPoolU8, [image], [result.slot], attributes, node)
    l.covered.insert(y.node.id)
    return true
  }

  private static let quantizedAveragePool: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? AveragePool, let kernel = op.window.kernelShape, let x = l.dequantized(node.inputs[0])
    else {
      return false
    }
    return try average(l, node, x, try l.geometry(op.window, l.shape(x.source), kernel), op.countsPadding)
  }

  private static let quantizedGlobalAverage: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = l.dequantized(node.inputs[0]), l.rank(x.source) == 4 else { return false }
    let shape = l.shape(x.source)
    let kernel = [try attribute(l, shape[2]), try attribute(l, shape[3])]
    let rest: [Step.Attribute] = [1, 1, 1, 1, 0, 0, 0, 0].map { .int($0) }
    return try average(l, node, x, kernel + rest, false)
  }

  private static func average(
    _ l: GraphLowering, _ node: Node, _ x: (source: ValueID, parameters: QuantizationParameters),
    _ geometry: [Step.Attribute],
    _ countIncludePad: Bool
  ) throws(Diagnostic) -> Bool {
    guard let y = l.quantizedReader(node), l.rank(x.source) == 4 || l.rank(x.source) == 3 else { return false }
    guard let factor = FixedPoint(x.parameters.scale / y.parameters.scale) else { return false }
    let layout = Layout.channelsLast(l.rank(x.source))
    let image = try ImageView(l, x.source, layout, type: .uint8)
    let attributes: [Step.Attribute] = [
      .flag(countIncludePad), .int(x.parameters.zero), .int(factor.multiplier), .int(factor.shift),
      .int(y.parameters.zero),
      .int(0), .int(255),
    ]
    let result = try ImageView(l, result: y.node.outputs[0], layout, type: .uint8)
    l.emit(Op.averagePoolU8, [image.slot], [result.slot], geometry + attributes, node)
    l.covered.insert(y.node.id)
    return true
  }
}
