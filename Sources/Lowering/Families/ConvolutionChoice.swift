import IR

/// How a convolution in float32 is computed.
enum ConvolutionAlgorithm: Hashable {
  case depthwise
  /// Sums over the taps, as one matrix product.
  case direct
  /// WINOGRAD_F32 with so many outputs of a tile along a side. Its results differ from the direct sums by about 2e-6 of
  /// their range.
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
    let candidates = found.map { KernelCandidate(kernel: $0.0.kernel, cost: $0.cost) }
    let index = choose(candidates, node, shape: describe(node, conv, weights)) { () throws(Diagnostic) in
      try self.sample(node, conv, weights)
    }
    return found[index].0
  }

  /// All that the time of a convolution depends on, but its epilogue, which costs every algorithm the same.
  private func describe(_ node: Node, _ conv: Conv, _ weights: Tensor) -> String {
    func list(_ values: [Int]) -> String { values.map(String.init).joined(separator: "x") }
    func dims(_ shape: Shape) -> String { list(shape.map { $0.value ?? 1 }) }
    let rank = weights.rank - 2
    let input = node.inputs[0].map { shape($0) } ?? []
    var parts = ["conv \(dims(input)) to \(dims(shape(node.outputs[0])))", "filter \(list(weights.shape))"]
    let pads = (0..<rank).map { axis in
      conv.window.symbolicPadding(axis, rank: rank, input: input[axis + 2], kernel: weights.shape[axis + 2])
    }
    parts.append("strides \(list((0..<rank).map { conv.window.stride($0) }))")
    parts.append("dilations \(list((0..<rank).map { conv.window.dilation($0) }))")
    parts.append("pads \(dims(pads.map(\.begin) + pads.map(\.end)))")
    return parts.joined(separator: ", ")
  }

  /// The convolution alone, without epilogue. A batch of unknown size counts as 1.
  private func sample(_ node: Node, _ conv: Conv, _ weights: Tensor) throws(Diagnostic) -> Graph {
    let input = node.inputs[0].map { shape($0) } ?? []
    func fixed(_ shape: Shape) -> Shape { [Dim(shape[0].value ?? 1)] + shape.dropFirst() }
    var graph = Graph(name: Name("layer"))
    let floats = weights.type == .float32 ? weights : Tensor(weights.wide(Float.self), shape: weights.shape)
    var inputs: [ValueID?] = [try graph.addImage("x", fixed(input)), graph.addConstant(floats)]
    let bias = node.inputs.count > 2 ? node.inputs[2] : nil
    inputs.append(bias == nil ? nil : graph.addConstant(Tensor([Float](repeating: 0, count: weights.shape[0]))))
    var plain = conv
    plain.activation = .none
    let result = try graph.add(plain, inputs)[0]
    graph.setOutputs([try graph.channelsLast(result)], names: [Name("y")])
    return graph
  }
}

extension Graph {
  /// An input that is an image in memory, channels last, as ONNX has it: [N, C, H, W] of float32.
  fileprivate mutating func addImage(_ name: Name, _ shape: Shape) throws(Diagnostic) -> ValueID {
    let input = addInput(name, .tensor(.float32, [shape[0]] + shape.dropFirst(2) + [shape[1]]))
    var turn = Transpose()
    turn.permutation = [0, shape.count - 1] + Array(1..<shape.count - 1)
    return try add(turn, [input])[0]
  }

  fileprivate mutating func channelsLast(_ value: ValueID) throws(Diagnostic) -> ValueID {
    var turn = Transpose()
    turn.permutation = Layout.channelsLast(type(value).tensor?.shape?.count ?? 0).axes
    return try add(turn, [value])[0]
  }
}
