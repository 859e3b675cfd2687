import Bundle
import IR
import Kernels

/// Pools, channels-last.
extension LoweringCatalog {
  static let pooling: [String: LoweringRule] = [
    "MaxPool": maxPool, "AveragePool": averagePool, "GlobalAveragePool": global(KERF_REDUCE_MEAN),
    "GlobalMaxPool": global(KERF_REDUCE_MAX),
  ]

  private static let maxPool: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? MaxPool, node.outputs.count == 1 || l.graph.useCount(node.outputs[1]) == 0 else {
      return false
    }
    return try pool(l, node, op.window, Op.maxPool, [])
  }

  private static let averagePool: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? AveragePool else { return false }
    return try pool(l, node, op.window, Op.averagePool, [.flag(op.countsPadding)])
  }

  private static func pool(
    _ l: GraphLowering, _ node: Node, _ window: Window, _ op: UInt16, _ extra: [Step.Attribute]
  ) throws(Diagnostic) -> Bool {
    guard let x = node.inputs[0], let kernel = window.kernelShape, l.computeType(x) == .float32 else { return false }
    guard l.rank(x) == 3 || l.rank(x) == 4 else { return false }
    let layout = Layout.channelsLast(l.rank(x))
    let image = try ImageView(l, x, layout)
    let attributes = try l.geometry(window, l.shape(x), kernel) + extra
    let result = try ImageView(l, result: node.outputs[0], layout)
    l.emit(op, [image.slot], [result.slot], attributes, node)
    return true
  }

  private static func global<T: BinaryInteger & Sendable>(_ code: T) -> LoweringRule {
    { (l, node) throws(Diagnostic) in
      guard let x = node.inputs[0], l.computeType(x) == .float32, l.rank(x) >= 3 else { return false }
      return try reduce(l, node, x, Int(code), Array(2..<l.rank(x)), keep: true)
    }
  }
}
