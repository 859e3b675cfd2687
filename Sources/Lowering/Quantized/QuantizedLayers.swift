import Bundle
import IR
import Kernels

/// Convolutions and matrix products on 8-bit codes: dequantize → operator → quantize becomes one kernel; without the
/// quantize at the end, one kernel with a float result.
extension LoweringCatalog {
  static let quantizedLayers: [String: LoweringRule] = [
    "Conv": quantizedConv, "Gemm": quantizedGemm, "MatMul": quantizedMatMul,
  ]

  private static let quantizedConv: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Conv, let x = l.dequantized(node.inputs[0]),
      l.rank(x.source) == 4 || l.rank(x.source) == 3,
      let w = l.quantizedWeights(node.inputs[1], channelAxis: 0)
    else { return false }
    let filter = FilterShape(w.codes.shape, group: op.group)
    let isDepthwise = filter.isDepthwise
    let layer = QuantizedLayer(
      input: x.parameters, scales: w.scales, bias: node.inputs.count > 2 ? node.inputs[2] : nil,
      residual: node.inputs.count > 3 ? node.inputs[3] : nil, residualAfter: op.residualAfterActivation,
      activation: op.activation, codes: isDepthwise ? nil : w.codes)
    guard let plan = layer.plan(l, node, codesOnly: isDepthwise) else { return false }
    let packed = try l.packedFilter(filter, w.codes)
    let layout = Layout.channelsLast(l.rank(x.source))
    let image = try ImageView(l, x.source, layout, type: .uint8)
    var attributes = try l.geometry(op.window, l.shape(x.source), w.codes.shape)
    if !isDepthwise { attributes += [.int(op.group), .int(Int(filter.oc))] }
    let kernel = isDepthwise ? Op.depthwiseU8 : plan.isCodes ? Op.conv2dU8 : Op.conv2dU8F32
    try plan.emit(l, node, kernel, image.slot, packed, attributes, layout)
    return true
  }

  private static let quantizedGemm: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Gemm, !op.transposesA, op.alpha == 1, op.beta == 1 || node.inputs.count < 3 else {
      return false
    }
    return try anyProduct(l, node, op.transposesB, op.residualAfterActivation, op.activation)
  }

  private static let quantizedMatMul: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? MatMul else { return false }
    if !op.transposesA, op.alpha == 1,
      try anyProduct(l, node, op.transposesB, op.residualAfterActivation, op.activation)
    {
      return true
    }
    return try productOfCodes(l, node, op)
  }

  /// On codes of both operands, else on codes of the weights alone.
  private static func anyProduct(
    _ l: GraphLowering, _ node: Node, _ transB: Bool, _ residualAfter: Bool, _ activation: Activation
  ) throws(Diagnostic) -> Bool {
    if try product(l, node, transB: transB, residualAfter: residualAfter, activation: activation) { return true }
    return try codedProduct(l, node, transB: transB, residualAfter: residualAfter, activation: activation)
  }

  private static func product(
    _ l: GraphLowering, _ node: Node, transB: Bool, residualAfter: Bool, activation: Activation
  ) throws(Diagnostic) -> Bool {
    let channelAxis = transB ? 0 : 1
    guard let x = l.dequantized(node.inputs[0]), let b = node.inputs[1], l.rank(b) == 2, l.rank(x.source) >= 2,
      let w = l.quantizedWeights(b, channelAxis: channelAxis)
    else { return false }
    let layer = QuantizedLayer(
      input: x.parameters, scales: w.scales, bias: node.inputs.count > 2 ? node.inputs[2] : nil,
      residual: node.inputs.count > 3 ? node.inputs[3] : nil, residualAfter: residualAfter, activation: activation,
      codes: nil)
    guard let plan = layer.plan(l, node, codesOnly: false) else { return false }
    let n = w.codes.shape[channelAxis]
    let k = w.codes.shape[1 - channelAxis]
    let packed = try l.packedCodes(w.codes, k, n, transposed: transB)
    let slot = try l.codes(x.source)
    let kernel = plan.isCodes ? Op.gemmU8 : Op.gemmU8F32
    try plan.emit(l, node, kernel, slot, packed, [.int(k), .int(n)], .identity(l.rank(node.outputs[0])))
    return true
  }
}

