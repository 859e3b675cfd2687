import Bundle
import IR
import Kernels

/// Products of two 8-bit operands that are both made while running, and those whose parameters are.
extension LoweringCatalog {
  static let matmulInteger: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let a = node.inputs[0], let b = node.inputs[1], l.rank(a) >= 2, l.rank(b) >= 2 else { return false }
    if try dynamicMatMul(l, node) { return true }
    if try packedMatMul(l, node, a) { return true }
    let zeros = (2..<4).map { node.inputs.count > $0 ? node.inputs[$0] : nil }
    guard fits(l, zeros[0], a, fromEnd: 2), fits(l, zeros[1], b, fromEnd: 1) else { return false }
    if try scaledMatMul(l, node, a, b) { return true }
    l.emit(Op.matmulInt, try slots(l, [a, b] + zeros), [try l.result(node.outputs[0])], [], node)
    return true
  }

  /// By constant weights, packed now.
  private static func packedMatMul(_ l: GraphLowering, _ node: Node, _ a: ValueID) throws(Diagnostic) -> Bool {
    let zero = node.inputs.count > 2 ? node.inputs[2] : nil
    guard l.element(a) == .uint8, zero.map({ l.shape($0).allSatisfy { $0 == 1 } }) ?? true,
      let stored = l.graph.constant(node.inputs[1]), stored.rank == 2, stored.count > 0,
      let weights = l.centred(stored, node.inputs.count > 3 ? node.inputs[3] : nil, channelAxis: 1)
    else { return false }
    let (k, n) = (stored.shape[0], stored.shape[1])
    let inputs = [
      try l.slot(a), try l.packedCodes(weights, k, n, transposed: false), try l.optionalSlot(node, 2),
    ]
    l.emit(Op.gemmU8I32, inputs, [try l.result(node.outputs[0])], [.int(k), .int(n)], node)
    return true
  }

  /// MatMulInteger → Cast → Mul by a scale of all elements or of the columns: floats at once. Emitted where the result is
  /// asked for, when the scale is there.
  private static func scaledMatMul(
    _ l: GraphLowering, _ node: Node, _ a: ValueID, _ b: ValueID
  ) throws(Diagnostic) -> Bool {
    guard let cast = l.soleUser(node.outputs[0]), cast.op is Cast, l.element(cast.outputs[0]) == .float32,
      let scaling = l.soleUser(cast.outputs[0]), let scale = DynamicProduct.other(scaling, cast.outputs[0]),
      l.element(scale) == .float32, l.shape(scaling.outputs[0]) == l.shape(node.outputs[0])
    else { return false }
    let isSame = l.shape(scale).allSatisfy { $0 == 1 }
    guard isSame || l.shape(scale) == [l.shape(b)[l.rank(b) - 1]] else { return false }
    l.covered.formUnion([cast.id, scaling.id])
    let y = scaling.outputs[0]
    l.postpone(y) { [unowned l] () throws(Diagnostic) in
      let one = l.weight(Float(1))
      let factor = try l.slot(scale)
      let zeros = (2..<4).map { node.inputs.count > $0 ? node.inputs[$0] : nil }
      let inputs = try slots(l, [a, b] + zeros) + [isSame ? factor : one, isSame ? one : factor]
      l.emit(Op.matmulIntF32, inputs, [try l.result(y)], [.int(0)] + Activation.none.attributes + [.int(0)], node)
    }
    return true
  }

  /// QLinearMatMul whose second operand or whose parameters are made while running.
  static func qlinearProduct(_ l: GraphLowering, _ node: Node) throws(Diagnostic) -> Bool {
    guard let a = node.inputs[0], let b = node.inputs[3], l.rank(a) >= 2, l.rank(b) >= 2,
      [a, b, node.outputs[0]].allSatisfy({ l.element($0) == .uint8 || l.element($0) == .int8 }),
      [1, 4, 6].allSatisfy({ node.inputs[$0].map { l.computeType($0) == .float32 } ?? false }),
      [1, 2, 6, 7].allSatisfy({ fits(l, node.inputs[$0], a, fromEnd: 2) }),
      [4, 5].allSatisfy({ fits(l, node.inputs[$0], b, fromEnd: 1) })
    else { return false }
    let inputs = try slots(l, [0, 3, 2, 5, 1, 4, 6, 7].map { node.inputs[$0] })
    let attributes: [Step.Attribute] = [.int(0), .int(0), .int(255)]
    l.emit(Op.matmulIntU8, inputs, [try l.result(node.outputs[0])], attributes, node)
    return true
  }

  /// MatMul of two dequantized operands: on their codes, with codes as results where a quantize follows.
  static func productOfCodes(_ l: GraphLowering, _ node: Node, _ op: MatMul) throws(Diagnostic) -> Bool {
    guard let a = CodedOperand(l, node.inputs[0]), let b = CodedOperand(l, node.inputs[1]), op.alpha > 0,
      l.computeType(node.outputs[0]) == .float32
    else { return false }
    func operands() throws(Diagnostic) -> [Int32] {
      let codes = [try a.slot(l, transposed: op.transposesA), try b.slot(l, transposed: false)]
      let zeros = [l.weight(UInt8(a.parameters.zero)), l.weight(UInt8(b.parameters.zero))]
      let scale = l.weight(Float(a.parameters.scale * Double(op.alpha)))
      return codes + zeros + [scale, l.weight(Float(b.parameters.scale))]
    }
    let transposed = Step.Attribute.flag(op.transposesB)
    let hasResidual = node.inputs.dropFirst(2).contains { $0 != nil }
    if !hasResidual, let reader = l.quantizedReader(node), let range = l.codeRange(op.activation, reader.parameters) {
      let y = [l.weight(Float(reader.parameters.scale)), l.weight(UInt8(reader.parameters.zero))]
      let result = try l.result(reader.node.outputs[0], type: .uint8)
      let limits: [Step.Attribute] = [.int(range.low), .int(range.high)]
      l.emit(Op.matmulIntU8, try operands() + y, [result], [transposed] + limits, node)
      l.covered.insert(reader.node.id)
      return true
    }
    guard op.activation.kernelCode != nil, node.inputs.count <= 2 || node.inputs[2] == nil else { return false }
    let y = node.outputs[0]
    let residual = try l.residual(node, 3, .identity(l.rank(y)), after: op.residualAfterActivation)
    let attributes = [transposed] + op.activation.attributes + [.int(residual.mode)]
    l.emit(Op.matmulIntF32, try operands() + [residual.slot ?? -1], [try l.result(y)], attributes, node)
    return true
  }

  /// Whether a parameter is one element, or a vector along that axis of a matrix.
  private static func fits(_ l: GraphLowering, _ parameter: ValueID?, _ matrix: ValueID, fromEnd: Int) -> Bool {
    guard let parameter else { return true }
    let shape = l.shape(parameter)
    return shape.allSatisfy { $0 == 1 } || shape == [l.shape(matrix)[l.rank(matrix) - fromEnd]]
  }

  private static func slots(_ l: GraphLowering, _ values: [ValueID?]) throws(Diagnostic) -> [Int32] {
    var slots: [Int32] = []
    for value in values { slots.append(try value.map { (v) throws(Diagnostic) in try l.slot(v) } ?? -1) }
    return slots
  }

  static let convInteger: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? ConvInteger, let x = node.inputs[0], let stored = l.graph.constant(node.inputs[1]),
      stored.count > 0
    else { return false }
    if try dynamicConv(l, node) { return true }
    let zero = node.inputs.count > 3 ? node.inputs[3] : nil
    guard l.rank(x) == 4, let weights = IntegerFilter(l, stored, zero) else { return false }
    let layout = Layout.channelsLast(4)
    let filter = FilterShape(stored.shape, group: op.group)
    let packed = try l.builder.packed(
      kerf_pack_conv2d_s8_size(filter.oc, filter.c, filter.kh, filter.kw, filter.group)
    ) {
      kerf_pack_conv2d_s8(filter.oc, filter.c, filter.kh, filter.kw, filter.group, weights.codes, $0)
    }
    let attributes = try l.geometry(op.window, l.shape(x), stored.shape) + [.int(op.group), .int(Int(filter.oc))]
    let zeros = weights.zeros.map { l.builder.weight(Tensor($0)) } ?? -1
    let inputs = [try l.slot(x, layout), packed, try l.optionalSlot(node, 2), zeros]
    l.emit(Op.convInt, inputs, [try l.result(node.outputs[0], layout)], attributes, node)
    return true
  }
}

