extension OperatorCatalog {
  static let fourier: [any Operator.Type] = [DFT.self, STFT.self]
}

/// Real and imaginary parts stand in the last axis, of size 2, or 1 for real signals.
private func complexElements<Real: BinaryFloatingPoint & WideNumber>(_ x: Tensor) -> [(re: Real, im: Real)] {
  let values = x.wide(Real.self)
  if x.shape.last == 1 { return values.map { ($0, 0) } }
  return stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
}

extension InferenceContext {
  fileprivate func requireComplexAxis(_ index: Int) throws(Diagnostic) {
    if let last = try shape(index)?.last?.value, last != 1, last != 2 {
      throw .invalid("the last axis of input \(index) has \(last) elements, expected 1 (real) or 2 (complex)")
    }
  }
}

/// Discrete Fourier transform along an axis. x[…,1 or 2], length?, axis? → y[…,2]; `onesided` gives (or, inverse,
/// takes) the first half of the spectrum of a real signal. As in numpy, on whose results the operator is defined, forward
/// transforms compute in double precision, inverse ones in that of x. ONNX DFT, opsets 20–28 (17–19: the axis as attribute).
public struct DFT: Operator {
  public static let name = "DFT"
  public static let inputs = Arity(1...3)
  public static let attributes: [AttributeField<Self>] = [.flag("inverse", \.inverse), .flag("onesided", \.onesided)]
  public var inverse = false
  public var onesided = false
  public init() {}

