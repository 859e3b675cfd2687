extension OperatorCatalog {
  static let quantization: [any Operator.Type] = [
    QuantizeLinear.self, DequantizeLinear.self, DynamicQuantizeLinear.self,
  ]
}

let quantizedTypes: [ElementType] =
  [.int8, .uint8, .int16, .uint16, .int4, .uint4, .int2, .uint2, .float4e2m1] + float8Types

extension AttributeField where Op: Operator {
  /// An element type by its ONNX number, where 0 stands for none.
  static func elementTypeOrZero(_ name: String, _ path: FieldPath<Op, ElementType?>) -> Self {
    let field = Self.elementType(name, path)
    return Self(
      name: name, get: field.get,
      set: { (op, value) throws(Diagnostic) in
        if case .int(0) = value { op[keyPath: path] = nil } else { try field.set(&op, value) }
      }, isInternal: false, isRequired: false)
  }
}

extension Double {
  /// Rounded to a float type's values. Other types leave it.
  func rounded(to type: ElementType) -> Double {
    switch type {
    case .float32: Double(Float(self))
    case .float16: Double(Float16(self))
    case .bfloat16: Double(LowPrecision.decodeBFloat16(LowPrecision.encodeBFloat16(Conversion.roundedToOdd(self))))
    default: self
    }
  }
}

/// Which scale and zero point an element has: one for all, one for each position along an axis, or one for each block
/// of so many positions along it. Which of them follows from the scale's shape.
public struct QuantizationGranularity: Hashable, Sendable {
  public var axis = 1
  /// 0: not in blocks.
  public var blockSize = 0

  /// The shape of input 0, which inputs 1 and 2, scale and zero point, must fit.
  func checkedShape(_ context: InferenceContext) throws(Diagnostic) -> Shape? {
    let shape = try context.shape(0)
    try check(shape, scale: try context.shape(1), zeroPoint: context.has(2) ? try context.shape(2) : nil)
    return shape
  }

  /// Throws unless the scale (and the zero point, if any) fit the quantized tensor.
  func check(_ x: Shape?, scale: Shape?, zeroPoint: Shape?) throws(Diagnostic) {
    if let scale, let zeroPoint {
      let single = { (shape: Shape) in shape.allSatisfy { $0.isEqual(to: 1) != false } }
      let equal = scale.count == zeroPoint.count && zip(scale, zeroPoint).allSatisfy { $0.isEqual(to: $1) != false }
      guard equal || single(scale) && single(zeroPoint) else {
        throw .invalid("the scale is \(describe(scale)) but the zero point \(describe(zeroPoint))")
      }
    }
    guard let x, let scale, !scale.allSatisfy({ $0 == 1 }) else { return }
    let along = try normalizedAxis(axis, rank: x.count)
    if blockSize == 0 {
      guard scale.count == 1, scale[0].isEqual(to: x[along]) != false else {
        throw .invalid("the scale \(describe(scale)) does not fit axis \(axis) of \(describe(x))")
      }
      return
    }
    guard scale.count == x.count else {
      throw .invalid("the scale \(describe(scale)) of blocks has not the rank of \(describe(x))")
    }
    for index in x.indices {
      let expected = index == along ? x[index].ceilQuotient(by: Dim(blockSize)) ?? .unknown : x[index]
      guard expected.isUnknown || scale[index].isEqual(to: expected) != false else {
        throw .invalid(
          "the scale \(describe(scale)) does not fit blocks of \(blockSize) along axis \(axis) of \(describe(x))")
      }
    }
  }

  /// For every element of `shape` in order the index of its scale. The shapes have been checked.
  func indices(_ shape: [Int], scale: [Int]) -> [Int] {
    let count = Tensor.elementCount(of: shape) ?? 0
    if scale.allSatisfy({ $0 == 1 }) { return Array(repeating: 0, count: count) }
    let along = axis < 0 ? axis + shape.count : axis
    let inner = shape[(along + 1)...].reduce(1, *)
    let size = shape[along]
    if blockSize == 0 { return (0..<count).map { $0 / inner % size } }
    let blocks = scale[along]
    return (0..<count).map { i in
      (i / (inner * size) * blocks + i / inner % size / blockSize) * inner + i % inner
    }
  }
}

