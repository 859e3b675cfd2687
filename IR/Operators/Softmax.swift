#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let softmax: [any Operator.Type] = [Softmax.self, LogSoftmax.self, Hardmax.self]
}

/// What functions of all elements along one axis share: the output is like the input.
public protocol AxisFunctionOperator: Operator {
  var axis: Int { get set }
  func apply(_ values: ArraySlice<Double>) -> [Double]
  /// The same on elements of a type that rounds each step of the operator's definition.
  func apply(_ values: ArraySlice<Double>, _ type: ElementType) -> [Double]
}

extension AxisFunctionOperator {
  public static var inputs: Arity { 1 }
  public static var attributes: [AttributeField<Self>] { [.int("axis", \Self.axis)] }
  public func apply(_ values: ArraySlice<Double>, _ type: ElementType) -> [Double] { apply(values) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    let type = try context.tensor(0)
    if let rank = type.rank { _ = try normalizedAxis(axis, rank: rank) }
    return [.tensor(type)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: floatTypes)
    let axis = try normalizedAxis(axis, rank: x.rank)
    try context.checkSize(x.shape, x.type)
    let results = mapAlongAxis(x.wide(Double.self), x.shape, axis) { apply($0, x.type) }
    return [.tensor(Tensor(wide: results, x.type, x.shape))]
  }
}

/// Replaces the elements along an axis by as many others, for each position of the other axes.
func mapAlongAxis<T>(_ values: [T], _ shape: [Int], _ axis: Int, _ body: (ArraySlice<T>) -> [T]) -> [T] {
  let inner = shape[(axis + 1)...].reduce(1, *)
  let size = shape[axis]
  guard !values.isEmpty else { return [] }
  var results = values
  for outer in 0..<(values.count / (inner * size)) {
    for lane in 0..<inner {
      let base = outer * size * inner + lane
      let line = (0..<size).map { values[base + $0 * inner] }
      for (i, value) in body(line[...]).enumerated() { results[base + i * inner] = value }
    }
  }
  return results
}

/// eˣ / Σ eˣ along an axis. ONNX Softmax, opsets 13–28 (older ones work on a flattened matrix).
public struct Softmax: AxisFunctionOperator {
  public static let name = "Softmax"
  public var axis = -1
  public init() {}
  public func apply(_ values: ArraySlice<Double>) -> [Double] {
    let largest = values.reduce(-.infinity, maximumOrNaN)
    let powers = values.map { exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }
  public func apply(_ values: ArraySlice<Double>, _ type: ElementType) -> [Double] {
    type == .bfloat16 || type == .float16 ? softmaxInSteps(values, type) : apply(values)
  }
}

/// Softmax as ONNX's function body computes it: maximum, difference, exponential, sum and quotient, each rounded to the
/// type. A sum in bfloat16 is rounded in each of its steps as in ONNX's reference, up to 128 terms: past 256 a bfloat16 sum
/// of ones stands still.
func softmaxInSteps(_ values: some Collection<Double>, _ type: ElementType) -> [Double] {
  let largest = values.reduce(-.infinity, maximumOrNaN)
  let powers = roundedAs(type, roundedAs(type, values.map { $0 - largest }).map { exp($0) })
  let isRounded = type == .bfloat16 && powers.count <= 128
  let sum = powers.reduce(0) { isRounded ? roundedAs(type, [$0 + $1])[0] : $0 + $1 }
  return roundedAs(type, powers.map { $0 / roundedAs(type, [sum])[0] })
}

/// Logarithm of softmax along an axis. ONNX LogSoftmax, opsets 13–28 (older ones work on a flattened matrix).
public struct LogSoftmax: AxisFunctionOperator {
  public static let name = "LogSoftmax"
  public var axis = -1
  public init() {}
  public func apply(_ values: ArraySlice<Double>) -> [Double] {
    let largest = values.reduce(-.infinity, maximumOrNaN)
    let sum = values.reduce(0) { $0 + exp($1 - largest) }
    return values.map { $0 - largest - log(sum) }
  }
}

/// 1 at the first largest element along an axis, else 0. ONNX Hardmax, opsets 13–28 (older ones as Softmax).
public struct Hardmax: AxisFunctionOperator {
  public static let name = "Hardmax"
  public var axis = -1
  public init() {}
  public func apply(_ values: ArraySlice<Double>) -> [Double] {
    var result = [Double](repeating: 0, count: values.count)
    var best = values.startIndex
    for i in values.indices where values[i] > values[best] || values[i].isNaN && !values[best].isNaN { best = i }
    if !values.isEmpty { result[best - values.startIndex] = 1 }
    return result
  }
}
