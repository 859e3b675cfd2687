import IR

/// Products and convolutions by constant weights compute on codes whose range each run measures, as in models that
/// onnxruntime quantizes dynamically; everything between them stays float.
///
///     MatMul(x, w)  →  Cast(MatMulInteger(x8, w8)) · (scale of x · scales of w), x8 = DynamicQuantizeLinear(x)
public struct QuantizeDynamic: Pass {
  public let name = "quantize-dynamic"
  public let entersBodies = false
  let plan: QuantizationPlan
  let weights: [NodeID: LayerWeights]

  public init(_ plan: QuantizationPlan, _ weights: [NodeID: LayerWeights]) {
    self.plan = plan
    self.weights = weights
  }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for (node, reason) in plan.rejected { context.reject(node, reason) }
    // One quantization of a value serves all its readers.
    var codes: [ValueID: [ValueID]] = [:]
    for id in plan.layers.sorted() where context.mayEdit {
      guard let node = graph[id], let x = node.input(0), let layer = weights[id] else { continue }
      if let reason = obstacle(node, graph) {
        context.reject(node, reason)
        continue
      }
      if codes[x] == nil {
        let names = graph.producer(x)?.names ?? []
        codes[x] = try graph.add(DynamicQuantizeLinear(), [x], outputs: 3, names: names, before: earliest(x, graph))
      }
      guard let quantized = codes[x] else { continue }
      try replace(node, layer, quantized, &graph)
      try context.didEdit(graph, "codes of \(node.label)")
    }
  }

  private func obstacle(_ node: Node, _ graph: Graph) -> String? {
    guard graph.element(node.input(0)) == .float32 else { return "its input is not float32" }
    if node.input(3) != nil { return "it adds a residual" }
    if let conv = node.op as? Conv, graph.rank(node.input(1)) != 4 || conv.group < 1 {
      return "it is no 2-D convolution"
    }
    return nil
  }

  /// Right behind what computes a value.
  private func earliest(_ value: ValueID, _ graph: Graph) -> NodeID? {
    graph.producer(value).map { graph.node(after: $0.id) } ?? graph.firstNode
  }

  private func replace(_ node: Node, _ layer: LayerWeights, _ x: [ValueID], _ graph: inout Graph) throws(Diagnostic) {
    func add(_ op: any Operator, _ inputs: [ValueID?]) throws(Diagnostic) -> ValueID {
      try graph.add(op, inputs, names: node.names, before: node.id)[0]
    }
    let name = node.input(1).map { graph[$0].name } ?? ""
    let stored = matrix(layer, node)
    let codes = graph.addConstant(stored, name: Name(name.bytes + Array(".int8".utf8)))
    let sums: ValueID
    var channels = [layer.scales.count]
    if let conv = node.op as? Conv {
      var integer = ConvInteger()
      integer.window = conv.window
      integer.group = conv.group
      sums = try add(integer, [x[0], codes, x[2]])
      channels += [1, 1]
    } else {
      sums = try add(MatMulInteger(), [x[0], codes, x[2]])
    }
    let scales = graph.addConstant(
      layer.scales.reshaped(channels) ?? layer.scales, name: Name(name.bytes + Array(".scale".utf8)))
    let factor = try add(Mul(), [x[1], scales])
    var scaled = Mul()
    let activation = (node.op as? any FusesActivation)?.activation ?? .none
    let bias = node.input(2).flatMap { id in graph.constant(id).map { (tensor: $0, name: graph[id].name) } }
    if bias == nil { scaled.activation = activation }
    let product = try add(scaled, [try add(Cast(to: .float32), [sums]), factor])
    guard let bias else { return finish(node, product, &graph) }
    var sum = Add()
    sum.activation = activation
    let isPerChannel = bias.tensor.count == layer.scales.count
    let addend = isPerChannel ? bias.tensor.reshaped(channels) ?? bias.tensor : bias.tensor
    finish(node, try add(sum, [product, graph.addConstant(addend, name: bias.name)]), &graph)
  }

  private func finish(_ node: Node, _ result: ValueID, _ graph: inout Graph) {
    graph.replaceUses(of: node.outputs[0], with: result)
    graph.removeDead(from: node.id)
  }

  /// The codes as MatMulInteger reads them: inputs along the rows.
  private func matrix(_ layer: LayerWeights, _ node: Node) -> Tensor {
    guard !(node.op is Conv), layer.axis == 0, let codes = layer.codes.elements(Int8.self) else { return layer.codes }
    let (outputs, inputs) = (layer.codes.shape[0], layer.codes.shape[1])
    let columns = (0..<codes.count).map { codes[$0 % outputs * inputs + $0 / outputs] }
    return Tensor(columns, shape: [inputs, outputs])
  }
}
