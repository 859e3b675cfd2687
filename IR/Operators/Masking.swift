extension OperatorCatalog {
  static let masking: [any Operator.Type] = [EyeLike.self, Trilu.self, OneHot.self]
}

/// Ones on the k-th diagonal of a matrix of the input's shape. ONNX EyeLike, opsets 9–22.
public struct EyeLike: Operator {
  public static let name = "EyeLike"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.elementType("dtype", \.type), .int("k", \.diagonal)]
  public static let types: [ElementType] =
    floatTypes + [.uint8, .uint16, .uint32, .uint64, .int8, .int16, .int32, .int64, .bool]
  public var type: ElementType?
  public var diagonal = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.requireRank(0, 2...2)
    let input = try context.tensor(0)
    let element = type ?? input.element
    guard Self.types.contains(element) else { throw .invalid("element type \(element.name) has no ones") }
    return [.tensor(element, input.shape ?? InferenceContext.unknown(2))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let input = try inputs.tensor(0)
    let element = type ?? input.type
    var values = [Int64](repeating: 0, count: product(shape))
    if !values.isEmpty {
      for row in 0..<shape[0] {
        let column = saturatingAdd(row, diagonal)
        if column >= 0 && column < shape[1] { values[row * shape[1] + column] = 1 }
      }
    }
    return [.tensor(Tensor(wide: values, element, shape))]
  }
}

/// The upper or lower triangle of every matrix, zeros elsewhere; input 1: which diagonal bounds it.
/// ONNX Trilu, opset 14.
public struct Trilu: Operator {
  public static let name = "Trilu"
  public static let inputs = Arity(1...2)
  public static let attributes: [AttributeField<Self>] = [.flag("upper", \.isUpper)]
  public var isUpper = true
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    if context.has(1) { try context.require(1, [.int64]) }
    let type = try context.tensor(0)
    if let shape = type.shape, shape.count < 2 {
      throw .invalid("input is \(describe(shape)), expected rank 2 or more")
    }
    return [.tensor(type)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let k = inputs.optionalTensor(1)?.integers.first ?? 0
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    let source = ElementSource(x)
    let target = ElementTarget(x.type, shape)
    guard target.count > 0 else { return [.tensor(target.tensor())] }
    for row in 0..<target.count / columns {
      // First column on or right of the diagonal; for the lower triangle, first one right of it.
      let edge = saturatingAdd(saturatingAdd(row % rows, k), isUpper ? 0 : 1)
      let split = min(max(edge, 0), columns)
      let kept = isUpper ? split..<columns : 0..<split
      let from = row * columns + kept.lowerBound
      target.copy(source, from: from, to: from, count: kept.count)
    }
    return [.tensor(target.tensor())]
  }
}

/// A new axis of `depth` elements: values[1] where the index is, values[0] elsewhere. Indices outside −depth…depth−1
/// have none. Inputs indices, depth, values[2]. ONNX OneHot, opsets 9–28.
public struct OneHot: Operator {
  public static let name = "OneHot"
  public static let inputs: Arity = 3
  public static let attributes: [AttributeField<Self>] = [.int("axis", \.axis)]
  public var axis = -1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    for index in 0...1 {
      let element = try context.element(index)
      guard element.isInteger || element.isFloat else {
        throw .invalid("input \(index) has element type \(element.name), expected a number")
      }
    }
    if let values = try context.shape(2), values.count != 1 || values[0].isEqual(to: 2) == false {
      throw .invalid("values is \(describe(values)), expected 2 elements")
    }
    if let shape = try context.shape(1), shape.count > 1 || shape.first.map({ $0.isEqual(to: 1) == false }) ?? false {
      throw .invalid("depth is \(describe(shape)), expected a scalar")
    }
    let element = try context.element(2)
    guard var shape = try context.shape(0) else { return [.tensor(element, nil)] }
    let depth = try depth(context)
    if let value = depth.value, value < 1 { throw .invalid("depth is \(value), it must be positive") }
    shape.insert(depth, at: try normalizedAxis(axis, rank: shape.count + 1))
    return [.tensor(element, shape)]
  }

  private func depth(_ context: InferenceContext) throws(Diagnostic) -> Dim {
    if let known = context.contents(1)?.first { return known }
    guard let number = context.constant(1)?.wide(Double.self).first else { return .unknown }
    return Dim(Int(Int64(saturating: number)))
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let indices = try inputs.tensor(0)
    let values = try inputs.tensor(2)
    let axis = try normalizedAxis(axis, rank: shape.count)
    let depth = shape[axis]
    let inner = product(shape.dropFirst(axis + 1))
    let source = ElementSource(values)
    let target = ElementTarget(values.type, shape)
    target.fill(source)
    for (i, index) in indices.integers.enumerated() where index >= -depth && index < depth {
      let hot = index < 0 ? index + depth : index
      target.copy(source, from: 1, to: (i / inner * depth + hot) * inner + i % inner, count: 1)
    }
    return [.tensor(target.tensor())]
  }
}
