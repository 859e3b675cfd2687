import IR

/// A transposed convolution becomes one convolution that computes all outputs between two inputs as channels, which are then
/// spread, so that it has kernels on 8-bit codes, or fills vectors that few channels alone do not. With stride s and a
/// kernel of at most s · t:
///
///     ConvTranspose(x, w)  →  Slice(DepthToSpace(Conv(x, w')))
///
///     w'[(a, b, o), c, u, v] = w[c, o, a + s (t − 1 − u), b + s (t − 1 − v)], 0 where that lies outside
///
/// Where there is one axis, or the strides differ, Reshape and Transpose spread the channels. A stride of 1 needs neither:
/// its kernel is turned. A depthwise one stays so: its input is joined with itself once for each output between two inputs.
///
///     ConvTranspose(x, w) {group=C}  →  DepthToSpace(Conv(Concat(x, x, x, x), w') {group=4C})
///
/// Source: Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016.
public struct SplitTransposedConv: Pass {
  public let name = "split-transposed-conv"
  /// Leaves those that fill vectors as they are, and those that would take more multiplications; but for depthwise ones,
  /// which have kernels of their own as convolutions only.
  let narrowOnly: Bool
  public init(narrowOnly: Bool = false) { self.narrowOnly = narrowOnly }

  /// How many times as many multiplications codes may take, which are a quarter as wide: a kernel that is no multiple of its
  /// stride is filled up with zeros.
  private static let mostWork = 2.25

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for id in graph.nodeIDs() where context.mayEdit {
      guard let node = graph[id], let op = node.op as? ConvTranspose else { continue }
      let isDepthwise = TransposedSplit.isDepthwise(op, graph.constant(node.input(1)))
      if narrowOnly, !isDepthwise, !isNarrow(op, node, graph) { continue }
      if let reason = obstacle(node, graph) {
        context.reject(node, reason)
        continue
      }
      switch TransposedSplit.Axis.all(op, node, graph) {
      case .failure(let reason): context.reject(node, reason.text)
      case .success(let axes):
        let work = axes.reduce(1) { $0 * $1.work }
        guard work <= (narrowOnly && !isDepthwise ? 1 : Self.mostWork),
          let split = TransposedSplit(op, axes, node, graph)
        else {
          context.reject(node, "as a convolution it would take \((work * 10).rounded() / 10) times the multiplications")
          continue
        }
        try split.apply(to: node, &graph)
        try context.didEdit(graph, node.label)
      }
    }
  }

  /// Whether its channels leave more than half of vectors of 16 empty, which those of all outputs between two inputs
  /// together do not.
  private func isNarrow(_ op: ConvTranspose, _ node: Node, _ graph: Graph) -> Bool {
    guard let w = graph.constant(node.input(1)), w.rank == 4, op.group == 1,
      op.window.stride(0) == op.window.stride(1)
    else { return false }
    func padded(_ channels: Int) -> Int { (channels + 15) / 16 * 16 }
    let (between, overflows) = op.window.stride(0).multipliedReportingOverflow(by: op.window.stride(1))
    guard !overflows, between > 1, between < 1 << 16, w.shape[1] <= 8 else { return false }
    return 2 * padded(between * w.shape[1]) <= between * padded(w.shape[1])
  }

  private func obstacle(_ node: Node, _ graph: Graph) -> String? {
    guard let w = graph.constant(node.input(1)), w.type == .float32, (3...4).contains(w.rank), w.count > 0 else {
      return "its weights are no constant with one or two spatial axes"
    }
    if node.input(2) != nil, graph.constant(node.input(2)) == nil { return "its bias is not constant" }
    return nil
  }
}

/// The convolution that stands for a transposed one, and what spreads its result.
private struct TransposedSplit {
  let op: ConvTranspose
  let axes: [Axis]
  let weights: Tensor
  let bias: Tensor?
  /// Sizes of the input along the axes, where they are needed.
  let sizes: [Int?]

  /// Nil where the weights do not fit the groups.
  init?(_ op: ConvTranspose, _ axes: [Axis], _ node: Node, _ graph: Graph) {
    guard let w = graph.constant(node.input(1)), op.group > 0, w.shape[0] % op.group == 0 else { return nil }
    (self.op, self.axes, weights, bias) = (op, axes, w, graph.constant(node.input(2)))
    sizes = axes.indices.map { graph.shape(node.input(0))?[$0 + 2].value }
  }

