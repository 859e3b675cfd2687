extension OperatorCatalog {
  static let einsum: [any Operator.Type] = [Einsum.self, Det.self]
}

/// An Einstein sum, parsed: labels of each operand's axes and of the result's.
public struct EinsumEquation: Hashable, Sendable {
  /// A letter, or an axis behind an ellipsis counted from the last one.
  public enum Label: Hashable, Sendable {
    case letter(UInt8)
    case ellipsis(Int)
  }

  public private(set) var operands: [[Label]]
  public private(set) var result: [Label]

  /// Throws what is wrong with the equation for operands of these ranks.
  public init(_ text: [UInt8], ranks: [Int]) throws(Diagnostic) {
    let plain = text.filter { $0 != UInt8(ascii: " ") }
    var sides: [[UInt8]] = [plain]
    if let arrow = plain.indices.dropLast().first(where: {
      plain[$0] == UInt8(ascii: "-") && plain[$0 + 1] == UInt8(ascii: ">")
    }) {
      sides = [Array(plain[..<arrow]), Array(plain[(arrow + 2)...])]
    }
    let terms = sides[0].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { Array($0) }
    guard terms.count == ranks.count else {
      throw .invalid("the equation has \(terms.count) terms, there are \(ranks.count) inputs")
    }
    operands = []
    for (term, rank) in zip(terms, ranks) { operands.append(try EinsumEquation.labels(term, rank: rank)) }
    let all = operands.flatMap { $0 }
    let dots = all.map { if case .ellipsis(let axis) = $0 { axis + 1 } else { 0 } }.max() ?? 0
    if sides.count == 2 {
      let letters = sides[1].filter { $0 != UInt8(ascii: ".") }.count
      let hasDots = letters != sides[1].count
      result = try EinsumEquation.labels(sides[1], rank: letters + (hasDots ? dots : 0))
      guard Set(result).count == result.count, result.allSatisfy({ all.contains($0) }) else {
        throw .invalid("the result '\(Name(sides[1]))' names a label twice, or one that no input has")
      }
      return
    }
    let once = (UInt8(ascii: "A")...UInt8(ascii: "z")).filter { letter in all.count { $0 == .letter(letter) } == 1 }
    result = (0..<dots).reversed().map { .ellipsis($0) } + once.map { .letter($0) }
  }

  private static func labels(_ term: [UInt8], rank: Int) throws(Diagnostic) -> [Label] {
    var labels: [Label] = []
    var i = 0
    let letters = term.filter { $0 != UInt8(ascii: ".") }.count
    var hasDots = false
    while i < term.count {
      let byte = term[i]
      if byte == UInt8(ascii: ".") {
        guard !hasDots, i + 2 < term.count, term[i + 1] == byte, term[i + 2] == byte, rank >= letters else {
          throw .invalid("the term '\(Name(term))' does not fit rank \(rank)")
        }
        hasDots = true
        labels += (0..<(rank - letters)).reversed().map { .ellipsis($0) }
        i += 3
        continue
      }
      guard (65...90).contains(byte) || (97...122).contains(byte) else {
        throw .invalid("the term '\(Name(term))' holds a character that is no letter")
      }
      labels.append(.letter(byte))
      i += 1
    }
    guard labels.count == rank else { throw .invalid("the term '\(Name(term))' does not fit rank \(rank)") }
    return labels
  }

  /// The size of every label; 1 gives way to others. Throws where two differ.
  func sizes(_ shapes: [Shape]) throws(Diagnostic) -> [Label: Dim] {
    var sizes: [Label: Dim] = [:]
    for (labels, shape) in zip(operands, shapes) {
      for (label, dim) in zip(labels, shape) {
        sizes[label] = try IR.broadcast([sizes[label] ?? 1], [dim])[0]
      }
    }
    return sizes
  }
}

/// One operand of an Einstein sum.
private struct EinsumOperand<T: ProductNumber> {
  var labels: [EinsumEquation.Label]
  var shape: [Int]
  var values: [T]

  /// The step along a label, all axes with it taken together; 0 where it is broadcast or absent.
  func step(_ label: EinsumEquation.Label) -> Int {
    let strides = rowMajorStrides(shape)
    return labels.indices.reduce(0) { $0 + (labels[$1] == label && shape[$1] != 1 ? strides[$1] : 0) }
  }

  /// Σ over all labels that are not in `keep` of this · other.
  func product(
    _ other: EinsumOperand, keep: [EinsumEquation.Label], sizes: [EinsumEquation.Label: Int],
    _ context: EvaluationContext
  ) throws(Diagnostic) -> EinsumOperand {
    var summed: [EinsumEquation.Label] = []
    for label in labels + other.labels where !keep.contains(label) && !summed.contains(label) { summed.append(label) }
    let shape = keep.map { sizes[$0] ?? 1 }
    let inner = summed.map { sizes[$0] ?? 1 }
    try context.checkSize(shape, .float64)
    guard Tensor.elementCount(of: inner) != nil else { throw .invalid("the sum has too many terms") }
    let outerSteps = [self, other].map { operand in keep.map { operand.step($0) } }
    let innerSteps = [self, other].map { operand in summed.map { operand.step($0) } }
    var starts: [(Int, Int)] = []
    forEachOffset(shape, outerSteps) { starts.append(($0[0], $0[1])) }
    var results: [T] = []
    for (a, b) in starts {
      try context.checkDeadline()
      var sum: T = 0
      forEachOffset(inner, innerSteps) { sum.addProduct(values[a + $0[0]], other.values[b + $0[1]]) }
      results.append(sum)
    }
    return EinsumOperand(labels: keep, shape: shape, values: results)
  }
}

