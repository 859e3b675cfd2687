extension OperatorCatalog {
  static let gathering: [any Operator.Type] = [Gather.self, GatherElements.self, GatherND.self]
}

/// An index counted from the front; throws where it is outside the axis.
@inline(__always)
func checkedIndex(_ index: Int, _ size: Int) throws(Diagnostic) -> Int {
  guard index >= -size, index < size else {
    throw .invalid("index \(index) is out of range, accepted are \(-size)...\(size - 1)")
  }
  return index < 0 ? index + size : index
}

/// Slices of the data along an axis, picked by indices: data[:axis] + indices + data[axis+1:]. Negative indices count
/// from the end. ONNX Gather, opsets 1–13.
public struct Gather: Operator {
  public static let name = "Gather"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [.int("axis", \.axis)]
  public var axis = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, indexTypes)
    let type = try context.tensor(0)
    guard let data = type.shape else { return [.tensor(type.element, nil)] }
    let axis = try normalizedAxis(axis, rank: data.count)
    if let size = data[axis].value, let indices = context.integers(1) {
      for index in indices { _ = try checkedIndex(index, size) }
    }
    guard let indices = try context.shape(1) else { return [.tensor(type.element, nil)] }
    return [.tensor(type.element, Array(data[..<axis]) + indices + Array(data[(axis + 1)...]))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let contents = context.contents(0), let indices = context.integers(1), context.shapeRank(0) == 1 else {
      return [nil]
    }
    var picked: [Dim] = []
    for index in indices {
      let position = index < 0 ? index + contents.count : index
      guard contents.indices.contains(position) else { return [nil] }
      picked.append(contents[position])
    }
    return [picked]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let data = try inputs.tensor(0)
    let axis = try normalizedAxis(axis, rank: data.rank)
    let size = data.shape[axis]
    let inner = product(data.shape.dropFirst(axis + 1))
    var indices = try inputs.tensor(1).integers
    for i in indices.indices { indices[i] = try checkedIndex(indices[i], size) }
    let source = ElementSource(data)
    let target = ElementTarget(data.type, shape)
    var to = 0
    if target.count > 0 {
      for outer in 0..<product(data.shape.prefix(axis)) {
        for index in indices {
          target.copy(source, from: (outer * size + index) * inner, to: to, count: inner)
          to += inner
        }
      }
    }
    return [.tensor(target.tensor())]
  }
}

/// result[i…] = data[i… with position `axis` replaced by indices[i…]]. ONNX GatherElements, opsets 11–13.
public struct GatherElements: Operator {
  public static let name = "GatherElements"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [.int("axis", \.axis)]
  public var axis = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, indexTypes)
    let type = try context.tensor(0)
    let indices = try context.shape(1)
    if let data = type.shape {
      let axis = try normalizedAxis(axis, rank: data.count)
      if let indices { try GatherElements.check(indices, within: data, axis) }
      try context.checkConstantIndices(1, sizes: [data[axis]])
    }
    return [.tensor(type.element, indices)]
  }

  /// Indices have the rank of the data, and are nowhere longer but along the axis.
  static func check(_ indices: Shape, within data: Shape, _ axis: Int) throws(Diagnostic) {
    guard indices.count == data.count else {
      throw .invalid("indices \(describe(indices)) and data \(describe(data)) differ in rank")
    }
    for d in data.indices where d != axis {
      if let i = indices[d].value, let n = data[d].value, i > n {
        throw .invalid("indices \(describe(indices)) are longer than data \(describe(data)) along axis \(d)")
      }
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let data = try inputs.tensor(0)
    let axis = try normalizedAxis(axis, rank: data.rank)
    let strides = rowMajorStrides(data.shape)
    let source = ElementSource(data)
    let target = ElementTarget(data.type, shape)
    var position = [Int](repeating: 0, count: shape.count)
    for (to, index) in try inputs.tensor(1).integers.enumerated() {
      var from = try checkedIndex(index, data.shape[axis]) * strides[axis]
      for d in shape.indices where d != axis { from += position[d] * strides[d] }
      target.copy(source, from: from, to: to, count: 1)
      _ = advance(&position, in: shape)
    }
    return [.tensor(target.tensor())]
  }
}

/// Slices of the data, picked by vectors of indices (the last axis of `indices`), within `batch_dims` leading axes.
/// ONNX GatherND, opsets 11–13.
public struct GatherND: Operator {
  public static let name = "GatherND"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [.int("batch_dims", \.batchDims, in: 0...1024)]
  public var batchDims = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, [.int64])
    let type = try context.tensor(0)
    guard let data = type.shape, let indices = try context.shape(1) else { return [.tensor(type.element, nil)] }
    guard data.count >= 1, indices.count >= 1, batchDims < min(data.count, indices.count) else {
      throw .invalid(
        "data \(describe(data)) and indices \(describe(indices)) do not have \(batchDims) batch axes and one more")
    }
    var shape = Array(indices.dropLast())
    for axis in 0..<batchDims {
      guard let dim = unified(data[axis], indices[axis]) else {
        throw .invalid("batch axis \(axis) is \(data[axis]) in data, \(indices[axis]) in indices")
      }
      shape[axis] = dim
    }
    guard let length = indices[indices.count - 1].value else { return [.tensor(type.element, nil)] }
    guard length >= 1, length <= data.count - batchDims else {
      throw .invalid("indices have \(length) parts, accepted range is 1...\(data.count - batchDims)")
    }
    try context.checkConstantIndices(1, sizes: data[batchDims..<(batchDims + length)])
    return [.tensor(type.element, shape + data.dropFirst(batchDims + length))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1)
    let length = indices.shape[indices.rank - 1]
    let strides = rowMajorStrides(data.shape)
    let run = product(data.shape.dropFirst(batchDims + length))
    let source = ElementSource(data)
    let target = ElementTarget(data.type, shape)
    guard target.count > 0 else { return [.tensor(target.tensor())] }
    let perBatch = product(indices.shape.dropLast().dropFirst(batchDims))
    let batchStep = product(data.shape.dropFirst(batchDims))
    let numbers = indices.integers
    for i in 0..<numbers.count / length {
      var from = i / perBatch * batchStep
      for part in 0..<length {
        let axis = batchDims + part
        from += try checkedIndex(numbers[i * length + part], data.shape[axis]) * strides[axis]
      }
      target.copy(source, from: from, to: i * run, count: run)
    }
    return [.tensor(target.tensor())]
  }
}
