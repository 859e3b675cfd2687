extension OperatorCatalog {
  static let sequences: [any Operator.Type] = [
    SequenceConstruct.self, SequenceEmpty.self, SequenceAt.self, SequenceInsert.self, SequenceErase.self,
    SequenceLength.self, SplitToSequence.self, ConcatFromSequence.self,
  ]
}

extension InferenceContext {
  /// Element type of a sequence input. Throws where it is none.
  func sequenceElement(_ index: Int) throws(Diagnostic) -> ValueType {
    guard let input = input(index) else { throw .invalid("input \(index) is missing") }
    guard case .sequence(let element) = input.type else {
      throw .invalid("input \(index) is a \(input.type), expected a sequence")
    }
    return element
  }

  /// Length of a sequence input, where known.
  func sequenceLength(_ index: Int) -> Dim? { contents(index)?.first }
}

extension Array where Element == Datum? {
  /// The sequence at an input; throws where it is none.
  func sequence(_ index: Int) throws(Diagnostic) -> (items: [Datum], type: ValueType) {
    guard index < count, case .sequence(let items, let type)? = self[index] else {
      throw .invalid("input \(index) is no sequence")
    }
    return (items, type)
  }

  /// A position in a list of that length, counted from the front; `end`: may be the one behind the last.
  func position(_ index: Int, _ length: Int, end: Bool) throws(Diagnostic) -> Int? {
    guard let tensor = optionalTensor(index) else { return nil }
    guard tensor.count == 1 else { throw .invalid("the position is \(tensor.tensorType), expected one number") }
    let position = tensor.integers[0]
    guard position >= -length, position < length + (end ? 1 : 0) else {
      throw .invalid("position \(position) is out of range for a sequence of \(length)")
    }
    return position < 0 ? position + length : position
  }
}

/// A sequence of its inputs. ONNX SequenceConstruct, opset 11.
public struct SequenceConstruct: Operator {
  public static let name = "SequenceConstruct"
  public static let inputs = Arity.variadic(1)
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.sameElement(context.inputs.indices)
    var type = ValueType.tensor(try context.tensor(0))
    for index in context.inputs.indices { type = ValueType.merged(type, .tensor(try context.tensor(index))) ?? type }
    return [.sequence(type)]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [[Dim(context.inputs.count)]] }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    guard case .sequence(let element)? = try resolvedTypes(inputs, context).first else { return [] }
    return [.sequence(inputs.compactMap { $0 }, of: element)]
  }
}

/// A sequence of nothing. ONNX SequenceEmpty, opset 11.
public struct SequenceEmpty: Operator {
  public static let name = "SequenceEmpty"
  public static let inputs: Arity = 0
  public static let attributes: [AttributeField<Self>] = [.elementType("dtype", \.type)]
  public var type: ElementType?
  public init() {}

  private var element: ValueType { .tensor(type ?? .float32, nil) }
  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] { [.sequence(element)] }
  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [[0]] }
  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    [.sequence([], of: element)]
  }
}

/// The element at a position; negative ones count from the end. ONNX SequenceAt, opset 11.
public struct SequenceAt: Operator {
  public static let name = "SequenceAt"
  public static let inputs: Arity = 2
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, indexTypes)
    try context.checkConstantPosition(1, inSequence: 0)
    return [try context.sequenceElement(0)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let items = try inputs.sequence(0).items
    guard let position = try inputs.position(1, items.count, end: false) else { throw .invalid("input 1 is missing") }
    return [items[position]]
  }
}

/// With a tensor put in before a position (absent: at the end). ONNX SequenceInsert, opset 11.
public struct SequenceInsert: Operator {
  public static let name = "SequenceInsert"
  public static let inputs = Arity(2...3)
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    if context.has(2) { try context.require(2, indexTypes) }
    try context.checkConstantPosition(2, inSequence: 0, end: true)
    let element = try context.sequenceElement(0)
    let added = ValueType.tensor(try context.tensor(1))
    guard let merged = ValueType.merged(element, added) else {
      throw .invalid("\(added) does not go into a sequence of \(element)")
    }
    return [.sequence(merged)]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [context.sequenceLength(0).map { [$0 + 1] }] }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    var (items, type) = try inputs.sequence(0)
    let tensor = Datum.tensor(try inputs.tensor(1))
    items.insert(tensor, at: try inputs.position(2, items.count, end: true) ?? items.count)
    return [.sequence(items, of: ValueType.merged(type, tensor.type) ?? type)]
  }
}

/// Without the element at a position (absent: the last). ONNX SequenceErase, opset 11.
public struct SequenceErase: Operator {
  public static let name = "SequenceErase"
  public static let inputs = Arity(1...2)
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    if context.has(1) { try context.require(1, indexTypes) }
    if context.sequenceLength(0)?.value == 0 { throw .invalid("the sequence is empty") }
    try context.checkConstantPosition(1, inSequence: 0)
    return [.sequence(try context.sequenceElement(0))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [context.sequenceLength(0).map { [$0 - 1] }] }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    var (items, type) = try inputs.sequence(0)
    guard !items.isEmpty else { throw .invalid("the sequence is empty") }
    items.remove(at: try inputs.position(1, items.count, end: false) ?? items.count - 1)
    return [.sequence(items, of: type)]
  }
}