/// Sums of products of elements with equal labels, by an equation such as `bij,bjk->bik`. ONNX Einsum, opsets 12–28.
public struct Einsum: Operator {
  public static let name = "Einsum"
  public static let inputs = Arity.variadic(1)
  public static let attributes: [AttributeField<Self>] = [.string("equation", \.equation)]
  public var equation: [UInt8] = []
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let element = try context.sameElement(0..<context.inputs.count)
    try context.require(0, numberTypes)
    var shapes: [Shape] = []
    for index in context.inputs.indices {
      guard let shape = try context.shape(index) else { return [.tensor(element, nil)] }
      shapes.append(shape)
    }
    let parsed = try EinsumEquation(equation, ranks: shapes.map(\.count))
    let sizes = try parsed.sizes(shapes)
    return [.tensor(element, parsed.result.map { sizes[$0] ?? 1 })]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try checkedTypes(inputs, context)[0].knownShape ?? []
    let type = try inputs.tensor(0).type
    if type.isInteger {
      return [.tensor(Tensor(wide: try sum(Int64.self, inputs, context), type, shape))]
    }
    return [.tensor(Tensor(wide: try sum(Double.self, inputs, context), type, shape))]
  }

  /// Operands are taken in pairs from the left; labels that nothing else needs are summed at once.
  private func sum<T: ProductNumber>(
    _: T.Type, _ inputs: [Datum?], _ context: EvaluationContext
  ) throws(Diagnostic) -> [T] {
    var tensors: [Tensor] = []
    for index in inputs.indices { tensors.append(try inputs.tensor(index)) }
    let parsed = try EinsumEquation(equation, ranks: tensors.map(\.rank))
    let sizes = try parsed.sizes(tensors.map { $0.shape.map { Dim($0) } }).mapValues { $0.value ?? 1 }
    let one = EinsumOperand<T>(labels: [], shape: [], values: [1])
    var total = one
    for (index, tensor) in tensors.enumerated() {
      let labels = parsed.operands[index]
      let others = parsed.operands.indices.filter { $0 != index }.flatMap { parsed.operands[$0] } + parsed.result
      var operand = EinsumOperand(labels: labels, shape: tensor.shape, values: tensor.wide(T.self))
      var own: [EinsumEquation.Label] = []
      for label in labels where others.contains(label) && !own.contains(label) { own.append(label) }
      // Only here may an axis of size 1 stand against a larger one: it stays 1 until it meets it.
      let present = Dictionary(zip(labels, tensor.shape), uniquingKeysWith: { max($0, $1) })
      if own != labels { operand = try operand.product(one, keep: own, sizes: present, context) }
      let later = parsed.operands.dropFirst(index + 1).flatMap { $0 } + parsed.result
      var keep: [EinsumEquation.Label] = []
      let candidates = index == tensors.count - 1 ? parsed.result : total.labels + own
      for label in candidates where later.contains(label) && !keep.contains(label) { keep.append(label) }
      total = try total.product(operand, keep: keep, sizes: sizes, context)
    }
    return total.values
  }
}

/// Determinants of the matrices in the last two axes. ONNX Det, opsets 11–28.
public struct Det: Operator {
  public static let name = "Det"
  public static let inputs: Arity = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.requireRankAtLeast(0, 2)
    let x = try context.tensor(0)
    if let shape = x.shape, shape[shape.count - 1].isEqual(to: shape[shape.count - 2]) == false {
      throw .invalid("the matrices of \(describe(shape)) are not square")
    }
    return [.tensor(x.element, x.shape.map { Array($0.dropLast(2)) } as Shape?)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try checkedTypes(inputs, context)[0].knownShape ?? []
    let x = try inputs.tensor(0)
    let size = x.shape[x.rank - 1]
    let values = forEachGroup(x.wide(Double.self), x.shape, [x.rank - 2, x.rank - 1]) { Det.determinant($0, size) }
    return [.tensor(Tensor(wide: values, x.type, shape))]
  }

  /// Elimination with the largest pivot of each column.
  static func determinant(_ matrix: ArraySlice<Double>, _ size: Int) -> Double {
    var rows = (0..<size).map { Array(matrix[(matrix.startIndex + $0 * size)..<(matrix.startIndex + ($0 + 1) * size)]) }
    var result = 1.0
    for column in 0..<size {
      let pivot = (column..<size).max { rows[$0][column].magnitude < rows[$1][column].magnitude } ?? column
      if rows[pivot][column] == 0 { return 0 }
      if pivot != column {
        rows.swapAt(pivot, column)
        result = -result
      }
      result *= rows[column][column]
      for row in (column + 1)..<max(size, column + 1) {
        let factor = rows[row][column] / rows[column][column]
        for k in column..<size { rows[row][k] -= factor * rows[column][k] }
      }
    }
    return result
  }
}
