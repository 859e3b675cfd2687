import IR

/// Chooses the codes of a layer's weights for the least error of its results on samples. The output channels are cut into
/// parts that do not depend on each other.
public struct WeightRounding: Sendable {
  /// Codes of some output channels, and the squared error of their results: of the nearest codes, and of these.
  public struct Part: Sendable {
    let channels: Range<Int>
    let codes: [Float]
    let before: Double
    let after: Double
  }

  private let layer: LayerWeights
  private let rows: ChannelRows
  private let groups: Int
  private let covariances: [Float]

  /// Channels of a group whose codes are chosen together: their gradients stay in the cache.
  private static let channelsAtOnce = 32

  /// `node`: the layer, with float weights in `graph`. `meanShare`: how much of the inputs' means its bias will make up for.
  /// Nil where weights and moments do not belong together.
  public init?(
    _ layer: LayerWeights, of node: Node, _ graph: Graph, _ moments: consuming InputMoments, meanShare: Double
  ) {
    guard let weight = graph.constant(node.input(1)), let rows = ChannelRows(layer, weight, node),
      rows.depth == moments.depth, moments.groups > 0, rows.channels % moments.groups == 0, moments.rows > 0
    else { return nil }
    self.layer = layer
    self.rows = rows
    groups = moments.groups
    covariances = moments.covariances(meanShare: meanShare)
  }

  private var perGroup: Int { rows.channels / groups }
  private var partsOfGroup: Int { (perGroup + WeightRounding.channelsAtOnce - 1) / WeightRounding.channelsAtOnce }
  public var partCount: Int { groups * partsOfGroup }

  public func part(_ index: Int) -> Part {
    let group = index / partsOfGroup
    let first = group * perGroup + index % partsOfGroup * WeightRounding.channelsAtOnce
    let channels = first..<min(first + WeightRounding.channelsAtOnce, (group + 1) * perGroup)
    let rounding = CoordinateRounding(
      depth: rows.depth, matrices: covariances, group: group, limit: layer.block > 0 ? 7 : 127, pairs: layer.pairs)
    var codes = rows.codes(channels)
    let errors = rounding.improve(&codes, weights: rows.weights(channels), scales: rows.scales(channels))
    return Part(channels: channels, codes: codes, before: errors.before, after: errors.after)
  }

  /// What all parts together are.
  public func result(_ parts: [Part]) -> RoundedWeights {
    let before = parts.reduce(0) { $0 + $1.before }
    let after = parts.reduce(0) { $0 + $1.after }
    guard before.isFinite, after < before * 0.99 else {
      return .kept(reason: "the nearest codes have the least error on the samples")
    }
    var improved = layer
    improved.codes = rows.tensor(parts.map { ($0.channels, $0.codes) }, like: layer.codes)
    return .improved(improved, ratio: after / before)
  }
}

/// A layer's weights, scales and codes with the inputs of an output channel side by side.
private struct ChannelRows: Sendable {
  let channels: Int
  let depth: Int
  /// Whether channels are the rows of the stored tensors, else their columns.
  private let channelsFirst: Bool
  private let weight: [Float]
  private let code: [Float]
  private let scale: [Float]
  private let block: Int

  init?(_ layer: LayerWeights, _ weight: Tensor, _ node: Node) {
    let axis = QuantizationPlan.channelAxis(node.op)
    guard weight.rank >= 2, weight.count > 0, axis == 0 || weight.rank == 2, weight.shape == layer.codes.shape else {
      return nil
    }
    channelsFirst = axis == 0
    channels = weight.shape[axis]
    depth = weight.count / channels
    self.weight = weight.wide(Float.self)
    code = layer.codes.wide(Float.self)
    scale = layer.scales.wide(Float.self)
    block = layer.block
    guard scale.count == channels * (block > 0 ? (depth + block - 1) / block : 1) else { return nil }
  }

  private func place(_ channel: Int, _ input: Int) -> Int {
    channelsFirst ? channel * depth + input : input * channels + channel
  }

  private func rows(_ range: Range<Int>, _ element: (_ channel: Int, _ input: Int) -> Float) -> [Float] {
    range.flatMap { channel in (0..<depth).map { element(channel, $0) } }
  }

  func weights(_ range: Range<Int>) -> [Float] { rows(range) { weight[place($0, $1)] } }
  func codes(_ range: Range<Int>) -> [Float] { rows(range) { code[place($0, $1)] } }

  func scales(_ range: Range<Int>) -> [Float] {
    guard block > 0 else { return rows(range) { channel, _ in scale[channel] } }
    let blocks = scale.count / channels
    return rows(range) { channel, input in
      scale[channelsFirst ? channel * blocks + input / block : input / block * channels + channel]
    }
  }

  /// The codes of all channels as a tensor of the stored one's type and shape.
  func tensor(_ parts: [(channels: Range<Int>, codes: [Float])], like stored: Tensor) -> Tensor {
    var all = [Int64](repeating: 0, count: weight.count)
    for (range, codes) in parts {
      for (index, code) in codes.enumerated() {
        all[place(range.lowerBound + index / depth, index % depth)] = Int64(code)
      }
    }
    return Tensor(wide: all, stored.type, stored.shape)
  }
}
