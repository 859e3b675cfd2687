import IR

/// Neighbouring inputs of a layer, whose products with unsigned bytes a kernel adds up in 16 bits: exact where two weights of
/// the same sign come to no more than 128, since 255 · 128 = 32640. Without dot-product instructions that is the fastest
/// exact product.
struct PairedWeights: Sendable {
  /// Largest magnitude of two codes of the same sign together.
  static let most = 128
  /// The other input of each pair, in the order in which a channel's weights are stored; −1 for one that is alone.
  let partners: [Int]

  /// Pairs in the order (place in the window, input channel) of kernels. Nil for weights that are no window and no matrix.
  init?(_ node: Node, _ shape: [Int]) {
    guard shape.count == 2 || (shape.count > 2 && node.op is Conv), shape.allSatisfy({ $0 > 0 }) else { return nil }
    let isWindow = node.op is Conv
    let depth = isWindow ? shape.dropFirst().reduce(1, *) : shape[1 - QuantizationPlan.channelAxis(node.op)]
    let inputs = isWindow ? shape[1] : depth
    let taps = depth / inputs
    partners = (0..<depth).map { stored in
      let other = (stored % taps * inputs + stored / taps) ^ 1
      return other < depth ? other % inputs * taps + other / inputs : -1
    }
  }

  /// Codes of one channel's weights and their scale, that of the least squared error: a larger scale makes pairs fit,
  /// which otherwise become smaller together.
  func codes(_ weights: [Float]) -> (codes: [Int8], scale: Float) {
    let largest = weights.reduce(0) { max($0, $1.magnitude) }
    guard largest > 1e-30, largest.isFinite else {
      return ([Int8](repeating: 0, count: weights.count), 1)
    }
    let scale = largest / 127 * factor(weights, largest / 127)
    var codes = weights.map { LayerWeights.code($0, scale) }
    for (input, partner) in partners.enumerated() where partner > input {
      let sum = Int(codes[input]) + Int(codes[partner])
      guard (codes[input] > 0) == (codes[partner] > 0), abs(sum) > Self.most else { continue }
      // The nearest two on the border, by the difference of the weights.
      let difference = (weights[input].magnitude - weights[partner].magnitude) / scale
      let first = Int(min(max(((Float(Self.most) + difference) / 2).rounded(.toNearestOrEven), 1), 127))
      codes[input] = Int8(sum.signum() * first)
      codes[partner] = Int8(sum.signum() * (Self.most - first))
    }
    return (codes, scale)
  }

  /// How much larger than the smallest possible the scale is to be: rounding gives each weight an error of 1/12 of the
  /// squared scale, and a pair that does not fit half the square of what is too much.
  private func factor(_ weights: [Float], _ scale: Float) -> Float {
    let most = Float(Self.most)
    let sums = partners.enumerated().compactMap { input, partner -> Float? in
      guard partner > input, (weights[input] > 0) == (weights[partner] > 0) else { return nil }
      let sum = (weights[input] + weights[partner]).magnitude / scale
      return sum > most ? sum : nil
    }
    guard !sums.isEmpty else { return 1 }
    var best: (factor: Float, error: Float) = (1, .infinity)
    for step in 0...50 {
      let factor = 1 + Float(step) * 0.02
      let tooMuch = sums.reduce(Float(0)) {
        $0 + ($1 > most * factor ? ($1 / factor - most) * ($1 / factor - most) : 0)
      }
      let error = factor * factor * (Float(weights.count) / 12 + tooMuch / 2)
      if error < best.error { best = (factor, error) }
    }
    return best.factor
  }

  /// Limits of the code of an input, given those of the others of its channel.
  func limits(_ input: Int, _ limit: Float, _ code: (Int) -> Float) -> ClosedRange<Float> {
    guard partners[input] >= 0 else { return -limit...limit }
    let other = code(partners[input])
    let most = Float(Self.most)
    return max(-limit, other < 0 ? -most - other : -limit)...min(limit, other > 0 ? most - other : limit)
  }
}

extension LayerWeights {
  /// Codes whose pairs fit, by channels.
  init(_ weight: Tensor, axis: Int, paired: PairedWeights) {
    let values = weight.elements(Float.self) ?? weight.wide(Float.self)
    let channels = weight.shape[axis]
    let depth = paired.partners.count
    var codes = [Int8](repeating: 0, count: values.count)
    var scales = [Float](repeating: 1, count: channels)
    for channel in 0..<channels {
      func place(_ input: Int) -> Int { axis == 0 ? channel * depth + input : input * channels + channel }
      let own = paired.codes((0..<depth).map { values[place($0)] })
      scales[channel] = own.scale
      for (input, code) in own.codes.enumerated() { codes[place(input)] = code }
    }
    self.codes = Tensor(codes, shape: weight.shape)
    self.scales = Tensor(scales)
    self.axis = axis
    pairs = paired
  }
}
