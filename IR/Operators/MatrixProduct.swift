extension OperatorCatalog {
  static let matrixProduct: [any Operator.Type] = [MatMul.self, Gemm.self]
}

/// Element types of matrix products.
let productTypes: [ElementType] = floatTypes + [.int32, .int64, .uint32, .uint64]

/// One matrix of a stack, as it is read: element (row, column) at offset + row · rowStep + column · columnStep.
struct MatrixView {
  var offset = 0
  var rowStep: Int
  var columnStep: Int

  /// A row-major matrix with so many stored columns, read as is or transposed.
  init(columns: Int, transposed: Bool) {
    rowStep = transposed ? 1 : columns
    columnStep = transposed ? columns : 1
  }
}

/// Numbers that products are summed in: double for floats, wrapping 64-bit integers for integers.
protocol ProductNumber: WideNumber {
  mutating func addProduct(_ a: Self, _ b: Self)
  func scaled(by factor: Float) -> Self
}

extension Double: ProductNumber {
  mutating func addProduct(_ a: Double, _ b: Double) { self += a * b }
  func scaled(by factor: Float) -> Double { factor == 1 ? self : self * Double(factor) }
}

extension Int64: ProductNumber {
  mutating func addProduct(_ a: Int64, _ b: Int64) { self = self &+ a &* b }
  func scaled(by factor: Float) -> Int64 { factor == 1 ? self : Int64(saturating: Double(self) * Double(factor)) }
}

/// result[rows × columns] at `to` += a[rows × inner] · b[inner × columns].
func multiplyMatrices<T: ProductNumber>(
  _ result: inout [T], at to: Int, _ a: [T], _ av: MatrixView, _ b: [T], _ bv: MatrixView, rows: Int, inner: Int,
  columns: Int, _ context: EvaluationContext
) throws(Diagnostic) {
  for row in 0..<rows {
    try context.checkDeadline()
    result.withUnsafeMutableBufferPointer { result in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          let base = to + row * columns
          for k in 0..<inner {
            let x = a[av.offset + row * av.rowStep + k * av.columnStep]
            let start = bv.offset + k * bv.rowStep
            for column in 0..<columns { result[base + column].addProduct(x, b[start + column * bv.columnStep]) }
          }
        }
      }
    }
  }
}

/// Matrix product of stacks of matrices, by numpy's rule; ONNX MatMul, opsets 1–13. Passes may put in: transposed
/// operands (last two axes), a factor, bias[N], a residual of the result's shape, and an activation:
/// activation(alpha · A·B + bias + residual). Inputs A[…,M,K], B[…,K,N], bias?, residual? (both internal).
public struct MatMul: FusesActivation {
  public static let name = "MatMul"
  public static let inputs = Arity(2...4)
  public static let attributes: [AttributeField<Self>] =
    [
      .flag("transA", \.transposesA, isInternal: true), .flag("transB", \.transposesB, isInternal: true),
      .float("alpha", \.alpha, isInternal: true),
      .flag("residual_after_activation", \.residualAfterActivation, isInternal: true),
    ] + AttributeField<Self>.activation

