#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let reductions: [any Operator.Type] = [
    ReduceSum.self, ReduceMean.self, ReduceMax.self, ReduceMin.self, ReduceProd.self, ReduceL1.self, ReduceL2.self,
    ReduceSumSquare.self, ReduceLogSum.self, ReduceLogSumExp.self,
  ]
}

/// What the reductions over axes share. Axes are the second input: absent or empty they are all axes, or none where
/// `noopWithEmptyAxes` (each element is then reduced alone).
public protocol ReduceOperator: Operator {
  static var elementTypes: [ElementType] { get }
  var keepdims: Bool { get set }
  var noopWithEmptyAxes: Bool { get set }
  func reduce(_ values: ArraySlice<Double>) -> Double
  func reduce(_ values: ArraySlice<Int64>, _ type: ElementType) -> Int64
  func reduce(_ values: ArraySlice<UInt64>, _ type: ElementType) -> UInt64
  /// The same on dimensions, at least one; nil where nothing can be said.
  func reduce(_ dims: [Dim]) -> Dim?
}

extension ReduceOperator {
  public static var inputs: Arity { Arity(1...2) }
  public static var elementTypes: [ElementType] { wideNumberTypes }
  public static var attributes: [AttributeField<Self>] {
    [.flag("keepdims", \Self.keepdims), .flag("noop_with_empty_axes", \Self.noopWithEmptyAxes)]
  }
  public func reduce(_ dims: [Dim]) -> Dim? { nil }

  /// Integers by way of double, where the function leaves the integers.
  public func reduce(_ values: ArraySlice<Int64>, _ type: ElementType) -> Int64 {
    Int64(saturating: reduce(ArraySlice(values.map { Double($0) })))
  }
  public func reduce(_ values: ArraySlice<UInt64>, _ type: ElementType) -> UInt64 {
    UInt64(saturating: reduce(ArraySlice(values.map { Double($0) })))
  }

  /// The axes counted from the front, sorted; nil where the input is not constant.
  public func axes(_ context: InferenceContext, rank: Int) throws(Diagnostic) -> [Int]? {
    if !context.has(1) || context.input(1)?.type.tensor?.knownShape == [0] {
      return noopWithEmptyAxes ? [] : Array(0..<rank)
    }
    guard let axes = context.integers(1) else { return nil }
    return try normalized(axes, rank: rank)
  }

  private func normalized(_ axes: [Int], rank: Int) throws(Diagnostic) -> [Int] {
    if axes.isEmpty { return noopWithEmptyAxes ? [] : Array(0..<rank) }
    var seen = [Bool](repeating: false, count: rank)
    for axis in axes {
      let index = try normalizedAxis(axis, rank: rank)
      if seen[index] { throw .invalid("axis \(axis) is listed twice") }
      seen[index] = true
    }
    return (0..<rank).filter { seen[$0] }
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, Self.elementTypes)
    if context.has(1) {
      try context.require(1, [.int64])
      if let rank = try context.tensor(1).rank, rank > 1 { throw .invalid("the axes have rank \(rank), expected 1") }
    }
    let type = try context.tensor(0)
    guard let shape = type.shape else { return [.tensor(type.element, nil)] }
    if let axes = try axes(context, rank: shape.count) {
      let dims = shape.indices.compactMap { axes.contains($0) ? (keepdims ? 1 : nil) : shape[$0] }
      return [.tensor(type.element, dims)]
    }
    if keepdims { return [.tensor(type.element, shape.map { $0 == 1 ? 1 : .unknown })] }
    guard let count = try context.shape(1)?.first?.value, count > 0 else { return [.tensor(type.element, nil)] }
    guard count <= shape.count else { throw .invalid("\(count) axes are given for rank \(shape.count)") }
    return [.tensor(type.element, Array(repeating: .unknown, count: shape.count - count))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let dims = context.contents(0), let type = context.input(0)?.type.tensor, let rank = type.rank else {
      return [nil]
    }
    let axes = (try? axes(context, rank: rank)) ?? nil
    guard let axes, axes.count == rank, !dims.isEmpty else { return [nil] }
    return [reduce(dims)?.fitting(type.element).map { [$0] }]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: Self.elementTypes)
    let axes = try normalized(inputs.optionalTensor(1)?.integers ?? [], rank: x.rank)
    let shape = x.shape.indices.compactMap { axes.contains($0) ? (keepdims ? 1 : nil) : x.shape[$0] }
    try context.checkSize(shape, x.type)
    switch x.type.arithmetic {
    case .signed:
      let values = forEachGroup(x.wide(Int64.self), x.shape, axes) { reduce($0, x.type) }
      return [.tensor(Tensor(wide: values, x.type, shape))]
    case .unsigned, .bool:
      let values = forEachGroup(x.wide(UInt64.self), x.shape, axes) { reduce($0, x.type) }
      return [.tensor(Tensor(wide: values, x.type, shape))]
    default:
      return [.tensor(Tensor(wide: forEachGroup(x.wide(Double.self), x.shape, axes) { reduce($0) }, x.type, shape))]
    }
  }
}

