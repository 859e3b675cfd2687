import Bundle
import IR
import Kernels

/// Resize over the spatial axes, channels-last.
extension LoweringCatalog {
  static let resizing: [String: LoweringRule] = ["Resize": resize]

  private static let resize: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Resize, let x = node.inputs[0], l.rank(x) == 4 || l.rank(x) == 3 else { return false }
    let rank = l.rank(x)
    let y = node.outputs[0]
    guard !op.isAntialiased, l.shape(x)[0] == l.shape(y)[0], l.shape(x)[1] == l.shape(y)[1] else { return false }
    guard let code = coordinates[op.coordinates], op.aspect == .stretch else { return false }
    guard let scales = scales(l, node, op) else { return false }
    let layout = Layout.channelsLast(rank)
    let type = l.computeType(x)
    let image = try ImageView(l, x, layout)
    let result: ImageView
    let tail: [Step.Attribute] = [.float(rank == 4 ? scales[0] : 1), .float(scales[scales.count - 1])]
    let nearest = nearestCodes[op.rounding] ?? 0
    switch op.mode {
    case .nearest:
      result = try ImageView(l, result: y, layout)
      l.emit(Op.resizeNearest, [image.slot], [result.slot], [.int(code), .int(nearest)] + tail, node)
    case .linear, .cubic:
      guard type == .float32 else { return false }
      result = try ImageView(l, result: y, layout)
      let head: [Step.Attribute] = [
        .int(op.mode == .linear ? 1 : 2), .int(code), .int(nearest), .float(Double(op.cubicCoefficient)),
        .flag(op.excludesOutside),
      ]
      l.emit(Op.resize, [image.slot], [result.slot], head + tail, node)
    }
    return true
  }

  private static let coordinates: [Resize.Coordinates: Int] = [
    .halfPixel: 0, .asymmetric: 1, .pytorchHalfPixel: 2, .alignCorners: 3, .halfPixelSymmetric: 4,
  ]
  private static let nearestCodes: [Resize.Rounding: Int] = [
    .roundPreferFloor: 0, .roundPreferCeil: 1, .floor: 2, .ceil: 3,
  ]

  /// Scales of the spatial axes; 0 stands for output size over input size, known when running.
  private static func scales(_ l: GraphLowering, _ node: Node, _ op: Resize) -> [Double]? {
    let rank = l.rank(node.outputs[0])
    guard node.inputs.count > 2, let given = node.inputs[2], let tensor = l.graph.constant(given), tensor.count > 0
    else {
      return Array(repeating: 0, count: rank - 2)
    }
    let values = tensor.wide(Double.self)
    var all = Array(repeating: 1.0, count: rank)
    let axes = op.axes ?? Array(0..<rank)
    guard axes.count == values.count else { return nil }
    for (axis, value) in zip(axes, values) { all[axis < 0 ? axis + rank : axis] = value }
    return Array(all[2...])
  }
}
