/// Operators of onnxruntime's domain com.microsoft of linear algebra.
extension OperatorCatalog {
  static let contribLinear: [any Operator.Type] = [Inverse.self]
}

/// The inverse of each matrix of a stack. X[…,n,n] → Y. Gauss–Jordan elimination with row pivots, in double.
/// Throws where a matrix has none. Source: onnxruntime, docs/ContribOperators.md, com.microsoft.Inverse.
public struct Inverse: Operator {
  public static let name = "Inverse"
  public static let domain = "com.microsoft"
  public static let opsets = 1...1
  public static let inputs: Arity = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.float32, .float64, .float16])
    let x = try context.tensor(0)
    if let shape = x.shape {
      guard shape.count >= 2, shape[shape.count - 2].isEqual(to: shape[shape.count - 1]) != false else {
        throw .invalid("X is \(describe(shape)), expected square matrices")
      }
    }
    return [.tensor(x)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    try context.checkSize(x.shape, .float64)
    var values = x.wide(Double.self)
    let n = x.shape[x.rank - 1]
    guard n > 0 else { return [.tensor(x)] }
    for first in stride(from: 0, to: values.count, by: n * n) {
      let inverse = try Self.inverted(Array(values[first..<(first + n * n)]), n, context)
      values.replaceSubrange(first..<(first + n * n), with: inverse)
    }
    return [.tensor(Tensor(wide: values, x.type, x.shape))]
  }

  private static func inverted(
    _ matrix: [Double], _ n: Int, _ context: EvaluationContext
  ) throws(Diagnostic) -> [Double] {
    var left = matrix
    var right = [Double](repeating: 0, count: n * n)
    for i in 0..<n { right[i * n + i] = 1 }
    for column in 0..<n {
      try context.checkDeadline()
      var pivot = column
      for row in column..<n where left[row * n + column].magnitude > left[pivot * n + column].magnitude { pivot = row }
      let value = left[pivot * n + column]
      guard value != 0, value.isFinite else { throw .invalid("a matrix has no inverse") }
      for k in 0..<n {
        left.swapAt(pivot * n + k, column * n + k)
        right.swapAt(pivot * n + k, column * n + k)
      }
      for k in 0..<n {
        left[column * n + k] /= value
        right[column * n + k] /= value
      }
      for row in 0..<n where row != column {
        let factor = left[row * n + column]
        if factor == 0 { continue }
        for k in 0..<n {
          left[row * n + k] -= factor * left[column * n + k]
          right[row * n + k] -= factor * right[column * n + k]
        }
      }
    }
    return right
  }
}