  /// Output channels of the transposed convolution.
  private var channels: Int { weights.shape[1] * op.group }
  /// Outputs between two inputs.
  private var phases: Int { axes.reduce(1) { $0 * $1.stride } }
  /// Whether DepthToSpace spreads the channels.
  private var isSquare: Bool { axes.count == 2 && axes[0].stride == axes[1].stride }
  private var isDepthwise: Bool { Self.isDepthwise(op, weights) }
  /// Whether the channels of one phase stand next to each other, which is faster to spread; else those of a group must.
  private var isPhaseMajor: Bool { op.group == 1 || isDepthwise }

  /// Whether each channel has a filter of its own.
  static func isDepthwise(_ op: ConvTranspose, _ weights: Tensor?) -> Bool {
    guard let weights, weights.rank > 2 else { return false }
    return op.group > 1 && weights.shape[0] == op.group && weights.shape[1] == 1
  }

  func apply(to node: Node, _ graph: inout Graph) throws(Diagnostic) {
    let name = node.input(1).map { graph[$0].name } ?? ""
    var conv = Conv()
    conv.group = isDepthwise ? phases * channels : op.group
    conv.window.pads = axes.map(\.pads.begin) + axes.map(\.pads.end)
    conv.window.kernelShape = axes.map(\.taps)
    if axes.contains(where: { $0.spacing != 1 }) { conv.window.dilations = axes.map(\.spacing) }
    conv.activation = op.activation
    func add(_ op: any Operator, _ inputs: [ValueID?]) throws(Diagnostic) -> ValueID {
      try graph.add(op, inputs, names: node.names, before: node.id)[0]
    }
    func list(_ numbers: [Int]) -> ValueID { graph.addConstant(Tensor(numbers.map { Int64($0) })) }
    var source = node.input(0)
    if isDepthwise, phases > 1 {
      var join = Concat()
      join.axis = 1
      source = try add(join, Array(repeating: source, count: phases))
    }
    var inputs: [ValueID?] = [source, graph.addConstant(filter(), name: name)]
    if let row = bias?.wide(Float.self) {
      inputs.append(graph.addConstant(Tensor((0..<phases * channels).map { row[place(of: $0).channel] })))
    }
    var result = try add(conv, inputs)
    if phases > 1, isSquare {
      var spread = DepthToSpace()
      spread.blockSize = axes[0].stride
      spread.mode = isPhaseMajor ? .depthFirst : .depthLast
      result = try add(spread, [result])
    } else if phases > 1 {
      // 0 copies the size of the batch.
      let counts = zip(axes, sizes).map { $0.count($1 ?? 0) }
      let strides = axes.map(\.stride)
      let split = isPhaseMajor ? strides + [channels] : [channels] + strides
      result = try add(Reshape(), [result, list([0] + split + counts)])
      var turn = Transpose()
      let (first, channel) = isPhaseMajor ? (1, 1 + axes.count) : (2, 1)
      turn.permutation = [0, channel] + axes.indices.flatMap { [2 + axes.count + $0, first + $0] }
      result = try add(turn, [result])
      result = try add(Reshape(), [result, list([0, channels] + zip(axes, counts).map { $0.stride * $1 })])
    }
    let cut = axes.indices.filter { axes[$0].cut != nil }
    if !cut.isEmpty {
      let ends = cut.compactMap { axes[$0].cut }
      result = try add(Slice(), [result, list(ends.map(\.begin)), list(ends.map(\.end)), list(cut.map { $0 + 2 })])
    }
    graph.replaceUses(of: node.outputs[0], with: result)
    graph.removeDead(from: node.id)
  }

  /// What a channel of the convolution computes: which channel of the transposed one, at which place between two inputs.
  private func place(of row: Int) -> (channel: Int, phase: [Int]) {
    var rest = isPhaseMajor ? row / channels : row % phases
    var phase = axes.map { _ in 0 }
    for axis in axes.indices.reversed() {
      phase[axis] = rest % axes[axis].stride
      rest /= axes[axis].stride
    }
    return (isPhaseMajor ? row % channels : row / phases, phase)
  }

  /// [outputs between two inputs · OC, C / groups, taps…].
  private func filter() -> Tensor {
    let (perGroup, own) = (weights.shape[0] / op.group, weights.shape[1])
    let kernel = weights.shape.dropFirst(2).reduce(1, *)
    let taps = axes.reduce(1) { $0 * $1.taps }
    let values = weights.wide(Float.self)
    var result: [Float] = []
    result.reserveCapacity(phases * channels * perGroup * taps)
    for row in 0..<phases * channels {
      let (channel, phase) = place(of: row)
      let sources = (0..<taps).map { source($0, phase) }
      for input in 0..<perGroup {
        let first = ((channel / own * perGroup + input) * own + channel % own) * kernel
        for source in sources { result.append(source.map { values[first + $0] } ?? 0) }
      }
    }
    return Tensor(result, shape: [phases * channels, perGroup] + axes.map(\.taps))
  }