/// What an 8-bit layer computes besides its products.
private struct QuantizedLayer {
  let input: QuantizationParameters
  let scales: [Double]
  let bias: ValueID?
  let residual: ValueID?
  let residualAfter: Bool
  let activation: Activation
  /// The weights, [channels, …], where the kernel can add a residual to its sums.
  let codes: Tensor?

  enum Result {
    case codes(reader: Node, CodesEpilogue)
    case floats(bias: Tensor?)
  }

  struct Plan {
    let layer: QuantizedLayer
    let result: Result
    var isCodes: Bool { if case .codes = result { true } else { false } }
  }

  /// Codes out where a quantize follows and the activation only limits; floats where the kernel can; else nil.
  func plan(_ l: GraphLowering, _ node: Node, codesOnly: Bool) -> Plan? {
    if let reader = l.quantizedReader(node), let epilogue = epilogue(l, reader.parameters) {
      return Plan(layer: self, result: .codes(reader: reader.node, epilogue))
    }
    guard !codesOnly, activation.kernelCode != nil else { return nil }
    if bias == nil { return Plan(layer: self, result: .floats(bias: nil)) }
    guard let tensor = l.weights(bias), tensor.count == scales.count else { return nil }
    return Plan(layer: self, result: .floats(bias: Tensor(tensor.wide(Float.self), shape: [scales.count])))
  }

  private func epilogue(_ l: GraphLowering, _ y: QuantizationParameters) -> CodesEpilogue? {
    guard let range = l.codeRange(activation, y) else { return nil }
    let other = l.dequantized(residual)
    var magnitudes: [Int] = []
    var scales = scales
    if residual != nil {
      guard let codes, !residualAfter, let other else { return nil }
      magnitudes = CodesResidual.magnitudes(codes)
      // A channel without weights has no scale of its own.
      let usual = zip(scales, magnitudes).filter { $0.1 > 0 }.map(\.0).min()
      scales = zip(scales, magnitudes).map { $1 > 0 ? $0 : usual ?? other.parameters.scale / input.scale / 4096 }
    }
    guard let bias = l.quantizedBias(bias, inputScale: input.scale, scales) else { return nil }
    let steps = scales.map { input.scale * $0 }
    let added = other.flatMap { CodesResidual($0, y, steps: steps, bias, magnitudes) }
    if residual != nil, added == nil { return nil }
    let unit = y.scale * Double(1 << (added?.shift ?? 0))
    let factors = steps.compactMap { FixedPoint($0 / unit) }
    guard factors.count == scales.count else { return nil }
    return CodesEpilogue(y: y, low: range.low, high: range.high, factors: factors, bias: bias, residual: added)
  }
}

/// Codes that a layer adds to its sums before it rounds: ((sum + bias) << shift) + factor · (code − zero).
struct CodesResidual {
  let source: ValueID
  let zero: Int
  let factors: [Int32]
  let shift: Int

  /// Codes of y that the factors may be off at the ends of the residual's range.
  private static let tolerance = 1 / 16.0

  /// `steps`: what a sum of 1 stands for in each channel. Nil where 32 bits do not hold the sums with factors that are
  /// exact enough.
  init?(
    _ residual: (source: ValueID, parameters: QuantizationParameters), _ y: QuantizationParameters, steps: [Double],
    _ bias: [Int32], _ magnitudes: [Int]
  ) {
    source = residual.source
    zero = residual.parameters.zero
    let scale = residual.parameters.scale
    let least = 255 * 0.5 / Self.tolerance * scale / y.scale
    let fitting = (0...15).last { shift in
      let unit = Double(1 << shift)
      return steps.indices.allSatisfy { channel in
        let sum = 255 * Double(magnitudes[channel]) + Double(bias[channel]).magnitude
        return sum * unit + 255 * (scale / steps[channel] * unit).rounded(.up) < 2_147_483_647
      }
    }
    guard let fitting else { return nil }
    shift = fitting
    let exact = steps.map { scale / $0 * Double(1 << fitting) }
    guard exact.allSatisfy({ $0 >= least }) else { return nil }
    factors = exact.map { Int32($0.rounded(.toNearestOrEven)) }
  }

  /// Sums of the magnitudes of a channel's weights.
  static func magnitudes(_ codes: Tensor) -> [Int] {
    let channels = max(codes.shape[0], 1)
    let count = codes.count / channels
    let values = codes.bytes.bindMemory(to: Int8.self)
    return (0..<codes.shape[0]).map { channel in
      values[channel * count..<(channel + 1) * count].reduce(0) { $0 + Int($1.magnitude) }
    }
  }
}

