extension OperatorCatalog {
  static let variadicArithmetic: [any Operator.Type] = [Max.self, Min.self, Sum.self, Mean.self]
}

/// What arithmetic of any number of broadcast operands of one type shares.
public protocol VariadicNumberOperator: ElementwiseOperator {
  static var elementTypes: [ElementType] { get }
  func combine(_ a: Double, _ b: Double) -> Double
  func combine(_ a: Int64, _ b: Int64) -> Int64
  func combine(_ a: UInt64, _ b: UInt64) -> UInt64
  func combine(_ a: Dim, _ b: Dim) -> Dim
  /// What is made of the combined value of so many operands.
  func finish(_ x: Double, count: Int) -> Double
}

extension VariadicNumberOperator {
  public static var inputs: Arity { .variadic(1) }
  public func finish(_ x: Double, count: Int) -> Double { x }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    [.tensor(try context.broadcastType(0..<context.inputs.count, Self.elementTypes))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard Self.elementTypes.contains(.int64) else { return [nil] }
    return context.elementwiseContents(nil, 0..<context.inputs.count) { dims in
      dims.dropFirst().reduce(dims[0]) { combine($0, $1) }
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let first = try inputs.tensor(0, of: Self.elementTypes)
    var operands: [Tensor] = [first]
    var shape = first.shape
    for index in 1..<max(inputs.count, 1) {
      let operand = try inputs.tensor(index)
      guard operand.type == first.type else {
        throw .invalid("input \(index) has element type \(operand.type.name), but input 0 has \(first.type.name)")
      }
      shape = try broadcast(shape, operand.shape)
      operands.append(operand)
    }
    try context.checkSize(shape, first.type)
    switch first.type.arithmetic {
    case .signed: return [.tensor(fold(operands, shape, Int64.self, { combine($0, $1) }, { $0 }))]
    case .unsigned: return [.tensor(fold(operands, shape, UInt64.self, { combine($0, $1) }, { $0 }))]
    default:
      let count = operands.count
      return [.tensor(fold(operands, shape, Double.self, { combine($0, $1) }, { finish($0, count: count) }))]
    }
  }

  private func fold<T: WideNumber>(
    _ operands: [Tensor], _ shape: [Int], _: T.Type, _ body: (T, T) -> T, _ last: (T) -> T
  ) -> Tensor {
    var values = broadcastElements(operands[0].wide(T.self), operands[0].shape, to: shape)
    for operand in operands.dropFirst() {
      values = broadcastMap(values, shape, operand.wide(T.self), operand.shape, to: shape, body)
    }
    return Tensor(wide: values.map(last), operands[0].type, shape)
  }
}

/// The largest operand, NaN where any is. ONNX Max, opsets 1–28.
public struct Max: VariadicNumberOperator {
  public static let name = "Max"
  public static let elementTypes = numberTypes
  public init() {}
  public func combine(_ a: Double, _ b: Double) -> Double { maximumOrNaN(a, b) }
  public func combine(_ a: Int64, _ b: Int64) -> Int64 { max(a, b) }
  public func combine(_ a: UInt64, _ b: UInt64) -> UInt64 { max(a, b) }
  public func combine(_ a: Dim, _ b: Dim) -> Dim { Dim.maximum(a, b) }
}

/// The smallest operand, NaN where any is. ONNX Min, opsets 1–28.
public struct Min: VariadicNumberOperator {
  public static let name = "Min"
  public static let elementTypes = numberTypes
  public init() {}
  public func combine(_ a: Double, _ b: Double) -> Double { minimumOrNaN(a, b) }
  public func combine(_ a: Int64, _ b: Int64) -> Int64 { min(a, b) }
  public func combine(_ a: UInt64, _ b: UInt64) -> UInt64 { min(a, b) }
  public func combine(_ a: Dim, _ b: Dim) -> Dim { Dim.minimum(a, b) }
}

/// The sum of all operands. ONNX Sum, opsets 1–28.
public struct Sum: VariadicNumberOperator {
  public static let name = "Sum"
  public static let elementTypes = floatTypes
  public init() {}
  public func combine(_ a: Double, _ b: Double) -> Double { a + b }
  public func combine(_ a: Int64, _ b: Int64) -> Int64 { a &+ b }
  public func combine(_ a: UInt64, _ b: UInt64) -> UInt64 { a &+ b }
  public func combine(_ a: Dim, _ b: Dim) -> Dim { a + b }
}

/// The mean of all operands. ONNX Mean, opsets 1–28.
public struct Mean: VariadicNumberOperator {
  public static let name = "Mean"
  public static let elementTypes = floatTypes
  public init() {}
  public func combine(_ a: Double, _ b: Double) -> Double { a + b }
  public func combine(_ a: Int64, _ b: Int64) -> Int64 { a &+ b }
  public func combine(_ a: UInt64, _ b: UInt64) -> UInt64 { a &+ b }
  public func combine(_ a: Dim, _ b: Dim) -> Dim { a + b }
  public func finish(_ x: Double, count: Int) -> Double { x / Double(count) }
}
