import IR

/// The projections of an attention that read the same value are one product, whose columns the attention reads where they
/// are.
///
///     before: Attention(…MatMul(%x, wq, bq)…, …MatMul(%x, wk, bk)…, …MatMul(%x, wv, bv)…)    … : Reshape and Transpose
///     after:  %q, %k, %v = Split(MatMul(%x, [wq wk wv], [bq bk bv]))
///
/// After attention was recognized. In float only: on codes each has a range of its own.
public struct MergeProjections: RewriteRule {
  public static let name = "merge-projections"
  public init() {}

  /// The first of the products is the anchor: there all that they read is known.
  public func rewrite(_ op: MatMul, at node: Node, in graph: Graph) -> Outcome {
    guard let x = node.input(0), let first = Projection(node, graph) else { return .noMatch }
    var all: [Projection] = []
    for user in graph.users(x, limit: 64) {
      guard let node = graph[user], let other = Projection(node, graph), other.attention == first.attention,
        other.node.input(0) == x
      else { continue }
      all.append(other)
    }
    guard all.count > 1, all[0].node.id == node.id, Set(all.map(\.node.id)).count == all.count else { return .noMatch }
    guard all.allSatisfy({ $0.depth == first.depth }) else { return .noMatch }
    let columns = all.map(\.columns)
    var patch = Patch(at: node.id, note: "\(all.count) projections are one product")
    patch.absorbed = all.dropFirst().reversed().map(\.node.id)
    let names = all.flatMap(\.node.names)
    var inputs: [Patch.Operand?] = [.existing(x), patch.constant(weights(all, columns))]
    if all.contains(where: { $0.bias != nil }) {
      let row = all.flatMap { $0.bias?.wide(Float.self) ?? Array(repeating: 0, count: $0.columns) }
      inputs.append(patch.constant(Tensor(row, shape: [row.count])))
    }
    var split = Split()
    split.axis = -1
    let lengths = patch.constant(Tensor(columns.map { Int64($0) }))
    let product = patch.add(MatMul(), inputs, names: names)
    let pieces = patch.add(split, [product, lengths], outputs: all.count, names: names)
    for (projection, piece) in zip(all, pieces) { patch.replace(projection.node.outputs[0], with: piece) }
    return .patch(patch)
  }

  /// The matrices side by side.
  private func weights(_ all: [Projection], _ columns: [Int]) -> Tensor {
    let (depth, width) = (all[0].depth, columns.reduce(0, +))
    var result = [Float](repeating: 0, count: depth * width)
    var at = 0
    for projection in all {
      let values = projection.weights.wide(Float.self)
      let n = projection.columns
      for row in 0..<depth {
        result.replaceSubrange(row * width + at..<row * width + at + n, with: values[row * n..<(row + 1) * n])
      }
      at += n
    }
    return Tensor(result, shape: [depth, width])
  }
}

/// A product with a constant matrix that an attention alone reads, by heads.
private struct Projection {
  let node: Node
  let weights: Tensor
  let bias: Tensor?
  let attention: NodeID
  var depth: Int { weights.shape[0] }
  var columns: Int { weights.shape[1] }

  init?(_ node: Node, _ graph: Graph) {
    guard let op = node.op as? MatMul, op.activation.isNone, op.alpha == 1, !op.transposesA, !op.transposesB,
      node.input(3) == nil, graph.rank(node.input(0)) == 3, let weights = graph.constant(node.input(1)),
      weights.type == .float32, weights.rank == 2, weights.count > 0
    else { return nil }
    bias = node.input(2).flatMap { graph.constant($0) }
    if node.input(2) != nil, bias?.type != .float32 || bias?.shape != [weights.shape[1]] { return nil }
    guard let attention = Projection.attention(node.outputs[0], graph) else { return nil }
    (self.node, self.weights, self.attention) = (node, weights, attention)
  }

  /// The attention that reads a value as queries, keys or values, perhaps by heads; nil where others read it, too.
  private static func attention(_ value: ValueID, _ graph: Graph) -> NodeID? {
    var value = value
    for _ in 0..<3 {
      guard let reader = graph.soleReader(value), let position = reader.inputs.firstIndex(of: value) else { return nil }
      if reader.op is Attention { return position < 3 ? reader.id : nil }
      switch reader.op {
      case is Reshape: guard position == 0 else { return nil }
      // Columns of heads stay where they are.
      case let turn as Transpose: guard turn.permutation == [0, 2, 1, 3] else { return nil }
      default: return nil
      }
      value = reader.outputs[0]
    }
    return nil
  }
}
