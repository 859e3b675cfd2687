extension OperatorCatalog {
  static let resizing: [any Operator.Type] = [Resize.self]
}

/// Interpolation to other sizes along some axes. Inputs X, roi?, scales?, sizes? (one of the last two). Source of all
/// formulas: ONNX Resize, opset 19, and its reference implementation. ONNX Resize, opsets 10–19.
public struct Resize: Operator {
  public enum Mode: String, CaseIterable, Sendable { case nearest, linear, cubic }
  public enum Coordinates: String, CaseIterable, Sendable {
    case halfPixel = "half_pixel"
    case halfPixelSymmetric = "half_pixel_symmetric"
    case pytorchHalfPixel = "pytorch_half_pixel"
    case alignCorners = "align_corners"
    case asymmetric
    case tfCropAndResize = "tf_crop_and_resize"
  }
  public enum Rounding: String, CaseIterable, Sendable {
    case roundPreferFloor = "round_prefer_floor"
    case roundPreferCeil = "round_prefer_ceil"
    case floor, ceil
  }
  public enum Aspect: String, CaseIterable, Sendable {
    case stretch
    case notLarger = "not_larger"
    case notSmaller = "not_smaller"
  }

  public static let name = "Resize"
  public static let inputs = Arity(1...4)
  public static let attributes: [AttributeField<Self>] = [
    .choice("mode", \.mode), .choice("coordinate_transformation_mode", \.coordinates),
    .choice("nearest_mode", \.rounding),
    .ints("axes", \.axes), .flag("antialias", \.isAntialiased), .float("cubic_coeff_a", \.cubicCoefficient),
    .flag("exclude_outside", \.excludesOutside), .float("extrapolation_value", \.extrapolation),
    .choice("keep_aspect_ratio_policy", \.aspect),
  ]
  public var mode = Mode.nearest
  public var coordinates = Coordinates.halfPixel
  public var rounding = Rounding.roundPreferFloor
  public var axes: [Int]?
  public var isAntialiased = false
  public var cubicCoefficient: Float = -0.75
  public var excludesOutside = false
  public var extrapolation: Float = 0
  public var aspect = Aspect.stretch
  public init() {}

  /// Whether an optional input is there; an empty tensor stands for absent.
  private func has(_ context: InferenceContext, _ index: Int) -> Bool {
    guard let input = context.input(index), let shape = input.type.tensor?.shape else { return context.has(index) }
    return !shape.contains(0)
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let type = try context.tensor(0)
    try checkAttributes(type.element)
    if has(context, 2) { try context.require(2, [.float32]) }
    if has(context, 3) { try context.require(3, [.int64]) }
    guard has(context, 2) != has(context, 3) else { throw .invalid("exactly one of scales and sizes must be given") }
    guard let shape = type.shape else { return [.tensor(type.element, nil)] }
    let axes = try normalizedAxes(axes ?? Array(shape.indices), rank: shape.count)
    let counted = has(context, 2) ? 2 : 3
    if let length = try context.length(counted), length != axes.count {
      throw .invalid("\(counted == 2 ? "scales" : "sizes") has \(length) elements, expected \(axes.count)")
    }
    let result =
      has(context, 2) ? try scaled(shape, axes, context.constant(2)) : try sized(shape, axes, context.contents(3))
    return [.tensor(type.element, result)]
  }

  private func checkAttributes(_ element: ElementType) throws(Diagnostic) {
    if mode == .nearest && isAntialiased { throw .unsupported("antialias with mode 'nearest'") }
    guard mode == .nearest || element.isFloat || element.isInteger else {
      throw .invalid("element type \(element.name) cannot be interpolated")
    }
    guard cubicCoefficient.isFinite else { throw .invalid("attribute 'cubic_coeff_a' is \(cubicCoefficient)") }
  }

  private func scaled(_ shape: Shape, _ axes: [Int], _ scales: Tensor?) throws(Diagnostic) -> Shape {
    var result = shape
    guard let scales = scales?.wide(Float.self), scales.count == axes.count else {
      for axis in axes { result[axis] = .unknown }
      return result
    }
    for (axis, scale) in zip(axes, scales) {
      guard scale > 0, scale.isFinite else {
        throw .invalid("the scale along axis \(axis) is \(scale), it must be positive")
      }
      result[axis] = Resize.floorProduct(shape[axis], scale)
    }
    return result
  }

  /// floor(size · scale), as an expression where the scale is a fraction of small numbers.
  private static func floorProduct(_ size: Dim, _ scale: Float) -> Dim {
    if let n = size.value { return Dim(Int(Int64(saturating: (Double(n) * Double(scale)).rounded(.down)))) }
    for divisor in [1, 2, 4, 8, 16, 32, 64] {
      let factor = scale * Float(divisor)
      if factor == factor.rounded(), factor < 65536 {
        return (size * Dim(Int(factor))).quotient(by: Dim(divisor)) ?? .unknown
      }
    }
    return .unknown
  }

