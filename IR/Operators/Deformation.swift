extension OperatorCatalog {
  static let deformation: [any Operator.Type] = [DeformConv.self, Col2Im.self]
}

/// A convolution whose kernel elements read at positions moved by offsets, between pixels, and weighted by a mask.
/// Inputs X[N,C,H,W], W[M,C/group,kH,kW], offset[N,offset_group·kH·kW·2,oH,oW], B[M]?,
/// mask[N,offset_group·kH·kW,oH,oW]?. ONNX DeformConv, opsets 19–22.
public struct DeformConv: WindowOperator {
  public static let name = "DeformConv"
  public static let inputs = Arity(3...5)
  public static let attributes: [AttributeField<Self>] = [
    .ints("kernel_shape", \.window.kernelShape, in: sizeRange), .ints("strides", \.window.strides, in: sizeRange),
    .ints("pads", \.window.pads, in: padRange), .ints("dilations", \.window.dilations, in: sizeRange),
    .int("group", \.group, in: sizeRange), .int("offset_group", \.offsetGroup, in: sizeRange),
  ]
  public var window = Window()
  public var group = 1
  public var offsetGroup = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    // Without the offsets it is a plain convolution, with its checks.
    var conv = Conv()
    conv.window = window
    conv.group = group
    let element = try context.sameElement(0...4)
    let plain = InferenceContext(inputs: [context.input(0), context.input(1), context.input(3)], outputCount: 1)
    for index in 0...2 { try context.requireRank(index, 4...4) }
    let types = try conv.inferTypes(plain)
    guard let result = types[0].tensor?.shape, let weight = try context.shape(1), let x = try context.shape(0) else {
      return [.tensor(element, InferenceContext.unknown(4))]
    }
    if let channels = x[1].value, channels % offsetGroup != 0 {
      throw .invalid("\(channels) input channels do not divide into \(offsetGroup) offset groups")
    }
    let taps = weight[2] * weight[3] * Dim(offsetGroup)
    try check(context, 2, [result[0], taps * 2, result[2], result[3]])
    if context.has(4) { try check(context, 4, [result[0], taps, result[2], result[3]]) }
    return [.tensor(element, result)]
  }

  private func check(_ context: InferenceContext, _ index: Int, _ expected: Shape) throws(Diagnostic) {
    guard let shape = try context.shape(index) else { return }
    guard shape.count == 4, zip(shape, expected).allSatisfy({ $0.isEqual(to: $1) != false }) else {
      throw .invalid("input \(index) is \(describe(shape)), expected \(describe(expected))")
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let w = try inputs.tensor(1)
    let geometry = try window.geometry(input: Array(x.shape.dropFirst(2)), kernel: Array(w.shape.dropFirst(2)))
    let weights = w.wide(Double.self)
    let sources = try Sources(inputs)
    let bias = inputs.optionalTensor(3)?.wide(Double.self)
    let (taps, plane) = (geometry.kernelCount, geometry.outputCount)
    let (perGroup, filtersPerGroup) = (w.shape[1], shape[1] / group)
    var result = [Double](repeating: 0, count: product(shape))
    for image in 0..<shape[0] {
      for position in 0..<plane {
        try context.checkDeadline()
        let samples = sample(sources, geometry, image, position)
        for m in 0..<shape[1] {
          var sum = bias?[m] ?? 0
          let first = m / filtersPerGroup * perGroup
          for c in 0..<perGroup {
            for t in 0..<taps { sum += weights[(m * perGroup + c) * taps + t] * samples[(first + c) * taps + t] }
          }
          result[(image * shape[1] + m) * plane + position] = sum
        }
      }
    }
    return [.tensor(Tensor(wide: result, x.type, shape))]
  }

  /// What every channel and kernel element reads for one output position.
  private func sample(_ sources: Sources, _ g: SpatialGeometry, _ image: Int, _ position: Int) -> [Double] {
    let (channels, taps, plane) = (sources.channels, g.kernelCount, g.outputCount)
    let (row, column) = (position / g.output[1], position % g.output[1])
    let perImage = offsetGroup * taps * plane
    var samples = [Double](repeating: 0, count: channels * taps)
    for og in 0..<offsetGroup {
      for t in 0..<taps {
        let at = image * perImage + (og * taps + t) * plane + position
        let move = 2 * (at - position) + position
        let (ky, kx) = (t / g.kernel[1], t % g.kernel[1])
        let y = Double(row * g.strides[0] - g.begins[0] + ky * g.dilations[0]) + sources.offsets[move]
        let z = Double(column * g.strides[1] - g.begins[1] + kx * g.dilations[1]) + sources.offsets[move + plane]
        let mask = sources.masks?[at] ?? 1
        for c in og * (channels / offsetGroup)..<(og + 1) * (channels / offsetGroup) {
          samples[c * taps + t] = mask * bilinear(sources.pixels, (image * channels + c) * g.inputCount, y, z, g.input)
        }
      }
    }
    return samples
  }

  /// Between four pixels; what lies outside is zero.
  private func bilinear(_ pixels: [Double], _ base: Int, _ y: Double, _ x: Double, _ size: [Int]) -> Double {
    guard y > -1, x > -1, y < Double(size[0]), x < Double(size[1]) else { return 0 }
    let (y0, x0) = (Int(y.rounded(.down)), Int(x.rounded(.down)))
    var sum = 0.0
    for (i, wy) in [(y0, Double(y0 + 1) - y), (y0 + 1, y - Double(y0))] where i >= 0 && i < size[0] {
      for (j, wx) in [(x0, Double(x0 + 1) - x), (x0 + 1, x - Double(x0))] where j >= 0 && j < size[1] {
        sum += wy * wx * pixels[base + i * size[1] + j]
      }
    }
    return sum
  }

  /// Everything that is sampled, widened once.
  private struct Sources {
    let pixels: [Double]
    let offsets: [Double]
    let masks: [Double]?
    let channels: Int

    init(_ inputs: [Datum?]) throws(Diagnostic) {
      let x = try inputs.tensor(0)
      channels = x.shape[1]
      pixels = x.wide(Double.self)
      offsets = try inputs.tensor(2).wide(Double.self)
      masks = inputs.optionalTensor(4)?.wide(Double.self)
    }
  }
}

