import IR
import Kernels

/// What layers cost in float and on 8-bit codes, and what the way between the two costs, by instruction set. In
/// multiply-adds of a matrix product in float32.
public struct PrecisionCosts: Sendable {
  /// Names of the candidates of a question.
  public static let float = "float32"
  public static let codes = "8-bit codes"

  /// Of an element: to turn it into a code and back, to compute with it between two layers in float or as code.
  public static let quantize = 7.0
  public static let dequantize = 5.0
  public static let floatElement = 10.0
  public static let codeElement = 4.0

  /// Multiply-adds that a microsecond is worth, so that times and costs can be compared.
  public static let perMicrosecond = 45_000.0

  /// A multiply-add on codes, of products and of depthwise convolutions; and what turning a sum into a code takes.
  private let product: Double
  private var depthwise: Double
  private static let requantize = 2.0
  /// Loading a weight that few outputs share: four bytes, or one.
  private static let floatWeight = 6.0
  private static let codedWeight = 2.0
  /// Depthwise convolutions in float, which have few products for what they load.
  private static let floatDepthwise = 3.0
  /// A multiply-add of a recurrent layer whose weights are codes, most of which read weights that no other shares.
  private static let recurrentCodes = 0.7
  /// What a score of attention takes between its two products: in float; as code.
  private static let floatScore = 75.0
  private let codedScore: Double
  /// A multiply-add of attention on codes.
  private let attention: Double
  /// Whether the fastest product is that of weights whose pairs of products fit 16 bits, and what a multiply-add of it
  /// takes.
  private let hasPairs: Bool
  private static let pairs = 0.55
  /// A multiply-add of a 3×3 convolution of stride 1 that runs as Winograd's in integers, there too.
  private static let winograd = 0.39

  /// `isaMask`: instruction sets that kernels may use.
  public init(isaMask: UInt32) {
    func has(_ set: Int) -> Bool { isaMask >> UInt32(set) & 1 == 1 }
    let hasVNNI = has(Int(KERF_ISA_AVX512VNNI)) || has(Int(KERF_ISA_AVXVNNI))
    let hasDots = hasVNNI || has(Int(KERF_ISA_DOTPROD))
    let hasVectors = has(Int(KERF_ISA_AVX2)) || has(Int(KERF_ISA_NEON))
    (product, depthwise) = hasDots ? (0.25, 1.0) : hasVectors ? (0.7, 1.7) : (1, 3)
    if hasVNNI { depthwise = has(Int(KERF_ISA_AVX512VNNI)) ? 0.3 : 1.4 }
    (attention, codedScore) = hasDots ? (0.25, 42) : hasVectors ? (1.7, 100) : (4, 300)
    hasPairs = has(Int(KERF_ISA_AVX2)) && !hasVNNI
  }

  /// Whether a layer on codes multiplies fastest by weights whose pairs of products fit 16 bits, on processors without
  /// dot products of bytes. Asked for every target, so that a model has the same codes and results on all of them.
  public static func addsPairs(_ node: Node, _ graph: Graph) -> Bool {
    guard node.inputs.count > 1, let weights = graph.constant(node.inputs[1]) else { return false }
    if let conv = node.op as? Conv {
      let filter = FilterShape(weights.shape, group: conv.group)
      let output = graph.type(node.outputs[0]).tensor?.shape ?? []
      return !filter.isDepthwise && !fitsWinograd(conv, filter, output)
    }
    // A few rows wait for the weights, whatever multiplies them.
    let shape = graph.type(node.outputs[0]).tensor?.shape ?? []
    return shape.dropLast().reduce(1.0) { $0 * Double($1.value ?? 1024) } > 4
  }

