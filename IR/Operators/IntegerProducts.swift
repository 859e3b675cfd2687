extension OperatorCatalog {
  static let integerProducts: [any Operator.Type] = [
    MatMulInteger.self, QLinearMatMul.self, ConvInteger.self, QLinearConv.self,
  ]
}

private let byteTypes: [ElementType] = [.int8, .uint8]

/// Products of quantized tensors, computed in double: exact, since every sum of products of 8-bit numbers that memory
/// holds is below 2^53.
private enum QuantizedProduct {
  /// x − zero point. The zero point broadcasts to x, a vector along the rows where `perRow`.
  static func centred(_ x: Tensor, _ zero: Tensor?, perRow: Bool, what: String) throws(Diagnostic) -> Tensor {
    let values = x.wide(Double.self)
    guard let zero else { return Tensor(wide: values, .float64, x.shape) }
    let shape = try parameterShape(zero, x.shape, perRow: perRow, what: what)
    let shifted = broadcastMap(values, x.shape, zero.wide(Double.self), shape, to: x.shape) { $0 - $1 }
    return Tensor(wide: shifted, .float64, x.shape)
  }

  /// The shape under which a scale or zero point broadcasts to `shape`.
  static func parameterShape(_ x: Tensor, _ shape: [Int], perRow: Bool, what: String) throws(Diagnostic) -> [Int] {
    if x.count == 1 { return [] }
    let own = perRow && x.rank == 1 ? x.shape + [1] : x.shape
    guard try broadcast(own, shape) == shape else {
      throw .invalid("the \(what) \(describe(x.shape)) does not broadcast to \(describe(shape))")
    }
    return own
  }

  /// The channel vector of a filter's parameter as it broadcasts to the filter [M,C,k…].
  static func filterParameter(_ x: Tensor, _ filter: [Int]) -> Tensor? {
    x.count == 1 ? x.reshaped([]) : x.reshaped([filter.first ?? 1] + filter.dropFirst().map { _ in 1 })
  }

  /// round(sum · scale) + zero point, saturated to the type.
  static func requantized(_ values: [Double], _ zeros: [Double], _ type: ElementType, _ shape: [Int]) -> Tensor {
    let shifted = zip(values, zeros).map { value, zero in
      type.isInteger ? value.rounded(.toNearestOrEven) + zero : value + zero
    }
    return Conversion().fromDoubles(shifted, to: type, shape)
  }

  /// A · B of the numbers without their zero points, and the product's shape.
  static func multiply(_ a: Tensor, _ b: Tensor, _ context: EvaluationContext) throws(Diagnostic) -> Tensor {
    var inner = context
    inner.outputCount = 1
    guard let product = try MatMul().evaluate([.tensor(a), .tensor(b)], inner).first?.tensor else {
      throw .invalid("the product was not computed")
    }
    return product
  }

  static func convolve(
    _ window: Window, _ group: Int, _ x: Tensor, _ w: Tensor, _ context: EvaluationContext
  ) throws(Diagnostic) -> Tensor {
    var conv = Conv()
    conv.window = window
    conv.group = group
    var inner = context
    inner.outputCount = 1
    guard let sums = try conv.evaluate([.tensor(x), .tensor(w)], inner).first?.tensor else {
      throw .invalid("the convolution was not computed")
    }
    return sums
  }

  /// The shape that another operator gives float tensors of these shapes.
  static func shape(
    of op: any Operator, _ context: InferenceContext, _ indices: [Int]
  ) throws(Diagnostic) -> Shape? {
    var inputs: [InferenceContext.Input?] = []
    for index in indices { inputs.append(.init(type: .tensor(.float32, try context.shape(index)))) }
    return try op.inferTypes(InferenceContext(inputs: inputs, outputCount: 1)).first?.tensor?.shape
  }
}

extension InferenceContext {
  /// Throws unless a zero point has the element type of what it belongs to.
  fileprivate func requireZeroPoint(_ zero: Int, of input: Int) throws(Diagnostic) {
    guard has(zero) else { return }
    let (type, expected) = (try element(zero), try element(input))
    if type != expected { throw .invalid("the zero point (input \(zero)) is \(type.name), expected \(expected.name)") }
  }