  public var transposesA = false
  public var transposesB = false
  public var alpha: Float = 1
  public var activation = Activation.none
  public var residualAfterActivation = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, productTypes)
    let element = try context.sameElement(0...3)
    guard let a = try context.shape(0), let b = try context.shape(1) else { return [.tensor(element, nil)] }
    let shape = try resultShape(a, b)
    if let bias = context.input(2)?.type.tensor?.shape {
      guard bias.count == 1, b.count > 1, bias[0].isEqual(to: shape.last ?? 1) != false else {
        throw .invalid("bias \(describe(bias)) does not fit the result \(describe(shape))")
      }
    }
    if let residual = context.input(3)?.type.tensor?.shape {
      guard residual.count == shape.count, zip(residual, shape).allSatisfy({ $0.isEqual(to: $1) != false }) else {
        throw .invalid("residual \(describe(residual)) does not have the shape of the result, \(describe(shape))")
      }
    }
    return [.tensor(element, shape)]
  }

  private func resultShape(_ a: Shape, _ b: Shape) throws(Diagnostic) -> Shape {
    guard !a.isEmpty, !b.isEmpty else {
      throw .invalid("operands \(describe(a)) and \(describe(b)): a scalar is no matrix")
    }
    if transposesA && a.count < 2 || transposesB && b.count < 2 { throw .invalid("a vector cannot be transposed") }
    let (m, k) = a.count == 1 ? (Dim(1), a[0]) : split(a, transposesA)
    let (inner, n) = b.count == 1 ? (b[0], Dim(1)) : split(b, transposesB)
    if k.isEqual(to: inner) == false {
      throw .invalid("operands \(describe(a)) and \(describe(b)) do not multiply: \(k) columns against \(inner) rows")
    }
    var shape = try broadcast(Array(a.dropLast(2)), Array(b.dropLast(2)))
    if a.count > 1 { shape.append(m) }
    if b.count > 1 { shape.append(n) }
    return shape
  }

  private func split(_ shape: Shape, _ transposed: Bool) -> (rows: Dim, columns: Dim) {
    let (x, y) = (shape[shape.count - 2], shape[shape.count - 1])
    return transposed ? (y, x) : (x, y)
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let a = try inputs.tensor(0)
    let b = try inputs.tensor(1)
    if !a.type.isFloat {
      let values = try products(Int64.self, a, b, shape, context).map { $0.scaled(by: alpha) }
      return [.tensor(try finish(values, inputs, a.type, shape))]
    }
    let values = try products(Double.self, a, b, shape, context).map { $0.scaled(by: alpha) }
    return [.tensor(finish(values, inputs, a.type, shape))]
  }

  private func products<T: ProductNumber>(
    _: T.Type, _ a: Tensor, _ b: Tensor, _ shape: [Int], _ context: EvaluationContext
  ) throws(Diagnostic) -> [T] {
    let aShape = a.rank == 1 ? [1, a.shape[0]] : a.shape
    let bShape = b.rank == 1 ? [b.shape[0], 1] : b.shape
    let (aRows, aColumns) = (aShape[aShape.count - 2], aShape[aShape.count - 1])
    let (bRows, bColumns) = (bShape[bShape.count - 2], bShape[bShape.count - 1])
    let rows = transposesA ? aColumns : aRows
    let inner = transposesA ? aRows : aColumns
    let columns = transposesB ? bRows : bColumns
    let stack = try broadcast(Array(aShape.dropLast(2)), Array(bShape.dropLast(2)))
    let aSteps = broadcastStrides(Array(aShape.dropLast(2)), to: stack).map { $0 * aRows * aColumns }
    let bSteps = broadcastStrides(Array(bShape.dropLast(2)), to: stack).map { $0 * bRows * bColumns }
    var result = [T](repeating: 0, count: product(shape))
    guard !result.isEmpty else { return result }
    let left = a.wide(T.self)
    let right = b.wide(T.self)
    var view = (
      a: MatrixView(columns: aColumns, transposed: transposesA),
      b: MatrixView(columns: bColumns, transposed: transposesB)
    )
    var index = [Int](repeating: 0, count: stack.count)
    var to = 0
    repeat {
      view.a.offset = zip(index, aSteps).reduce(0) { $0 + $1.0 * $1.1 }
      view.b.offset = zip(index, bSteps).reduce(0) { $0 + $1.0 * $1.1 }
      try multiplyMatrices(
        &result, at: to, left, view.a, right, view.b, rows: rows, inner: inner, columns: columns, context)
      to += rows * columns
    } while advance(&index, in: stack)
    return result
  }

  private func finish(_ values: [Double], _ inputs: [Datum?], _ type: ElementType, _ shape: [Int]) -> Tensor {
    let epilogue = ChannelEpilogue(
      bias: inputs.optionalTensor(2)?.wide(Double.self), residual: inputs.optionalTensor(3)?.wide(Double.self),
      activation: activation, residualAfterActivation: residualAfterActivation)
    var values = values
    epilogue.apply(&values, channels: max(shape.last ?? 1, 1), plane: 1)
    return Tensor(wide: values, type, shape)
  }

  private func finish(
    _ values: [Int64], _ inputs: [Datum?], _ type: ElementType, _ shape: [Int]
  ) throws(Diagnostic) -> Tensor {
    guard activation.isNone else { throw .unsupported("an activation on a product of integers") }
    let bias = inputs.optionalTensor(2)?.wide(Int64.self) ?? [0]
    let residual = inputs.optionalTensor(3)?.wide(Int64.self)
    let sums = values.indices.map { values[$0] &+ bias[$0 % bias.count] &+ (residual?[$0] ?? 0) }
    return Tensor(wide: sums, type, shape)
  }
}