/// The number of elements. ONNX SequenceLength, opset 11.
public struct SequenceLength: Operator {
  public static let name = "SequenceLength"
  public static let inputs: Arity = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    _ = try context.sequenceElement(0)
    return [.tensor(.int64, [])]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [context.sequenceLength(0).map { [$0] }] }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    [.tensor(Tensor(scalar: Int64(try inputs.sequence(0).items.count)))]
  }
}

/// Parts along an axis, as a sequence: of the lengths in input 1, all of one length (a scalar), or one each.
/// ONNX SplitToSequence, opsets 11–24.
public struct SplitToSequence: Operator {
  public static let name = "SplitToSequence"
  public static let inputs = Arity(1...2)
  public static let attributes: [AttributeField<Self>] = [.int("axis", \.axis), .flag("keepdims", \.keepsAxis)]
  public var axis = 0
  /// Whether parts of one element without given lengths keep the axis.
  public var keepsAxis = true
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    if context.has(1) {
      try context.require(1, indexTypes)
      try context.requireRank(1, 0...1)
    }
    let type = try context.tensor(0)
    guard var shape = type.shape else { return [.sequence(.tensor(type.element, nil))] }
    let axis = try normalizedAxis(axis, rank: shape.count)
    if let size = shape[axis].value, let split = context.constant(1) { try checkLengths(split, size) }
    shape[axis] = context.has(1) ? .unknown : 1
    if !context.has(1), !keepsAxis { shape.remove(at: axis) }
    return [.sequence(.tensor(type.element, shape))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let shape = context.input(0)?.type.tensor?.shape, !shape.isEmpty else { return [nil] }
    let size = shape[axis < 0 ? axis + shape.count : axis]
    guard context.has(1) else { return [[size]] }
    let rank = context.input(1)?.type.tensor?.rank
    if rank == 0 { return [context.contents(1)?.first.flatMap { size.ceilQuotient(by: $0) }.map { [$0] }] }
    return [rank == 1 ? context.input(1)?.type.tensor?.shape.map { [$0[0]] } : nil]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    guard case .sequence(let element)? = try resolvedTypes(inputs, context).first else { return [] }
    let x = try inputs.tensor(0)
    let axis = try normalizedAxis(axis, rank: x.rank)
    let strides = rowMajorStrides(x.shape)
    var parts: [Datum] = []
    var start = 0
    for length in try lengths(inputs.optionalTensor(1), x.shape[axis], context) {
      try context.checkDeadline()
      var shape = x.shape
      shape[axis] = length
      var part = x.view(shape, offset: start * strides[axis], strides: strides)
      if inputs.optionalTensor(1) == nil, !keepsAxis {
        shape.remove(at: axis)
        part = part.reshaped(shape) ?? part
      }
      parts.append(.tensor(part))
      start += length
    }
    return [.sequence(parts, of: element)]
  }

  /// Throws unless the lengths of parts make up the axis.
  private func checkLengths(_ split: Tensor, _ size: Int) throws(Diagnostic) {
    let lengths = split.integers
    if split.rank == 1 {
      guard lengths.allSatisfy({ $0 >= 0 && $0 <= size }), lengths.reduce(0, saturatingAdd) == size else {
        throw .invalid("parts \(describe(lengths)) do not make up \(size) elements")
      }
    } else if let length = lengths.first, length < 1 {
      throw .invalid("the length of parts is \(length), it must be positive")
    }
  }

  private func lengths(_ split: Tensor?, _ size: Int, _ context: EvaluationContext) throws(Diagnostic) -> [Int] {
    if let split { try checkLengths(split, size) }
    if let split, split.rank == 1 { return split.integers }
    let length = split?.integers.first ?? 1
    // An empty other axis lets this one be of any size.
    try context.checkSize([size / length + 1, 64], .uint8)
    return stride(from: 0, to: size, by: length).map { min(length, size - $0) }
  }
}

/// The elements behind each other along an axis, or along a new one. ONNX ConcatFromSequence, opset 11.
public struct ConcatFromSequence: Operator {
  public static let name = "ConcatFromSequence"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .int("axis", \.axis, isRequired: true), .flag("new_axis", \.makesAxis),
  ]
  public var axis = 0
  public var makesAxis = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard let element = try context.sequenceElement(0).tensor else { throw .invalid("the elements are no tensors") }
    guard var shape = element.shape else { return [.tensor(element.element, nil)] }
    let axis = try normalizedAxis(axis, rank: shape.count + (makesAxis ? 1 : 0))
    if makesAxis { shape.insert(.unknown, at: axis) } else { shape[axis] = .unknown }
    return [.tensor(element.element, shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    var tensors = try inputs.sequence(0).items.compactMap(\.tensor)
    guard let first = tensors.first else { throw .invalid("the sequence is empty") }
    let axis = try normalizedAxis(axis, rank: first.rank + (makesAxis ? 1 : 0))
    if makesAxis {
      for i in tensors.indices {
        guard tensors[i].rank == first.rank else { throw .invalid("the elements differ in rank") }
        var shape = tensors[i].shape
        shape.insert(1, at: axis)
        tensors[i] = tensors[i].reshaped(shape) ?? tensors[i]
      }
    }
    guard tensors.allSatisfy({ $0.type == first.type }) else { throw .invalid("the elements differ in type") }
    let shape = try concatenatedShape(tensors.map { $0.tensorType.shape }, axis: axis)?.compactMap(\.value) ?? []
    try context.checkSize(shape, first.type)
    return [.tensor(concatenate(tensors, axis: axis, first.type, shape))]
  }
}
