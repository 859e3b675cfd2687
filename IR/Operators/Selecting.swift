extension OperatorCatalog {
  static let selecting: [any Operator.Type] = [NonZero.self, Compress.self, Unique.self, ReverseSequence.self]
}

/// Positions of the elements that are not zero, one column each: [rank, count]. A scalar counts as one axis.
/// ONNX NonZero, opsets 9–13.
public struct NonZero: Operator {
  public static let name = "NonZero"
  public static let inputs: Arity = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let type = try context.tensor(0)
    return [.tensor(.int64, [type.rank.map { Dim(max($0, 1)) } ?? .unknown, .unknown])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0)
    let shape = x.rank == 0 ? [1] : x.shape
    let flags = NonZero.flags(x)
    let count = flags.reduce(0) { $0 + ($1 ? 1 : 0) }
    try context.checkSize([shape.count, count], .int64)
    let strides = rowMajorStrides(shape)
    var result = [Int64](repeating: 0, count: shape.count * count)
    var column = 0
    for (i, flag) in flags.enumerated() where flag {
      for axis in shape.indices { result[axis * count + column] = Int64(i / strides[axis] % shape[axis]) }
      column += 1
    }
    return [.tensor(Tensor(result, shape: [shape.count, count]))]
  }

  /// Which elements are not zero, for every type.
  static func flags(_ x: Tensor) -> [Bool] {
    switch x.type.arithmetic {
    case .string: return x.strings.map { !$0.isEmpty }
    case .complex:
      let width = x.type.bitWidth / 8
      let parts: [Bool] =
        x.type == .complex64
        ? (0..<x.count * 2).map { x.bytes.loadUnaligned(fromByteOffset: $0 * width / 2, as: Float.self) != 0 }
        : (0..<x.count * 2).map { x.bytes.loadUnaligned(fromByteOffset: $0 * width / 2, as: Double.self) != 0 }
      return (0..<x.count).map { parts[2 * $0] || parts[2 * $0 + 1] }
    case .signed, .unsigned: return x.wide(UInt64.self).map { $0 != 0 }
    case .float, .double, .bool: return x.wide(Double.self).map { $0 != 0 }
    }
  }
}

/// The slices along an axis (absent: the elements) whose condition holds; a short condition ends with false.
/// ONNX Compress, opsets 9–28.
public struct Compress: Operator {
  public static let name = "Compress"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [.optionalInt("axis", \.axis)]
  public var axis: Int?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, [.bool])
    try context.requireRank(1, 1...1)
    let type = try context.tensor(0)
    guard let axis else { return [.tensor(type.element, [.unknown])] }
    guard var shape = type.shape else { return [.tensor(type.element, nil)] }
    shape[try normalizedAxis(axis, rank: shape.count)] = .unknown
    return [.tensor(type.element, shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let x = try inputs.tensor(0)
    guard let condition = try inputs.tensor(1).elements(Bool.self) else { throw .invalid("condition is not bool") }
    let data = axis == nil ? x.reshaped([x.count]) ?? x : x
    let axis = try normalizedAxis(axis ?? 0, rank: data.rank)
    let kept = condition.indices.filter { condition[$0] }
    if let last = kept.last, last >= data.shape[axis] {
      throw .invalid("condition \(last) holds, but there are \(data.shape[axis]) elements")
    }
    var gather = Gather()
    gather.axis = axis
    return try gather.evaluate([.tensor(data), .tensor(Tensor(kept.map { Int64($0) }))], context)
  }
}

/// The different elements (or slices along an axis), ascending or in order of appearance; where each appears first;
/// which one every input element is; how often each appears. ONNX Unique, opsets 11–28.
public struct Unique: Operator {
  public static let name = "Unique"
  public static let inputs: Arity = 1
  public static let outputs = Arity(1...4)
  public static let attributes: [AttributeField<Self>] = [
    .optionalInt("axis", \.axis), .flag("sorted", \.isSorted),
  ]
  public var axis: Int?
  public var isSorted = true
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let type = try context.tensor(0)
    guard type.element.arithmetic != .complex else { throw .unsupported("complex elements have no order") }
    var shape: Shape? = [.unknown]
    var length: Dim = type.shape.map { product($0) } ?? .unknown
    if let axis {
      shape = type.shape
      if let own = type.shape {
        let normal = try normalizedAxis(axis, rank: own.count)
        length = own[normal]
        shape?[normal] = .unknown
      }
    }
    let all: [ValueType] = [
      .tensor(type.element, shape), .tensor(.int64, [.unknown]), .tensor(.int64, [length]), .tensor(.int64, [.unknown]),
    ]
    return Array(all.prefix(context.outputCount))
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let data = axis == nil ? x.reshaped([x.count]) ?? x : x
    let axis = try normalizedAxis(axis ?? 0, rank: data.rank)
    let groups = grouped(data, axis)
    var gather = Gather()
    gather.axis = axis
    let firsts = Tensor(groups.firsts.map { Int64($0) })
    let picked = try gather.evaluate([.tensor(data), .tensor(firsts)], context)
    let all: [Datum] =
      picked + [
        .tensor(firsts), .tensor(Tensor(groups.inverse.map { Int64($0) })),
        .tensor(Tensor(groups.counts.map { Int64($0) })),
      ]
    return Array(all.prefix(context.outputCount))
  }

  private func grouped(_ data: Tensor, _ axis: Int) -> (firsts: [Int], inverse: [Int], counts: [Int]) {
    let size = data.shape[axis]
    let slices = SliceOrder(data, axis)
    let order = (0..<size).sorted { a, b in slices.compare(a, b).map { $0 } ?? (a < b) }
    var groups: [[Int]] = []
    for i in order {
      if let last = groups.last?.first, slices.compare(last, i) == nil {
        groups[groups.count - 1].append(i)
      } else {
        groups.append([i])
      }
    }
    if !isSorted { groups.sort { $0[0] < $1[0] } }
    var inverse = [Int](repeating: 0, count: size)
    for (number, group) in groups.enumerated() { for i in group { inverse[i] = number } }
    return (groups.map { $0[0] }, inverse, groups.map(\.count))
  }
}

