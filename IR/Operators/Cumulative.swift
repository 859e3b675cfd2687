extension OperatorCatalog {
  static let cumulative: [any Operator.Type] = [CumSum.self, CumProd.self]
}

/// What the running sums and products along an axis share. The axis is the second input.
public protocol CumulativeOperator: Operator {
  var exclusive: Bool { get set }
  var reverse: Bool { get set }
  var identity: Int { get }
  func combine(_ a: Double, _ b: Double) -> Double
  func combine(_ a: Int64, _ b: Int64) -> Int64
}

extension CumulativeOperator {
  public static var inputs: Arity { 2 }
  public static var attributes: [AttributeField<Self>] {
    [.flag("exclusive", \Self.exclusive), .flag("reverse", \Self.reverse)]
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, wideNumberTypes)
    try context.require(1, [.int32, .int64])
    try context.requireScalar(1, "the axis")
    let x = try context.tensor(0)
    if let rank = x.rank, let axis = context.integers(1)?.first { _ = try normalizedAxis(axis, rank: rank) }
    return [.tensor(x)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let axis = try normalizedAxis(try inputs.scalarInteger(1, "the axis"), rank: x.rank)
    if x.type.isInteger {
      // Wrapping sums and products are the same bits signed and unsigned.
      let values = mapAlongAxis(x.wide(Int64.self), x.shape, axis) { run($0, Int64(identity)) { combine($0, $1) } }
      return [.tensor(Tensor(wide: values, x.type, x.shape))]
    }
    let values = mapAlongAxis(x.wide(Double.self), x.shape, axis) { run($0, Double(identity)) { combine($0, $1) } }
    return [.tensor(Tensor(wide: values, x.type, x.shape))]
  }

  private func run<T>(_ line: ArraySlice<T>, _ start: T, _ body: (T, T) -> T) -> [T] {
    var result = Array(line)
    var total = start
    for i in reverse ? Array(result.indices.reversed()) : Array(result.indices) {
      let next = body(total, result[i])
      result[i] = exclusive ? total : next
      total = next
    }
    return result
  }
}

/// Running sum along an axis, of the elements before each one only where `exclusive`, from the end where `reverse`.
/// ONNX CumSum, opsets 11–28.
public struct CumSum: CumulativeOperator {
  public static let name = "CumSum"
  public var exclusive = false
  public var reverse = false
  public init() {}
  public var identity: Int { 0 }
  public func combine(_ a: Double, _ b: Double) -> Double { a + b }
  public func combine(_ a: Int64, _ b: Int64) -> Int64 { a &+ b }
}

/// Running product along an axis, as CumSum. ONNX CumProd, opsets 26–28.
public struct CumProd: CumulativeOperator {
  public static let name = "CumProd"
  public var exclusive = false
  public var reverse = false
  public init() {}
  public var identity: Int { 1 }
  public func combine(_ a: Double, _ b: Double) -> Double { a * b }
  public func combine(_ a: Int64, _ b: Int64) -> Int64 { a &* b }
}
