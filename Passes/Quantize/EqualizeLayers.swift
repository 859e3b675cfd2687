import IR

/// Evens out the channels of a value between two layers, so that one scale fits all of them: the producer's channel c is
/// divided by s[c] and the readers' weights for it are multiplied by s[c], which changes no result.
///
///     Conv(Relu(Conv(x, w, b)), v)  →  Conv(Relu(Conv(x, w / s, b / s)), v · s)
///     MatMul(LayerNormalization(x, g, b), v)  →  MatMul(LayerNormalization(x, g / s, b / s), v · s)
///
/// s[c] = sqrt(largest |value| of c / largest |weight| that reads c), scaled to keep the largest channel. Sources: Nagel et
/// al., "Data-Free Quantization", ICCV 2019, section 4.1; Xiao et al., "SmoothQuant", ICML 2023, with strength 0.5.
public struct EqualizeLayers: Pass {
  public let name = "equalize-layers"
  public let entersBodies = false
  let plan: QuantizationPlan
  /// Largest magnitude of each channel of what the layers read.
  let magnitudes: [ValueID: [Float]]
  /// Ratio of the largest channel to the geometric mean from which evening out is worth a change.
  let leastImbalance: Double

  public init(_ plan: QuantizationPlan, magnitudes: [ValueID: [Float]], leastImbalance: Double = 8) {
    self.plan = plan
    self.magnitudes = magnitudes
    self.leastImbalance = leastImbalance
  }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for value in plan.values where context.mayEdit {
      guard let largest = magnitudes[value], let producer = graph.producer(value),
        EqualizeLayers.imbalance(largest) >= leastImbalance
      else { continue }
      guard let source = Source(producer, value, graph, channels: largest.count) else { continue }
      guard let readers = readers(value, graph, channels: largest.count) else {
        context.reject(producer, "what reads its result cannot take the factors")
        continue
      }
      let factors = EqualizeLayers.factors(largest, readers.map { $0.magnitudes(graph) })
      try source.divide(by: factors, &graph)
      for reader in readers { try reader.multiply(by: factors, &graph) }
      try context.didEdit(graph, "channels between \(producer.label) and its readers")
    }
  }

  /// Largest channel over the geometric mean of those that are not zero.
  public static func imbalance(_ magnitudes: [Float]) -> Double {
    let live = magnitudes.filter { $0 > 0 && $0.isFinite }.map(Double.init)
    guard let most = live.max(), live.count > 1 else { return 1 }
    var logs = 0.0
    for value in live { logs += Double(value.exponent) + (value.significand - 1) }
    let mean = logs / Double(live.count)
    return most / Double(sign: .plus, exponent: Int(mean.rounded(.down)), significand: 1 + mean - mean.rounded(.down))
  }

  /// Powers of two, so that dividing and multiplying round nothing.
  static func factors(_ values: [Float], _ weights: [[Float]]) -> [Float] {
    let most = values.max() ?? 1
    return values.indices.map { channel in
      let weight = weights.map { $0[channel] }.max() ?? 0
      guard values[channel] > 0, weight > 0, most.isFinite, weight.isFinite else { return 1 }
      let heaviest = weights.map { $0.max() ?? 0 }.max() ?? 1
      let ratio = (values[channel] / most) / (weight / heaviest)
      let exponent = min(max((ratio.squareRoot()).exponent, -12), 12)
      return Float(sign: .plus, exponent: Int(exponent), significand: 1)
    }
  }

  private func readers(_ value: ValueID, _ graph: Graph, channels: Int) -> [Reader]? {
    guard !graph.isOutput(value) else { return nil }
    var readers: [Reader] = []
    for id in Set(graph.users(value)).sorted() {
      guard let node = graph[id], let reader = Reader(node, value, graph, channels: channels) else { return nil }
      readers.append(reader)
    }
    return readers.isEmpty ? nil : readers
  }
}

extension EqualizeLayers {
  /// A node whose result's channels can be divided by positive factors: a layer with no or a homogeneous activation, or a
  /// layer normalization.
  struct Source {
    let node: Node
    /// Constants to divide, and the axis of their channels.
    let constants: [(input: Int, axis: Int)]

