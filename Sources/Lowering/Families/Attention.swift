import Bundle
import IR

/// Attention as one kernel. Heads stay where the products before and after have them: transposes to [batch,heads,…] cost
/// nothing.
extension LoweringCatalog {
  static let attention: [String: LoweringRule] = ["Attention": attend]

  private static let attend: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Attention, op.isPlain, let q = node.inputs[0], let k = node.inputs[1],
      let v = node.inputs[2], [q, k, v].allSatisfy({ l.element($0) == .float32 }),
      !node.outputs.dropFirst().contains(where: { l.graph.useCount($0) > 0 }),
      !node.inputs.dropFirst(4).contains(where: { $0 != nil }),
      let queries = Heads(l, q, op.queryHeads), let keys = Heads(l, k, op.keyHeads),
      let values = Heads(l, v, op.keyHeads), queries.count % keys.count == 0
    else { return false }
    var mask: Int32 = -1
    if node.inputs.count > 3, let value = node.inputs[3] {
      guard [.float32, .bool].contains(l.element(value)), (1...4).contains(l.rank(value)),
        l.shape(value).last == keys.length
      else { return false }
      mask = try l.slot(value)
    }
    let inputs = [try queries.slot(l, q), try keys.slot(l, k), try values.slot(l, v), mask]
    let scale = op.scale.map(Double.init) ?? 1 / Double(queries.size).squareRoot()
    let attributes: [Step.Attribute] = [
      .int(queries.count), .int(keys.count), .int(queries.size), .int(values.size), .int(0), .int(0), .int(0),
      .float(scale), .float(Double(op.softcap)), .flag(op.isCausal),
    ]
    l.emit(Op.attention, inputs, [try queries.result(l, node.outputs[0], size: values.size)], attributes, node)
    return true
  }
}

extension Attention {
  /// Without windows and rounding of its own.
  fileprivate var isPlain: Bool {
    leftWindow < 0 && rightWindow < 0 && (softmaxPrecision ?? .float32) == .float32 && softcap >= 0
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

  func slot(_ l: GraphLowering, _ value: ValueID) throws(Diagnostic) -> Int32 {
    guard isByHead, try l.layouts(value).contains(Heads.columns) else { return try l.slot(value) }
    let slot = try l.slot(value, Heads.columns)
    return l.view(slot, try l.dims([batch, length, Dim(count * size)]))
  }

  /// The output's slot, in columns.
  func result(_ l: GraphLowering, _ value: ValueID, size: Int) throws(Diagnostic) -> Int32 {
    guard isByHead else { return try l.result(value) }
    let dims = try l.dims([batch, length, Dim(count * size)])
    let slot = l.builder.resultSlot(ElementType.float32.rawValue, dims)
    try l.alias(value, slot, Heads.columns)
    return slot
  }
}
