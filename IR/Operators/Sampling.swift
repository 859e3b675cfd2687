extension OperatorCatalog {
  static let sampling: [any Operator.Type] = [GridSample.self, AffineGrid.self]
}

/// X[N,C,D…] read at the positions of grid[N,D′…,axes], which run from −1 to 1 and name the last axis first.
/// Source: ONNX GridSample and its reference implementation. ONNX GridSample, opsets 16–22.
public struct GridSample: Operator {
  public enum Mode: String, CaseIterable, Sendable { case linear, nearest, cubic }
  public enum Border: String, CaseIterable, Sendable { case zeros, border, reflection }

  public static let name = "GridSample"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .choice("mode", \.mode), .choice("padding_mode", \.border), .flag("align_corners", \.alignsCorners),
  ]
  public var mode = Mode.linear
  public var border = Border.zeros
  public var alignsCorners = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, floatTypes)
    let type = try context.tensor(0)
    guard type.element.isFloat || type.element.isInteger || type.element == .bool else {
      throw .unsupported("elements of type \(type.element.name) cannot be sampled")
    }
    guard let x = type.shape, let grid = try context.shape(1) else { return [.tensor(type.element, nil)] }
    guard x.count >= 3, x.count <= 8, grid.count == x.count else {
      throw .invalid("input \(describe(x)) and grid \(describe(grid)) must have one rank of 3...8")
    }
    guard let batch = unified(x[0], grid[0]) else { throw .invalid("input has batch \(x[0]), grid \(grid[0])") }
    let axes = grid[grid.count - 1]
    if axes.isEqual(to: Dim(x.count - 2)) == false {
      throw .invalid("grid positions have \(axes) parts, expected \(x.count - 2)")
    }
    return [.tensor(type.element, [batch, x[1]] + grid.dropFirst().dropLast())]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let grid = try inputs.tensor(1).wide(Double.self)
    let sizes = Array(x.shape.dropFirst(2))
    let source = x.wide(Double.self)
    let (channels, plane, points) = (x.shape[1], product(sizes), product(shape.dropFirst(2)))
    var result = [Double](repeating: 0, count: product(shape))
    guard plane > 0 || result.isEmpty else { throw .invalid("there is nothing to sample in \(describe(x.shape))") }
    for image in 0..<shape[0] {
      for point in 0..<points {
        try context.checkDeadline()
        let at = (image * points + point) * sizes.count
        let taps = taps(grid[at..<at + sizes.count], sizes)
        for c in 0..<channels {
          let from = (image * channels + c) * plane
          var sum = 0.0
          for (offset, weight) in taps { sum += weight * source[from + offset] }
          result[(image * channels + c) * points + point] = sum
        }
      }
    }
    return [.tensor(Tensor(wide: result, x.type, shape))]
  }

  /// Offsets into a plane and their weights, for a position whose parts name the last axis first.
  private func taps(_ position: ArraySlice<Double>, _ sizes: [Int]) -> [(offset: Int, weight: Double)] {
    var all: [(offset: Int, weight: Double)] = [(0, 1)]
    for (size, normalized) in zip(sizes, position.reversed()) {
      let parts = taps(normalized, size)
      all = all.flatMap { tap in parts.map { (tap.offset * size + $0.0, tap.weight * $0.1) } }
    }
    return all
  }

  private func taps(_ normalized: Double, _ size: Int) -> [(Int, Double)] {
    let n = Double(size)
    var x = alignsCorners ? (normalized + 1) / 2 * (n - 1) : ((normalized + 1) * n - 1) / 2
    if mode == .nearest { x.round(.toNearestOrEven) }
    let low = alignsCorners ? 0 : -0.5
    let high = alignsCorners ? n - 1 : n - 0.5
    if !(x >= low && x <= high) {
      if border == .border { x = min(max(x, 0), n - 1) }
      if border == .reflection { x = reflected(x, low, high) }
    }
    guard x.isFinite, x.magnitude < 1e15 else { return [] }
    if mode == .nearest { return pixel(Int(x), size, low, high).map { [($0, 1)] } ?? [] }
    let base = Int(x.rounded(.down))
    let ratio = x - Double(base)
    let range = mode == .linear ? 0...1 : -1...2
    return range.compactMap { k in
      let distance = (Double(k) - ratio).magnitude
      let weight = mode == .linear ? 1 - distance : cubicWeight(distance, -0.75)
      return pixel(base + k, size, low, high).map { ($0, weight) }
    }
  }

  private func reflected(_ x: Double, _ low: Double, _ high: Double) -> Double {
    let range = high - low
    guard range > 0, x.isFinite else { return low.rounded(.up) }
    let over = x < low ? low - x : x > high ? x - high : 0
    if over == 0 { return x }
    let times = (over / range).rounded(.towardZero)
    let rest = over - times * range
    let isEven = times.truncatingRemainder(dividingBy: 2) == 0
    return (x < low) == isEven ? low + rest : high - rest
  }

  /// The position of a pixel that may lie outside; nil where it counts as zero.
  private func pixel(_ i: Int, _ size: Int, _ low: Double, _ high: Double) -> Int? {
    switch border {
    case .zeros: return i >= 0 && i < size ? i : nil
    case .border: return min(max(i, 0), size - 1)
    case .reflection: return min(max(Int(reflected(Double(i), low, high)), 0), size - 1)
    }
  }
}

