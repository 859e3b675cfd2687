import IR

/// A layer's weights as codes: weight = scale · code, no zero point.
public struct LayerWeights: Sendable {
  public var codes: Tensor
  public var scales: Tensor
  /// Axis of the weights along which scales differ: that of the output channels, or that of the blocks.
  public var axis: Int
  /// Inputs that share one scale; 0: all inputs of an output channel.
  public var block = 0
  /// Which codes must fit together, if any.
  var pairs: PairedWeights?

  /// Codes round(w / s) in −127…127 with s = max|w| / 127 of each channel.
  public init(_ weight: Tensor, axis: Int) {
    let values = weight.elements(Float.self) ?? weight.wide(Float.self)
    let channels = weight.shape[axis]
    let inner = weight.shape[(axis + 1)...].reduce(1, *)
    let scales = LayerWeights.scales(values, channels, inner)
    let codes = [Int8](unsafeUninitializedCapacity: values.count) { codes, count in
      values.withUnsafeBufferPointer { values in
        for start in stride(from: 0, to: values.count, by: max(inner, 1)) {
          let scale = scales[start / inner % channels]
          for index in start..<start + inner { codes[index] = LayerWeights.code(values[index], scale) }
        }
      }
      count = values.count
    }
    self.codes = Tensor(codes, shape: weight.shape)
    self.scales = Tensor(scales)
    self.axis = axis
  }

  private static func scales(_ values: [Float], _ channels: Int, _ inner: Int) -> [Float] {
    var largest = [Float](repeating: 0, count: channels)
    values.withUnsafeBufferPointer { values in
      for start in stride(from: 0, to: values.count, by: max(inner, 1)) {
        let channel = start / inner % channels
        var most = largest[channel]
        for index in start..<start + inner where values[index].magnitude > most { most = values[index].magnitude }
        largest[channel] = most
      }
    }
    return largest.map { $0 > 1e-30 && $0.isFinite ? $0 / 127 : 1 }
  }

  static func code(_ value: Float, _ scale: Float) -> Int8 {
    let code = (value / scale).rounded(.toNearestOrEven)
    return code.isNaN ? 0 : Int8(min(max(code, -127), 127))
  }

  /// The codes of every layer of a plan, by node. `bits`: 8, or 4 where a plan has products alone. `inPairs`: whose kernels
  /// add products up in pairs of 16 bits.
  public static func all(
    _ plan: QuantizationPlan, _ graph: Graph, bits: Int = 8, inPairs: (Node) -> Bool = { _ in false }
  ) -> [NodeID: LayerWeights] {
    var result: [NodeID: LayerWeights] = [:]
    for id in plan.coded {
      guard let node = graph[id], let weight = graph.constant(node.input(1)) else { continue }
      let axis = QuantizationPlan.channelAxis(node.op)
      if bits == 4 {
        result[id] = LayerWeights(blocksOf: weight, axis: axis)
      } else if inPairs(node), let pairs = PairedWeights(node, weight.shape) {
        result[id] = LayerWeights(weight, axis: axis, paired: pairs)
      } else {
        result[id] = LayerWeights(weight, axis: axis)
      }
    }
    return result
  }
}
