import Bundle
import IR

/// Attention as one kernel. Heads stay where the products before and after have them: transposes to [batch,heads,…] cost
/// nothing. Where queries and keys are dequantized, on their codes.
extension LoweringCatalog {
  static let attention: [String: LoweringRule] = ["Attention": attend]
  static let quantizedAttention: [String: LoweringRule] = ["Attention": attendCodes]

  private static let attend: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let q = node.inputs[0], let k = node.inputs[1], let v = node.inputs[2],
      [q, k, v].allSatisfy({ l.element($0) == .float32 }), let call = AttentionCall(l, node, q, k, v)
    else { return false }
    let inputs = try call.inputs(l, q, k, v, .float32)
    let output = try call.queries.result(l, node.outputs[0], size: call.values.size)
    l.emit(Op.attention, inputs, [output], call.attributes(call.scale), node)
    return true
  }

  /// Only where the graph says so: probabilities and values are codes then, too. The result is codes where a quantize follows, else floats.
  private static let attendCodes: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Attention, op.isCoded, op.softcap == 0,
      let q = l.dequantized(node.inputs[0]), let k = l.dequantized(node.inputs[1]),
      let v = node.inputs[2], l.element(v) == .float32, let call = AttentionCall(l, node, q.source, k.source, v),
      call.scale > 0, call.fitsCodes
    else { return false }
    let reader = l.quantizedReader(node)
    let inputs = try call.inputs(l, q.source, k.source, v, .uint8)
    let attributes: [Step.Attribute] = [
      .int(q.parameters.zero), .float(1 / (reader?.parameters.scale ?? 1)), .int(reader?.parameters.zero ?? 0),
    ]
    let (value, type): (ValueID, ElementType) =
      reader.map { ($0.node.outputs[0], .uint8) } ?? (node.outputs[0], .float32)
    let output = try call.queries.result(l, value, size: call.values.size, type)
    let scale = call.scale * q.parameters.scale * k.parameters.scale
    l.emit(Op.attentionU8, inputs, [output], call.attributes(scale) + attributes, node)
    if let reader { l.covered.insert(reader.node.id) }
    return true
  }
}

/// An attention that a kernel can compute.
private struct AttentionCall {
  let op: Attention
  let queries: Heads
  let keys: Heads
  let values: Heads
  let mask: ValueID?
  let scale: Double

  /// `q`, `k` and `v`: its operands, the first two perhaps as codes. Nil for windows, roundings of its own, and what else has no kernel.
  init?(_ l: GraphLowering, _ node: Node, _ q: ValueID, _ k: ValueID, _ v: ValueID) {
    guard let op = node.op as? Attention, op.leftWindow < 0, op.rightWindow < 0, op.softcap >= 0,
      (op.softmaxPrecision ?? .float32) == .float32,
      !node.outputs.dropFirst().contains(where: { l.graph.useCount($0) > 0 }),
      !node.inputs.dropFirst(4).contains(where: { $0 != nil }),
      let queries = Heads(l, q, op.queryHeads), let keys = Heads(l, k, op.keyHeads),
      let values = Heads(l, v, op.keyHeads), queries.count % keys.count == 0
    else { return nil }
    mask = node.inputs.count > 3 ? node.inputs[3] : nil
    if let mask {
      guard [.float32, .bool].contains(l.element(mask)), (1...4).contains(l.rank(mask)),
        l.shape(mask).last == keys.length
      else { return nil }
    }
    (self.op, self.queries, self.keys, self.values) = (op, queries, keys, values)
    scale = op.scale.map(Double.init) ?? 1 / Double(queries.size).squareRoot()
  }

  /// Whether exact sums fit 32 bits (KERF_ATTENTION_U8_MOST). Lengths that are not known are checked when they are.
  var fitsCodes: Bool { queries.size <= 1 << 15 && (keys.length.value ?? 1) <= 1 << 15 }

  func inputs(
    _ l: GraphLowering, _ q: ValueID, _ k: ValueID, _ v: ValueID, _ type: ElementType
  ) throws(Diagnostic) -> [Int32] {
    let operands = [try queries.slot(l, q, type), try keys.slot(l, k, type), try values.slot(l, v, .float32)]
    guard let mask else { return operands + [-1] }
    return operands + [try l.slot(mask)]
  }

  func attributes(_ scale: Double) -> [Step.Attribute] {
    [
      .int(queries.count), .int(keys.count), .int(queries.size), .int(values.size), .int(0), .int(0), .int(0),
      .float(scale), .float(Double(op.softcap)), .flag(op.isCausal),
    ]
  }
}

/// An operand of attention: [batch,length,count · size], or [batch,count,length,size].
private struct Heads {
  let count: Int
  let size: Int
  let batch: Dim
  let length: Dim
  let isByHead: Bool

  /// Rank 4 with the heads behind the length: in memory the same as rank 3.
  private static let columns = Layout(axes: [0, 2, 1, 3])

  /// Nil where heads and sizes are no numbers.
  init?(_ l: GraphLowering, _ value: ValueID, _ heads: Int?) {
    let shape = l.shape(value)
    guard shape.count == 3 || shape.count == 4, let last = shape[shape.count - 1].value else { return nil }
    isByHead = shape.count == 4
    guard let count = isByHead ? shape[1].value : heads, count > 0 else { return nil }
    self.count = count
    size = isByHead ? last : last / count
    guard size > 0 else { return nil }
    batch = shape[0]
    length = shape[shape.count - 2]
  }

  func slot(_ l: GraphLowering, _ value: ValueID, _ type: ElementType) throws(Diagnostic) -> Int32 {
    guard isByHead, try l.layouts(value).contains(Heads.columns) else { return try l.slot(value, type: type) }
    let slot = try l.slot(value, Heads.columns, type: type)
    return l.view(slot, try l.dims([batch, length, Dim(count * size)]))
  }

  /// The output's slot, in columns.
  func result(
    _ l: GraphLowering, _ value: ValueID, size: Int, _ type: ElementType = .float32
  ) throws(Diagnostic) -> Int32 {
    guard isByHead else { return try l.result(value, type: type) }
    let dims = try l.dims([batch, length, Dim(count * size)])
    let slot = l.builder.resultSlot(type.rawValue, dims)
    try l.alias(value, slot, Heads.columns, type: type)
    return slot
  }
}
