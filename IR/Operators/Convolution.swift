extension OperatorCatalog {
  static let convolution: [any Operator.Type] = [Conv.self, ConvTranspose.self]
}

/// Y[n,m,o…] = Σ X[n,c,o·stride + k·dilation − pad…] · W[m,c,k…] + B[m], in groups of channels; then the residual and
/// the activation that passes put in. Inputs X[N,C,D…], W[M,C/group,k…], B[M]?, residual (internal, shape of Y)?.
/// ONNX Conv, opsets 1–22. Sums are in double and rounded once.
public struct Conv: WindowOperator, FusesActivation {
  public static let name = "Conv"
  public static let inputs = Arity(2...4)
  public static let attributes: [AttributeField<Self>] =
    windowAttributes()
    + [
      .int("group", \.group, in: sizeRange),
      .flag("residual_after_activation", \.residualAfterActivation, isInternal: true),
    ]
    + AttributeField<Self>.activation

  public var window = Window()
  public var group = 1
  public var activation = Activation.none
  /// false: activation(conv + residual); true: activation(conv) + residual.
  public var residualAfterActivation = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    let element = try context.sameElement(0...3)
    let weight = try context.shape(1)
    let input = try context.shape(0)
    if let weight { try checkRank(weight, "weight") }
    if let input { try checkRank(input, "input") }
    if let bias = try context.has(2) ? context.shape(2) : nil {
      guard bias.count == 1, weight == nil || bias[0].isEqual(to: weight?[0] ?? .unknown) != false else {
        throw .invalid("bias \(describe(bias)) does not fit weight \(describe(weight ?? []))")
      }
    }
    guard let input else { return [.tensor(element, residualShape(context))] }
    let spatial = Array(input.dropFirst(2))
    if let weight { try checkChannels(input, weight) }
    let kernel = try kernelShape(weight, rank: spatial.count)
    let output = try window.outputShape(spatial, kernel: kernel)
    let shape = [input[0], weight?[0] ?? .unknown] + output
    try checkResidual(context, shape)
    return [.tensor(element, shape)]
  }

  private func residualShape(_ context: InferenceContext) -> Shape? { context.input(3)?.type.tensor?.shape }

  private func checkResidual(_ context: InferenceContext, _ shape: Shape) throws(Diagnostic) {
    guard let residual = residualShape(context) else { return }
    guard residual.count == shape.count, zip(residual, shape).allSatisfy({ $0.isEqual(to: $1) != false }) else {
      throw .invalid("residual \(describe(residual)) does not have the shape of the result, \(describe(shape))")
    }
  }

  private func checkChannels(_ input: Shape, _ weight: Shape) throws(Diagnostic) {
    guard input.count == weight.count else {
      throw .invalid("input \(describe(input)) and weight \(describe(weight)) differ in rank")
    }
    let expected = weight[1] * Dim(group)
    if input[1].isEqual(to: expected) == false {
      throw .invalid("input has \(input[1]) channels but weight expects \(expected) (group = \(group))")
    }
    if let filters = weight[0].value, filters % group != 0 {
      throw .invalid("\(filters) output channels do not divide into \(group) groups")
    }
  }

  private func kernelShape(_ weight: Shape?, rank: Int) throws(Diagnostic) -> Shape {
    guard let weight else { return window.kernelShape?.map { Dim($0) } ?? InferenceContext.unknown(rank) }
    let kernel = Array(weight.dropFirst(2))
    if let given = window.kernelShape {
      guard given.count == kernel.count, zip(given, kernel).allSatisfy({ $1.isEqual(to: Dim($0)) != false }) else {
        throw .invalid("attribute 'kernel_shape' is \(describe(given)) but weight is \(describe(weight))")
      }
    }
    return kernel
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let w = try inputs.tensor(1)
    let geometry = try window.geometry(input: Array(x.shape.dropFirst(2)), kernel: Array(w.shape.dropFirst(2)))
    var sum = try correlate(x, w, geometry, context)
    let finish = ChannelEpilogue(
      bias: inputs.optionalTensor(2)?.wide(Double.self), residual: inputs.optionalTensor(3)?.wide(Double.self),
      activation: activation, residualAfterActivation: residualAfterActivation)
    finish.apply(&sum, channels: shape[1], plane: geometry.outputCount)
    return [.tensor(Tensor(wide: sum, x.type, shape))]
  }

  /// The sums, without bias.
  private func correlate(
    _ x: Tensor, _ w: Tensor, _ geometry: SpatialGeometry, _ context: EvaluationContext
  ) throws(Diagnostic) -> [Double] {
    let (channels, filters, taps) = (x.shape[1], w.shape[0], geometry.kernelCount)
    let (plane, inputPlane) = (geometry.outputCount, geometry.inputCount)
    let (perGroup, filtersPerGroup) = (w.shape[1], w.shape[0] / group)
    let source = x.wide(Double.self)
    let weights = w.wide(Double.self)
    var sum = [Double](repeating: 0, count: x.shape[0] * filters * plane)
    guard !sum.isEmpty, taps > 0, perGroup > 0 else { return sum }
    var tap = [Int](repeating: 0, count: geometry.rank)
    var number = 0
    repeat {
      let rows = geometry.rows(tap: tap)
      for image in 0..<x.shape[0] {
        for filter in 0..<filters {
          try context.checkDeadline()
          let firstChannel = filter / filtersPerGroup * perGroup
          for c in 0..<perGroup {
            rows.accumulate(
              &sum, at: (image * filters + filter) * plane, source,
              at: (image * channels + firstChannel + c) * inputPlane, weights[(filter * perGroup + c) * taps + number])
          }
        }
      }
      number += 1
    } while advance(&tap, in: geometry.kernel)
    return sum
  }
}

