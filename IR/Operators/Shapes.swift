extension OperatorCatalog {
  static let shapes: [any Operator.Type] = [
    ShapeOf.self, SizeOf.self, ConstantOfShape.self, NumberRange.self, Expand.self, Tile.self,
  ]
}

/// The dimensions of its input from `start` up to `end`. ONNX Shape, opsets 1–25.
public struct ShapeOf: Operator {
  public static let name = "Shape"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.int("start", \.start), .optionalInt("end", \.end)]
  public var start = 0
  public var end: Int?
  public init() {}

  private func range(_ rank: Int) -> Range<Int> {
    let (first, count) = Slice.indices(rank, start, end ?? rank, 1)
    return first..<first + count
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard let rank = try context.tensor(0).rank else { return [.tensor(.int64, [.unknown])] }
    return [.tensor(.int64, [Dim(range(rank).count)])]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let shape = context.input(0)?.type.tensor?.shape, shape.count <= 1024 else { return [nil] }
    return [Array(shape[range(shape.count)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try inputs.tensor(0).shape
    return [.tensor(Tensor(shape[range(shape.count)].map { Int64($0) }))]
  }
}

/// The number of elements of its input. ONNX Size, opsets 1–25.
public struct SizeOf: Operator {
  public static let name = "Size"
  public static let inputs: Arity = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    _ = try context.tensor(0)
    return [.tensor(.int64, [])]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    [context.input(0)?.type.tensor?.shape.map { [product($0)] }]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    [.tensor(Tensor(scalar: Int64(try inputs.tensor(0).count)))]
  }
}

/// A tensor of the shape that input 0 holds, of one value (absent: float zero). ONNX ConstantOfShape, opsets 9–25.
public struct ConstantOfShape: Operator {
  public static let name = "ConstantOfShape"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.tensor("value", \.value)]
  public var value: Tensor?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.int64])
    if let value, value.count != 1 {
      throw .invalid("attribute 'value' has shape \(describe(value.shape)), expected one element")
    }
    let element = value?.type ?? .float32
    guard let shape = context.contents(0) else {
      return [.tensor(element, try context.length(0).map { InferenceContext.unknown($0) })]
    }
    try context.requireRank(0, 1...1)
    try checkDimensions(shape, "shape \(describe(shape))")
    return [.tensor(element, shape)]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let shape = context.contents(0), shape.count <= 1, let count = product(shape).value, count <= 1024,
      let value, let number = Graph.contents(of: value)?.first
    else { return [nil] }
    return [Array(repeating: number, count: max(count, 0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let target = ElementTarget(value?.type ?? .float32, shape)
    if let value { target.fill(ElementSource(value)) }
    return [.tensor(target.tensor())]
  }
}

/// start, start + delta, … before limit. ONNX Range, opsets 11–27.
public struct NumberRange: Operator {
  public static let name = "Range"
  public static let inputs: Arity = 3
  public static let attributes: [AttributeField<Self>] = [.int("stash_type", \.stashType)]
  public static let types: [ElementType] = floatTypes + [.int16, .int32, .int64]
  /// In which type ONNX computes float16 and bfloat16; here always double.
  public var stashType = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, Self.types)
    let element = try context.sameElement(0...2)
    for index in 0...2 {
      // One element of rank 1 is seen in models, and accepted elsewhere.
      if let shape = try context.shape(index),
        shape.count > 1 || shape.first.map({ $0.isEqual(to: 1) == false }) ?? false
      {
        throw .invalid("input \(index) is \(describe(shape)), expected a scalar")
      }
    }
    return [.tensor(element, [try length(context, element)])]
  }

  private func length(_ context: InferenceContext, _ element: ElementType) throws(Diagnostic) -> Dim {
    if element.isFloat {
      guard let start = scalar(context, 0), let limit = scalar(context, 1), let delta = scalar(context, 2) else {
        return .unknown
      }
      return Dim(try NumberRange.count(start, limit, delta))
    }
    guard let start = context.contents(0)?.first, let limit = context.contents(1)?.first,
      let delta = context.contents(2)?.first
    else { return .unknown }
    guard let step = delta.value else { return .unknown }
    if step == 0 { throw .invalid("delta is 0") }
    let span = step > 0 ? limit - start : start - limit
    let steps = span.ceilQuotient(by: Dim(step > 0 ? step : saturatingMultiply(step, -1))) ?? .unknown
    return steps.isNonNegative ? steps : Dim.maximum(steps, 0)
  }

  private func scalar(_ context: InferenceContext, _ index: Int) -> Double? {
    context.constant(index)?.wide(Double.self).first
  }

  private static func count(_ start: Double, _ limit: Double, _ delta: Double) throws(Diagnostic) -> Int {
    let steps = ((limit - start) / delta).rounded(.up)
    guard delta != 0, !steps.isNaN else { throw .invalid("a range from \(start) to \(limit) by \(delta) has no end") }
    return Int(Int64(saturating: max(steps, 0)))
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let start = context.contents(0)?.first, let delta = context.contents(2)?.first,
      let element = try? context.element(0), !element.isFloat, let count = try? length(context, element).value,
      count <= 1024
    else { return [nil] }
    return [(0..<count).map { start + delta * Dim($0) }]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let start = try inputs.tensor(0)
    let delta = try inputs.tensor(2)
    if start.type.isFloat {
      let first = start.wide(Double.self)[0]
      let step = delta.wide(Double.self)[0]
      return [.tensor(Tensor(wide: (0..<shape[0]).map { first + Double($0) * step }, start.type, shape))]
    }
    let first = start.wide(Int64.self)[0]
    let step = delta.wide(Int64.self)[0]
    return [.tensor(Tensor(wide: (0..<shape[0]).map { first &+ Int64($0) &* step }, start.type, shape))]
  }
}

