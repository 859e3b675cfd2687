import Bundle
import IR
import Kernels

/// Operators that move elements.
extension LoweringCatalog {
  static let movement: [String: LoweringRule] = [
    "Concat": concat, "Split": split, "Slice": slice, "Pad": pad, "Expand": copyTo(Op.expand), "Tile": copyTo(Op.tile),
    "ConstantOfShape": constantOfShape, "DepthToSpace": depthToSpace, "SpaceToDepth": spaceToDepth, "Trilu": trilu,
    "ReverseSequence": reverseSequence, "Range": range,
  ]

  private static let concat: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Concat else { return false }
    let inputs = node.inputs.compactMap { $0 }
    let rank = l.rank(node.outputs[0])
    let axis = try normalizedAxis(op.axis, rank: rank)
    let layout = try l.commonLayout(inputs, rank: rank)
    var slots: [Int32] = []
    for input in inputs { slots.append(try l.slot(input, layout)) }
    l.emit(Op.concat, slots, [try l.result(node.outputs[0], layout)], [.int(layout.position(axis))], node)
    return true
  }

  private static let split: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Split, let x = node.inputs[0] else { return false }
    let rank = l.rank(x)
    let axis = try normalizedAxis(op.axis, rank: rank)
    let layout = try l.commonLayout([x], rank: rank)
    let source = try l.slot(x, layout)
    var start: Dim = 0
    for output in node.outputs {
      var starts = Array(repeating: Dim(0), count: rank)
      starts[axis] = start
      start = start + l.shape(output)[axis]
      guard l.graph.useCount(output) > 0 else { continue }
      try emitSlice(
        l, node, source, l.result(output, layout), layout.physical(starts), Array(repeating: 1, count: rank))
    }
    return true
  }

  private static func emitSlice(
    _ l: GraphLowering, _ node: Node, _ source: Int32, _ result: Int32, _ starts: [Dim], _ steps: [Int]
  ) throws(Diagnostic) {
    var attributes: [Step.Attribute] = []
    for (start, step) in zip(starts, steps) { attributes += [try attribute(l, start), .int(step)] }
    l.emit(Op.slice, [source], [result], attributes, node)
  }

  /// A dimension as an attribute.
  static func attribute(_ l: GraphLowering, _ dim: Dim) throws(Diagnostic) -> Step.Attribute {
    if let value = dim.value { return .int(value) }
    return .dimension(try l.dims([dim])[0])
  }

  private static let slice: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = node.inputs[0] else { return false }
    let rank = l.rank(x)
    let context = l.graph.inferenceContext(node.inputs, outputCount: 1)
    guard let starts = context.contents(1) else { return false }
    let axes = context.has(3) ? context.integers(3) : Array(0..<starts.count)
    let steps = context.has(4) ? context.integers(4) : Array(repeating: 1, count: starts.count)
    guard let axes, let steps, axes.count == starts.count, steps.count == starts.count else { return false }
    var first = Array(repeating: Dim(0), count: rank)
    var stride = Array(repeating: 1, count: rank)
    for (index, axis) in axes.enumerated() {
      let axis = try normalizedAxis(axis, rank: rank)
      guard let start = clamped(starts[index], l.shape(x)[axis], steps[index]) else { return false }
      first[axis] = start
      stride[axis] = steps[index]
    }
    if first.contains(where: { l.builder.expression($0) == nil }) { return false }
    let layout = try l.commonLayout([x], rank: rank)
    let source = try l.slot(x, layout)
    if l.shape(x) == l.shape(node.outputs[0]), stride.allSatisfy({ $0 == 1 }) {
      try l.alias(node.outputs[0], source, layout)
      return true
    }
    let result = try l.result(node.outputs[0], layout)
    try emitSlice(l, node, source, result, layout.physical(first), layout.physical(stride))
    return true
  }

  /// The first index a slice reads, within the axis. ONNX Slice-13.
  private static func clamped(_ start: Dim, _ size: Dim, _ step: Int) -> Dim? {
    guard step != 0 else { return nil }
    let last = step > 0 ? size : size - 1
    if let value = start.value {
      if value < 0 { return Dim.maximum(size + Dim(value), 0) }
      return value == 0 && step > 0 ? 0 : Dim.minimum(Dim(value), last)
    }
    return Dim.minimum(start, last)
  }

  private static let pad: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Pad, let x = node.inputs[0] else { return false }
    let rank = l.rank(x)
    let context = l.graph.inferenceContext(node.inputs, outputCount: 1)
    guard let pads = context.contents(1) else { return false }
    let given = context.has(3) ? context.integers(3) : Array(0..<rank)
    guard let given, pads.count == 2 * given.count else { return false }
    var before = Array(repeating: Dim(0), count: rank)
    for (index, axis) in given.enumerated() {
      before[try normalizedAxis(axis, rank: rank)] = pads[index]
      for dim in [pads[index], pads[index + given.count]] {
        if dim.value ?? 0 < 0 || l.builder.expression(dim) == nil { return false }
      }
    }
    let layout = try l.commonLayout([x], rank: rank)
    let modes: [PadMode: Int] = [.constant: 0, .reflect: 1, .edge: 2, .wrap: 3]
    var attributes: [Step.Attribute] = [.int(modes[op.mode] ?? 0)]
    for dim in layout.physical(before) { attributes.append(try attribute(l, dim)) }
    let value = op.mode == .constant && node.inputs.count > 2 ? node.inputs[2] : nil
    var inputs = [try l.slot(x, layout)]
    if let value { inputs.append(try l.slot(value)) } else { inputs.append(-1) }
    l.emit(Op.pad, inputs, [try l.result(node.outputs[0], layout)], attributes, node)
    return true
  }

  private static func copyTo(_ op: UInt16) -> LoweringRule {
    { (l, node) throws(Diagnostic) in
      guard let x = node.inputs[0] else { return false }
      l.emit(op, [try l.slot(x)], [try l.result(node.outputs[0])], [], node)
      return true
    }
  }

  private static let constantOfShape: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? ConstantOfShape else { return false }
    let value = op.value ?? Tensor([Float(0)])
    guard let scalar = value.reshaped([]), GraphLowering.kernelTypes.contains(value.type) else { return false }
    let type = l.computeType(node.outputs[0])
    let widened = scalar.type == type ? scalar : Tensor(wide: scalar.wide(Float.self), type, [])
    l.emit(Op.expand, [l.builder.weight(widened)], [try l.result(node.outputs[0])], [], node)
    return true
  }

  private static let trilu: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Trilu, let x = node.inputs[0] else { return false }
    var k = 0
    if node.inputs.count > 1, let input = node.inputs[1] {
      guard let value = l.graph.constant(input)?.integers.first else { return false }
      k = value
    }
    l.emit(Op.trilu, [try l.slot(x)], [try l.result(node.outputs[0])], [.flag(op.isUpper), .int(k)], node, inPlace: 0)
    return true
  }

  private static let reverseSequence: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? ReverseSequence, let x = node.inputs[0], let lengths = node.inputs[1] else {
      return false
    }
    let inputs = [try l.slot(x), try l.slot(lengths)]
    l.emit(Op.reverseSequence, inputs, [try l.result(node.outputs[0])], [.int(op.batchAxis), .int(op.timeAxis)], node)
    return true
  }

  private static let range: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let start = node.inputs[0], let delta = node.inputs[2] else { return false }
    guard [.float32, .int32, .int64].contains(l.computeType(start)), l.element(start) != .float16 else { return false }
    l.emit(Op.range, [try l.slot(start), try l.slot(delta)], [try l.result(node.outputs[0])], [], node)
    return true
  }

  // MARK: Blocks of channels

  /// Channels-last: [N,H,W,b,b,C'] (DCR) or [N,H,W,C',b,b] (CRD) to [N,H,b,W,b,C'].
  private static let depthToSpace: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? DepthToSpace, let x = node.inputs[0], l.rank(x) == 4 else { return false }
    let s = l.shape(x)
    let b = Dim(op.blockSize)
    guard let c = s[1].quotient(by: b * b) else { return false }
    let source = try l.slot(x, .channelsLast(4))
    let split: Shape = op.mode == .depthFirst ? [s[0], s[2], s[3], b, b, c] : [s[0], s[2], s[3], c, b, b]
    let perm = op.mode == .depthFirst ? [0, 1, 3, 2, 4, 5] : [0, 1, 4, 2, 5, 3]
    return try rearrange(l, node, source, split, perm)
  }

  /// Channels-last: [N,H',b,W',b,C] to [N,H',W',b,b,C].
  private static let spaceToDepth: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? SpaceToDepth, op.mode == .depthFirst, let x = node.inputs[0], l.rank(x) == 4 else {
      return false
    }
    let s = l.shape(x)
    let b = Dim(op.blockSize)
    guard let h = s[2].quotient(by: b), let w = s[3].quotient(by: b) else { return false }
    return try rearrange(l, node, l.slot(x, .channelsLast(4)), [s[0], h, b, w, b, s[1]], [0, 1, 3, 2, 4, 5])
  }

  private static func rearrange(
    _ l: GraphLowering, _ node: Node, _ source: Int32, _ split: Shape, _ perm: [Int]
  ) throws(Diagnostic) -> Bool {
    let input = l.view(source, try l.dims(split))
    let result = l.builder.resultSlot(l.builder.type(input), try l.dims(perm.map { split[$0] }))
    l.emit(Op.transpose, [input], [result], perm.map { .int($0) }, node)
    try l.alias(node.outputs[0], result, .channelsLast(4))
    return true
  }
}