  /// Where in a kernel of the transposed convolution a tap of the convolution stands; nil outside of it.
  private func source(_ tap: Int, _ phase: [Int]) -> Int? {
    var (rest, place, scale) = (tap, 0, 1)
    for axis in axes.indices.reversed() {
      guard let own = axes[axis].source(rest % axes[axis].taps, phase[axis]) else { return nil }
      rest /= axes[axis].taps
      place += own * scale
      scale *= axes[axis].kernel
    }
    return place
  }
}

extension TransposedSplit {
  /// One spatial axis.
  struct Axis {
    let kernel: Int
    let stride: Int
    let dilation: Int
    /// Inputs that an output of the convolution reads, and how far they are apart.
    let taps: Int
    let spacing: Int
    /// Padding of the convolution.
    private(set) var pads = (begin: 0, end: 0)
    /// Where the result begins and ends in what is spread; nil: it is all of it.
    private(set) var cut: (begin: Int, end: Int)?

    struct Reason: Error { let text: String }

    /// The axes of a transposed convolution, or what is in the way.
    static func all(_ op: ConvTranspose, _ node: Node, _ graph: Graph) -> Result<[Axis], Reason> {
      guard let w = graph.constant(node.input(1)), let x = graph.shape(node.input(0)), x.count == w.rank,
        let y = graph.shape(node.outputs.first), y.count == w.rank
      else { return .failure(Reason(text: "the rank of its input is not known")) }
      var axes: [Axis] = []
      for index in 0..<w.rank - 2 {
        guard var axis = Axis(op.window, index, kernel: w.shape[index + 2]) else {
          return .failure(Reason(text: "its window is too large"))
        }
        if let input = x[index + 2].value, let output = y[index + 2].value {
          axis.place(op.beginPadding(index, input: input, kernel: axis.kernel, output: output), input, output)
        } else if axis.stride > 1 || !axis.place(op, index) {
          return .failure(Reason(text: "the sizes of its input are not known"))
        }
        axes.append(axis)
      }
      return .success(axes)
    }

    private init?(_ window: Window, _ index: Int, kernel: Int) {
      (self.kernel, stride, dilation) = (kernel, window.stride(index), window.dilation(index))
      let (reach, overflows) = (kernel - 1).multipliedReportingOverflow(by: dilation)
      guard stride > 0, dilation > 0, kernel > 0, !overflows, reach < 1 << 31 else { return nil }
      (taps, spacing) = stride == 1 ? (kernel, dilation) : (reach / stride + 1, 1)
    }

    /// From the first input that an output reads to the last.
    private var reach: Int { (taps - 1) * spacing }

    /// How many times the multiplications of the transposed convolution there are.
    var work: Double { Double(taps) * Double(stride) / Double(kernel) }

    /// Sets padding and cut, `begin` being the elements that the transposed convolution cuts off at the front.
    private mutating func place(_ begin: Int, _ input: Int, _ output: Int) {
      // Whole steps of the stride are left out by the convolution.
      let left = min(begin >= 0 ? begin / stride : -((stride - 1 - begin) / stride), reach)
      let wanted = (begin + output + stride - 1) / stride - left
      pads.begin = reach - left
      pads.end = max(0, wanted - count(input))
      let first = begin - left * stride
      cut = first == 0 && output == count(input) * stride ? nil : (first, first + output)
    }

    /// The same where the size is not known: with a stride of 1 it does not matter. False where something would be cut off.
    private mutating func place(_ op: ConvTranspose, _ index: Int) -> Bool {
      guard op.outputShape == nil, [.notSet, .valid].contains(op.window.autoPad) else { return false }
      let own = op.window.autoPad == .valid ? [] : op.window.pads ?? []
      let rank = own.count / 2
      pads.begin = reach - (own.isEmpty ? 0 : own[index])
      pads.end = reach - (own.isEmpty ? 0 : own[index + rank]) + (op.outputPadding?[index] ?? 0)
      return pads.begin >= 0 && pads.end >= 0
    }

    /// Outputs of the convolution for an input of that size.
    func count(_ input: Int) -> Int { input + pads.begin + pads.end - reach }

    /// The element of the kernel that a tap stands for, where the output is `phase` behind the input's place; nil: none.
    func source(_ tap: Int, _ phase: Int) -> Int? {
      guard stride > 1 else { return kernel - 1 - tap }
      let place = phase + stride * (taps - 1 - tap)
      return place % dilation == 0 && place / dilation < kernel ? place / dilation : nil
    }
  }
}
