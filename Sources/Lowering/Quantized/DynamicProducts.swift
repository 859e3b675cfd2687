import Bundle
import IR
import Kernels

/// DynamicQuantizeLinear → MatMulInteger or ConvInteger → Cast → Mul by both scales (→ Add of a bias): one kernel that
/// quantizes its input while it runs.
struct DynamicProduct {
  /// The float value that is quantized.
  let input: ValueID
  let weights: Tensor
  /// One per output channel.
  let scales: Tensor
  let bias: Tensor?
  let activation: Activation
  let output: ValueID
  /// Nodes whose work the kernel does, and the product of the scales, which it does not need.
  let covered: [NodeID]
  let scaleProduct: NodeID?

  /// The chain that begins with the integer product `node`, or nil.
  init?(_ l: GraphLowering, _ node: Node) {
    let graph = l.graph
    let channelAxis = node.op is ConvInteger ? 0 : 1
    guard let quantize = graph.producer(node.inputs[0]), quantize.op is DynamicQuantizeLinear,
      let source = quantize.inputs[0], node.inputs[0] == quantize.outputs[0], node.inputs.count > 2,
      node.inputs[2] == quantize.outputs[2], let stored = graph.constant(node.inputs[1]), stored.count > 0,
      DynamicProduct.fits(node, stored, rank: l.rank(source)),
      let centred = l.centred(stored, node.inputs.count > 3 ? node.inputs[3] : nil, channelAxis: channelAxis)
    else { return nil }
    let channels = stored.shape[channelAxis]
    // Axes from the channels to the end.
    let tail = stored.rank - 1
    guard let cast = l.soleUser(node.outputs[0]), cast.op is Cast,
      l.element(cast.outputs[0]) == .float32, let scaling = l.soleUser(cast.outputs[0]),
      let scale = DynamicProduct.other(scaling, cast.outputs[0]), let product = graph.producer(scale),
      let weightScale = DynamicProduct.other(product, quantize.outputs[1]),
      let scales = DynamicProduct.perChannel(graph.constant(weightScale), channels, tail: tail)
    else { return nil }
    input = source
    weights = centred
    self.scales = scales
    scaleProduct = graph.useCount(scale) == 1 ? product.id : nil
    var nodes = [cast.id, scaling.id]
    var result = scaling.outputs[0]
    var addend: Tensor?
    var function = Activation.none
    if let add = l.soleUser(result), let sum = add.op as? Add, sum.activation.kernelCode != nil,
      let value = add.inputs[0] == result ? add.inputs[1] : add.inputs[0],
      l.shape(add.outputs[0]) == l.shape(result), !l.shape(result).isEmpty,
      let row = DynamicProduct.perChannel(graph.constant(value), channels, tail: tail)
    {
      addend = row
      function = sum.activation
      nodes.append(add.id)
      result = add.outputs[0]
    }
    bias = addend
    activation = function
    output = result
    covered = nodes
  }

  /// The other factor of a plain product that has `value` as one.
  static func other(_ node: Node, _ value: ValueID) -> ValueID? {
    guard let op = node.op as? Mul, op.activation.isNone else { return nil }
    return node.inputs[0] == value ? node.inputs[1] : node.inputs[1] == value ? node.inputs[0] : nil
  }

  /// A constant as one number per channel: a single one, or a row along the channels.
  private static func perChannel(_ tensor: Tensor?, _ channels: Int, tail: Int) -> Tensor? {
    guard let tensor, tensor.type == .float32 else { return nil }
    let values = tensor.wide(Float.self)
    if values.count == 1 { return Tensor(Array(repeating: values[0], count: channels)) }
    guard values.count == channels, tensor.rank >= tail, tensor.shape[tensor.rank - tail] == channels else {
      return nil
    }
    return Tensor(values)
  }

  /// Whether a kernel takes weights and input of these shapes.
  private static func fits(_ node: Node, _ weights: Tensor, rank: Int) -> Bool {
    guard let conv = node.op as? ConvInteger else { return weights.rank == 2 && rank >= 2 }
    guard weights.rank == 3 || weights.rank == 4, weights.rank == rank else { return false }
    return !FilterShape(weights.shape, group: conv.group).isDepthwise
  }
}

extension LoweringCatalog {
  /// Quantizes when something asks for the codes; what products by constant weights read of it, they make themselves.
  static let dynamicQuantize: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = node.inputs[0] else { return false }
    for id in l.graph.users(node.outputs[0]) {
      if let user = l.graph[id], user.op is MatMulInteger || user.op is ConvInteger,
        let product = DynamicProduct(l, user), let scales = product.scaleProduct
      {
        l.covered.insert(scales)
      }
    }
    for output in node.outputs {
      l.postpone(output) { [unowned l] () throws(Diagnostic) in
        guard l.placements[node.outputs[0].index].isEmpty else { return }
        let layout = try l.commonLayout([x], rank: l.rank(x))
        var results = [try l.result(node.outputs[0], layout)]
        for parameter in node.outputs.dropFirst() { results.append(try l.result(parameter)) }
        l.emit(Op.dynamicQuantize, [try l.slot(x, layout)], results, [], node)
      }
    }
    return true
  }

  static func dynamicMatMul(_ l: GraphLowering, _ node: Node) throws(Diagnostic) -> Bool {
    guard let product = DynamicProduct(l, node) else { return false }
    let (k, n) = (product.weights.shape[0], product.weights.shape[1])
    let packed = try l.packedCodes(product.weights, k, n, transposed: false)
    let attributes: [Step.Attribute] = [.int(k), .int(n)] + product.activation.attributes + [.int(0)]
    let bias = product.bias.map { l.builder.weight($0) } ?? -1
    let inputs = [try l.slot(product.input), packed, l.builder.weight(product.scales), bias, -1]
    l.emit(Op.gemmDynamic, inputs, [try l.result(product.output)], attributes, node)
    l.covered.formUnion(product.covered)
    return true
  }

  static func dynamicConv(_ l: GraphLowering, _ node: Node) throws(Diagnostic) -> Bool {
    guard let op = node.op as? ConvInteger, let product = DynamicProduct(l, node) else { return false }
    let filter = FilterShape(product.weights.shape, group: op.group)
    let layout = Layout.channelsLast(l.rank(product.input))
    let image = try ImageView(l, product.input, layout)
    var attributes = try l.geometry(op.window, l.shape(product.input), product.weights.shape)
    attributes += [.int(op.group), .int(Int(filter.oc))] + product.activation.attributes + [.int(0)]
    let packed = try l.packedFilter(filter, product.weights)
    let bias = product.bias.map { l.builder.weight($0) } ?? -1
    let result = try ImageView(l, result: product.output, layout)
    let inputs = [image.slot, packed, l.builder.weight(product.scales), bias, -1]
    l.emit(Op.convDynamic, inputs, [result.slot], attributes, node)
    l.covered.formUnion(product.covered)
    return true
  }
}

extension GraphLowering {
  /// The one node that reads a value, which is no output.
  func soleUser(_ value: ValueID) -> Node? {
    guard !graph.isOutput(value), graph.useCount(value) == 1, let user = graph.users(value, limit: 1).first else {
      return nil
    }
    return graph[user]
  }
}
