import Bundle
import IR
import Kernels

/// Convolutions, channels-last, with constant weights packed now. 1-D convolutions run as 2-D ones of height 1.
extension LoweringCatalog {
  static let convolution: [String: LoweringRule] = ["Conv": conv, "ConvTranspose": convTranspose]

  static let conv: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Conv, let x = node.inputs[0], let w = l.filter(node.inputs[1]) else { return false }
    guard l.computeType(x) == .float32, op.activation.kernelCode != nil else { return false }
    let y = node.outputs[0]
    let layout = Layout.channelsLast(l.rank(x))
    let kernel = try kernel(l, node, op, w)
    let image = try ImageView(l, x, layout)
    let bias = try l.optionalSlot(node, 2)
    let residual = try l.residual(node, 3, layout, after: op.residualAfterActivation)
    let attributes = try l.geometry(op.window, l.shape(x), w.shape) + kernel.attributes + op.activation.attributes
    let result = try ImageView(l, result: y, layout)
    let added = try residual.slot.map { (s) throws(Diagnostic) in try l.image(s, l.shape(y)) } ?? -1
    let inputs = [image.slot, kernel.weights, bias, added]
    l.emit(kernel.op, inputs, [result.slot], attributes + [.int(residual.mode)], node)
    return true
  }

  private static let convTranspose: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? ConvTranspose, let x = node.inputs[0], let w = l.filter(node.inputs[1]) else {
      return false
    }
    guard l.computeType(x) == .float32, op.activation.kernelCode != nil, let pads = cutPads(l, node, op, w.shape) else {
      return false
    }
    let weights = try transposedWeights(l, w, group: Int64(op.group))
    let layout = Layout.channelsLast(l.rank(x))
    let image = try ImageView(l, x, layout)
    var window = op.window
    window.pads = pads
    window.autoPad = .notSet
    var attributes = try l.geometry(window, l.shape(x), w.shape)
    attributes += [.int(op.group), .int(w.shape[1] * op.group)] + op.activation.attributes
    let bias = try l.optionalSlot(node, 2)
    let result = try ImageView(l, result: node.outputs[0], layout)
    l.emit(Op.convTranspose2d, [image.slot, weights, bias], [result.slot], attributes, node)
    return true
  }
}

extension LoweringCatalog {
  private static func kernel(
    _ l: GraphLowering, _ node: Node, _ op: Conv, _ w: Filter
  ) throws(Diagnostic) -> ConvolutionKernel {
    guard let constant = w.constant else { return try ConvolutionKernel(l, op, madeWhileRunning: w) }
    return try ConvolutionKernel(l, op, constant, l.algorithm(node, op, constant))
  }

  /// The weight input of a transposed convolution.
  private static func transposedWeights(_ l: GraphLowering, _ w: Filter, group: Int64) throws(Diagnostic) -> Int32 {
    guard let tensor = w.constant else { return try w.slot(l) }
    let (c, oc) = (Int64(w.shape[0]), Int64(w.shape[1]))
    let (kh, kw) = (Int64(w.shape.count == 4 ? w.shape[2] : 1), Int64(w.shape[w.shape.count - 1]))
    let floats = tensor.wide(Float.self)
    return try l.builder.packed(kerf_pack_conv_transpose2d_f32_size(c, oc, kh, kw, group)) {
      kerf_pack_conv_transpose2d_f32(c, oc, kh, kw, group, floats, $0)
    }
  }

  /// Padding cut off at the start of each spatial axis, then at the ends; nil where it is no number or would add zeros.
  private static func cutPads(_ l: GraphLowering, _ node: Node, _ op: ConvTranspose, _ filter: [Int]) -> [Int]? {
    guard let x = node.inputs[0] else { return nil }
    let rank = filter.count - 2
    let none = Array(repeating: 0, count: 2 * rank)
    if op.outputShape == nil, !op.window.autoPad.isSame {
      return op.window.autoPad == .valid ? none : op.window.pads ?? none
    }
    var begins: [Int] = []
    var ends: [Int] = []
    for axis in 0..<rank {
      guard let input = l.shape(x)[axis + 2].value, let output = l.shape(node.outputs[0])[axis + 2].value, input > 0
      else {
        return nil
      }
      let begin = op.beginPadding(axis, input: input, kernel: filter[axis + 2], output: output)
      let full = (input - 1) * op.window.stride(axis) + (filter[axis + 2] - 1) * op.window.dilation(axis) + 1
      begins.append(begin)
      ends.append(max(0, full - begin - output))
    }
    return begins.allSatisfy { $0 >= 0 } ? begins + ends : nil
  }
}