/// Columns of blocks put back in place, overlaps added: [N,C·block,L] to [N,C,image…]. Inputs data, image_shape,
/// block_shape. ONNX Col2Im, opset 18.
public struct Col2Im: WindowOperator {
  public static let name = "Col2Im"
  public static let inputs: Arity = 3
  public static let attributes: [AttributeField<Self>] = [
    .ints("strides", \.window.strides, in: sizeRange), .ints("pads", \.window.pads, in: padRange),
    .ints("dilations", \.window.dilations, in: sizeRange),
  ]
  public var window = Window()
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.requireRank(0, 3...3)
    try context.require(1, [.int64])
    try context.require(2, [.int64])
    let type = try context.tensor(0)
    guard type.element.isFloat || type.element.isInteger else {
      throw .invalid("elements of type \(type.element.name) cannot be added")
    }
    let x = type.shape ?? InferenceContext.unknown(3)
    let length = try context.length(1)
    guard let image = context.contents(1) else {
      return [.tensor(type.element, length.map { [x[0], .unknown] + InferenceContext.unknown($0) })]
    }
    try checkDimensions(image, "image_shape")
    guard let block = context.contents(2) else { return [.tensor(type.element, [x[0], .unknown] + image)] }
    try checkDimensions(block, "block_shape")
    if block.contains(0) { throw .invalid("block_shape is \(describe(block)), sizes must be positive") }
    let places = product(try window.outputShape(image, kernel: block))
    if !x[2].isUnknown, x[2].isEqual(to: places) == false {
      throw .invalid("there are \(x[2]) columns for \(places) block positions")
    }
    if let rows = x[1].value, let size = product(block).value, rows % size != 0 {
      throw .invalid("\(rows) rows do not divide into blocks of \(size)")
    }
    return [.tensor(type.element, [x[0], x[1].quotient(by: product(block)) ?? .unknown] + image)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let geometry = try window.geometry(input: Array(shape.dropFirst(2)), kernel: try inputs.tensor(2).integers)
    let source = x.wide(Double.self)
    let (taps, places, plane) = (geometry.kernelCount, geometry.outputCount, geometry.inputCount)
    var result = [Double](repeating: 0, count: product(shape))
    guard !result.isEmpty else { return [.tensor(Tensor(wide: result, x.type, shape))] }
    var tap = [Int](repeating: 0, count: geometry.rank)
    var number = 0
    repeat {
      let rows = geometry.rows(tap: tap)
      for image in 0..<shape[0] * shape[1] {
        try context.checkDeadline()
        rows.scatter(&result, at: image * plane, source, at: (image * taps + number) * places, 1)
      }
      number += 1
    } while advance(&tap, in: geometry.kernel)
    return [.tensor(Tensor(wide: result, x.type, shape))]
  }
}
