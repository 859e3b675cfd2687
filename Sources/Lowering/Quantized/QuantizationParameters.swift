import Bundle
import IR

/// value = scale · (q − zero), one for the whole tensor.
struct QuantizationParameters: Equatable {
  var scale: Double
  var zero: Int

  /// From the constant scalar inputs of a QuantizeLinear or DequantizeLinear on u8; nil for anything else.
  init?(_ l: GraphLowering, _ node: Node) {
    guard node.inputs.count >= 2, let scale = l.graph.constant(node.inputs[1]), scale.count == 1 else { return nil }
    var zero = 0
    if node.inputs.count > 2, let input = node.inputs[2] {
      guard let tensor = l.graph.constant(input), tensor.type == .uint8, let value = tensor.integers.first else {
        return nil
      }
      zero = value
    }
    self.scale = scale.wide(Double.self)[0]
    self.zero = zero
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

/// A positive real factor as multiplier / 2^shift with the multiplier in 2^30…2^31: what kerf_requantize takes.
struct FixedPoint {
  var multiplier: Int32
  var shift: Int32

  init?(_ factor: Double) {
    guard factor >= 0, factor.isFinite else { return nil }
    if factor == 0 {
      self.multiplier = 0
      self.shift = 31
      return
    }
    var exponent = Int(factor.exponent) + 1
    var scaled = (factor.significand / 2 * 2_147_483_648).rounded()
    if scaled >= 2_147_483_648 {
      scaled /= 2
      exponent += 1
    }
    var shift = 31 - exponent
    while shift > 62 {
      scaled = (scaled / 2).rounded(.down)
      shift -= 1
    }
    guard shift >= 1 else { return nil }
    multiplier = Int32(scaled)
    self.shift = Int32(shift)
  }
}

/// The 8-bit surroundings of a node in a graph with QuantizeLinear and DequantizeLinear.
extension GraphLowering {
  /// The u8 value behind a dequantized one, with its parameters.
  func dequantized(_ value: ValueID?) -> (source: ValueID, parameters: QuantizationParameters)? {
    guard let node = graph.producer(value), node.op is DequantizeLinear, let source = node.inputs[0] else { return nil }
    guard graph.constant(source) == nil, element(source) == .uint8, let parameters = QuantizationParameters(self, node)
    else {
      return nil
    }
    return (source, parameters)
  }

  /// The QuantizeLinear to u8 that alone reads a node's only output.
  func quantizedReader(_ node: Node) -> (node: Node, parameters: QuantizationParameters)? {
    let output = node.outputs[0]
    guard !graph.isOutput(output), graph.users(output).count == 1, let reader = graph[graph.users(output)[0]] else {
      return nil
    }
    guard reader.op is QuantizeLinear, reader.inputs[0] == output, element(reader.outputs[0]) == .uint8 else {
      return nil
    }
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

  /// Symmetric s8 weights stored quantized: codes, and one scale per output channel (or one for all).
  func quantizedWeights(_ value: ValueID?, channelAxis: Int) -> (codes: Tensor, scales: [Double])? {
    guard let node = graph.producer(value), let op = node.op as? DequantizeLinear, op.granularity.blockSize == 0,
      let codes = graph.constant(node.inputs[0]), codes.type == .int8, let scale = graph.constant(node.inputs[1])
    else { return nil }
    if node.inputs.count > 2, let zero = node.inputs[2] {
      guard let tensor = graph.constant(zero), tensor.bytes.allSatisfy({ $0 == 0 }) else { return nil }
    }
    let channels = codes.shape[channelAxis]
    let scales = scale.wide(Double.self)
    if scale.count == 1 { return (codes, Array(repeating: scales[0], count: channels)) }
    let axis = op.granularity.axis < 0 ? op.granularity.axis + codes.rank : op.granularity.axis
    guard axis == channelAxis, scales.count == channels else { return nil }
    return (codes, scales)
  }

  /// Bias in steps of input scale times weight scale, as i32; zeros where there is none.
  func quantizedBias(_ value: ValueID?, inputScale: Double, _ scales: [Double]) -> [Int32]? {
    guard let value else { return Array(repeating: 0, count: scales.count) }
    guard let bias = weights(value), bias.count == scales.count else { return nil }
    return zip(bias.wide(Double.self), scales).map { b, s in
      let steps = (b / (inputScale * s)).rounded(.toNearestOrEven)
      return Int32(Swift.min(Swift.max(steps.isNaN ? 0 : steps, -2_147_483_648), 2_147_483_647))
    }
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
