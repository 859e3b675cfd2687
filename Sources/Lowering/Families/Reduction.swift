import Bundle
import IR
import Kernels

/// Reductions, softmax.
extension LoweringCatalog {
  static let reduction: [String: LoweringRule] = [
    "ReduceSum": named(KERF_REDUCE_SUM), "ReduceMean": named(KERF_REDUCE_MEAN), "ReduceMax": named(KERF_REDUCE_MAX),
    "ReduceMin": named(KERF_REDUCE_MIN), "ReduceProd": named(KERF_REDUCE_PROD), "ReduceL1": named(KERF_REDUCE_L1),
    "ReduceL2": named(KERF_REDUCE_L2), "ReduceSumSquare": named(KERF_REDUCE_SUM_SQUARE),
    "ReduceLogSum": named(KERF_REDUCE_LOG_SUM), "ReduceLogSumExp": named(KERF_REDUCE_LOG_SUM_EXP),
  ]

  static let softmax: [String: LoweringRule] = [
    "Softmax": { (l, node) throws(Diagnostic) in
      guard let op = node.op as? Softmax else { return false }
      return try emitSoftmax(l, node, op.axis, false)
    },
    "LogSoftmax": { (l, node) throws(Diagnostic) in
      guard let op = node.op as? LogSoftmax else { return false }
      return try emitSoftmax(l, node, op.axis, true)
    },
  ]

  private static func emitSoftmax(_ l: GraphLowering, _ node: Node, _ axis: Int, _ isLog: Bool) throws(Diagnostic)
    -> Bool
  {
    guard let x = node.inputs[0], l.computeType(x) == .float32, l.rank(x) > 0 else { return false }
    let axis = try normalizedAxis(axis, rank: l.rank(x))
    let layout = try l.commonLayout([x], rank: l.rank(x))
    if l.element(x) == .bfloat16 && !isLog {
      let result = try l.result(node.outputs[0], layout, type: .bfloat16)
      l.emit(
        Op.softmaxBF16, [try l.slot(x, layout, type: .bfloat16)], [result], [.int(layout.position(axis))], node,
        inPlace: 0)
      return true
    }
    let attributes: [Step.Attribute] = [.int(layout.position(axis)), .flag(isLog)]
    l.emit(Op.softmax, [try l.slot(x, layout)], [try l.result(node.outputs[0], layout)], attributes, node, inPlace: 0)
    return true
  }

  private static func named<T: BinaryInteger & Sendable>(_ code: T) -> LoweringRule {
    { (l, node) throws(Diagnostic) in
      guard let op = node.op as? any ReduceOperator, let x = node.inputs[0] else { return false }
      let rank = l.rank(x)
      var axes: [Int] = []
      if node.inputs.count > 1, let input = node.inputs[1] {
        guard let given = l.graph.inferenceContext([input], outputCount: 1).integers(0) else { return false }
        for axis in given { axes.append(try normalizedAxis(axis, rank: rank)) }
      }
      if axes.isEmpty {
        if op.noopWithEmptyAxes { return false }
        axes = Array(0..<rank)
      }
      return try reduce(l, node, x, Int(code), axes, keep: op.keepdims)
    }
  }

  /// One reduction over logical axes, in whatever layout the input has.
  static func reduce(
    _ l: GraphLowering, _ node: Node, _ x: ValueID, _ code: Int, _ axes: [Int], keep: Bool
  ) throws(Diagnostic) -> Bool {
    let type = l.computeType(x)
    let rank = l.rank(x)
    let integers: Set<ElementType> = [.int32, .int64, .uint8, .int8, .bool, .float64]
    guard type == .float32 || integers.contains(type), code <= Int(KERF_REDUCE_PROD) || type == .float32 else {
      return false
    }
    let layout = try l.commonLayout([x], rank: rank)
    let mask = axes.reduce(0) { $0 | 1 << layout.position($1) }
    var result = layout
    if !keep {
      let kept = (0..<rank).filter { !axes.contains($0) }
      result = Layout(axes: layout.axes.compactMap { kept.firstIndex(of: $0) })
    }
    let source = try l.slot(x, layout)
    let output = try l.result(node.outputs[0], result)
    l.emit(type == .float32 ? Op.reduce : Op.reduceInt, [source], [output], [.int(code), .int(mask)], node)
    return true
  }
}