extension QuantizedLayer.Plan {
  /// Emits the step; `attributes` are those before x_zero.
  func emit(
    _ l: GraphLowering, _ node: Node, _ kernel: UInt16, _ x: Int32, _ packed: Int32, _ attributes: [Step.Attribute],
    _ layout: Layout
  ) throws(Diagnostic) {
    let zero = Step.Attribute.int(layer.input.zero)
    switch result {
    case .codes(let reader, let epilogue):
      try l.emit(kernel, x, packed, attributes + [zero], epilogue, reader.outputs[0], layout, node)
      l.covered.insert(reader.id)
    case .floats(let bias):
      let scales = l.builder.weight(Tensor(layer.scales.map { Float(layer.input.scale * $0) }))
      let isImage = kernel == Op.conv2dU8F32
      var residual: Int32 = -1
      if let value = layer.residual {
        residual = try l.slot(value, layout)
        if isImage { residual = try l.image(residual, l.shape(node.outputs[0])) }
      }
      let mode = layer.residual == nil ? 0 : layer.residualAfter ? 2 : 1
      let output =
        isImage ? try ImageView(l, result: node.outputs[0], layout).slot : try l.result(node.outputs[0], layout)
      let inputs = [x, packed, scales, bias.map { l.builder.weight($0) } ?? -1, residual]
      l.emit(kernel, inputs, [output], attributes + [zero] + layer.activation.attributes + [.int(mode)], node)
    }
  }
}

/// Requantization of a layer's sums.
struct CodesEpilogue {
  let y: QuantizationParameters
  let low: Int
  let high: Int
  let factors: [FixedPoint]
  let bias: [Int32]
  var residual: CodesResidual?
}

extension GraphLowering {
  /// A layer with codes as results; `attributes` end with the input's zero point.
  func emit(
    _ kernel: UInt16, _ x: Int32, _ packed: Int32, _ attributes: [Step.Attribute], _ epilogue: CodesEpilogue,
    _ output: ValueID, _ layout: Layout, _ node: Node
  ) throws(Diagnostic) {
    var inputs = [
      x, packed, builder.weight(Tensor(epilogue.bias)), builder.weight(Tensor(epilogue.factors.map(\.multiplier))),
      builder.weight(Tensor(epilogue.factors.map(\.shift))), -1,
    ]
    var limits: [Step.Attribute] = [.int(epilogue.y.zero), .int(epilogue.low), .int(epilogue.high)]
    if kernel == Op.conv2dU8 {
      let residual = epilogue.residual
      limits += [.int(residual?.zero ?? 0), .int(residual?.shift ?? 0)]
      if let residual {
        let image = try ImageView(self, residual.source, layout, type: .uint8).slot
        inputs += [image, builder.weight(Tensor(residual.factors))]
      }
    }
    let isImage = kernel == Op.conv2dU8 || kernel == Op.depthwiseU8
    let slot =
      isImage
      ? try ImageView(self, result: output, layout, type: .uint8).slot : try result(output, layout, type: .uint8)
    emit(kernel, inputs, [slot], attributes + limits, node, inPlace: epilogue.residual == nil ? -1 : 6)
  }

  func packedFilter(_ filter: FilterShape, _ weights: Tensor) throws(Diagnostic) -> Int32 {
    let codes = Array(weights.bytes.bindMemory(to: Int8.self))
    let (oc, c, kh, kw, g) = (filter.oc, filter.c, filter.kh, filter.kw, filter.group)
    if filter.isDepthwise {
      return try builder.packed(kerf_pack_depthwise_s8_size(oc, kh, kw)) {
        kerf_pack_depthwise_s8(oc, kh, kw, codes, $0)
      }
    }
    return try builder.packed(kerf_pack_conv2d_s8_size(oc, c, kh, kw, g)) {
      kerf_pack_conv2d_s8(oc, c, kh, kw, g, codes, $0)
    }
  }

  func packedCodes(_ weights: Tensor, _ k: Int, _ n: Int, transposed: Bool) throws(Diagnostic) -> Int32 {
    let codes = Array(weights.bytes.bindMemory(to: Int8.self))
    return try builder.packed(kerf_pack_gemm_s8_size(Int64(k), Int64(n))) {
      kerf_pack_gemm_s8(Int64(k), Int64(n), transposed ? 1 : 0, codes, $0)
    }
  }
}