/// Calls `body` with the elements along `axes` (sorted, from the front) for each position of the other axes, row-major.
func forEachGroup<T, R>(_ values: [T], _ shape: [Int], _ axes: [Int], _ body: (ArraySlice<T>) -> R) -> [R] {
  let kept = shape.indices.filter { !axes.contains($0) }
  let groups = kept.reduce(1) { $0 * shape[$1] }
  let size = axes.reduce(1) { $0 * shape[$1] }
  if groups == 0 { return [] }
  if size == 0 { return (0..<groups).map { _ in body([]) } }
  var ordered = values
  if kept + axes != Array(shape.indices) {
    let strides = rowMajorStrides(shape)
    ordered.removeAll(keepingCapacity: true)
    let order = kept + axes
    forEachOffset(order.map { shape[$0] }, [order.map { strides[$0] }]) { ordered.append(values[$0[0]]) }
  }
  return (0..<groups).map { body(ordered[($0 * size)..<(($0 + 1) * size)]) }
}

// MARK: Operators

/// Sum; integers wrap. ONNX ReduceSum, opsets 1–28.
public struct ReduceSum: ReduceOperator {
  public static let name = "ReduceSum"
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double { values.reduce(0, +) }
  public func reduce(_ values: ArraySlice<Int64>, _ type: ElementType) -> Int64 { values.reduce(0, &+) }
  public func reduce(_ values: ArraySlice<UInt64>, _ type: ElementType) -> UInt64 { values.reduce(0, &+) }
  public func reduce(_ dims: [Dim]) -> Dim? { dims.reduce(0, +) }
}

/// Mean; of integers toward zero, 0 for none. ONNX ReduceMean, opsets 1–28.
public struct ReduceMean: ReduceOperator {
  public static let name = "ReduceMean"
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double { values.reduce(0, +) / Double(values.count) }
  public func reduce(_ values: ArraySlice<Int64>, _ type: ElementType) -> Int64 {
    values.isEmpty ? 0 : values.reduce(0, &+) / Int64(values.count)
  }
  public func reduce(_ values: ArraySlice<UInt64>, _ type: ElementType) -> UInt64 {
    values.isEmpty ? 0 : values.reduce(0, &+) / UInt64(values.count)
  }
}

/// Largest; of none the smallest value the type has. ONNX ReduceMax, opsets 1–28.
public struct ReduceMax: ReduceOperator {
  public static let name = "ReduceMax"
  public static let elementTypes = wideNumberTypes + [.int8, .uint8, .bool]
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double { values.reduce(-.infinity, maximumOrNaN) }
  public func reduce(_ values: ArraySlice<Int64>, _ type: ElementType) -> Int64 {
    values.max() ?? Conversion.integerRange(type).0
  }
  public func reduce(_ values: ArraySlice<UInt64>, _ type: ElementType) -> UInt64 { values.max() ?? 0 }
  public func reduce(_ dims: [Dim]) -> Dim? { dims.dropFirst().reduce(dims[0]) { Dim.maximum($0, $1) } }
}

