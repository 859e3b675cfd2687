import Bundle
import IR
import Kernels

/// Operators that read or write by index.
extension LoweringCatalog {
  static let indexing: [String: LoweringRule] = [
    "Gather": gather, "GatherElements": gatherElements, "GatherND": gatherND, "ScatterElements": scatterElements,
    "ScatterND": scatterND, "OneHot": oneHot, "ArgMax": arg(1), "ArgMin": arg(0), "TopK": topK, "CumSum": cumsum,
  ]

  private static func isIndex(_ l: GraphLowering, _ value: ValueID) -> Bool {
    [.int32, .int64].contains(l.element(value))
  }

  private static let gather: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Gather, let x = node.inputs[0], let i = node.inputs[1], isIndex(l, i) else {
      return false
    }
    let axis = try normalizedAxis(op.axis, rank: l.rank(x))
    l.emit(Op.gather, [try l.slot(x), try l.slot(i)], [try l.result(node.outputs[0])], [.int(axis)], node)
    return true
  }

  private static let gatherElements: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? GatherElements, let x = node.inputs[0], let i = node.inputs[1], isIndex(l, i) else {
      return false
    }
    let axis = try normalizedAxis(op.axis, rank: l.rank(x))
    l.emit(Op.gatherElements, [try l.slot(x), try l.slot(i)], [try l.result(node.outputs[0])], [.int(axis)], node)
    return true
  }

  private static let gatherND: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? GatherND, let x = node.inputs[0], let i = node.inputs[1], isIndex(l, i) else {
      return false
    }
    l.emit(Op.gatherND, [try l.slot(x), try l.slot(i)], [try l.result(node.outputs[0])], [.int(op.batchDims)], node)
    return true
  }

  private static func scatter(
    _ l: GraphLowering, _ node: Node, _ op: UInt16, _ reduction: ScatterReduction, _ attributes: [Step.Attribute]
  ) throws(Diagnostic) -> Bool {
    guard let x = node.inputs[0], let i = node.inputs[1], let u = node.inputs[2], isIndex(l, i) else { return false }
    let type = l.computeType(x)
    if reduction != .none, ![.float32, .float64, .int32, .int64].contains(type) { return false }
    let codes: [ScatterReduction: Int] = [.none: 0, .add: 1, .mul: 2, .max: 3, .min: 4]
    let slots = [try l.slot(x), try l.slot(i), try l.slot(u)]
    l.emit(op, slots, [try l.result(node.outputs[0])], attributes + [.int(codes[reduction] ?? 0)], node)
    return true
  }

  private static let scatterElements: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? ScatterElements, let x = node.inputs[0] else { return false }
    let axis = try normalizedAxis(op.axis, rank: l.rank(x))
    return try scatter(l, node, Op.scatterElements, op.reduction, [.int(axis)])
  }

  private static let scatterND: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? ScatterND else { return false }
    return try scatter(l, node, Op.scatterND, op.reduction, [])
  }

  private static let oneHot: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? OneHot, let i = node.inputs[0], let values = node.inputs[2] else { return false }
    guard [.int32, .int64, .float32].contains(l.computeType(i)) else { return false }
    let axis = try normalizedAxis(op.axis, rank: l.rank(node.outputs[0]))
    l.emit(Op.oneHot, [try l.slot(i), try l.slot(values)], [try l.result(node.outputs[0])], [.int(axis)], node)
    return true
  }

  private static func arg(_ isMaximum: Int) -> LoweringRule {
    { (l, node) throws(Diagnostic) in
      guard let op = node.op as? any ArgOperator, let x = node.inputs[0] else { return false }
      guard l.computeType(x) == .float32 || l.element(x).isInteger else { return false }
      let axis = try normalizedAxis(op.axis, rank: l.rank(x))
      let attributes: [Step.Attribute] = [.int(isMaximum), .int(axis), .flag(op.selectLastIndex)]
      l.emit(Op.arg, [try l.slot(x)], [try l.result(node.outputs[0])], attributes, node)
      return true
    }
  }

  private static let topK: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? TopK, let x = node.inputs[0], l.computeType(x) == .float32 else { return false }
    let axis = try normalizedAxis(op.axis, rank: l.rank(x))
    let results = [try l.result(node.outputs[0]), try l.result(node.outputs[1])]
    l.emit(Op.topK, [try l.slot(x)], results, [.int(axis), .flag(op.largest)], node)
    return true
  }

  private static let cumsum: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? CumSum, let x = node.inputs[0],
      let axis = l.graph.constant(node.inputs[1])?.integers.first
    else {
      return false
    }
    let type = l.computeType(x)
    guard [.float32, .float64, .int32, .int64].contains(type) else { return false }
    let attributes: [Step.Attribute] = [
      .int(try normalizedAxis(axis, rank: l.rank(x))), .flag(op.exclusive), .flag(op.reverse),
    ]
    let kernel = type == .float32 ? Op.cumsum : Op.cumsumInt
    l.emit(kernel, [try l.slot(x)], [try l.result(node.outputs[0])], attributes, node)
    return true
  }
}
