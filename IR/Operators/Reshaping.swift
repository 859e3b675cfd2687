extension OperatorCatalog {
  static let reshaping: [any Operator.Type] = [
    Identity.self, Reshape.self, Flatten.self, Squeeze.self, Unsqueeze.self,
  ]
}

/// Its input. ONNX Identity, opsets 1–25.
public struct Identity: Operator {
  public static let name = "Identity"
  public static let inputs: Arity = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard let input = context.input(0) else { throw .invalid("input 0 is missing") }
    return [input.type]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [context.contents(0)] }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    guard let input = inputs.first ?? nil else { throw .invalid("input 0 is missing") }
    return [input]
  }
}

/// What operators share that keep all elements in order and only change the shape.
public protocol ReshapingOperator: Operator {
  func outputShape(_ input: Shape, _ context: InferenceContext) throws(Diagnostic) -> Shape?
  /// Shape where the input's rank is unknown.
  func outputShape(_ context: InferenceContext) throws(Diagnostic) -> Shape?
}

extension ReshapingOperator {
  public func outputShape(_ context: InferenceContext) throws(Diagnostic) -> Shape? { nil }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let type = try context.tensor(0)
    guard let shape = type.shape else { return [.tensor(type.element, try outputShape(context))] }
    return [.tensor(type.element, try outputShape(shape, context))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [context.contents(0)] }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    guard let result = x.reshaped(shape) else {
      throw .invalid("\(x.tensorType) has \(x.count) elements, which do not make up shape \(describe(shape))")
    }
    return [.tensor(result)]
  }
}

/// The elements under the shape that input 1 gives: 0 takes over the input's dimension (unless `allowzero`), one −1 is
/// what remains. ONNX Reshape, opsets 1–25.
public struct Reshape: ReshapingOperator {
  public static let name = "Reshape"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [.flag("allowzero", \.allowsZero)]
  public var allowsZero = false
  public init() {}

  public func outputShape(_ context: InferenceContext) throws(Diagnostic) -> Shape? {
    try context.require(1, [.int64])
    guard let target = context.contents(1) else {
      return try context.length(1).map { InferenceContext.unknown($0) }
    }
    return target.map { $0.value.map { $0 > 0 } ?? true ? $0 : .unknown }
  }

  public func outputShape(_ input: Shape, _ context: InferenceContext) throws(Diagnostic) -> Shape? {
    guard let target = context.contents(1) else { return try outputShape(context) }
    try context.requireRank(1, 1...1)
    try context.require(1, [.int64])
    var shape: Shape = []
    var inferred: Int?
    var copied: Set<Int> = []
    for (axis, dim) in target.enumerated() {
      if dim == -1 {
        guard inferred == nil else { throw .invalid("shape \(describe(target)) has more than one -1") }
        inferred = axis
        shape.append(1)
      } else if dim == 0 && !allowsZero {
        guard axis < input.count else {
          throw .invalid("shape \(describe(target)) takes over dimension \(axis), but the input is \(describe(input))")
        }
        copied.insert(axis)
        shape.append(input[axis])
      } else {
        shape.append(dim)
      }
    }
    try checkDimensions(shape, "shape \(describe(target))")
    if allowsZero, inferred != nil, shape.contains(0) {
      throw .invalid("shape \(describe(target)) has both 0 and -1, which allowzero forbids")
    }
    if let inferred { shape[inferred] = try remaining(input, shape, copied, except: inferred) }
    try checkCount(input, shape)
    return shape
  }

  /// What is left for -1. Dimensions taken over are left out on both sides, so that empty ones do no harm.
  private func remaining(
    _ input: Shape, _ shape: Shape, _ copied: Set<Int>, except inferred: Int
  ) throws(Diagnostic) -> Dim {
    let whole = product(input.indices.filter { !copied.contains($0) }.map { input[$0] })
    let others = product(shape.indices.filter { !copied.contains($0) && $0 != inferred }.map { shape[$0] })
    guard let quotient = whole.quotient(by: others) else {
      throw .invalid("shape \(describe(shape)) does not tell what -1 stands for")
    }
    if let w = whole.value, let o = others.value, w % o != 0 {
      throw .invalid(
        "input \(describe(input)) has \(product(input)) elements, which do not divide into \(product(shape))")
    }
    return quotient
  }

  private func checkCount(_ input: Shape, _ shape: Shape) throws(Diagnostic) {
    let (have, want) = (product(input), product(shape))
    if have.isEqual(to: want) == false {
      throw .invalid("input \(describe(input)) has \(have) elements, shape \(describe(shape)) has \(want)")
    }
  }
}

/// [d0·…·d(axis−1), d(axis)·…]. ONNX Flatten, opsets 1–25.
public struct Flatten: ReshapingOperator {
  public static let name = "Flatten"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.int("axis", \.axis)]
  public var axis = 1
  public init() {}

  public func outputShape(_ context: InferenceContext) throws(Diagnostic) -> Shape? { InferenceContext.unknown(2) }

  public func outputShape(_ input: Shape, _ context: InferenceContext) throws(Diagnostic) -> Shape? {
    let rank = input.count
    guard axis >= -rank, axis <= rank else {
      throw .invalid("axis is \(axis), accepted range for rank \(rank) is \(-rank)...\(rank)")
    }
    let split = axis < 0 ? axis + rank : axis
    return [product(input.prefix(split)), product(input.dropFirst(split))]
  }
}

/// Without the axes of one element: those of input 1, or all. ONNX Squeeze, opsets 1–25.
public struct Squeeze: ReshapingOperator {
  public static let name = "Squeeze"
  public static let inputs = Arity(1...2)
  public init() {}

  public func outputShape(_ input: Shape, _ context: InferenceContext) throws(Diagnostic) -> Shape? {
    guard context.has(1) else {
      // Which axes go depends on the numbers.
      guard input.allSatisfy({ $0.value != nil }) else { return nil }
      return input.filter { $0 != 1 }
    }
    try context.require(1, [.int64])
    guard let given = context.integers(1) else {
      return try context.length(1).flatMap { $0 <= input.count ? InferenceContext.unknown(input.count - $0) : nil }
    }
    let axes = try normalizedAxes(given, rank: input.count)
    for axis in axes where input[axis].isEqual(to: 1) == false {
      throw .invalid("axis \(axis) of \(describe(input)) has \(input[axis]) elements, only 1 can be squeezed")
    }
    return input.indices.filter { !axes.contains($0) }.map { input[$0] }
  }
}

/// With axes of one element put in, counted in the result. ONNX Unsqueeze, opsets 1–25.
public struct Unsqueeze: ReshapingOperator {
  public static let name = "Unsqueeze"
  public static let inputs: Arity = 2
  public init() {}

  public func outputShape(_ input: Shape, _ context: InferenceContext) throws(Diagnostic) -> Shape? {
    try context.require(1, [.int64])
    guard let given = context.integers(1) else {
      return try context.length(1).map { InferenceContext.unknown(input.count + $0) }
    }
    let axes = Set(try normalizedAxes(given, rank: input.count + given.count))
    var rest = input[...]
    return (0..<input.count + given.count).map { axes.contains($0) ? 1 : rest.popFirst() ?? 1 }
  }
}
