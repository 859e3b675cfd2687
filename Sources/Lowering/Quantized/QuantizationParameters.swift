import Bundle
import IR
import Kernels

/// value = scale · (code − zero), one for the whole tensor. Codes are those in memory, u8: of a tensor of int8 its
/// elements plus 128.
struct QuantizationParameters: Equatable {
  var scale: Double
  var zero: Int

  /// From the constant scalar inputs of a QuantizeLinear or DequantizeLinear on 8 bits; nil for anything else.
  init?(_ l: GraphLowering, _ node: Node) {
    let codes = node.op is DequantizeLinear ? node.inputs[0] : node.outputs[0]
    guard let codes, node.inputs.count >= 2 else { return nil }
    self.init(l, codes, node.inputs[1], node.inputs.count > 2 ? node.inputs[2] : nil)
  }

  /// From constant scalars that belong to the tensor `codes`.
  init?(_ l: GraphLowering, _ codes: ValueID, _ scale: ValueID?, _ zeroPoint: ValueID?) {
    let element = l.element(codes)
    guard element == .uint8 || element == .int8, let scale = l.graph.constant(scale), scale.count == 1 else {
      return nil
    }
    zero = element == .int8 ? 128 : 0
    if let zeroPoint {
      guard let tensor = l.graph.constant(zeroPoint), let value = tensor.integers.first, tensor.count == 1 else {
        return nil
      }
      zero += value
    }
    self.scale = scale.wide(Double.self)[0]
    guard self.scale > 0, self.scale.isFinite else { return nil }
  }

  /// The code of a number, saturated.
  func code(_ value: Double) -> Int {
    min(max(Int((value / scale).rounded(.toNearestOrEven).clamped()) + zero, 0), 255)
  }

  func value(_ code: Int) -> Double { scale * Double(code - zero) }
}

extension Double {
  fileprivate func clamped() -> Double { isNaN ? 0 : Swift.min(Swift.max(self, -1e6), 1e6) }
}

/// A real factor of at least 0 as multiplier / 2^shift: what kerf_requantize takes.
struct FixedPoint {
  var multiplier: Int32 = 0
  var shift: Int32 = 0

  /// Nil for a factor that is negative, no number, or past all bounds.
  init?(_ factor: Double) {
    guard kerf_fixed_point(factor, &multiplier, &shift) != 0 else { return nil }
  }
}

/// The 8-bit surroundings of a node in a graph with QuantizeLinear and DequantizeLinear.
extension GraphLowering {
  /// The 8-bit value behind a dequantized one, with its parameters.
  func dequantized(_ value: ValueID?) -> (source: ValueID, parameters: QuantizationParameters)? {
    guard let node = graph.producer(value), node.op is DequantizeLinear, let source = node.inputs[0] else { return nil }
    guard graph.constant(source) == nil, let parameters = QuantizationParameters(self, node) else { return nil }
    return (source, parameters)
  }

  /// The codes of an 8-bit value as u8: elements of int8 plus 128.
  func codes(_ value: ValueID, _ layout: Layout? = nil) throws(Diagnostic) -> Int32 {
    try slot(value, layout, type: .uint8)
  }

  /// The QuantizeLinear to 8 bits that alone reads a node's only output.
  func quantizedReader(_ node: Node) -> (node: Node, parameters: QuantizationParameters)? {
    let output = node.outputs[0]
    guard graph.useCount(output) == 1, let user = graph.users(output).first, let reader = graph[user] else {
      return nil
    }
    guard reader.op is QuantizeLinear, reader.inputs[0] == output else { return nil }
    guard let parameters = QuantizationParameters(self, reader) else { return nil }
    return (reader, parameters)
  }

  /// A constant, also one that is stored quantized: dequantized now.
  func weights(_ value: ValueID?) -> Tensor? {
    if let tensor = graph.constant(value) { return tensor }
    guard let node = graph.producer(value), node.op is DequantizeLinear else { return nil }
    let inputs = node.inputs.map { graph.constant($0).map { Datum.tensor($0) } }
    guard zip(node.inputs, inputs).allSatisfy({ $0 == nil || $1 != nil }) else { return nil }
    return try? node.evaluate(inputs, EvaluationContext(outputCount: 1)).first?.tensor
  }

