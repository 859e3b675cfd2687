extension OperatorCatalog {
  static let joining: [any Operator.Type] = [Concat.self, Split.self]
}

/// The dimension that both must be: a number before a symbol; nil where they contradict.
func unified(_ a: Dim, _ b: Dim) -> Dim? {
  if a.isEqual(to: b) == false { return nil }
  return a.value == nil && b.value != nil || a.isUnknown ? b : a
}

/// Shape of tensors behind each other along an axis.
func concatenatedShape(_ shapes: [Shape?], axis given: Int) throws(Diagnostic) -> Shape? {
  guard let rank = shapes.lazy.compactMap({ $0 }).first?.count else { return nil }
  let axis = try normalizedAxis(given, rank: rank)
  var result = InferenceContext.unknown(rank)
  result[axis] = 0
  for (index, shape) in shapes.enumerated() {
    guard let shape else {
      result[axis] = .unknown
      continue
    }
    guard shape.count == rank else {
      throw .invalid("input \(index) is \(describe(shape)), expected rank \(rank) as the inputs before")
    }
    for d in 0..<rank where d != axis {
      guard let dim = unified(result[d], shape[d]) else {
        throw .invalid("input \(index) is \(describe(shape)), but axis \(d) of the inputs before is \(result[d])")
      }
      result[d] = dim
    }
    if !result[axis].isUnknown { result[axis] = result[axis] + shape[axis] }
  }
  return result
}

/// Tensors behind each other along an axis. Shapes have been checked.
func concatenate(_ tensors: [Tensor], axis: Int, _ type: ElementType, _ shape: [Int]) -> Tensor {
  let target = ElementTarget(type, shape)
  guard target.count > 0 else { return target.tensor() }
  let inner = product(shape.dropFirst(axis + 1))
  let outer = product(shape.prefix(axis))
  let row = shape[axis] * inner
  var start = 0
  for tensor in tensors {
    let source = ElementSource(tensor)
    let run = tensor.shape[axis] * inner
    for i in 0..<outer { target.copy(source, from: i * run, to: i * row + start, count: run) }
    start += run
  }
  return target.tensor()
}

/// The inputs behind each other along an axis. ONNX Concat, opsets 1–13.
public struct Concat: Operator {
  public static let name = "Concat"
  public static let inputs = Arity.variadic(1)
  public static let attributes: [AttributeField<Self>] = [.int("axis", \.axis, isRequired: true)]
  public var axis = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let element = try context.sameElement(context.inputs.indices)
    var shapes: [Shape?] = []
    for index in context.inputs.indices { shapes.append(try context.shape(index)) }
    return [.tensor(element, try concatenatedShape(shapes, axis: axis))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    var all: [Dim] = []
    for index in context.inputs.indices {
      guard let contents = context.contents(index), all.count + contents.count <= 1024 else { return [nil] }
      all += contents
    }
    return [all]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    var tensors: [Tensor] = []
    for index in inputs.indices { tensors.append(try inputs.tensor(index)) }
    return [.tensor(concatenate(tensors, axis: try normalizedAxis(axis, rank: shape.count), tensors[0].type, shape))]
  }
}

/// Parts along an axis: as long as input 1 says, or `num_outputs` equal ones of which the last may be shorter.
/// ONNX Split, opsets 1–18.
public struct Split: Operator {
  public static let name = "Split"
  public static let inputs = Arity(1...2)
  public static let outputs = Arity.variadic(1)
  public static let attributes: [AttributeField<Self>] = [
    .int("axis", \.axis), .optionalInt("num_outputs", \.outputCount, in: sizeRange),
  ]
  public var axis = 0
  public var outputCount: Int?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let type = try context.tensor(0)
    if let outputCount, outputCount != context.outputCount {
      throw .invalid("attribute 'num_outputs' is \(outputCount), but \(context.outputCount) outputs are named")
    }
    if outputCount != nil && context.has(1) { throw .invalid("has both input 'split' and attribute 'num_outputs'") }
    guard let shape = type.shape else {
      return Array(repeating: .tensor(type.element, nil), count: context.outputCount)
    }
    let axis = try normalizedAxis(axis, rank: shape.count)
    return try lengths(shape[axis], context).map { length in
      var part = shape
      part[axis] = length
      return .tensor(type.element, part)
    }
  }

  private func lengths(_ dim: Dim, _ context: InferenceContext) throws(Diagnostic) -> [Dim] {
    let count = context.outputCount
    guard context.has(1) else {
      let part = dim.ceilQuotient(by: Dim(count)) ?? .unknown
      if let size = dim.value, let whole = part.value {
        // Too few elements for so many parts: the last ones are empty.
        return (0..<count).map { Dim(max(0, min(whole, size - saturatingMultiply($0, whole)))) }
      }
      return Array(repeating: part, count: count - 1) + [dim - part * Dim(count - 1)]
    }
    try context.require(1, [.int64])
    guard let given = context.contents(1) else { return InferenceContext.unknown(count) }
    try checkDimensions(given, "input 'split'")
    guard given.count == count else { throw .invalid("input 'split' has \(given.count) elements for \(count) outputs") }
    let sum = given.reduce(Dim(0)) { $0 + $1 }
    if sum.isEqual(to: dim) == false { throw .invalid("the parts have \(sum) elements, the input has \(dim)") }
    return given
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let contents = context.contents(0), let lengths = try? lengths(Dim(contents.count), context) else {
      return []
    }
    var start = 0
    return lengths.map { length in
      guard let count = length.value, count >= 0, start + count <= contents.count else { return nil }
      defer { start += count }
      return Array(contents[start..<start + count])
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0)
    let strides = rowMajorStrides(x.shape)
    let axis = try normalizedAxis(axis, rank: x.rank)
    var start = 0
    var results: [Datum] = []
    for type in try resolvedTypes(inputs, context) {
      guard let shape = type.tensor?.knownShape else { throw .invalid("the lengths of the parts are not known") }
      guard start + shape[axis] <= x.shape[axis] else { throw .invalid("the parts have more elements than the input") }
      results.append(.tensor(x.view(shape, offset: start * strides[axis], strides: strides)))
      start += shape[axis]
    }
    return results
  }
}
