import IR

/// A transposed convolution becomes one convolution that computes all outputs between two inputs as channels, which
/// DepthToSpace then spreads, so that it has kernels on 8-bit codes, or fills vectors that few channels alone do not. With
/// stride s and a kernel of s · t:
///
///     ConvTranspose(x, w)  →  Slice(DepthToSpace(Conv(x, w')))
///
///     w'[(a, b, o), c, u, v] = w[c, o, a + s (t − 1 − u), b + s (t − 1 − v)]
///
/// Only where the kernel is a multiple of the stride: then there are as many multiplications as before. Source: Shi et al.,
/// "Is the deconvolution layer the same as a convolutional layer?", 2016.
public struct SplitTransposedConv: Pass {
  public let name = "split-transposed-conv"
  /// Leaves those that fill vectors as they are.
  let narrowOnly: Bool
  public init(narrowOnly: Bool = false) { self.narrowOnly = narrowOnly }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for id in graph.nodeIDs() where context.mayEdit {
      guard let node = graph[id], let op = node.op as? ConvTranspose else { continue }
      if narrowOnly, !isNarrow(op, node, graph) { continue }
      if let reason = obstacle(op, node, graph) {
        context.reject(node, reason)
        continue
      }
      guard let plan = TransposedSplit(op, node, graph) else { continue }
      try plan.apply(to: node, &graph)
      try context.didEdit(graph, node.label)
    }
  }

  /// Whether its channels leave more than half of vectors of 16 empty, which those of all outputs between two inputs
  /// together do not.
  private func isNarrow(_ op: ConvTranspose, _ node: Node, _ graph: Graph) -> Bool {
    guard let w = graph.constant(node.input(1)), w.rank == 4, op.group == 1 else { return false }
    func padded(_ channels: Int) -> Int { (channels + 15) / 16 * 16 }
    let (between, overflows) = op.window.stride(0).multipliedReportingOverflow(by: op.window.stride(1))
    guard !overflows, between > 1, between < 1 << 16, w.shape[1] <= 8 else { return false }
    return 2 * padded(between * w.shape[1]) <= between * padded(w.shape[1])
  }

  private func obstacle(_ op: ConvTranspose, _ node: Node, _ graph: Graph) -> String? {
    guard let w = graph.constant(node.input(1)), w.type == .float32, w.rank == 4, w.count > 0 else {
      return "its weights are no constant of four axes"
    }
    if let bias = node.input(2), graph.constant(bias)?.count != w.shape[1] { return "its bias is not constant" }
    if op.group != 1 { return "it has groups" }
    if op.outputShape != nil || op.window.autoPad != .notSet { return "its padding follows from its shapes" }
    let strides = [op.window.stride(0), op.window.stride(1)]
    if op.window.dilation(0) != 1 || op.window.dilation(1) != 1 || strides[0] != strides[1] {
      return "it is dilated, or its strides differ"
    }
    if w.shape[2] % strides[0] != 0 || w.shape[3] % strides[0] != 0 { return "its kernel is no multiple of its stride" }
    return nil
  }
}

/// The convolution that stands for a transposed one, and what cuts its result.
private struct TransposedSplit {
  let op: ConvTranspose
  let weights: Tensor
  let bias: Tensor?
  let stride: Int
  /// Inputs that an output reads along an axis.
  let taps: [Int]
  /// Padding of the convolution: of both axes before, then after.
  let pads: [Int]
  /// Where the result begins and ends in what DepthToSpace gives; nil: it is all of it.
  let cut: (begins: [Int], ends: [Int])?

  /// Nil where the sizes are not known, or outputs lie beyond what the convolution gives.
  init?(_ op: ConvTranspose, _ node: Node, _ graph: Graph) {
    guard let w = graph.constant(node.input(1)), let x = graph.type(node.inputs[0] ?? node.outputs[0]).tensor?.shape,
      let y = graph.type(node.outputs[0]).tensor?.shape, x.count == 4, y.count == 4
    else { return nil }
    (self.op, weights, bias, stride) = (op, w, graph.constant(node.input(2)), op.window.stride(0))
    let (s, own) = (stride, op.window.pads ?? [0, 0, 0, 0])
    let reach = [w.shape[2] / s, w.shape[3] / s]
    taps = reach
    guard s > 1 else {
      let more = op.outputPadding ?? [0, 0]
      pads = (0..<4).map { reach[$0 % 2] - 1 - own[$0] + ($0 < 2 ? 0 : more[$0 - 2]) }
      cut = nil
      if pads.contains(where: { $0 < 0 }) { return nil }
      return
    }
    pads = reach.map { $0 - 1 } + reach.map { $0 - 1 }
    var ends: [Int] = []
    var isWhole = true
    for axis in 0..<2 {
      guard let input = x[axis + 2].value, let output = y[axis + 2].value else { return nil }
      let all = s * (input + reach[axis] - 1)
      guard own[axis] >= 0, own[axis] + output <= all else { return nil }
      ends.append(own[axis] + output)
      isWhole = isWhole && own[axis] == 0 && output == all
    }
    cut = isWhole ? nil : (Array(own.prefix(2)), ends)
  }

  func apply(to node: Node, _ graph: inout Graph) throws(Diagnostic) {
    let name = node.input(1).map { graph[$0].name } ?? ""
    var conv = Conv()
    conv.window.pads = pads
    conv.window.kernelShape = taps
    conv.activation = op.activation
    var inputs: [ValueID?] = [node.input(0), graph.addConstant(filter(), name: name)]
    if let bias {
      let row = bias.wide(Float.self)
      inputs.append(graph.addConstant(Tensor((0..<stride * stride).flatMap { _ in row })))
    }
    func add(_ op: any Operator, _ inputs: [ValueID?]) throws(Diagnostic) -> ValueID {
      try graph.add(op, inputs, names: node.names, before: node.id)[0]
    }
    var result = try add(conv, inputs)
    if stride > 1 {
      var spread = DepthToSpace()
      spread.blockSize = stride
      result = try add(spread, [result])
    }
    if let cut {
      let lists = [cut.begins, cut.ends, [2, 3]].map { graph.addConstant(Tensor($0.map { Int64($0) })) }
      result = try add(Slice(), [result] + lists)
    }
    graph.replaceUses(of: node.outputs[0], with: result)
    graph.removeDead(from: node.id)
  }

  /// [s · s · OC, C, taps, taps].
  private func filter() -> Tensor {
    let (c, oc, kh, kw) = (weights.shape[0], weights.shape[1], weights.shape[2], weights.shape[3])
    let values = weights.wide(Float.self)
    var result: [Float] = []
    result.reserveCapacity(values.count)
    for row in 0..<stride * stride * oc {
      let (a, b, o) = (row / oc / stride, row / oc % stride, row % oc)
      for channel in 0..<c {
        let kernel = (channel * oc + o) * kh * kw
        for tap in 0..<taps[0] * taps[1] {
          let (u, v) = (tap / taps[1], tap % taps[1])
          result.append(values[kernel + (a + stride * (taps[0] - 1 - u)) * kw + b + stride * (taps[1] - 1 - v)])
        }
      }
    }
    return Tensor(result, shape: [stride * stride * oc, c, taps[0], taps[1]])
  }
}