  private func axis(_ given: Int?, rank: Int) throws(Diagnostic) -> Int {
    let axis = try normalizedAxis(given ?? -2, rank: rank)
    guard axis != rank - 1 else { throw .invalid("axis \(axis) is the one of real and imaginary parts") }
    return axis
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.requireRankAtLeast(0, 2)
    try context.requireComplexAxis(0)
    for index in 1..<3 where context.has(index) {
      try context.require(index, [.int32, .int64])
      try context.requireScalar(index, index == 1 ? "the length" : "the axis")
    }
    let x = try context.tensor(0)
    guard var shape = x.shape else { return [.tensor(x.element, nil)] }
    shape[shape.count - 1] = inverse && onesided ? 1 : 2
    if context.has(2) && context.integers(2) == nil {
      return [.tensor(x.element, shape.dropLast().map { _ in Dim.unknown } + [shape[shape.count - 1]])]
    }
    let axis = try axis(context.integers(2)?.first, rank: shape.count)
    var length = inverse && onesided ? (shape[axis] - 1) * 2 : shape[axis]
    if context.has(1) { length = context.contents(1)?.first ?? .unknown }
    if let value = length.value, value < 1 { throw .invalid("the length is \(value)") }
    shape[axis] =
      onesided && !inverse ? (length.isUnknown ? .unknown : (length.quotient(by: 2) ?? .unknown) + 1) : length
    return [.tensor(x.element, shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try checkedTypes(inputs, context)[0].knownShape ?? []
    let x = try inputs.tensor(0)
    let axis = try axis(
      inputs.optionalTensor(2) == nil ? nil : try inputs.scalarInteger(2, "the axis"), rank: x.rank)
    let size = x.shape[axis]
    var length = inverse && onesided ? 2 * (size - 1) : size
    if inputs.optionalTensor(1) != nil { length = try inputs.scalarInteger(1, "the length") }
    let count = Tensor.elementCount(of: shape) ?? 0
    if x.count == 0 || count == 0 {
      return [.tensor(Tensor(wide: [Double](repeating: 0, count: count), x.type, shape))]
    }
    let result =
      x.type == .float64 || !inverse
      ? try transformed(x, axis, shape, FourierTransform<Double>(length: length, inverse: inverse), context)
      : try transformed(x, axis, shape, FourierTransform<Float>(length: length, inverse: inverse), context)
    return [.tensor(result)]
  }

  /// The transforms of all lines along an axis.
  private func transformed<Real: BinaryFloatingPoint & WideNumber>(
    _ x: Tensor, _ axis: Int, _ shape: [Int], _ transform: FourierTransform<Real>, _ context: EvaluationContext
  ) throws(Diagnostic) -> Tensor {
    let source: [FourierTransform<Real>.Complex] = complexElements(x)
    let size = x.shape[axis]
    let inner = x.shape[(axis + 1)..<(x.rank - 1)].reduce(1, *)
    let bins = shape[axis]
    let parts = shape[shape.count - 1]
    var result = [Real](repeating: 0, count: Tensor.elementCount(of: shape) ?? 0)
    for outer in 0..<(source.count / (size * inner)) {
      for lane in 0..<inner {
        try context.checkDeadline()
        var line = (0..<size).map { source[(outer * size + $0) * inner + lane] }
        if inverse && onesided { line = transform.completed(line) }
        for (k, value) in transform.transform(line, bins: bins).enumerated() {
          let at = ((outer * bins + k) * inner + lane) * parts
          result[at] = value.re
          if parts == 2 { result[at + 1] = value.im }
        }
      }
    }
    return Tensor(wide: result, x.type, shape)
  }
}

/// Fourier transforms of windowed frames. signal[N,L,1 or 2], step, window[F]?, frame length F? → [N,frames,bins,2].
/// ONNX STFT, opsets 17–28.
public struct STFT: Operator {
  public static let name = "STFT"
  public static let inputs = Arity(2...4)
  public static let attributes: [AttributeField<Self>] = [.flag("onesided", \.onesided)]
  public var onesided = true
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.requireRank(0, 3...3)
    try context.requireComplexAxis(0)
    try context.require(1, [.int32, .int64])
    try context.requireScalar(1, "the step")
    try context.sameElement([0, 2])
    if context.has(2) { try context.requireRank(2, 1...1) }
    if context.has(3) {
      try context.require(3, [.int32, .int64])
      try context.requireScalar(3, "the frame length")
    }
    let signal = try context.shape(0) ?? InferenceContext.unknown(3)
    let frame = try frameLength(context, signal[1])
    let step = context.contents(1)?.first ?? .unknown
    if let value = step.value, value < 1 { throw .invalid("the step is \(value)") }
    if let length = signal[1].value, let frame = frame.value, length < frame {
      throw .invalid("the signal has \(length) elements, fewer than a frame of \(frame)")
    }
    let isKnown = ![frame, step, signal[1]].contains { $0.isUnknown }
    let frames = isKnown ? ((signal[1] - frame).quotient(by: step) ?? .unknown) + 1 : .unknown
    let half = frame.isUnknown ? .unknown : (frame.quotient(by: 2) ?? .unknown) + 1
    return [.tensor(try context.element(0), [signal[0], frames, onesided ? half : frame, 2])]
  }

  private func frameLength(_ context: InferenceContext, _ signal: Dim) throws(Diagnostic) -> Dim {
    let window = context.has(2) ? try context.shape(2)?.first ?? .unknown : nil
    guard context.has(3) else { return window ?? signal }
    let given = context.contents(3)?.first ?? .unknown
    if let value = given.value, value < 1 { throw .invalid("the frame length is \(value)") }
    if let window, !window.isUnknown, !given.isUnknown, window.isEqual(to: given) == false {
      throw .invalid("the window has \(window) elements, but the frame length is \(given)")
    }
    return given.isUnknown ? window ?? given : given
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try checkedTypes(inputs, context)[0].knownShape ?? []
    let signal = try inputs.tensor(0)
    let step = try inputs.scalarInteger(1, "the step")
    let length = signal.shape[1]
    let frame =
      try inputs.optionalTensor(3) == nil
      ? inputs.optionalTensor(2)?.count ?? length : inputs.scalarInteger(3, "the frame length")
    guard frame >= 1 else { throw .invalid("the frame length is \(frame)") }
    let window = inputs.optionalTensor(2)
    let transform = FourierTransform<Double>(length: frame)
    return [.tensor(try transformed(signal, step, window, shape, transform, context))]
  }

  /// The transforms of all frames.
  private func transformed(
    _ signal: Tensor, _ step: Int, _ window: Tensor?, _ shape: [Int], _ transform: FourierTransform<Double>,
    _ context: EvaluationContext
  ) throws(Diagnostic) -> Tensor {
    let source: [FourierTransform<Double>.Complex] = complexElements(signal)
    let weights = window?.wide(Double.self)
    var result: [Double] = []
    for batch in 0..<shape[0] {
      for number in 0..<shape[1] {
        try context.checkDeadline()
        let first = batch * signal.shape[1] + number * step
        let line = (0..<transform.length).map { i in
          let weight = weights?[i] ?? 1
          return (re: source[first + i].re * weight, im: source[first + i].im * weight)
        }
        for value in transform.transform(line, bins: shape[2]) { result += [value.re, value.im] }
      }
    }
    return Tensor(wide: result, signal.type, shape)
  }
}