/// saturate(round(x / scale) + zero point), halves to even; to float8 and float4 without the rounding to whole numbers.
/// x, scale, zero point? → y. ONNX QuantizeLinear, opsets 10–28.
public struct QuantizeLinear: Operator {
  public static let name = "QuantizeLinear"
  public static let inputs = Arity(2...3)
  public static let attributes: [AttributeField<Self>] = [
    .int("axis", \.granularity.axis), .int("block_size", \.granularity.blockSize, in: 0...Int(Int32.max)),
    .elementTypeOrZero("output_dtype", \.outputType), .elementTypeOrZero("precision", \.precision),
    .flag("saturate", \.saturate),
  ]
  public var granularity = QuantizationGranularity()
  /// nil: the zero point's, or uint8.
  public var outputType: ElementType?
  /// Type the quotient is rounded to. nil: the scale's.
  public var precision: ElementType?
  public var saturate = true
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.float32, .float16, .bfloat16, .float64, .int32])
    try context.require(1, [.float32, .float16, .bfloat16, .float64, .int32, .float8e8m0])
    if context.has(2) { try context.require(2, quantizedTypes) }
    if let precision, !floatTypes.contains(precision) { throw .invalid("attribute 'precision' is \(precision.name)") }
    let type = context.has(2) ? try context.element(2) : outputType ?? .uint8
    guard quantizedTypes.contains(type) else { throw .invalid("attribute 'output_dtype' is \(type.name)") }
    if let outputType, outputType != type {
      throw .invalid("attribute 'output_dtype' is \(outputType.name), but the zero point is \(type.name)")
    }
    return [.tensor(type, try granularity.checkedShape(context))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let type = try checkedTypes(inputs, context)[0].element
    let (x, scale) = (try inputs.tensor(0), try inputs.tensor(1))
    let indices = granularity.indices(x.shape, scale: scale.shape)
    let scales = scale.wide(Double.self)
    let zeros = inputs.optionalTensor(2)?.wide(Double.self)
    let precision = precision ?? (floatTypes.contains(scale.type) ? scale.type : .float32)
    let quotients = zip(x.wide(Double.self), indices).map { value, index in
      (value.rounded(to: precision) / scales[index].rounded(to: precision)).rounded(to: precision)
    }
    if type.isInteger {
      let (low, high) = Conversion.integerRange(type)
      let values = zip(quotients, indices).map { quotient, index in
        let whole = Int64(saturating: quotient.rounded(.toNearestOrEven))
        let shifted = whole.addingReportingOverflow(Int64(saturating: zeros?[index] ?? 0))
        return shifted.overflow ? (whole < 0 ? low : high) : min(max(shifted.partialValue, low), high)
      }
      return [.tensor(Tensor(wide: values, type, x.shape))]
    }
    let shifted = zeros.map { zeros in zip(quotients, indices).map { $0 + zeros[$1] } } ?? quotients
    var conversion = Conversion()
    conversion.saturate = saturate
    return [.tensor(conversion.fromDoubles(shifted, to: type, x.shape))]
  }
}

/// (x − zero point) · scale. x, scale, zero point? → y. ONNX DequantizeLinear, opsets 10–28.
public struct DequantizeLinear: Operator {
  public static let name = "DequantizeLinear"
  public static let inputs = Arity(2...3)
  public static let attributes: [AttributeField<Self>] = [
    .int("axis", \.granularity.axis), .int("block_size", \.granularity.blockSize, in: 0...Int(Int32.max)),
    .elementTypeOrZero("output_dtype", \.outputType),
  ]
  public var granularity = QuantizationGranularity()
  /// nil: the scale's.
  public var outputType: ElementType?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, quantizedTypes + [.int32])
    try context.require(1, [.float32, .float16, .bfloat16, .float64, .float8e8m0])
    if context.has(2) {
      let (type, zero) = (try context.element(0), try context.element(2))
      if type != zero { throw .invalid("the zero point is \(zero.name), but the input \(type.name)") }
    }
    let scaleType = try context.element(1)
    let type = outputType ?? scaleType
    guard floatTypes.contains(type) else {
      throw .invalid("the output would be of type \(type.name); attribute 'output_dtype' is needed")
    }
    return [.tensor(type, try granularity.checkedShape(context))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let type = try checkedTypes(inputs, context)[0].element
    let (x, scale) = (try inputs.tensor(0), try inputs.tensor(1))
    let indices = granularity.indices(x.shape, scale: scale.shape)
    let scales = scale.wide(Double.self)
    let zeros = inputs.optionalTensor(2)?.wide(Double.self)
    let values = zip(x.wide(Double.self), indices).map { value, index in
      let difference = value - (zeros?[index] ?? 0)
      return (type == .float64 ? difference : difference.rounded(to: .float32)) * scales[index]
    }
    return [.tensor(Tensor(wide: values, type, x.shape))]
  }
}

/// Quantization to uint8 with scale and zero point from the range of the values and 0. x → y, scale, zero point.
/// Computed in float, as the operator is defined. ONNX DynamicQuantizeLinear, opsets 11–28.
public struct DynamicQuantizeLinear: Operator {
  public static let name = "DynamicQuantizeLinear"
  public static let inputs: Arity = 1
  public static let outputs: Arity = 3
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.float32])
    return [.tensor(.uint8, try context.shape(0)), .tensor(.float32, []), .tensor(.uint8, [])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: [.float32])
    try context.checkSize(x.shape, .float32)
    let values = x.wide(Float.self)
    let high = values.reduce(0) { max($0, $1) }
    let low = values.reduce(0) { min($0, $1) }
    let scale: Float = (high == low ? 1 : high - low) / 255
    let zero = (-low / scale).rounded(.toNearestOrEven)
    let zeroPoint = zero.isNaN ? 0 : min(max(zero, 0), 255)
    let codes = values.map { value -> UInt8 in
      let shifted = (value / scale).rounded(.toNearestOrEven) + zeroPoint
      return shifted.isNaN ? 0 : UInt8(min(max(shifted, 0), 255))
    }
    return [
      .tensor(Tensor(codes, shape: x.shape)), .tensor(Tensor(scalar: scale)), .tensor(Tensor(scalar: UInt8(zeroPoint))),
    ]
  }
}