  /// Weights stored quantized: codes less their zero points, where those fit s8, and one scale per output channel (or
  /// one for all).
  func quantizedWeights(_ value: ValueID?, channelAxis: Int) -> (codes: Tensor, scales: [Double])? {
    guard let node = graph.producer(value), let op = node.op as? DequantizeLinear, op.granularity.blockSize == 0,
      let codes = graph.constant(node.inputs[0])
    else { return nil }
    let axis = op.granularity.axis < 0 ? op.granularity.axis + codes.rank : op.granularity.axis
    let zero = node.inputs.count > 2 ? node.inputs[2] : nil
    guard let scale = graph.constant(node.inputs[1]), scale.count == 1 || axis == channelAxis else { return nil }
    return channelCodes(codes, node.inputs[1], zero, channelAxis: channelAxis)
  }

  /// The same from codes, scale and zero point, whose elements belong to the channels.
  func channelCodes(_ codes: Tensor, _ scale: ValueID?, _ zeroPoint: ValueID?, channelAxis: Int) -> (
    codes: Tensor, scales: [Double]
  )? {
    guard let scale = graph.constant(scale)?.wide(Double.self) else { return nil }
    let channels = codes.shape[channelAxis]
    guard scale.count == 1 || scale.count == channels, let centred = centred(codes, zeroPoint, channelAxis: channelAxis)
    else { return nil }
    return (centred, scale.count == 1 ? Array(repeating: scale[0], count: channels) : scale)
  }

  /// 8-bit codes less their constant zero points, one for all or one per channel, where those fit s8.
  func centred(_ codes: Tensor, _ zeroPoint: ValueID?, channelAxis: Int) -> Tensor? {
    guard codes.type == .int8 || codes.type == .uint8 else { return nil }
    let channels = codes.shape[channelAxis]
    var zeros = [0]
    if let zeroPoint {
      guard let tensor = graph.constant(zeroPoint), tensor.count == 1 || tensor.count == channels else { return nil }
      zeros = tensor.integers
    }
    if codes.type == .int8, zeros.allSatisfy({ $0 == 0 }) { return codes }
    let inner = codes.shape[(channelAxis + 1)...].reduce(1, *)
    var centred: [Int8] = []
    for (index, code) in codes.integers.enumerated() {
      let zero = zeros[zeros.count == 1 ? 0 : index / inner % channels]
      guard let value = Int8(exactly: code - zero) else { return nil }
      centred.append(value)
    }
    return Tensor(centred, shape: codes.shape)
  }

  /// Bias in steps of input scale times weight scale, as i32; zeros where there is none.
  func quantizedBias(_ value: ValueID?, inputScale: Double, _ scales: [Double]) -> [Int32]? {
    guard let value else { return Array(repeating: 0, count: scales.count) }
    if let steps = storedSteps(value, inputScale: inputScale, scales) { return steps }
    guard let bias = weights(value), bias.count == scales.count else { return nil }
    return zip(bias.wide(Double.self), scales).map { b, s in
      let steps = (b / (inputScale * s)).rounded(.toNearestOrEven)
      return Int32(Swift.min(Swift.max(steps.isNaN ? 0 : steps, -2_147_483_648), 2_147_483_647))
    }
  }

  /// A bias stored as int32 in those very steps, as other tools do; nil for others.
  private func storedSteps(_ value: ValueID, inputScale: Double, _ scales: [Double]) -> [Int32]? {
    guard let node = graph.producer(value), node.op is DequantizeLinear, node.inputs.count == 2,
      let codes = graph.constant(node.inputs[0]), codes.type == .int32, codes.count == scales.count,
      let steps = graph.constant(node.inputs[1])?.wide(Double.self), steps.count == 1 || steps.count == scales.count
    else { return nil }
    for (index, scale) in scales.enumerated() {
      let step = steps[steps.count == 1 ? 0 : index]
      guard (step - inputScale * scale).magnitude <= 1e-6 * step else { return nil }
    }
    return codes.integers.map { Int32($0) }
  }

  /// Limits of the output codes that an activation sets, for those that only limit; nil for others.
  func codeRange(_ activation: Activation, _ y: QuantizationParameters) -> (low: Int, high: Int)? {
    switch activation.function {
    case .none: (0, 255)
    case .relu: (y.zero, 255)
    case .clip: (y.code(Double(activation.alpha)), y.code(Double(activation.beta)))
    default: nil
    }
  }
}