/// alpha · A′·B′ + beta · C, A and B each as is or transposed, C broadcast to [M,N]; ONNX Gemm, opsets 1–13. Then the
/// residual (input 3, internal) and the activation that passes put in.
public struct Gemm: FusesActivation {
  public static let name = "Gemm"
  public static let inputs = Arity(2...4)
  public static let attributes: [AttributeField<Self>] =
    [
      .float("alpha", \.alpha), .float("beta", \.beta), .flag("transA", \.transposesA), .flag("transB", \.transposesB),
      .flag("residual_after_activation", \.residualAfterActivation, isInternal: true),
    ] + AttributeField<Self>.activation

  public var alpha: Float = 1
  public var beta: Float = 1
  public var transposesA = false
  public var transposesB = false
  public var activation = Activation.none
  public var residualAfterActivation = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, productTypes)
    let element = try context.sameElement(0...3)
    try context.requireRank(0, 2...2)
    try context.requireRank(1, 2...2)
    let a = try context.shape(0) ?? InferenceContext.unknown(2)
    let b = try context.shape(1) ?? InferenceContext.unknown(2)
    let (m, k) = transposesA ? (a[1], a[0]) : (a[0], a[1])
    let (inner, n) = transposesB ? (b[1], b[0]) : (b[0], b[1])
    if !k.isUnknown, !inner.isUnknown, k.isEqual(to: inner) == false {
      throw .invalid("operands \(describe(a)) and \(describe(b)) do not multiply: \(k) columns against \(inner) rows")
    }
    if let c = try context.has(2) ? context.shape(2) : nil { try checkAddend(c, [m, n]) }
    if let residual = context.input(3)?.type.tensor?.shape {
      guard residual.count == 2, residual[0].isEqual(to: m) != false, residual[1].isEqual(to: n) != false else {
        throw .invalid("residual \(describe(residual)) does not have the shape of the result, \(describe([m, n]))")
      }
    }
    return [.tensor(element, [m, n])]
  }

  /// C must broadcast to the result, not the other way round.
  private func checkAddend(_ c: Shape, _ result: Shape) throws(Diagnostic) {
    let fits =
      c.count <= 2 && zip(c.reversed(), result.reversed()).allSatisfy { $0 == 1 || $0.isEqual(to: $1) != false }
    guard fits else { throw .invalid("C is \(describe(c)), which does not broadcast to \(describe(result))") }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let type = try inputs.tensor(0).type
    if type.isFloat {
      var sums = try sums(Double.self, inputs, shape, context) { $0 + $1 }
      let epilogue = ChannelEpilogue(
        bias: nil, residual: inputs.optionalTensor(3)?.wide(Double.self), activation: activation,
        residualAfterActivation: residualAfterActivation)
      epilogue.apply(&sums, channels: max(shape[1], 1), plane: 1)
      return [.tensor(Tensor(wide: sums, type, shape))]
    }
    guard activation.isNone, inputs.optionalTensor(3) == nil else {
      throw .unsupported("an activation or residual on a product of integers")
    }
    return [.tensor(Tensor(wide: try sums(Int64.self, inputs, shape, context) { $0 &+ $1 }, type, shape))]
  }

  private func sums<T: ProductNumber>(
    _: T.Type, _ inputs: [Datum?], _ shape: [Int], _ context: EvaluationContext, _ add: (T, T) -> T
  ) throws(Diagnostic) -> [T] {
    let a = try inputs.tensor(0)
    let b = try inputs.tensor(1)
    var result = [T](repeating: 0, count: product(shape))
    try multiplyMatrices(
      &result, at: 0, a.wide(T.self), MatrixView(columns: a.shape[1], transposed: transposesA), b.wide(T.self),
      MatrixView(columns: b.shape[1], transposed: transposesB), rows: shape[0],
      inner: transposesA ? a.shape[0] : a.shape[1], columns: shape[1], context)
    result = result.map { $0.scaled(by: alpha) }
    guard let c = inputs.optionalTensor(2), !result.isEmpty else { return result }
    let addend = c.wide(T.self).map { $0.scaled(by: beta) }
    let steps = broadcastStrides(c.shape, to: shape)
    for row in 0..<shape[0] {
      for column in 0..<shape[1] {
        let to = row * shape[1] + column
        result[to] = add(result[to], addend[row * steps[0] + column * steps[1]])
      }
    }
    return result
  }
}