  /// Throws where a scale or zero point cannot broadcast to `shape`; a vector has one element for each row where `perRow`.
  fileprivate func requireBroadcast(_ index: Int, to shape: Shape?, perRow: Bool) throws(Diagnostic) {
    guard has(index), let own = try self.shape(index), let shape, own.contains(where: { $0 != 1 }) else { return }
    let result = try broadcast(perRow && own.count == 1 ? own + [1] : own, shape)
    guard result.count == shape.count, zip(result, shape).allSatisfy({ $0.isEqual(to: $1) != false }) else {
      throw .invalid("input \(index) has shape \(describe(own)), which does not broadcast to \(describe(shape))")
    }
  }

  /// Throws unless a parameter is one element, or a vector with one for each output channel of a filter.
  fileprivate func requireFilterParameter(_ index: Int, filter: Int) throws(Diagnostic) {
    guard has(index), let shape = try shape(index) else { return }
    if shape.allSatisfy({ $0 == 1 }) { return }
    let channels = try self.shape(filter)?.first ?? .unknown
    guard shape.count == 1, channels.isUnknown || shape[0].isEqual(to: channels) != false else {
      throw .invalid("input \(index) has shape \(describe(shape)), expected one element or \(channels)")
    }
  }
}

/// (A − a_zero) · (B − b_zero) as int32, wrapping. Zero points are scalars, vectors of one for each row of A or column
/// of B, or broadcast. A, B, a_zero?, b_zero?. ONNX MatMulInteger, opsets 10–28.
public struct MatMulInteger: Operator {
  public static let name = "MatMulInteger"
  public static let inputs = Arity(2...4)
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    for index in 0..<2 {
      try context.require(index, byteTypes)
      try context.requireZeroPoint(index + 2, of: index)
      try context.requireBroadcast(index + 2, to: try context.shape(index), perRow: index == 0)
    }
    return [.tensor(.int32, try QuantizedProduct.shape(of: MatMul(), context, [0, 1]))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let a = try QuantizedProduct.centred(
      try inputs.tensor(0), inputs.optionalTensor(2), perRow: true, what: "zero point of A")
    let b = try QuantizedProduct.centred(
      try inputs.tensor(1), inputs.optionalTensor(3), perRow: false, what: "zero point of B")
    let product = try QuantizedProduct.multiply(a, b, context)
    return [.tensor(Tensor(wide: product.wide(Int64.self), .int32, product.shape))]
  }
}

/// The product of two quantized matrices, quantized: round((A − a_zero) · (B − b_zero) · a_scale · b_scale / y_scale) +
/// y_zero, saturated. Inputs a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero. ONNX QLinearMatMul, opsets 10–28.
public struct QLinearMatMul: Operator {
  public static let name = "QLinearMatMul"
  public static let inputs: Arity = 8
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    for index in [0, 3, 7] { try context.require(index, byteTypes + float8Types) }
    for index in [1, 4, 6] { try context.require(index, [.float32, .float16, .bfloat16]) }
    try context.requireZeroPoint(2, of: 0)
    try context.requireZeroPoint(5, of: 3)
    let product = try QuantizedProduct.shape(of: MatMul(), context, [0, 3])
    try context.requireBroadcast(2, to: try context.shape(0), perRow: true)
    try context.requireBroadcast(5, to: try context.shape(3), perRow: false)
    for index in [1, 4, 6, 7] { try context.requireBroadcast(index, to: product, perRow: index != 4) }
    return [.tensor(try context.element(7), product)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let a = try QuantizedProduct.centred(
      try inputs.tensor(0), try inputs.tensor(2), perRow: true, what: "zero point of a")
    let b = try QuantizedProduct.centred(
      try inputs.tensor(3), try inputs.tensor(5), perRow: false, what: "zero point of b")
    let product = try QuantizedProduct.multiply(a, b, context)
    func parameter(_ index: Int, perRow: Bool) throws(Diagnostic) -> [Double] {
      let tensor = try inputs.tensor(index)
      let shape = try QuantizedProduct.parameterShape(tensor, product.shape, perRow: perRow, what: "input \(index),")
      return broadcastElements(tensor.wide(Double.self), shape, to: product.shape)
    }
    let aScale = try parameter(1, perRow: true)
    let bScale = try parameter(4, perRow: false)
    let yScale = try parameter(6, perRow: true)
    let zeros = try parameter(7, perRow: true)
    var values = product.wide(Double.self)
    for i in values.indices { values[i] *= aScale[i] * bScale[i] / yScale[i] }
    return [.tensor(QuantizedProduct.requantized(values, zeros, try inputs.tensor(7).type, product.shape))]
  }
}