/// A matrix that was dequantized, and perhaps transposed after that.
private struct CodedOperand {
  let source: ValueID
  let parameters: QuantizationParameters
  private let layout: Layout

  init?(_ l: GraphLowering, _ value: ValueID?) {
    var value = value
    var axes: [Int]?
    if let node = l.graph.producer(value), let op = node.op as? Transpose, let x = node.inputs[0],
      let permutation = try? op.permutation(rank: l.rank(x))
    {
      value = x
      axes = permutation
    }
    guard let codes = l.dequantized(value), l.rank(codes.source) >= 2 else { return nil }
    source = codes.source
    parameters = codes.parameters
    layout = axes.map { Layout(axes: $0) } ?? .identity(l.rank(source))
  }

  /// The codes, with the last two axes exchanged where `transposed`.
  func slot(_ l: GraphLowering, transposed: Bool) throws(Diagnostic) -> Int32 {
    var layout = layout
    if transposed { layout.axes.swapAt(layout.rank - 2, layout.rank - 1) }
    return try l.codes(source, layout)
  }
}

extension GraphLowering {
  fileprivate func weight<T: TensorElement>(_ value: T) -> Int32 { builder.weight(Tensor([value])) }
}

/// Weights of ConvInteger as s8: less their zero points where that fits, else with them beside.
private struct IntegerFilter {
  let codes: [Int8]
  /// One for all, or one for each output channel.
  let zeros: [Int32]?

  init?(_ l: GraphLowering, _ stored: Tensor, _ zero: ValueID?) {
    if let centred = l.centred(stored, zero, channelAxis: 0) {
      codes = Array(centred.bytes.bindMemory(to: Int8.self))
      zeros = nil
      return
    }
    guard zero == nil || l.graph.constant(zero) != nil else { return nil }
    let stated = l.graph.constant(zero)?.integers ?? [0]
    let shift = stored.type == .uint8 ? 128 : 0
    codes = stored.integers.map { Int8($0 - shift) }
    zeros = stated.map { Int32($0 - shift) }
  }
}