  private func sized(_ shape: Shape, _ axes: [Int], _ sizes: [Dim]?) throws(Diagnostic) -> Shape {
    var result = shape
    guard let sizes, sizes.count == axes.count else {
      for axis in axes { result[axis] = .unknown }
      return result
    }
    for (axis, size) in zip(axes, sizes) {
      if let value = size.value, value < 1 {
        throw .invalid("the size along axis \(axis) is \(value), it must be positive")
      }
      result[axis] = size
    }
    guard aspect != .stretch else { return result }
    let known = axes.map { shape[$0].value }
    let wanted = sizes.map(\.value)
    guard !known.contains(nil), !wanted.contains(nil) else {
      for axis in axes { result[axis] = .unknown }
      return result
    }
    let scale = commonScale(known.map { $0 ?? 0 }, wanted.map { $0 ?? 0 })
    for axis in axes {
      result[axis] = Dim(Int(Int64(saturating: (scale * Double(shape[axis].value ?? 0) + 0.5).rounded(.down))))
    }
    return result
  }

  private func commonScale(_ input: [Int], _ output: [Int]) -> Double {
    let scales = zip(input, output).map { Double($1) / Double($0) }
    return (aspect == .notLarger ? scales.min() : scales.max()) ?? 1
  }

  // MARK: Evaluation

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    if product(shape) == 0 { return [.tensor(ElementTarget(x.type, shape).tensor())] }
    guard x.count > 0 else { throw .invalid("an empty tensor cannot be resized to \(describe(shape))") }
    let plans = try plans(inputs, x.shape, shape)
    if mode == .nearest { return [.tensor(pick(x, shape, plans))] }
    var values = x.wide(Double.self)
    var current = x.shape
    for (axis, plan) in plans {
      try context.checkDeadline()
      var next = current
      next[axis] = shape[axis]
      try context.checkSize(next, .float64)
      values = plan.apply(values, current, axis)
      current = next
    }
    if x.type.isInteger { values = values.map { $0.rounded(.toNearestOrEven) } }
    return [.tensor(Tensor(wide: x.type.isInteger ? saturated(values, x.type) : values, x.type, shape))]
  }

  private func saturated(_ values: [Double], _ type: ElementType) -> [Double] {
    let bits = Double(type.bitWidth)
    let isSigned = type.arithmetic == .signed
    let range = Double(sign: .plus, exponent: Int(bits) - (isSigned ? 1 : 0), significand: 1)
    return values.map { min(max($0, isSigned ? -range : 0), range - 1) }
  }

  /// How every axis that changes is resampled.
  private func plans(
    _ inputs: [Datum?], _ input: [Int], _ output: [Int]
  ) throws(Diagnostic) -> [(axis: Int, plan: AxisResampling)] {
    let axes = try normalizedAxes(axes ?? Array(input.indices), rank: input.count)
    let given = inputs.optionalTensor(2).flatMap { $0.count == 0 ? nil : $0.wide(Double.self) }
    let roi = inputs.optionalTensor(1)?.wide(Double.self) ?? []
    if coordinates == .tfCropAndResize, roi.count != 2 * axes.count {
      throw .invalid("roi has \(roi.count) elements, expected \(2 * axes.count)")
    }
    let common = aspect == .stretch || given != nil ? nil : commonScale(axes.map { input[$0] }, try sizes(inputs))
    var result: [(axis: Int, plan: AxisResampling)] = []
    for (i, axis) in axes.enumerated() {
      let scale = given?[i] ?? common ?? Double(output[axis]) / Double(input[axis])
      let window = coordinates == .tfCropAndResize ? (roi[i], roi[i + axes.count]) : (0.0, 1.0)
      let isIdentity = (scale - 1).magnitude <= 1e-9 && output[axis] == input[axis] && window == (0, 1)
      if isIdentity { continue }
      result.append((axis, resampling(input[axis], output[axis], scale, window)))
    }
    return result
  }

  private func sizes(_ inputs: [Datum?]) throws(Diagnostic) -> [Int] { try inputs.tensor(3).integers }

  private func resampling(_ input: Int, _ output: Int, _ scale: Double, _ window: (Double, Double)) -> AxisResampling {
    let taps = tapRange(scale)
    var plan = AxisResampling(taps: taps.count, extrapolation: Double(extrapolation))
    for i in 0..<output {
      let (x, isOutside) = source(Double(i), input, output, scale, window)
      plan.isOutside.append(isOutside)
      if mode == .nearest {
        plan.append([min(max(nearest(x), 0), input - 1)], [1])
        continue
      }
      // The ratio is in (0, 1]: the pixel to the left is preferred.
      let base = Int(Int64(saturating: min(max(x, -1e15), 1e15).rounded(.up))) - 1
      let ratio = x - Double(base)
      var weights = taps.map { weight(Double($0) - ratio, scale) }
      let positions = taps.map { base + $0 }
      if isAntialiased { normalize(&weights) }
      if excludesOutside {
        for k in weights.indices where positions[k] < 0 || positions[k] >= input { weights[k] = 0 }
        normalize(&weights)
      }
      plan.append(positions.map { min(max($0, 0), input - 1) }, weights)
    }
    return plan
  }

  private func normalize(_ weights: inout [Double]) {
    let sum = weights.reduce(0, +)
    if sum != 0 { weights = weights.map { $0 / sum } }
  }

  /// Neighbours taken into account, relative to the pixel left of the position.
  private func tapRange(_ scale: Double) -> ClosedRange<Int> {
    if mode == .nearest { return 0...0 }
    let reach = mode == .linear ? 1.0 : 2.0
    let narrow = isAntialiased ? min(scale, 1) : 1
    let start = Int(Int64(saturating: (-reach / narrow).rounded(.down))) + 1
    return start...(1 - start)
  }

  private func weight(_ distance: Double, _ scale: Double) -> Double {
    let x = (isAntialiased ? distance * min(scale, 1) : distance).magnitude
    if mode == .linear { return max(0, 1 - x) }
    return cubicWeight(x, Double(cubicCoefficient))
  }

  /// Position in the input of an output position, and whether it is extrapolated.
  private func source(
    _ i: Double, _ input: Int, _ output: Int, _ scale: Double, _ window: (Double, Double)
  ) -> (Double, Bool) {
    let length = scale * Double(input)
    let last = Double(input - 1)
    switch coordinates {
    case .halfPixel: return ((i + 0.5) / scale - 0.5, false)
    case .pytorchHalfPixel: return (length == 1 ? -0.5 : (i + 0.5) / scale - 0.5, false)
    case .halfPixelSymmetric:
      let offset = Double(input) / 2 * (1 - Double(output) / length)
      return (offset + (i + 0.5) / scale - 0.5, false)
    case .alignCorners: return (length == 1 ? 0 : i * last / (length - 1), false)
    case .asymmetric: return (i / scale, false)
    case .tfCropAndResize:
      let extent = window.1 - window.0
      let x = window.0 * last + (length == 1 ? extent * last / 2 : i * extent * last / (length - 1))
      return (x, !(x >= 0 && x <= last))
    }
  }

  private func nearest(_ x: Double) -> Int {
    let rounded: Double =
      switch rounding {
      case .roundPreferFloor: (x - 0.5).rounded(.up)
      case .roundPreferCeil: (x + 0.5).rounded(.down)
      case .floor: x.rounded(.down)
      case .ceil: x.rounded(.up)
      }
    return Int(Int64(saturating: rounded))
  }

  /// Nearest: elements are moved, whatever their type.
  private func pick(_ x: Tensor, _ shape: [Int], _ plans: [(axis: Int, plan: AxisResampling)]) -> Tensor {
    let target = ElementTarget(x.type, shape)
    if plans.contains(where: { $0.plan.isOutside.contains(true) }), x.type != .string {
      target.fill(ElementSource(Tensor(wide: [Double(extrapolation)], x.type, [1])))
    }
    let strides = rowMajorStrides(x.shape)
    var maps = shape.indices.map { axis in (0..<shape[axis]).map { $0 * strides[axis] } }
    for (axis, plan) in plans {
      maps[axis] = plan.positions.indices.map { plan.isOutside[$0] ? -1 : plan.positions[$0] * strides[axis] }
    }
    let source = ElementSource(x)
    var index = [Int](repeating: 0, count: shape.count)
    var to = 0
    repeat {
      var from = 0
      for axis in shape.indices { from = from < 0 || maps[axis][index[axis]] < 0 ? -1 : from + maps[axis][index[axis]] }
      if from >= 0 { target.copy(source, from: from, to: to, count: 1) }
      to += 1
    } while advance(&index, in: shape)
    return target.tensor()
  }
}