/// Its input broadcast against a shape, both ways. ONNX Expand, opsets 8–13.
public struct Expand: Operator {
  public static let name = "Expand"
  public static let inputs: Arity = 2
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, [.int64])
    let type = try context.tensor(0)
    guard let shape = type.shape else { return [.tensor(type.element, nil)] }
    guard let target = context.contents(1) else {
      guard let length = try context.length(1) else { return [.tensor(type.element, nil)] }
      return [.tensor(type.element, InferenceContext.unknown(max(length, shape.count)))]
    }
    try context.requireRank(1, 1...1)
    try checkDimensions(target, "shape \(describe(target))")
    return [.tensor(type.element, try broadcast(shape, target))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let contents = context.contents(0), let target = context.integers(1), target.count <= 1 else { return [nil] }
    let length = target.first ?? 1
    if contents.count == 1, (1...1024).contains(length) { return [Array(repeating: contents[0], count: length)] }
    return [length == contents.count || length == 1 ? contents : nil]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    return [.tensor(x.view(shape, strides: broadcastStrides(x.shape, to: shape)))]
  }
}

/// Its input repeated along every axis. ONNX Tile, opsets 1–13.
public struct Tile: Operator {
  public static let name = "Tile"
  public static let inputs: Arity = 2
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, [.int64])
    let type = try context.tensor(0)
    guard let shape = type.shape else { return [.tensor(type.element, nil)] }
    if let length = try context.length(1), length != shape.count {
      throw .invalid("repeats has \(length) elements, expected \(shape.count)")
    }
    guard let repeats = context.contents(1) else {
      return [.tensor(type.element, InferenceContext.unknown(shape.count))]
    }
    guard repeats.count == shape.count else {
      throw .invalid("repeats has \(repeats.count) elements, expected \(shape.count)")
    }
    try checkDimensions(repeats, "repeats")
    return [.tensor(type.element, zip(shape, repeats).map { $0 * $1 })]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let contents = context.contents(0), let repeats = context.integers(1), repeats.count <= 1,
      (0...1024).contains(repeats.first ?? 1), contents.count * (repeats.first ?? 1) <= 1024
    else { return [nil] }
    return [Array(repeatElement(contents, count: repeats.first ?? 1).joined())]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let repeats = try inputs.tensor(1).integers
    let strides = rowMajorStrides(x.shape)
    // Each axis as (repeat, position): repeats are read again and again.
    let sizes = x.shape.indices.flatMap { [repeats[$0], x.shape[$0]] }
    let steps = x.shape.indices.flatMap { [0, strides[$0]] }
    let tiled = product(shape) == 0 ? ElementTarget(x.type, shape).tensor() : x.view(sizes, strides: steps)
    return [.tensor(tiled.reshaped(shape) ?? tiled)]
  }
}
