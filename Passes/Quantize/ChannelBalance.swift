import IR

/// What `equalize-layers` and `smooth-layers` have in common: a value's channels are evened out, so that one scale fits all
/// of them. The producer's channel c is divided by s[c] and the readers' weights for it are multiplied by s[c], which
/// changes no result.
///
/// s[c] = sqrt(largest |value| of c / largest |weight| that reads c), scaled to keep the largest channel.
public struct ChannelBalance: Sendable {
  let plan: QuantizationPlan
  /// Largest magnitude of each channel of what the layers read.
  let magnitudes: [ValueID: [Float]]
  /// Ratio of the largest channel to the geometric mean from which evening out is worth a change.
  let leastImbalance: Double

  /// What a pass says to the node that makes an uneven value.
  enum Verdict {
    /// Another pass is about such nodes.
    case noMatch
    /// These constants are to be divided, along the axes of the channels.
    case divides([(input: Int, axis: Int)])
    case rejected(String)
  }

  /// Evens out every value that is uneven and whose producer, as `verdict` says, can be divided.
  func run(
    on graph: inout Graph, _ context: PassContext, _ verdict: (Node?, Graph) -> Verdict
  ) throws(Diagnostic) {
    for value in plan.values where context.mayEdit {
      guard let largest = magnitudes[value], ChannelBalance.imbalance(largest) >= leastImbalance else { continue }
      let producer = graph.producer(value)
      func reject(_ reason: String) {
        if let producer { context.reject(producer, reason) } else { context.reject("\(graph[value].name)", reason) }
      }
      let constants: [(input: Int, axis: Int)]
      switch verdict(producer, graph) {
      case .noMatch: continue
      case .rejected(let reason):
        reject(reason)
        continue
      case .divides(let list): constants = list
      }
      guard let producer, let source = Source(producer, value, graph, largest.count, constants) else {
        reject("its weights are not constant, or none go with a channel alone")
        continue
      }
      let axis = producer.op is Conv ? 1 : (graph.rank(value) ?? 0) - 1
      guard let readers = readers(value, graph, axis: axis, channels: largest.count) else {
        reject("what reads its result cannot take the factors")
        continue
      }
      let factors = ChannelBalance.factors(largest, readers.map { $0.magnitudes(graph) })
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

  /// All that reads a value, where every reader tells the same channels apart as its producer, along `axis`.
  private func readers(_ value: ValueID, _ graph: Graph, axis: Int, channels: Int) -> [Reader]? {
    guard !graph.isOutput(value) else { return nil }
    var readers: [Reader] = []
    for id in Set(graph.users(value)).sorted() {
      guard let node = graph[id], QuantizationPlan.inputChannelAxis(node, graph) == axis,
        let reader = Reader(node, value, graph, channels: channels)
      else { return nil }
      readers.append(reader)
    }
    return readers.isEmpty ? nil : readers
  }
}

extension ChannelBalance {
  /// A node whose result's channels are divided with its constants.
  private struct Source {
    let node: Node
    let constants: [(input: Int, axis: Int)]

    /// Nil where a constant is none, or does not have one position along its axis for each channel.
    init?(_ node: Node, _ value: ValueID, _ graph: Graph, _ channels: Int, _ constants: [(input: Int, axis: Int)]) {
      guard node.outputs.first == value, graph.constant(node.input(1)) != nil else { return nil }
      for (input, axis) in constants {
        guard let id = node.input(input) else { continue }
        guard let tensor = graph.constant(id), tensor.type == .float32, tensor.rank > axis,
          tensor.shape[axis] == channels, input == 1 || tensor.rank == 1, !(node.op is MatMul && tensor.rank > 2)
        else { return nil }
      }
      (self.node, self.constants) = (node, constants)
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
  private struct Reader {
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