/// Rank check shared by the convolutions.
private func checkRank(_ shape: Shape, _ what: String) throws(Diagnostic) {
  guard shape.count >= 3 else { throw .invalid("\(what) has rank \(shape.count), expected at least 3") }
}

/// Rows of outputs that one kernel element contributes to; inputs of a row are `step` apart.
struct TapRows {
  private var rows: [(output: Int, input: Int, count: Int, step: Int)] = []

  /// Adds a row; joins it with the one before where it goes on at the same pace.
  mutating func append(output: Int, input: Int, count: Int, step: Int) {
    if let last = rows.last, last.output + last.count == output {
      let pace = last.count == 1 ? input - last.input : last.step
      if last.input + last.count * pace == input, count == 1 || step == pace {
        rows[rows.count - 1] = (last.output, last.input, last.count + count, pace)
        return
      }
    }
    rows.append((output, input, count, step))
  }

  /// sum[base + output] += weight · source[sourceBase + input], along every row.
  func accumulate(_ sum: inout [Double], at base: Int, _ source: [Double], at sourceBase: Int, _ weight: Double) {
    sum.withUnsafeMutableBufferPointer { sum in
      source.withUnsafeBufferPointer { source in
        for row in rows {
          let (to, from, step) = (base + row.output, sourceBase + row.input, row.step)
          if step == 1 {
            for i in 0..<row.count { sum[to + i] += weight * source[from + i] }
          } else {
            for i in 0..<row.count { sum[to + i] += weight * source[from + i * step] }
          }
        }
      }
    }
  }

  /// The other way round: sum[base + input] += weight · source[sourceBase + output].
  func scatter(_ sum: inout [Double], at base: Int, _ source: [Double], at sourceBase: Int, _ weight: Double) {
    sum.withUnsafeMutableBufferPointer { sum in
      source.withUnsafeBufferPointer { source in
        for row in rows {
          let (from, to, step) = (sourceBase + row.output, base + row.input, row.step)
          for i in 0..<row.count { sum[to + i * step] += weight * source[from + i] }
        }
      }
    }
  }
}

extension SpatialGeometry {
  func rows(tap: [Int]) -> TapRows {
    var result = TapRows()
    let step = strides.last ?? 1
    forEachRow(tap: tap) { output, input, count in result.append(output: output, input: input, count: count, step: step)
    }
    return result
  }
}