/// Convolution of x − x_zero with w − w_zero as int32, wrapping; padding counts as zero. w_zero is a scalar or one for
/// each output channel. x, w, x_zero?, w_zero?. ONNX ConvInteger, opsets 10–28.
public struct ConvInteger: WindowOperator {
  public static let name = "ConvInteger"
  public static let inputs = Arity(2...4)
  public static let attributes: [AttributeField<Self>] = windowAttributes() + [.int("group", \.group, in: sizeRange)]
  public var window = Window()
  public var group = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    for index in 0..<2 {
      try context.require(index, byteTypes)
      try context.requireZeroPoint(index + 2, of: index)
    }
    if context.has(2) { try context.requireScalar(2, "the zero point of x") }
    try context.requireFilterParameter(3, filter: 1)
    var conv = Conv()
    conv.window = window
    conv.group = group
    return [.tensor(.int32, try QuantizedProduct.shape(of: conv, context, [0, 1]))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let filter = try inputs.tensor(1)
    let x = try QuantizedProduct.centred(
      try inputs.tensor(0), inputs.optionalTensor(2), perRow: false, what: "zero point of x")
    let zero = inputs.optionalTensor(3).flatMap { QuantizedProduct.filterParameter($0, filter.shape) }
    let w = try QuantizedProduct.centred(filter, zero, perRow: false, what: "zero point of w")
    let sums = try QuantizedProduct.convolve(window, group, x, w, context)
    return [.tensor(Tensor(wide: sums.wide(Int64.self), .int32, sums.shape))]
  }
}

/// Quantized convolution: round((conv(x − x_zero, w − w_zero) + B) · x_scale · w_scale / y_scale) + y_zero, saturated.
/// Inputs x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, B (int32)?; w's parameters are scalars or one for
/// each output channel. ONNX QLinearConv, opsets 10–28.
public struct QLinearConv: WindowOperator {
  public static let name = "QLinearConv"
  public static let inputs = Arity(8...9)
  public static let attributes: [AttributeField<Self>] = windowAttributes() + [.int("group", \.group, in: sizeRange)]
  public var window = Window()
  public var group = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    for index in [0, 3, 7] { try context.require(index, byteTypes) }
    for index in [1, 4, 6] { try context.require(index, [.float32]) }
    try context.requireZeroPoint(2, of: 0)
    try context.requireZeroPoint(5, of: 3)
    for index in [1, 2, 6, 7] { try context.requireScalar(index, "the parameter") }
    try context.requireFilterParameter(4, filter: 3)
    try context.requireFilterParameter(5, filter: 3)
    if context.has(8) {
      try context.require(8, [.int32])
      try context.requireFilterParameter(8, filter: 3)
    }
    var conv = Conv()
    conv.window = window
    conv.group = group
    return [.tensor(try context.element(7), try QuantizedProduct.shape(of: conv, context, [0, 3]))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let filter = try inputs.tensor(3)
    let x = try QuantizedProduct.centred(
      try inputs.tensor(0), try inputs.tensor(2), perRow: false, what: "zero point of x")
    let zero = QuantizedProduct.filterParameter(try inputs.tensor(5), filter.shape)
    let w = try QuantizedProduct.centred(filter, zero, perRow: false, what: "zero point of w")
    let sums = try QuantizedProduct.convolve(window, group, x, w, context)
    let scales = try inputs.tensor(4).wide(Double.self)
    let bias = inputs.optionalTensor(8)?.wide(Double.self) ?? [0]
    let factor = try inputs.scalarNumber(1, "the scale of x") / inputs.scalarNumber(6, "the scale of y")
    let offset = try inputs.scalarNumber(7, "the zero point of y")
    let channels = sums.shape[1]
    let plane = sums.shape.dropFirst(2).reduce(1, *)
    var values = sums.wide(Double.self)
    for i in values.indices {
      let channel = i / plane % channels
      let sum = values[i] + bias[bias.count == 1 ? 0 : channel]
      values[i] = sum * scales[scales.count == 1 ? 0 : channel] * factor
    }
    let zeros = [Double](repeating: offset, count: values.count)
    return [.tensor(QuantizedProduct.requantized(values, zeros, try inputs.tensor(7).type, sums.shape))]
  }
}
