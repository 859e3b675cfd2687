extension OperatorCatalog {
  static let scattering: [any Operator.Type] = [ScatterElements.self, ScatterND.self, TensorScatter.self]
}

/// How an update meets what is there.
public enum ScatterReduction: String, CaseIterable, Sendable { case none, add, mul, min, max }

extension ScatterReduction {
  /// Writes updates over a copy of the data: run i of the updates, `run` elements, goes to `targets[i]`.
  func apply(_ updates: Tensor, to data: Tensor, targets: [Int], run: Int) throws(Diagnostic) -> Tensor {
    if self == .none {
      let target = ElementTarget(data.type, data.shape)
      target.copy(ElementSource(data), from: 0, to: 0, count: data.count)
      let source = ElementSource(updates)
      for (i, to) in targets.enumerated() { target.copy(source, from: i * run, to: to, count: run) }
      return target.tensor()
    }
    switch data.type.arithmetic {
    case .float, .double: return reduce(Double.self, updates, data, targets, run, combine)
    case .signed: return reduce(Int64.self, updates, data, targets, run, combine)
    case .unsigned, .bool: return reduce(UInt64.self, updates, data, targets, run, combine)
    case .string, .complex: throw .unsupported("reduction '\(rawValue)' of \(data.type.name)")
    }
  }

  private func reduce<T: WideNumber>(
    _: T.Type, _ updates: Tensor, _ data: Tensor, _ targets: [Int], _ run: Int, _ combine: (T, T) -> T
  ) -> Tensor {
    var values = data.wide(T.self)
    let source = updates.wide(T.self)
    for (i, to) in targets.enumerated() {
      for k in 0..<run { values[to + k] = rounded(combine(values[to + k], source[i * run + k]), data.type) }
    }
    return Tensor(wide: values, data.type, data.shape)
  }

  /// A number as the element type holds it, so that sums of many updates wrap and round each time.
  private func rounded<T: WideNumber>(_ value: T, _ type: ElementType) -> T {
    guard let x = value as? Double, type == .float32 else { return value }
    return Double(Float(x)) as? T ?? value
  }

  private func combine(_ a: Double, _ b: Double) -> Double {
    switch self {
    case .none: b
    case .add: a + b
    case .mul: a * b
    case .min: minimumOrNaN(a, b)
    case .max: maximumOrNaN(a, b)
    }
  }

  private func combine<I: FixedWidthInteger>(_ a: I, _ b: I) -> I {
    switch self {
    case .none: b
    case .add: a &+ b
    case .mul: a &* b
    case .min: Swift.min(a, b)
    case .max: Swift.max(a, b)
    }
  }
}

/// result[i… with position `axis` replaced by indices[i…]] = updates[i…], elsewhere the data.
/// ONNX ScatterElements, opsets 11–18.
public struct ScatterElements: Operator {
  public static let name = "ScatterElements"
  public static let inputs: Arity = 3
  public static let attributes: [AttributeField<Self>] = [.int("axis", \.axis), .choice("reduction", \.reduction)]
  public var axis = 0
  public var reduction = ScatterReduction.none
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, indexTypes)
    try context.sameElement([0, 2])
    let type = try context.tensor(0)
    if let data = type.shape {
      let axis = try normalizedAxis(axis, rank: data.count)
      if let indices = try context.shape(1) { try GatherElements.check(indices, within: data, axis) }
      try context.checkConstantIndices(1, sizes: [data[axis]])
    }
    if let indices = try context.shape(1), let updates = try context.shape(2) {
      guard indices.count == updates.count, zip(indices, updates).allSatisfy({ $0.isEqual(to: $1) != false }) else {
        throw .invalid("indices \(describe(indices)) and updates \(describe(updates)) differ in shape")
      }
    }
    return [.tensor(type)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedShape(inputs, context)
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1)
    let axis = try normalizedAxis(axis, rank: data.rank)
    let strides = rowMajorStrides(data.shape)
    var position = [Int](repeating: 0, count: data.rank)
    var targets: [Int] = []
    targets.reserveCapacity(indices.count)
    for index in indices.integers {
      var to = try checkedIndex(index, data.shape[axis]) * strides[axis]
      for d in position.indices where d != axis { to += position[d] * strides[d] }
      targets.append(to)
      _ = advance(&position, in: indices.shape)
    }
    return [.tensor(try reduction.apply(try inputs.tensor(2), to: data, targets: targets, run: 1))]
  }
}

