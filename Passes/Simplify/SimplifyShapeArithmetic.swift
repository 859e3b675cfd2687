import IR

/// Gives Reshape a constant shape where shape arithmetic knows it up to one dimension, so that the arithmetic dies.
///
///     before: %s = Concat(Gather(Shape(%x), 0), [12, 64])   Reshape(%x, %s)      %x: f32[N,768]
///     after:  Reshape(%x, constant [0, 12, 64])
///
/// A Transpose that moves only axes of one element becomes a Reshape, which is free.
public struct SimplifyShapeArithmetic: RewriteRule {
  public static let name = "simplify-shape-arithmetic"
  public init() {}

  public static func isRoot(_ op: any Operator) -> Bool { op is Reshape || op is Transpose }

  public func rewrite(_ op: any Operator, at node: Node, in graph: Graph) -> Outcome {
    guard let input = node.input(0), let output = node.outputs.first else { return .noMatch }
    switch op {
    case is Reshape:
      guard graph.constant(node.input(1)) == nil, let from = graph.shape(input), let to = graph.shape(output) else {
        return .noMatch
      }
      guard let target = ReshapeTarget.constant(from: from, to: to) else { return .noMatch }
      return .patch(reshape(node, input, target, "made the shape constant"))
    case let op as Transpose:
      guard movesOnlyOnes(op, graph.shape(input)), let from = graph.shape(input), let to = graph.shape(output),
        from != to, let target = ReshapeTarget.constant(from: from, to: to)
      else { return .noMatch }
      return .patch(reshape(node, input, target, "made a Reshape of Transpose"))
    default: return .noMatch
    }
  }

  private func reshape(_ node: Node, _ input: ValueID, _ target: [Int], _ note: String) -> Patch {
    var patch = Patch(at: node.id, note: note)
    let shape = patch.constant(Tensor(target.map { Int64($0) }))
    patch.replace(node.outputs[0], with: patch.add(Reshape(), [.existing(input), shape]))
    return patch
  }

  /// Whether the axes of more than one element keep their order.
  private func movesOnlyOnes(_ op: Transpose, _ shape: Shape?) -> Bool {
    guard let shape, let permutation = try? op.permutation(rank: shape.count) else { return false }
    let moving = permutation.filter { shape[$0] != 1 }
    return moving == moving.sorted()
  }
}

enum ReshapeTarget {
  /// The constant that makes Reshape turn one shape into the other, where there is one: numbers, 0 for a dimension taken
  /// over from the same axis, −1 for at most one that is neither.
  static func constant(from: Shape, to: Shape) -> [Int]? {
    var target: [Int] = []
    for (axis, dim) in to.enumerated() {
      if let value = dim.value {
        // A literal 0 would mean "take over".
        guard value > 0 else { return nil }
        target.append(value)
      } else if axis < from.count, from[axis] == dim {
        target.append(0)
      } else {
        target.append(-1)
      }
    }
    guard target.count(where: { $0 == -1 }) <= 1 else { return nil }
    if target.contains(-1), !remainderIsExact(from, to, target) { return nil }
    return target
  }

  /// Whether −1 will stand for the wanted dimension: the elements left over on both sides are provably as many.
  private static func remainderIsExact(_ from: Shape, _ to: Shape, _ target: [Int]) -> Bool {
    var have = Dim(1)
    var want = Dim(1)
    for (axis, dim) in from.enumerated() where !(axis < target.count && target[axis] == 0) { have = have * dim }
    for (axis, dim) in to.enumerated() where target[axis] != 0 { want = want * dim }
    return have == want
  }
}