/// What follows the sums of a convolution: bias per channel, residual and activation.
struct ChannelEpilogue {
  var bias: [Double]?
  var residual: [Double]?
  var activation: Activation
  var residualAfterActivation: Bool

  func apply(_ values: inout [Double], channels: Int, plane: Int) {
    for i in values.indices {
      var value = values[i]
      if let bias { value += bias[i / plane % channels] }
      values[i] = combine(value, at: i)
    }
  }

  func combine(_ value: Double, at index: Int) -> Double {
    guard let residual else { return activation.apply(value) }
    return residualAfterActivation
      ? activation.apply(value) + residual[index] : activation.apply(value + residual[index])
  }
}

/// The gradient of Conv with respect to its input, used as an upsampling layer: Y[n,m,i·stride + k·dilation − pad…] +=
/// X[n,c,i…] · W[c,m,k…]. Inputs X[N,C,D…], W[C,M/group,k…], B[M]?. ONNX ConvTranspose, opsets 1–22.
public struct ConvTranspose: WindowOperator, FusesActivation {
  public static let name = "ConvTranspose"
  public static let inputs = Arity(2...3)
  public static let attributes: [AttributeField<Self>] =
    windowAttributes()
    + [
      .int("group", \.group, in: sizeRange), .ints("output_padding", \.outputPadding, in: padRange),
      .ints("output_shape", \.outputShape, in: sizeRange),
    ] + AttributeField<Self>.activation