  /// As kerf_winograd_u8_fits has it.
  private static func fitsWinograd(_ conv: Conv, _ filter: FilterShape, _ output: [Dim]) -> Bool {
    guard output.count == 4, filter.kh == 3, filter.kw == 3, filter.group == 1, filter.oc >= 16,
      filter.c % 16 == 0, (32...256).contains(filter.c),
      (0..<2).allSatisfy({ conv.window.stride($0) == 1 && conv.window.dilation($0) == 1 })
    else { return false }
    let tiles = output.dropFirst(2).reduce(Double(output[0].value ?? 1)) {
      $0 * (Double($1.value ?? 64) / 2).rounded(.up)
    }
    return tiles >= 12
  }

  /// Asks whether a layer is to compute in float (first) or on codes. Nil for what is no attention and no convolution, product
  /// or recurrent layer by constant weights, or of unknown size.
  public func question(_ node: Node, _ graph: Graph) -> KernelQuestion? {
    if let layer = RecurrentSample(graph, node) { return question(node, layer) }
    if let layer = AttentionSample(graph, node) { return question(node, layer) }
    guard node.inputs.count > 1, let weights = graph.constant(node.inputs[1]),
      let layer = LayerSample(graph, node, weights)
    else { return nil }
    let candidates = [
      KernelCandidate(kernel: Self.float, cost: floatCost(node, graph, layer, weights)),
      KernelCandidate(kernel: Self.codes, cost: codedCost(node, graph, layer, weights)),
    ]
    return KernelQuestion(node, layer.text + ", float or codes", candidates) { (index) throws(Diagnostic) in
      try index == 0 ? layer.floatGraph() : layer.codedGraph()
    }
  }

  /// A recurrent layer's weights are codes, its inputs and states floats.
  private func question(_ node: Node, _ layer: RecurrentSample) -> KernelQuestion {
    let candidates = [
      KernelCandidate(kernel: Self.float, cost: layer.macs),
      KernelCandidate(kernel: Self.codes, cost: layer.macs * Self.recurrentCodes),
    ]
    return KernelQuestion(node, layer.text + ", float or codes", candidates) { (index) throws(Diagnostic) in
      try layer.graph(coded: index == 1)
    }
  }

  private func question(_ node: Node, _ layer: AttentionSample) -> KernelQuestion {
    let candidates = [
      KernelCandidate(kernel: Self.float, cost: layer.macs + layer.scores * Self.floatScore),
      KernelCandidate(kernel: Self.codes, cost: layer.macs * attention + layer.scores * codedScore),
    ]
    return KernelQuestion(node, layer.text + ", float or codes", candidates) { (index) throws(Diagnostic) in
      try layer.graph(coded: index == 1)
    }
  }

  private func floatCost(_ node: Node, _ graph: Graph, _ layer: LayerSample, _ weights: Tensor) -> Double {
    let direct = layer.macs + Double(weights.count) * Self.floatWeight
    guard let conv = node.op as? Conv else { return direct }
    let filter = FilterShape(weights.shape, group: conv.group)
    if filter.isDepthwise { return layer.macs * Self.floatDepthwise }
    let shape = graph.type(node.outputs[0]).tensor?.shape ?? []
    let found = ConvolutionAlgorithm.candidates(filter, conv.window, output: Array(shape.dropFirst(2)))
    let batch = Double(shape.first?.value ?? 1)
    return found.count > 1 ? (found.map(\.cost).min() ?? direct) * batch : direct
  }

  private func codedCost(_ node: Node, _ graph: Graph, _ layer: LayerSample, _ weights: Tensor) -> Double {
    let ends = Double(layer.outputs) * Self.requantize + Double(weights.count) * Self.codedWeight
    guard let conv = node.op as? Conv else { return layer.macs * (hasPairs ? Self.pairs : product) + ends }
    let filter = FilterShape(weights.shape, group: conv.group)
    if filter.isDepthwise { return layer.macs * depthwise + ends }
    let output = graph.type(node.outputs[0]).tensor?.shape ?? []
    if hasPairs && Self.fitsWinograd(conv, filter, output) { return layer.macs * Self.winograd + ends }
    return layer.macs * (hasPairs ? Self.pairs : product) + ends
  }
}