/// Lexicographic order of the slices of a tensor along an axis. NaN comes last.
private struct SliceOrder {
  var floats: [Double] = []
  var signed: [Int64] = []
  var unsigned: [UInt64] = []
  var strings: [[UInt8]] = []
  let size: Int
  let inner: Int
  let outer: Int

  init(_ data: Tensor, _ axis: Int) {
    size = data.shape[axis]
    inner = product(data.shape.dropFirst(axis + 1))
    outer = product(data.shape.prefix(axis))
    switch data.type.arithmetic {
    case .string: strings = data.strings
    case .signed: signed = data.wide(Int64.self)
    case .unsigned, .bool: unsigned = data.wide(UInt64.self)
    case .float, .double, .complex: floats = data.wide(Double.self)
    }
  }

  /// Whether slice a comes before b; nil where they are equal.
  func compare(_ a: Int, _ b: Int) -> Bool? {
    for o in 0..<outer {
      for i in 0..<inner {
        if let before = element((o * size + a) * inner + i, (o * size + b) * inner + i) { return before }
      }
    }
    return nil
  }

  private func element(_ a: Int, _ b: Int) -> Bool? {
    if !signed.isEmpty { return signed[a] == signed[b] ? nil : signed[a] < signed[b] }
    if !unsigned.isEmpty { return unsigned[a] == unsigned[b] ? nil : unsigned[a] < unsigned[b] }
    if !strings.isEmpty { return strings[a] == strings[b] ? nil : strings[a].lexicographicallyPrecedes(strings[b]) }
    let (x, y) = (floats[a], floats[b])
    if x.isNaN || y.isNaN { return x.isNaN == y.isNaN ? nil : y.isNaN }
    return x == y ? nil : x < y
  }
}

/// The first sequence_lens[b] steps of every batch entry in reverse order. ONNX ReverseSequence, opsets 10–28.
public struct ReverseSequence: Operator {
  public static let name = "ReverseSequence"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .int("batch_axis", \.batchAxis, in: 0...1), .int("time_axis", \.timeAxis, in: 0...1),
  ]
  public var batchAxis = 1
  public var timeAxis = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard batchAxis != timeAxis else { throw .invalid("batch_axis and time_axis are both \(batchAxis)") }
    try context.require(1, [.int64])
    try context.requireRank(1, 1...1)
    let type = try context.tensor(0)
    guard let shape = type.shape else { return [.tensor(type)] }
    guard shape.count >= 2 else { throw .invalid("input is \(describe(shape)), expected rank 2 or more") }
    if let lengths = try context.shape(1), lengths[0].isEqual(to: shape[batchAxis]) == false {
      throw .invalid("there are \(lengths[0]) sequence lengths for \(shape[batchAxis]) batch entries")
    }
    if let steps = shape[timeAxis].value { try context.checkConstantLengths(1, steps: steps) }
    return [.tensor(type)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let lengths = try inputs.tensor(1).integers
    for length in lengths where length < 0 || length > shape[timeAxis] {
      throw .invalid("sequence length \(length) is out of range 0...\(shape[timeAxis])")
    }
    let source = ElementSource(x)
    let target = ElementTarget(x.type, shape)
    let run = product(shape.dropFirst(2))
    if target.count > 0 {
      for row in 0..<shape[0] * shape[1] {
        var position = [row / shape[1], row % shape[1]]
        let length = lengths[position[batchAxis]]
        if position[timeAxis] < length { position[timeAxis] = length - 1 - position[timeAxis] }
        target.copy(source, from: (position[0] * shape[1] + position[1]) * run, to: row * run, count: run)
      }
    }
    return [.tensor(target.tensor())]
  }
}
