import IR

/// Writes an Einstein sum of one or two operands as transposes, a product of matrices and reshapes, which have kernels.
///
///     before: Einsum(%a, %b) {equation = "bqhd,bkhd->bhqk"}
///     after:  MatMul(Transpose(%a) {0,2,1,3}, Transpose(%b) {0,2,3,1})
///
/// Labels of both operands and of the result count the matrices, those of both that the result lacks are summed, and those
/// of one operand are the rows or the columns.
public struct DecomposeEinsum: RewriteRule {
  public static let name = "decompose-einsum"
  public init() {}

  public func rewrite(_ op: Einsum, at node: Node, in graph: Graph) -> Outcome {
    var shapes: [Shape] = []
    for input in node.inputs {
      guard let type = input.flatMap({ graph.type($0).tensor }) else { return .noMatch }
      guard type.element == .float32 else { return .rejected("its elements are no float32") }
      guard let shape = type.shape else { return .rejected("the rank of an operand is not known") }
      shapes.append(shape)
    }
    guard (1...2).contains(shapes.count) else { return .rejected("it has more than two operands") }
    guard let equation = try? EinsumEquation(op.equation, ranks: shapes.map(\.count)) else { return .noMatch }
    guard equation.operands.allSatisfy({ Set($0).count == $0.count }) else { return .rejected("it takes a diagonal") }
    var parts = EinsumParts(Patch(at: node.id, note: "wrote Einsum as a product"))
    let operands = zip(node.inputs.compactMap { $0 }, zip(equation.operands, shapes)).map {
      EinsumOperand(value: .existing($0), labels: $1.0, shape: $1.1)
    }
    guard let result = parts.result(operands, equation.result) else {
      return .rejected("sizes that a reshape needs are not known")
    }
    parts.patch.replace(node.outputs[0], with: result)
    return .patch(parts.patch)
  }
}

/// A value with a label and a size for each axis.
private struct EinsumOperand {
  var value: Patch.Operand
  var labels: [EinsumEquation.Label]
  var shape: Shape

  func size(_ label: EinsumEquation.Label) -> Dim { labels.firstIndex(of: label).map { shape[$0] } ?? 1 }
}

/// The nodes that stand for an Einstein sum.
private struct EinsumParts {
  typealias Label = EinsumEquation.Label
  var patch: Patch

  init(_ patch: Patch) { self.patch = patch }

  mutating func result(_ operands: [EinsumOperand], _ result: [Label]) -> Patch.Operand? {
    guard operands.count == 2 else {
      let alone = reduced(operands[0], keep: Set(result))
      return transposed(alone, to: result).value
    }
    let (a, b) = (operands[0], operands[1])
    let kept = Set(result)
    let left = reduced(a, keep: kept.union(b.labels))
    let right = reduced(b, keep: kept.union(a.labels))
    let shared = left.labels.filter { right.labels.contains($0) }
    let batch = result.filter { shared.contains($0) }
    let summed = shared.filter { !kept.contains($0) }
    // Summed axes have to be equal: MatMul does not broadcast them.
    guard summed.allSatisfy({ left.size($0).isEqual(to: right.size($0)) == true }) else { return nil }
    let rows = result.filter { left.labels.contains($0) && !shared.contains($0) }
    let columns = result.filter { right.labels.contains($0) && !shared.contains($0) }
    guard let x = matrices(left, batch, rows, summed), let y = matrices(right, batch, summed, columns) else {
      return nil
    }
    let product = patch.add(MatMul(), [x, y])
    let sizes = rows.map { left.size($0) } + columns.map { right.size($0) }
    var spread = EinsumOperand(
      value: product, labels: batch + rows + columns, shape: batch.map { _ in .unknown } + sizes)
    if rows.count != 1 || columns.count != 1 {
      guard
        let value = reshaped(
          product, batch.count, [rows.map { left.size($0) }, columns.map { right.size($0) }], merges: false)
      else { return nil }
      spread.value = value
    }
    return transposed(spread, to: result).value
  }

  /// Sums the labels that nothing else needs.
  private mutating func reduced(_ operand: EinsumOperand, keep: Set<Label>) -> EinsumOperand {
    let axes = operand.labels.indices.filter { !keep.contains(operand.labels[$0]) }
    guard !axes.isEmpty else { return operand }
    var sum = ReduceSum()
    sum.keepdims = false
    let list = patch.constant(Tensor(axes.map { Int64($0) }, shape: [axes.count]))
    let left = operand.labels.indices.filter { keep.contains(operand.labels[$0]) }
    return EinsumOperand(
      value: patch.add(sum, [operand.value, list]), labels: left.map { operand.labels[$0] },
      shape: left.map { operand.shape[$0] })
  }

  private mutating func transposed(_ operand: EinsumOperand, to labels: [Label]) -> EinsumOperand {
    let order = labels.compactMap { operand.labels.firstIndex(of: $0) }
    guard order != Array(order.indices) else { return operand }
    var transpose = Transpose()
    transpose.permutation = order
    return EinsumOperand(
      value: patch.add(transpose, [operand.value]), labels: labels, shape: order.map { operand.shape[$0] })
  }

  /// The operand as matrices of two merged axes behind the batch axes.
  private mutating func matrices(
    _ operand: EinsumOperand, _ batch: [Label], _ rows: [Label], _ columns: [Label]
  ) -> Patch.Operand? {
    let ordered = transposed(operand, to: batch + rows + columns)
    if rows.count == 1 && columns.count == 1 { return ordered.value }
    let sizes = [rows, columns].map { $0.map { operand.size($0) } }
    return reshaped(ordered.value, batch.count, sizes, merges: true)
  }

  /// Merges each group of axes behind `batch` others into one, or spreads it again. Nil where the sizes do not allow it.
  private mutating func reshaped(
    _ value: Patch.Operand, _ batch: Int, _ groups: [[Dim]], merges: Bool
  ) -> Patch.Operand? {
    var target = Array(repeating: Int64(0), count: batch)
    // The axis of the value at which the next group begins.
    var from = batch
    for group in groups {
      let merged = group.reduce(1, *)
      for dim in merges ? [merged] : group {
        // 0 copies the axis that stands at the same place.
        let isCopied = group.count == 1 && from == target.count
        guard dim.value != 0 else { return nil }
        target.append(isCopied ? 0 : dim.value.map { Int64($0) } ?? -1)
      }
      from += merges ? group.count : 1
    }
    guard target.count(where: { $0 == -1 }) <= 1 else { return nil }
    return patch.add(Reshape(), [value, patch.constant(Tensor(target, shape: [target.count]))])
  }
}