/// The kernel of a convolution, its weight input, and the attributes between the geometry and the activation.
struct ConvolutionKernel {
  let op: UInt16
  let weights: Int32
  let attributes: [Step.Attribute]

  init(
    _ l: GraphLowering, _ conv: Conv, _ constant: Tensor, _ algorithm: ConvolutionAlgorithm
  ) throws(Diagnostic) {
    let filter = FilterShape(constant.shape, group: conv.group)
    let (oc, c, kh, kw, group) = (filter.oc, filter.c, filter.kh, filter.kw, filter.group)
    let floats = constant.wide(Float.self)
    switch algorithm {
    case .depthwise:
      op = Op.depthwise
      attributes = []
      weights = try l.builder.packed(kerf_pack_depthwise_f32_size(oc, kh, kw)) {
        kerf_pack_depthwise_f32(oc, kh, kw, floats, $0)
      }
    case .winograd(let tile):
      op = Op.winograd
      attributes = [.int(Int(oc)), .int(Int(tile))]
      weights = try l.builder.packed(kerf_pack_winograd_f32_size(oc, c, kh, tile)) {
        kerf_pack_winograd_f32(oc, c, kh, tile, floats, $0)
      }
    case .direct:
      op = Op.conv2d
      attributes = [.int(conv.group), .int(Int(oc))]
      weights = try l.builder.packed(kerf_pack_conv2d_f32_size(oc, c, kh, kw, group)) {
        kerf_pack_conv2d_f32(oc, c, kh, kw, group, floats, $0)
      }
    }
  }

  /// For weights that each run packs.
  init(_ l: GraphLowering, _ conv: Conv, madeWhileRunning filter: Filter) throws(Diagnostic) {
    op = Op.conv2d
    attributes = [.int(conv.group), .int(filter.shape[0])]
    weights = try filter.slot(l)
  }
}

/// The weights of a convolution: a constant, or a value made while running whose shape is known.
struct Filter {
  let value: ValueID
  let shape: [Int]
  let constant: Tensor?

  /// A filter made while running as the kernels take it, [d0, d1, KH, KW].
  func slot(_ l: GraphLowering) throws(Diagnostic) -> Int32 {
    let slot = try l.slot(value, type: .float32)
    guard shape.count == 3 else { return slot }
    let dims = l.builder.dims(slot)
    return l.view(slot, [dims[0], dims[1], l.builder.constant(1), dims[2]])
  }
}

extension GraphLowering {
  /// The weights of a 1-D or 2-D convolution that kernels take.
  func filter(_ value: ValueID?) -> Filter? {
    guard let value, let shape = graph.type(value).tensor?.knownShape, shape.count == 3 || shape.count == 4 else {
      return nil
    }
    let constant = weights(value)
    guard constant != nil || computeType(value) == .float32 else { return nil }
    return Filter(value: value, shape: shape, constant: constant)
  }
}

/// Dimensions of a filter [OC, C/group, (KH,) KW].
struct FilterShape {
  let oc: Int64
  let c: Int64
  let kh: Int64
  let kw: Int64
  let group: Int64

  init(_ shape: [Int], group: Int) {
    oc = Int64(shape[0])
    c = Int64(shape[1])
    kh = Int64(shape.count == 4 ? shape[2] : 1)
    kw = Int64(shape[shape.count - 1])
    self.group = Int64(group)
  }

  /// One input channel per output channel.
  var isDepthwise: Bool { c == 1 && group == oc && group > 1 }
}

