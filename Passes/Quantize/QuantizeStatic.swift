import IR

/// Puts QuantizeLinear and DequantizeLinear around layers, as in standard QDQ models: activations u8 with one scale and
/// zero point from their range, weights s8 with a scale per output channel and no zero point.
///
///     Conv(x, w)  →  Conv(Dequantize(Quantize(x)), Dequantize(w8))
public struct QuantizeStatic: Pass {
  public let name = "quantize-static"
  // Plan and ranges hold values of the outer graph.
  public let entersBodies = false
  let plan: QuantizationPlan
  let ranges: [ValueID: ValueRange]

  /// `ranges` of the plan's values, measured on this very graph.
  public init(_ plan: QuantizationPlan, ranges: [ValueID: ValueRange]) {
    self.plan = plan
    self.ranges = ranges
  }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for (node, reason) in plan.rejected { context.reject(node, reason) }
    var codes: [ValueID: UnsignedCodes] = [:]
    for value in plan.values { codes[value] = parameters(value, graph, codes) }
    for id in plan.layers.sorted() {
      guard let node = graph[id], let x = node.inputs[0] else { continue }
      guard codes[x] != nil else {
        context.reject(node, "no finite range of its input was measured")
        continue
      }
      try quantizeWeights(of: node, &graph)
      try context.didEdit(graph, "weights of \(node.label)")
    }
    for value in plan.values {
      guard let code = codes[value], context.mayEdit else { continue }
      try insert(code, at: value, &graph)
      try context.didEdit(graph, "codes for value '\(graph[value].name)'")
    }
  }

  /// The codes of a value. What only moves elements passes its input's on.
  private func parameters(_ value: ValueID, _ graph: Graph, _ known: [ValueID: UnsignedCodes]) -> UnsignedCodes? {
    if let node = graph.producer(value), plan.carriers.contains(node.id), QuantizationPlan.keepsCodes(node.op),
      let x = node.input(0), let codes = known[x]
    {
      return codes
    }
    return ranges[value].flatMap { UnsignedCodes($0) }
  }

  /// Inserts quantize and dequantize behind a value. Readers on codes read through them; when the value comes from a
  /// node on codes, all readers do.
  private func insert(_ codes: UnsignedCodes, at value: ValueID, _ graph: inout Graph) throws(Diagnostic) {
    let producer = graph.producer(value)
    let readers = graph.users(value)
    let all = producer.map { plan.readsCodes($0.id) } ?? false
    let chosen = readers.filter { all || plan.readsCodes($0) }
    guard !chosen.isEmpty else { return }
    let element = graph.element(value) ?? .float32
    let before = producer.map { graph.node(after: $0.id) } ?? graph.firstNode
    let scale = graph.addConstant(Tensor(scalar: codes.scale))
    let zero = graph.addConstant(Tensor(scalar: codes.zero))
    let names = producer?.names ?? []
    let quantized = try graph.add(QuantizeLinear(), [value, scale, zero], names: names, before: before)
    var dequantize = DequantizeLinear()
    if element != .float32 { dequantize.outputType = element }
    let back = try graph.add(dequantize, [quantized[0], scale, zero], names: names, before: before)
    for reader in Set(chosen).sorted() {
      guard let node = graph[reader] else { continue }
      for (index, input) in node.inputs.enumerated() where input == value && reads(index, node, all) {
        graph.setInput(reader, index, back[0])
      }
    }
  }

  /// Whether that input of a reader goes through codes: of a layer the data, not a residual.
  private func reads(_ index: Int, _ node: Node, _ all: Bool) -> Bool {
    all || index == 0 || !plan.layers.contains(node.id)
  }

  /// Replaces a layer's weights by s8 codes and their dequantization.
  private func quantizeWeights(of node: Node, _ graph: inout Graph) throws(Diagnostic) {
    guard let id = node.input(1), let weight = graph.constant(id) else { return }
    let axis = QuantizationPlan.channelAxis(node.op)
    let (codes, scales) = ChannelCodes.symmetric(weight, axis: axis)
    let name = graph[id].name
    let stored = graph.addConstant(codes, name: Name(name.bytes + Array(".int8".utf8)))
    let scale = graph.addConstant(scales, name: Name(name.bytes + Array(".scale".utf8)))
    var dequantize = DequantizeLinear()
    dequantize.granularity.axis = axis
    if weight.type != .float32 { dequantize.outputType = weight.type }
    let back = try graph.add(dequantize, [stored, scale], names: node.names, before: node.id)
    graph.setInput(node.id, 1, back[0])
  }
}

/// Weights as 8-bit codes.
enum ChannelCodes {
  /// Codes round(w / s) in −127…127 with s = max|w| / 127 of each channel, and the scales.
  static func symmetric(_ weight: Tensor, axis: Int) -> (codes: Tensor, scales: Tensor) {
    let values = weight.wide(Float.self)
    let channels = weight.shape[axis]
    let inner = weight.shape[(axis + 1)...].reduce(1, *)
    var largest = [Float](repeating: 0, count: channels)
    for (index, value) in values.enumerated() {
      let channel = index / inner % channels
      largest[channel] = max(largest[channel], value.magnitude)
    }
    let scales = largest.map { $0 > 1e-30 && $0.isFinite ? $0 / 127 : 1 }
    let codes = values.enumerated().map { index, value -> Int8 in
      let code = (value / scales[index / inner % channels]).rounded(.toNearestOrEven)
      return code.isNaN ? 0 : Int8(min(max(code, -127), 127))
    }
    return (Tensor(codes, shape: weight.shape), Tensor(scales))
  }
}
