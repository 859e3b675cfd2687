import IR

/// How a convolution in float32 is computed.
enum ConvolutionAlgorithm: Hashable {
  case depthwise
  /// Sums over the taps, as one matrix product.
  case direct
  /// WINOGRAD_F32 with so many outputs of a tile along a side. Its results differ from the direct sums by about 2e-6 of
  /// their range. Whatever the weights, on inputs without order roundings add up to less than 9e-7 of the output's spread
  /// (the largest eigenvalue over filters of the transforms' gains, times 2⁻²⁴: 1.8e-7 for tiles of 2, 5.5e-7 for 4, 8.2e-7
  /// for filters of 5 × 5): no layer has to be kept from it, and time alone decides.
  case winograd(tile: Int64)

  var kernel: String {
    switch self {
    case .depthwise: Op.name(Op.depthwise)
    case .direct: Op.name(Op.conv2d)
    case .winograd(let tile): "\(Op.name(Op.winograd)) tile \(tile)"
    }
  }

  /// The algorithms that compute a convolution with an output of that height and width, each with its cost in
  /// multiply-adds of a full tile of the matrix product. The first needs no known size.
  static func candidates(_ filter: FilterShape, _ window: Window, output: [Dim]) -> [(Self, cost: Double)] {
    if filter.isDepthwise { return [(.depthwise, 0)] }
    guard output.count == 2, let height = output[0].value, let width = output[1].value, filter.group == 1,
      filter.kh == filter.kw, (0..<2).allSatisfy({ window.stride($0) == 1 && window.dilation($0) == 1 })
    else { return [(.direct, 0)] }
    let cost = ConvolutionCost(filter, height: Double(height), width: Double(width))
    let tiles: [Double] = filter.kh == 3 ? [4, 2] : filter.kh == 5 ? [2] : []
    return [(.direct, cost.direct)] + tiles.map { (.winograd(tile: Int64($0)), cost.winograd($0)) }
  }
}

/// The table: what a convolution of stride 1 costs, in multiply-adds of a full tile of the matrix product.
private struct ConvolutionCost {
  private let c: Double
  private let oc: Double
  private let taps: Double
  private let height: Double
  private let width: Double

  /// The transform of one channel of one position, against one multiply-add.
  private static let transform = 6.0
  /// Loading a weight, which few outputs share.
  private static let weight = 6.0
  /// A direct convolution, against the product alone.
  private static let direct = 1.06
  /// Winograd's must cost less than this fraction of the direct convolution: its weights are larger.
  private static let worthwhile = 0.85

  init(_ filter: FilterShape, height: Double, width: Double) {
    (c, oc, taps) = (Double(filter.c), Double(filter.oc), Double(filter.kh))
    (self.height, self.width) = (height, width)
  }

  var direct: Double { taps * taps * c * oc * (height * width * Self.direct + Self.weight) }

  func winograd(_ m: Double) -> Double {
    let positions = (m + taps - 1) * (m + taps - 1)
    let count = (height / m).rounded(.up) * (width / m).rounded(.up)
    let channels = (c / 16).rounded(.up) * 16 + oc
    return positions * (count * (c * oc + Self.transform * channels) + Self.weight * c * oc) / Self.worthwhile
  }
}

extension GraphLowering {
  /// The algorithm of a convolution, by the costs at hand.
  func algorithm(_ node: Node, _ conv: Conv, _ weights: Tensor) -> ConvolutionAlgorithm {
    let filter = FilterShape(weights.shape, group: conv.group)
    let found = ConvolutionAlgorithm.candidates(filter, conv.window, output: Array(shape(node.outputs[0]).dropFirst(2)))
    guard found.count > 1, let layer = LayerSample(graph, node, weights) else { return found[0].0 }
    let candidates = found.map { KernelCandidate(kernel: $0.0.kernel, cost: $0.cost) }
    let question = KernelQuestion(node, layer.text, candidates) { (_) throws(Diagnostic) in try layer.floatGraph() }
    return found[choose(question)].0
  }
}