/// Cubic convolution (Keys 1981) at a distance that is not negative.
func cubicWeight(_ x: Double, _ a: Double) -> Double {
  if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
}

/// Every output position along an axis as a weighted sum of `taps` input positions.
struct AxisResampling {
  let taps: Int
  let extrapolation: Double
  var positions: [Int] = []
  var weights: [Double] = []
  var isOutside: [Bool] = []

  init(taps: Int, extrapolation: Double) {
    self.taps = taps
    self.extrapolation = extrapolation
  }

  mutating func append(_ positions: [Int], _ weights: [Double]) {
    self.positions += positions
    self.weights += weights
  }

  func apply(_ values: [Double], _ shape: [Int], _ axis: Int) -> [Double] {
    let inner = product(shape.dropFirst(axis + 1))
    let outer = product(shape.prefix(axis))
    let (input, output) = (shape[axis], isOutside.count)
    var result = [Double](repeating: 0, count: outer * output * inner)
    for o in 0..<outer {
      for i in 0..<output {
        let to = (o * output + i) * inner
        if isOutside[i] {
          for k in 0..<inner { result[to + k] = extrapolation }
          continue
        }
        for tap in i * taps..<(i + 1) * taps {
          let from = (o * input + positions[tap]) * inner
          let weight = weights[tap]
          for k in 0..<inner { result[to + k] += weight * values[from + k] }
        }
      }
    }
    return result
  }
}