    init?(_ node: Node, _ value: ValueID, _ graph: Graph, channels: Int) {
      guard node.outputs.first == value, node.input(3) == nil else { return nil }
      let activation = (node.op as? any FusesActivation)?.activation.function ?? .none
      guard activation == .none || activation == .relu || activation == .leakyRelu else { return nil }
      switch node.op {
      case is Conv: constants = [(1, 0), (2, 0)]
      case is Gemm, is MatMul: constants = [(1, QuantizationPlan.channelAxis(node.op)), (2, 0)]
      case is LayerNormalization:
        guard node.outputs.count == 1, graph.rank(node.input(1)) == 1 else { return nil }
        constants = [(1, 0), (2, 0)]
      default: return nil
      }
      for (input, axis) in constants {
        guard let id = node.input(input) else { continue }
        guard let tensor = graph.constant(id), tensor.type == .float32, tensor.rank > axis,
          tensor.shape[axis] == channels
        else { return nil }
      }
      guard graph.constant(node.input(1)) != nil else { return nil }
      self.node = node
    }

    func divide(by factors: [Float], _ graph: inout Graph) throws(Diagnostic) {
      for (input, axis) in constants {
        guard let id = node.input(input), let tensor = graph.constant(id) else { continue }
        let scaled = tensor.scaled(factors.map { 1 / $0 }, axis: axis)
        graph.setInput(node.id, input, graph.addConstant(scaled, name: graph[id].name))
      }
    }
  }

  /// A layer that reads the value as its data.
  struct Reader {
    let node: Node
    /// Axis of the weights' input channels; for grouped convolutions channels are counted over all groups.
    let axis: Int
    let groups: Int

    init?(_ node: Node, _ value: ValueID, _ graph: Graph, channels: Int) {
      guard node.input(0) == value, node.inputs.dropFirst().allSatisfy({ $0 != value }),
        let weight = graph.constant(node.input(1)), weight.type == .float32
      else { return nil }
      switch node.op {
      case let op as Conv:
        (axis, groups) = (1, op.group)
        guard weight.shape[1] * op.group == channels, weight.shape[0] % op.group == 0 else { return nil }
      case let op as Gemm where !op.transposesA:
        (axis, groups) = (op.transposesB ? 1 : 0, 1)
        guard weight.shape[axis] == channels else { return nil }
      case let op as MatMul where !op.transposesA && weight.rank == 2:
        (axis, groups) = (op.transposesB ? 1 : 0, 1)
        guard weight.shape[axis] == channels else { return nil }
      default: return nil
      }
      self.node = node
    }

    /// Largest magnitude of the weights that read each channel.
    func magnitudes(_ graph: Graph) -> [Float] {
      guard let tensor = graph.constant(node.input(1)), let values = tensor.elements(Float.self) else { return [] }
      var largest = [Float](repeating: 0, count: tensor.shape[axis] * groups)
      for (index, value) in values.enumerated() {
        let channel = channel(index, tensor.shape)
        largest[channel] = max(largest[channel], value.magnitude)
      }
      return largest
    }

    private func channel(_ index: Int, _ shape: [Int]) -> Int {
      let inner = shape[(axis + 1)...].reduce(1, *)
      let own = index / inner % shape[axis]
      guard groups > 1 else { return own }
      return index / (inner * shape[1]) / (shape[0] / groups) * shape[1] + own
    }

    func multiply(by factors: [Float], _ graph: inout Graph) throws(Diagnostic) {
      guard let id = node.input(1), let tensor = graph.constant(id), var values = tensor.elements(Float.self) else {
        return
      }
      for index in values.indices { values[index] *= factors[channel(index, tensor.shape)] }
      graph.setInput(node.id, 1, graph.addConstant(Tensor(values, shape: tensor.shape), name: graph[id].name))
    }
  }
}

extension Tensor {
  /// A float32 tensor with each position along an axis multiplied by its factor.
  fileprivate func scaled(_ factors: [Float], axis: Int) -> Tensor {
    guard var values = elements(Float.self) else { return self }
    let inner = shape[(axis + 1)...].reduce(1, *)
    for index in values.indices { values[index] *= factors[index / inner % shape[axis]] }
    return Tensor(values, shape: shape)
  }
}