/// A value seen as an image [N,H,W,C]; signals [N,W,C] get a height of 1.
struct ImageView {
  let slot: Int32

  init(_ l: GraphLowering, _ value: ValueID, _ layout: Layout, type: ElementType? = nil) throws(Diagnostic) {
    slot = try l.image(l.slot(value, layout, type: type), l.shape(value))
  }

  init(_ l: GraphLowering, result value: ValueID, _ layout: Layout, type: ElementType? = nil) throws(Diagnostic) {
    guard layout.rank == 3 else {
      slot = try l.result(value, layout, type: type)
      return
    }
    let dims = try l.dims(layout.physical(l.shape(value)))
    let kind = type ?? l.computeType(value)
    slot = l.builder.resultSlot(kind.rawValue, [dims[0], l.builder.constant(1), dims[1], dims[2]])
    try l.alias(value, slot, layout, type: kind)
  }
}

extension GraphLowering {
  /// A channels-last slot of a value of that logical shape as an image.
  func image(_ slot: Int32, _ shape: Shape) throws(Diagnostic) -> Int32 {
    guard shape.count == 3 else { return slot }
    let dims = builder.dims(slot)
    return view(slot, [dims[0], builder.constant(1), dims[1], dims[2]])
  }

  /// The slot of an optional input, -1 where it is absent.
  func optionalSlot(_ node: Node, _ index: Int) throws(Diagnostic) -> Int32 {
    guard index < node.inputs.count, let value = node.inputs[index] else { return -1 }
    return try slot(value)
  }

  /// The residual input of a fused node, and the kernels' residual mode.
  func residual(_ node: Node, _ index: Int, _ layout: Layout, after: Bool) throws(Diagnostic) -> (
    slot: Int32?, mode: Int
  ) {
    guard index < node.inputs.count, let value = node.inputs[index] else { return (nil, 0) }
    return (try slot(value, layout), after ? 2 : 1)
  }

  /// The ten geometry attributes of a window over an input [N, C, (H,) W]. `filter` ends with the kernel's extents.
  func geometry(_ window: Window, _ input: Shape, _ filter: [Int]) throws(Diagnostic) -> [Step.Attribute] {
    let rank = input.count - 2
    let kernel = Array(filter.suffix(rank))
    var begins: [Dim] = []
    var ends: [Dim] = []
    for axis in 0..<rank {
      let (begin, end) = window.symbolicPadding(axis, rank: rank, input: input[axis + 2], kernel: kernel[axis])
      begins.append(begin)
      ends.append(end)
    }
    func pair(_ value: (Int) -> Int, _ missing: Int) -> [Step.Attribute] {
      (rank == 1 ? [.int(missing)] : []) + (0..<rank).map { .int(value($0)) }
    }
    var attributes = pair({ kernel[$0] }, 1) + pair({ window.stride($0) }, 1) + pair({ window.dilation($0) }, 1)
    for dim in (rank == 1 ? [Dim(0)] : []) + begins { attributes.append(try LoweringCatalog.attribute(self, dim)) }
    for dim in (rank == 1 ? [Dim(0)] : []) + ends { attributes.append(try LoweringCatalog.attribute(self, dim)) }
    return attributes
  }
}

extension Window {
  /// Padding of an axis whose input may be symbolic. SAME: ONNX Conv, "auto_pad".
  func symbolicPadding(_ axis: Int, rank: Int, input: Dim, kernel: Int) -> (begin: Dim, end: Dim) {
    switch autoPad {
    case .valid: return (0, 0)
    case .notSet: return (Dim(pads?[axis] ?? 0), Dim(pads?[axis + rank] ?? 0))
    case .sameUpper, .sameLower:
      let step = Dim(stride(axis))
      let span = Dim((kernel - 1) * dilation(axis) + 1)
      guard let output = input.ceilQuotient(by: step) else { return (0, 0) }
      let total = Dim.maximum((output - 1) * step + span - input, 0)
      guard let half = total.quotient(by: 2) else { return (0, 0) }
      return autoPad == .sameUpper ? (half, total - half) : (total - half, half)
    }
  }
}