  public var window = Window()
  public var group = 1
  public var outputPadding: [Int]?
  public var outputShape: [Int]?
  public var activation = Activation.none
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    let element = try context.sameElement(0...2)
    guard let input = try context.shape(0) else { return [.tensor(element, nil)] }
    try checkRank(input, "input")
    let rank = input.count - 2
    try window.check(rank: rank)
    for (list, name) in [(outputPadding, "output_padding"), (outputShape, "output_shape")] {
      if let list, list.count != rank {
        throw .invalid("attribute '\(name)' has \(list.count) elements, expected \(rank)")
      }
    }
    for (axis, padding) in (outputPadding ?? []).enumerated() {
      guard padding >= max(window.stride(axis), window.dilation(axis)) else { continue }
      throw .invalid("attribute 'output_padding' is \(padding), it must be less than stride or dilation")
    }
    let weight = try context.shape(1)
    if let weight { try checkWeight(weight, input, context) }
    let given: Shape? = window.kernelShape?.map { Dim($0) }
    let kernel = weight.map { Array($0.dropFirst(2)) } ?? given ?? InferenceContext.unknown(rank)
    var shape = [input[0], weight.map { $0[1] * Dim(group) } ?? .unknown]
    for axis in 0..<rank {
      let dim = extent(axis, rank, input[axis + 2], kernel[axis])
      if let value = dim.value, value < 1 {
        throw .invalid("the result would have \(value) elements along spatial axis \(axis)")
      }
      shape.append(dim)
    }
    return [.tensor(element, shape)]
  }

  private func checkWeight(_ weight: Shape, _ input: Shape, _ context: InferenceContext) throws(Diagnostic) {
    guard weight.count == input.count else {
      throw .invalid("input \(describe(input)) and weight \(describe(weight)) differ in rank")
    }
    if weight[0].isEqual(to: input[1]) == false {
      throw .invalid("input has \(input[1]) channels but weight expects \(weight[0])")
    }
    if let channels = weight[0].value, channels % group != 0 {
      throw .invalid("\(channels) input channels do not divide into \(group) groups")
    }
    if let bias = try context.has(2) ? context.shape(2) : nil {
      guard bias.count == 1, bias[0].isEqual(to: weight[1] * Dim(group)) != false else {
        throw .invalid("bias \(describe(bias)) does not fit weight \(describe(weight)) with \(group) groups")
      }
    }
    if let given = window.kernelShape {
      guard zip(given, weight.dropFirst(2)).allSatisfy({ $1.isEqual(to: Dim($0)) != false }) else {
        throw .invalid("attribute 'kernel_shape' is \(describe(given)) but weight is \(describe(weight))")
      }
    }
  }

  /// Elements before padding is cut off.
  private func full(_ axis: Int, _ input: Dim, _ kernel: Dim) -> Dim {
    Dim(window.stride(axis)) * (input - 1) + Dim(outputPadding?[axis] ?? 0) + window.extent(kernel, axis)
  }

  private func extent(_ axis: Int, _ rank: Int, _ input: Dim, _ kernel: Dim) -> Dim {
    if let outputShape { return Dim(outputShape[axis]) }
    if input.isUnknown { return .unknown }
    if window.autoPad.isSame { return input * Dim(window.stride(axis)) }
    if kernel.isUnknown { return .unknown }
    let whole = full(axis, input, kernel)
    if window.autoPad == .valid { return whole }
    return whole - Dim(window.pads?[axis] ?? 0) - Dim(window.pads?[axis + rank] ?? 0)
  }

  /// Elements cut off at the begin of an axis; negative where zeros are put in front.
  public func beginPadding(_ axis: Int, input: Int, kernel: Int, output: Int) -> Int {
    guard outputShape != nil || window.autoPad.isSame else {
      return window.autoPad == .valid ? 0 : window.pads?[axis] ?? 0
    }
    // ONNX ConvTranspose, "total_padding".
    let total = (full(axis, Dim(input), Dim(kernel)).value ?? 0) - output
    return window.autoPad == .sameUpper ? floorDivide(total, 2) : total - floorDivide(total, 2)
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let w = try inputs.tensor(1)
    let (input, kernel, output) = (Array(x.shape.dropFirst(2)), Array(w.shape.dropFirst(2)), Array(shape.dropFirst(2)))
    let axes = 0..<input.count
    // As the convolution of which this is the transpose: its input is our output.
    let geometry = SpatialGeometry(
      input: output, kernel: kernel, output: input, strides: axes.map { window.stride($0) },
      dilations: axes.map { window.dilation($0) },
      begins: axes.map { beginPadding($0, input: input[$0], kernel: kernel[$0], output: output[$0]) },
      ends: axes.map { _ in 0 })
    var sum = try scatter(x, w, geometry, context)
    let finish = ChannelEpilogue(
      bias: inputs.optionalTensor(2)?.wide(Double.self), residual: nil, activation: activation,
      residualAfterActivation: false)
    finish.apply(&sum, channels: shape[1], plane: geometry.inputCount)
    return [.tensor(Tensor(wide: sum, x.type, shape))]
  }

  private func scatter(
    _ x: Tensor, _ w: Tensor, _ geometry: SpatialGeometry, _ context: EvaluationContext
  ) throws(Diagnostic) -> [Double] {
    let (channels, perGroup, taps) = (x.shape[1], w.shape[1], geometry.kernelCount)
    let (plane, inputPlane) = (geometry.inputCount, geometry.outputCount)
    let channelsPerGroup = channels / group
    let filters = perGroup * group
    let source = x.wide(Double.self)
    let weights = w.wide(Double.self)
    var sum = [Double](repeating: 0, count: x.shape[0] * filters * plane)
    guard !sum.isEmpty, taps > 0, channels > 0, inputPlane > 0 else { return sum }
    var tap = [Int](repeating: 0, count: geometry.rank)
    var number = 0
    repeat {
      let rows = geometry.rows(tap: tap)
      for image in 0..<x.shape[0] {
        for channel in 0..<channels {
          try context.checkDeadline()
          let firstFilter = channel / channelsPerGroup * perGroup
          for m in 0..<perGroup {
            rows.scatter(
              &sum, at: (image * filters + firstFilter + m) * plane, source,
              at: (image * channels + channel) * inputPlane,
              weights[(channel * perGroup + m) * taps + number])
          }
        }
      }
      number += 1
    } while advance(&tap, in: geometry.kernel)
    return sum
  }
}