/// Positions for GridSample: every point of an even grid from −1 to 1, times the matrix theta[N,axes,axes+1].
/// Input 1: the size [N,C,(D,)H,W]. ONNX AffineGrid, opset 20.
public struct AffineGrid: Operator {
  public static let name = "AffineGrid"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [.flag("align_corners", \.alignsCorners)]
  public var alignsCorners = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.require(1, [.int64])
    try context.requireRank(0, 3...3)
    let element = try context.element(0)
    let theta = try context.shape(0) ?? InferenceContext.unknown(3)
    let length = try context.length(1)
    guard let size = context.contents(1) else {
      guard let length else { return [.tensor(element, nil)] }
      return [.tensor(element, InferenceContext.unknown(length))]
    }
    guard size.count == 4 || size.count == 5 else { throw .invalid("size has \(size.count) elements, expected 4 or 5") }
    try checkDimensions(size, "size")
    let axes = Dim(size.count - 2)
    let batch = theta[0].isUnknown ? size[0] : unified(theta[0], size[0])
    guard let batch, theta[1].isUnknown || theta[1].isEqual(to: axes) != false,
      theta[2].isUnknown || theta[2].isEqual(to: axes + 1) != false
    else { throw .invalid("theta is \(describe(theta)), expected \(describe([size[0], axes, axes + 1]))") }
    return [.tensor(element, [batch] + size.dropFirst(2) + [axes])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let theta = try inputs.tensor(0)
    let matrix = theta.wide(Double.self)
    let sizes = Array(shape.dropFirst().dropLast())
    let axes = sizes.count
    var result: [Double] = []
    result.reserveCapacity(product(shape))
    for image in 0..<(product(shape) == 0 ? 0 : shape[0]) {
      var index = [Int](repeating: 0, count: axes)
      repeat {
        // Last axis first, then the constant.
        let point = sizes.indices.reversed().map { coordinate(index[$0], sizes[$0]) } + [1]
        for row in 0..<axes {
          var sum = 0.0
          for k in 0...axes { sum += matrix[(image * axes + row) * (axes + 1) + k] * point[k] }
          result.append(sum)
        }
      } while advance(&index, in: sizes)
    }
    return [.tensor(Tensor(wide: result, theta.type, shape))]
  }

  private func coordinate(_ i: Int, _ size: Int) -> Double {
    if alignsCorners { return size == 1 ? -1 : -1 + 2 * Double(i) / Double(size - 1) }
    return -1 + (2 * Double(i) + 1) / Double(size)
  }
}
