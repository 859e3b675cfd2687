import IR

/// One convolution or matrix product and nothing else, to be timed: without epilogue but for its bias. Images are channels
/// last in memory, as between the kernels of a model. A batch of unknown size counts as 1.
struct LayerSample {
  private let op: any Operator
  private let input: [Int]
  private let output: [Int]
  private let weights: Tensor
  private let hasBias: Bool

  /// Nil where another dimension than the batch is unknown.
  init?(_ graph: Graph, _ node: Node, _ weights: Tensor) {
    guard let x = LayerSample.dims(graph, node.inputs[0]), let y = LayerSample.dims(graph, node.outputs[0]) else {
      return nil
    }
    (input, output) = (x, y)
    self.weights = weights.type == .float32 ? weights : Tensor(weights.wide(Float.self), shape: weights.shape)
    hasBias = node.inputs.count > 2 && node.inputs[2] != nil
    switch node.op {
    case var conv as Conv:
      conv.activation = .none
      op = conv
    case var gemm as Gemm:
      gemm.activation = .none
      op = gemm
    case var product as MatMul:
      product.activation = .none
      op = product
    default: return nil
    }
  }

  private static func dims(_ graph: Graph, _ value: ValueID?) -> [Int]? {
    guard let value, var shape = graph.type(value).tensor?.shape, shape.count > 1 else { return nil }
    shape[0] = Dim(shape[0].value ?? 1)
    let dims = shape.compactMap(\.value)
    return dims.count == shape.count ? dims : nil
  }

  /// All that its time depends on.
  var text: String {
    func list(_ values: [Int]) -> String { values.map(String.init).joined(separator: "x") }
    var parts = ["\(op.displayName) \(list(input)) to \(list(output))", "weights \(list(weights.shape))"]
    guard let conv = op as? Conv else { return parts.joined(separator: ", ") }
    let rank = weights.rank - 2
    parts.append("strides \(list((0..<rank).map { conv.window.stride($0) }))")
    parts.append("dilations \(list((0..<rank).map { conv.window.dilation($0) }))")
    let pads = (0..<rank).map { axis in
      conv.window.symbolicPadding(axis, rank: rank, input: Dim(input[axis + 2]), kernel: weights.shape[axis + 2])
    }
    parts.append("pads \(list((pads.map(\.begin) + pads.map(\.end)).map { $0.value ?? 0 }))")
    return parts.joined(separator: ", ")
  }

  /// Multiply-accumulates.
  var macs: Double {
    let channels = op is Conv ? 0 : op.transposesWeights ? 0 : 1
    let perOutput = weights.shape.enumerated().reduce(1) { $1.offset == channels ? $0 : $0 * $1.element }
    return Double(outputs) * Double(perOutput)
  }

  /// Elements of the result.
  var outputs: Int { output.reduce(1, *) }

  /// In float32.
  func floatGraph() throws(Diagnostic) -> Graph {
    var graph = Graph(name: Name("layer"))
    let x = try graph.addImage("x", .float32, input)
    let y = try graph.add(op, operands(&graph, x, graph.addConstant(weights)))[0]
    graph.setOutputs([try graph.channelsLast(y)], names: [Name("y")])
    return graph
  }

  /// On 8-bit codes, of input, weights and result. Which codes does not matter for the time.
  func codedGraph() throws(Diagnostic) -> Graph {
    var graph = Graph(name: Name("layer"))
    let scale = graph.addConstant(Tensor(scalar: Float(0.02)))
    let zero = graph.addConstant(Tensor(scalar: UInt8(128)))
    let x = try graph.add(DequantizeLinear(), [try graph.addImage("x", .uint8, input), scale, zero])[0]
    var dequantize = DequantizeLinear()
    dequantize.granularity.axis = op is Conv || op.transposesWeights ? 0 : 1
    let channels = weights.shape[dequantize.granularity.axis]
    let codes = graph.addConstant(Tensor(anyCodes: weights.shape))
    let scales = graph.addConstant(Tensor([Float](repeating: 0.01, count: channels)))
    let w = try graph.add(dequantize, [codes, scales])[0]
    let y = try graph.add(op, operands(&graph, x, w))[0]
    let result = try graph.add(QuantizeLinear(), [y, scale, zero])[0]
    graph.setOutputs([try graph.channelsLast(result)], names: [Name("y")])
    return graph
  }

  private func operands(_ graph: inout Graph, _ x: ValueID, _ w: ValueID) -> [ValueID?] {
    guard hasBias else { return [x, w] }
    let channels = op is Conv || op.transposesWeights ? weights.shape[0] : weights.shape[1]
    return [x, w, graph.addConstant(Tensor([Float](repeating: 0, count: channels)))]
  }
}

extension Operator {
  /// Whether a product's weights are [N, K].
  fileprivate var transposesWeights: Bool { (self as? Gemm)?.transposesB ?? (self as? MatMul)?.transposesB ?? false }
}

extension Graph {
  /// An input as ONNX has it, [N, C, H, W], that is channels last in memory; others as they are.
  fileprivate mutating func addImage(_ name: Name, _ type: ElementType, _ dims: [Int]) throws(Diagnostic) -> ValueID {
    let layout = Layout.channelsLast(dims.count)
    let input = addInput(name, .tensor(type, layout.physical(dims.map { Dim($0) })))
    return try turned(input, layout.axes.indices.map { layout.position($0) })
  }

  fileprivate mutating func channelsLast(_ value: ValueID) throws(Diagnostic) -> ValueID {
    try turned(value, Layout.channelsLast(type(value).tensor?.shape?.count ?? 0).axes)
  }

  private mutating func turned(_ value: ValueID, _ axes: [Int]) throws(Diagnostic) -> ValueID {
    if axes == Array(axes.indices) { return value }
    var turn = Transpose()
    turn.permutation = axes
    return try add(turn, [value])[0]
  }
}

extension Tensor {
  /// Weights of 8 bits to be timed: codes that fit in pairs, as those of the layer will.
  init(anyCodes shape: [Int]) {
    self.init((0..<shape.reduce(1, *)).map { Int8(truncatingIfNeeded: $0 % 129 - 64) }, shape: shape)
  }
}
