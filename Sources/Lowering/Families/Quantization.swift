import Bundle
import IR
import Kernels

/// Quantize and dequantize on their own.
extension LoweringCatalog {
  static let quantization: [String: LoweringRule] = [
    "QuantizeLinear": quantize, "DequantizeLinear": dequantize, "DynamicQuantizeLinear": dynamicQuantize,
    "MatMulInteger": matmulInteger, "ConvInteger": convInteger,
  ]

  private static let quantize: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? QuantizeLinear, let x = node.inputs[0], op.granularity.blockSize == 0 else {
      return false
    }
    let y = node.outputs[0]
    let parameters = QuantizationParameters(l, node)
    if let source = l.dequantized(x), let parameters {
      let layout = try l.commonLayout([source.source], rank: l.rank(x))
      if parameters == source.parameters {
        try l.alias(y, l.codes(source.source, layout), layout, type: .uint8)
      } else {
        try emitTable(l, node, source.source, y) { parameters.code(source.parameters.value($0)) }
      }
      return true
    }
    if let parameters, l.element(y) == .int8, l.computeType(x) == .float32, !l.graph.isOutput(y) {
      return try quantizeToCodes(l, node, x, parameters)
    }
    guard l.computeType(x) == .float32, [.uint8, .int8, .uint16, .int16].contains(l.element(y)) else { return false }
    return try emit(l, node, Op.quantize, x, op.granularity.axis)
  }

  private static let dequantize: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? DequantizeLinear, let x = node.inputs[0] else { return false }
    let y = node.outputs[0]
    if node.inputs.allSatisfy({ $0 == nil || l.graph.constant($0) != nil }) {
      // Most layers read the codes themselves: dequantized only where one does not.
      l.postpone(y) { [unowned l] () throws(Diagnostic) in
        guard let tensor = l.weights(y) else { throw .invalid("internal: \(node.label) has no value") }
        try l.placeConstant(y, tensor)
      }
      return true
    }
    guard op.granularity.blockSize == 0 else { return false }
    guard [.uint8, .int8, .uint16, .int16, .int32].contains(l.element(x)), l.computeType(y) == .float32 else {
      return false
    }
    guard try parameters(l, node, op.granularity.axis, .identity(l.rank(x))) != nil else { return false }
    l.postpone(y) { [unowned l] () throws(Diagnostic) in
      if let source = l.dequantized(y), l.element(x) == .int8, l.isPlaced(x, as: .uint8) {
        try dequantizeCodes(l, node, source)
      } else {
        _ = try emit(l, node, Op.dequantize, x, op.granularity.axis)
      }
    }
    return true
  }

  /// To int8, for readers of codes: as u8, with the zero point moved.
  private static func quantizeToCodes(
    _ l: GraphLowering, _ node: Node, _ x: ValueID, _ parameters: QuantizationParameters
  ) throws(Diagnostic) -> Bool {
    let layout = try l.commonLayout([x], rank: l.rank(x))
    let slots = [try l.slot(x, layout), scalar(l, Float(parameters.scale)), scalar(l, UInt8(parameters.zero))]
    l.emit(Op.quantize, slots, [try l.result(node.outputs[0], layout, type: .uint8)], [.int(-1)], node)
    return true
  }

  private static func dequantizeCodes(
    _ l: GraphLowering, _ node: Node, _ x: (source: ValueID, parameters: QuantizationParameters)
  ) throws(Diagnostic) {
    let layout = try l.commonLayout([x.source], rank: l.rank(x.source))
    let slots = [
      try l.codes(x.source, layout), scalar(l, Float(x.parameters.scale)), scalar(l, UInt8(x.parameters.zero)),
    ]
    l.emit(Op.dequantize, slots, [try l.result(node.outputs[0], layout)], [.int(-1)], node)
  }

  private static func scalar<T: TensorElement>(_ l: GraphLowering, _ value: T) -> Int32 {
    l.builder.weight(Tensor([value]))
  }

  private static func emit(_ l: GraphLowering, _ node: Node, _ op: UInt16, _ x: ValueID, _ axis: Int) throws(Diagnostic)
    -> Bool
  {
    let layout = try l.commonLayout([x], rank: l.rank(x))
    guard let (slots, position) = try parameters(l, node, axis, layout) else { return false }
    let y = node.outputs[0]
    l.emit(op, [try l.slot(x, layout)] + slots, [try l.result(y, layout)], [.int(position)], node)
    return true
  }

  /// Slots of scale and zero point, and the physical axis (-1: one for all); nil where shapes are unusual.
  private static func parameters(
    _ l: GraphLowering, _ node: Node, _ axis: Int, _ layout: Layout
  ) throws(Diagnostic) -> (slots: [Int32], axis: Int)? {
    guard let scale = node.inputs[1], l.computeType(scale) == .float32, l.rank(scale) <= 1 else { return nil }
    let zero = node.inputs.count > 2 ? node.inputs[2] : nil
    let isScalar = l.rank(scale) == 0 || l.shape(scale) == [1]
    if let zero, l.shape(zero) != l.shape(scale) { return nil }
    let one = [l.builder.constant(1)]
    func flat(_ slot: Int32) -> Int32 { isScalar ? l.view(slot, one) : slot }
    let slots = [flat(try l.slot(scale)), try zero.map { (z) throws(Diagnostic) in flat(try l.slot(z)) } ?? -1]
    if isScalar { return (slots, -1) }
    return (slots, layout.position(try normalizedAxis(axis, rank: layout.rank)))
  }
}
