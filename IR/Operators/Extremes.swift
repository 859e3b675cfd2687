extension OperatorCatalog {
  static let extremes: [any Operator.Type] = [ArgMax.self, ArgMin.self, TopK.self]
}

/// Whether a stands before b when the largest (or smallest) are wanted; NaN counts as largest.
private func precedes<T: Comparable>(_ a: T, _ b: T, largest: Bool) -> Bool {
  let (nanA, nanB) = (a != a, b != b)
  if nanA || nanB { return largest ? nanA && !nanB : nanB && !nanA }
  return largest ? a > b : a < b
}

/// What ArgMax and ArgMin share: the index of an extreme element along an axis.
public protocol ArgOperator: Operator {
  static var largest: Bool { get }
  var axis: Int { get set }
  var keepdims: Bool { get set }
  var selectLastIndex: Bool { get set }
}

extension ArgOperator {
  public static var inputs: Arity { 1 }
  public static var attributes: [AttributeField<Self>] {
    [
      .int("axis", \Self.axis), .flag("keepdims", \Self.keepdims), .flag("select_last_index", \Self.selectLastIndex),
    ]
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, numberTypes)
    guard let shape = try context.shape(0) else { return [.tensor(.int64, nil)] }
    let axis = try normalizedAxis(axis, rank: shape.count)
    if shape[axis] == 0 { throw .invalid("axis \(axis) of \(describe(shape)) has no elements") }
    return [.tensor(.int64, shape.indices.compactMap { $0 == axis ? (keepdims ? 1 : nil) : shape[$0] })]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try checkedTypes(inputs, context)[0].knownShape ?? []
    let x = try inputs.tensor(0)
    let axis = try normalizedAxis(axis, rank: x.rank)
    func search<T: WideNumber>(_: T.Type) -> [Datum] {
      let indices = forEachGroup(x.wide(T.self), x.shape, [axis]) { line -> Int64 in
        var best = line.startIndex
        for i in line.indices.dropFirst() {
          let better = precedes(line[i], line[best], largest: Self.largest)
          if better || selectLastIndex && !precedes(line[best], line[i], largest: Self.largest) { best = i }
        }
        return Int64(best - line.startIndex)
      }
      return [.tensor(Tensor(indices, shape: shape))]
    }
    switch x.type.arithmetic {
    case .signed: return search(Int64.self)
    case .unsigned: return search(UInt64.self)
    default: return search(Double.self)
    }
  }
}

/// Index of the largest element along an axis; ties: the first, or the last where asked for. ONNX ArgMax, opsets 1–28.
public struct ArgMax: ArgOperator {
  public static let name = "ArgMax"
  public static let largest = true
  public var axis = 0
  public var keepdims = true
  public var selectLastIndex = false
  public init() {}
}

/// Index of the smallest element along an axis; ties: the first, or the last where asked for. ONNX ArgMin, opsets 1–28.
public struct ArgMin: ArgOperator {
  public static let name = "ArgMin"
  public static let largest = false
  public var axis = 0
  public var keepdims = true
  public var selectLastIndex = false
  public init() {}
}

/// The K largest (or smallest) elements along an axis and their indices; ties: lower index first. Always sorted, which
/// `sorted` = 0 allows. X, K[1] → values, indices. ONNX TopK, opsets 1–28.
public struct TopK: Operator {
  public static let name = "TopK"
  public static let inputs: Arity = 2
  public static let outputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .int("axis", \.axis), .flag("largest", \.largest), .flag("sorted", \.sorted),
  ]
  public var axis = -1
  public var largest = true
  public var sorted = true
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, numberTypes)
    try context.require(1, [.int64])
    try context.requireScalar(1, "K")
    let x = try context.tensor(0)
    guard var shape = x.shape else { return [.tensor(x.element, nil), .tensor(.int64, nil)] }
    let axis = try normalizedAxis(axis, rank: shape.count)
    let k = context.contents(1)?.first ?? .unknown
    if let value = k.value {
      guard value >= 0 else { throw .invalid("K is \(value)") }
      if let size = shape[axis].value, value > size {
        throw .invalid("K is \(value), but axis \(axis) has \(size) elements")
      }
    }
    shape[axis] = k
    return [.tensor(x.element, shape), .tensor(.int64, shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let k = try inputs.scalarInteger(1, "K")
    let shape = try checkedTypes(inputs, context)[0].knownShape ?? []
    let x = try inputs.tensor(0)
    let axis = try normalizedAxis(axis, rank: x.rank)
    if x.count == 0 || k == 0 {
      return [.tensor(Tensor(wide: [Double](), x.type, shape)), .tensor(Tensor([Int64](), shape: shape))]
    }
    func search<T: WideNumber>(_: T.Type) -> [Datum] {
      let lines = forEachGroup(x.wide(T.self), x.shape, [axis]) { line -> [(T, Int)] in
        let ranked = line.enumerated().map { ($0.element, $0.offset) }.sorted { a, b in
          precedes(a.0, b.0, largest: largest) || !precedes(b.0, a.0, largest: largest) && a.1 < b.1
        }
        return Array(ranked.prefix(k))
      }
      let inner = x.shape[(axis + 1)...].reduce(1, *)
      var values: [T] = []
      var indices: [Int64] = []
      for outer in 0..<(inner == 0 ? 0 : lines.count / inner) {
        for i in 0..<k {
          for lane in 0..<inner {
            values.append(lines[outer * inner + lane][i].0)
            indices.append(Int64(lines[outer * inner + lane][i].1))
          }
        }
      }
      return [.tensor(Tensor(wide: values, x.type, shape)), .tensor(Tensor(indices, shape: shape))]
    }
    switch x.type.arithmetic {
    case .signed: return search(Int64.self)
    case .unsigned: return search(UInt64.self)
    default: return search(Double.self)
    }
  }
}