/// Smallest; of none the largest value the type has. ONNX ReduceMin, opsets 1–28.
public struct ReduceMin: ReduceOperator {
  public static let name = "ReduceMin"
  public static let elementTypes = wideNumberTypes + [.int8, .uint8, .bool]
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double { values.reduce(.infinity, minimumOrNaN) }
  public func reduce(_ values: ArraySlice<Int64>, _ type: ElementType) -> Int64 {
    values.min() ?? Conversion.integerRange(type).1
  }
  public func reduce(_ values: ArraySlice<UInt64>, _ type: ElementType) -> UInt64 { values.min() ?? .max }
  public func reduce(_ dims: [Dim]) -> Dim? { dims.dropFirst().reduce(dims[0]) { Dim.minimum($0, $1) } }
}

/// Product; integers wrap. ONNX ReduceProd, opsets 1–28.
public struct ReduceProd: ReduceOperator {
  public static let name = "ReduceProd"
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double { values.reduce(1, *) }
  public func reduce(_ values: ArraySlice<Int64>, _ type: ElementType) -> Int64 { values.reduce(1, &*) }
  public func reduce(_ values: ArraySlice<UInt64>, _ type: ElementType) -> UInt64 { values.reduce(1, &*) }
  public func reduce(_ dims: [Dim]) -> Dim? { dims.reduce(1, *) }
}

/// Sum of magnitudes. ONNX ReduceL1, opsets 1–28.
public struct ReduceL1: ReduceOperator {
  public static let name = "ReduceL1"
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double { values.reduce(0) { $0 + $1.magnitude } }
  public func reduce(_ values: ArraySlice<Int64>, _ type: ElementType) -> Int64 {
    values.reduce(0) { $0 &+ ($1 < 0 ? 0 &- $1 : $1) }
  }
  public func reduce(_ values: ArraySlice<UInt64>, _ type: ElementType) -> UInt64 { values.reduce(0, &+) }
}

/// Square root of the sum of squares. ONNX ReduceL2, opsets 1–28.
public struct ReduceL2: ReduceOperator {
  public static let name = "ReduceL2"
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
}

/// Sum of squares; integers wrap. ONNX ReduceSumSquare, opsets 1–28.
public struct ReduceSumSquare: ReduceOperator {
  public static let name = "ReduceSumSquare"
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double { values.reduce(0) { $0 + $1 * $1 } }
  public func reduce(_ values: ArraySlice<Int64>, _ type: ElementType) -> Int64 { values.reduce(0) { $0 &+ $1 &* $1 } }
  public func reduce(_ values: ArraySlice<UInt64>, _ type: ElementType) -> UInt64 {
    values.reduce(0) { $0 &+ $1 &* $1 }
  }
}

/// Logarithm of the sum. ONNX ReduceLogSum, opsets 1–28 (integers until 27).
public struct ReduceLogSum: ReduceOperator {
  public static let name = "ReduceLogSum"
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double { log(values.reduce(0, +)) }
}

/// Logarithm of the sum of exponentials. ONNX ReduceLogSumExp, opsets 1–28 (integers until 27).
public struct ReduceLogSumExp: ReduceOperator {
  public static let name = "ReduceLogSumExp"
  public var keepdims = true
  public var noopWithEmptyAxes = false
  public init() {}
  public func reduce(_ values: ArraySlice<Double>) -> Double {
    let largest = values.reduce(-.infinity, maximumOrNaN)
    if !largest.isFinite { return largest }
    return log(values.reduce(0) { $0 + exp($1 - largest) }) + largest
  }
}