/// result[indices[i…]] = updates[i…], slice by slice, elsewhere the data. ONNX ScatterND, opsets 11–18.
public struct ScatterND: Operator {
  public static let name = "ScatterND"
  public static let inputs: Arity = 3
  public static let attributes: [AttributeField<Self>] = [.choice("reduction", \.reduction)]
  public var reduction = ScatterReduction.none
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, [.int64])
    try context.sameElement([0, 2])
    let type = try context.tensor(0)
    guard let data = type.shape, let indices = try context.shape(1) else { return [.tensor(type)] }
    guard data.count >= 1, let length = indices.last else { throw .invalid("data and indices must not be scalars") }
    guard let length = length.value else { return [.tensor(type)] }
    guard length >= 0, length <= data.count else {
      throw .invalid("indices have \(length) parts, accepted range is 0...\(data.count)")
    }
    try context.checkConstantIndices(1, sizes: data.prefix(length))
    let expected = indices.dropLast() + data.dropFirst(length)
    if let updates = try context.shape(2) {
      guard updates.count == expected.count, zip(updates, expected).allSatisfy({ $0.isEqual(to: $1) != false }) else {
        throw .invalid("updates are \(describe(updates)), expected \(describe(Array(expected)))")
      }
    }
    return [.tensor(type)]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard reduction == .none, var contents = context.contents(0), context.shapeRank(0) == 1,
      let updates = context.contents(2),
      let indices = context.constant(1), indices.rank >= 1, indices.shape[indices.rank - 1] == 1,
      indices.count == updates.count
    else { return [nil] }
    for (index, update) in zip(indices.integers, updates) {
      let to = index < 0 ? index + contents.count : index
      guard contents.indices.contains(to) else { return [nil] }
      contents[to] = update
    }
    return [contents]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedShape(inputs, context)
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1)
    let length = indices.shape[indices.rank - 1]
    let strides = rowMajorStrides(data.shape)
    let numbers = indices.integers
    var targets: [Int] = []
    for i in 0..<product(indices.shape.dropLast()) {
      var to = 0
      for part in 0..<length { to += try checkedIndex(numbers[i * length + part], data.shape[part]) * strides[part] }
      targets.append(to)
    }
    let run = product(data.shape.dropFirst(length))
    if run == 0 { targets = [] }
    return [.tensor(try reduction.apply(try inputs.tensor(2), to: data, targets: targets, run: run))]
  }
}

public enum CacheMode: String, CaseIterable, Sendable { case linear, circular }

/// A cache with an update written along an axis, per batch entry from write_indices on (absent: from 0).
/// ONNX TensorScatter, opset 24.
public struct TensorScatter: Operator {
  public static let name = "TensorScatter"
  public static let inputs = Arity(2...3)
  public static let attributes: [AttributeField<Self>] = [.int("axis", \.axis), .choice("mode", \.mode)]
  public var axis = -2
  public var mode = CacheMode.linear
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.sameElement([0, 1])
    if context.has(2) {
      try context.require(2, [.int64])
      try context.requireRank(2, 1...1)
    }
    let type = try context.tensor(0)
    guard let cache = type.shape else { return [.tensor(type)] }
    let axis = try normalizedAxis(axis, rank: cache.count)
    guard axis > 0 else { throw .invalid("axis 0 is the batch axis") }
    if let update = try context.shape(1) {
      guard update.count == cache.count else {
        throw .invalid("cache \(describe(cache)) and update \(describe(update)) differ in rank")
      }
      for d in cache.indices {
        let isWrong =
          d == axis
          ? (update[d] - cache[d]).value.map { $0 > 0 } ?? false : update[d].isEqual(to: cache[d]) == false
        if isWrong {
          throw .invalid("update \(describe(update)) does not fit cache \(describe(cache)) along axis \(d)")
        }
      }
    }
    if let starts = try context.has(2) ? context.shape(2) : nil, starts[0].isEqual(to: cache[0]) == false {
      throw .invalid("there are \(starts[0]) write indices for \(cache[0]) batch entries")
    }
    return [.tensor(type)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let cache = try inputs.tensor(0)
    let update = try inputs.tensor(1)
    let axis = try normalizedAxis(axis, rank: shape.count)
    let starts = inputs.optionalTensor(2)?.integers
    let target = ElementTarget(cache.type, shape)
    target.copy(ElementSource(cache), from: 0, to: 0, count: cache.count)
    let source = ElementSource(update)
    let run = product(shape.dropFirst(axis + 1))
    let perEntry = product(shape[1..<axis])
    let (size, length) = (shape[axis], update.shape[axis])
    for row in 0..<(target.count == 0 ? 0 : shape[0] * perEntry) {
      for t in 0..<length {
        var position = saturatingAdd(starts?[row / perEntry] ?? 0, t)
        if mode == .circular { position = position - floorDivide(position, size) * size }
        guard position >= 0, position < size else {
          throw .invalid("write index \(position) is out of range 0...\(size - 1)")
        }
        target.copy(source, from: (row * length + t) * run, to: (row * size + position) * run, count: run)
      }
    }
    return [.tensor(target.tensor())]
  }
}
