import IR

/// Puts QuantizeLinear and DequantizeLinear behind the values that layers read as codes, as in standard QDQ models: u8
/// with one scale and zero point from the value's range.
///
///     Conv(x, w)  →  Conv(Dequantize(Quantize(x)), w)
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
    for (node, reason) in plan.rejected where !(node.op is Attention) { context.reject(node, reason) }
    let shared = SharedRanges(plan, ranges, graph)
    var codes: [ValueID: UnsignedCodes] = [:]
    for value in plan.values { codes[value] = shared.range(value).flatMap { UnsignedCodes($0) } }
    for id in plan.layers.sorted() {
      guard let node = graph[id], let x = node.inputs[0], codes[x] == nil else { continue }
      context.reject(node, "no finite range of its input was measured")
    }
    for value in plan.values {
      guard let code = codes[value], context.mayEdit else { continue }
      try insert(code, at: value, &graph)
      try context.didEdit(graph, "codes for value '\(graph[value].name)'")
    }
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
      for (index, input) in node.inputs.enumerated()
      where input == value && (all || plan.readsCodes(reader, input: index)) {
        graph.setInput(reader, index, back[0])
      }
    }
  }
}
