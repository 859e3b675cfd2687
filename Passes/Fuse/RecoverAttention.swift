import IR

/// Recognizes attention written out, by heads ([batch,heads,length,size]) or with one head ([batch,length,size]).
///
///     before: MatMul(Softmax(MatMul(%q, %k) {transB=1, alpha=…} + %mask), %v)      also without mask, or transB
///     after:  Attention(%q, %k, %v, %mask) {scale=…}
///
/// A constant mask of zeros up to the diagonal and −∞ (or a number no score can reach) behind it becomes `is_causal`.
/// After fusion: scale and transpose are then in the product. Where a mask hides all keys of a query, the result is zero
/// instead of NaN.
public struct RecoverAttention: RewriteRule {
  public static let name = "recover-attention"
  public init() {}

  public func rewrite(_ op: MatMul, at node: Node, in graph: Graph) -> Outcome {
    guard op.isPlainProduct, op.alpha == 1, !op.transposesB, node.input(2) == nil, node.input(3) == nil,
      let v = node.input(1), let (softmax, softmaxNode) = graph.soleProducer(node.input(0), Softmax.self),
      let scores = Scores(softmaxNode.input(0), graph), graph.element(v) == .float32,
      let rank = graph.rank(softmaxNode.outputs[0]), softmax.axis == -1 || softmax.axis == rank - 1
    else { return .noMatch }
    let absorbed = [softmaxNode.id] + scores.nodes
    guard let sizes = Sizes(scores, v, graph) else {
      return .rejected("batch, heads and sizes of queries, keys and values are not known to fit each other")
    }
    var patch = Patch(at: node.id, note: "recognized attention")
    patch.absorbed = absorbed
    var attention = Attention()
    attention.scale = scores.op.alpha
    if rank == 3 {
      attention.queryHeads = 1
      attention.keyHeads = 1
    }
    var inputs: [Patch.Operand?] = [.existing(scores.q), .existing(scores.k), .existing(v)]
    if !scores.op.transposesB {
      var swap = Transpose()
      swap.permutation = Array(0..<rank - 2) + [rank - 1, rank - 2]
      inputs[1] = patch.add(swap, [.existing(scores.k)])
    }
    if let mask = scores.mask {
      if graph.isCausal(mask, sizes) {
        attention.isCausal = true
      } else if let reason = sizes.objection(to: mask, graph) {
        return .rejected(reason)
      } else {
        inputs.append(.existing(mask))
      }
    }
    patch.replace(node.outputs[0], with: patch.add(attention, inputs))
    return .patch(patch)
  }
}

/// The first product, with what is added to it.
private struct Scores {
  let op: MatMul
  let q: ValueID
  let k: ValueID
  var mask: ValueID?
  let nodes: [NodeID]

  init?(_ value: ValueID?, _ graph: Graph) {
    var value = value
    var nodes: [NodeID] = []
    if let (add, node) = graph.soleProducer(value, Add.self), add.activation.isNone {
      let isSecond = graph.soleProducer(node.input(0), MatMul.self) == nil
      value = node.input(isSecond ? 1 : 0)
      mask = node.input(isSecond ? 0 : 1)
      nodes.append(node.id)
    }
    guard let (op, node) = graph.soleProducer(value, MatMul.self), op.isPlainProduct, op.alpha > 0, op.alpha.isFinite,
      let q = node.input(0), let k = node.input(1)
    else { return nil }
    let added = [node.input(2), node.input(3), mask].compactMap { $0 }
    guard added.count <= 1 else { return nil }
    (self.op, self.q, self.k, mask) = (op, q, k, added.first)
    self.nodes = nodes + [node.id]
  }
}

/// The dimensions of the scores: [batch,heads,length,total].
private struct Sizes {
  let batch: Dim
  let heads: Dim
  let length: Dim
  let total: Dim
  let rank: Int

  /// Nil unless all operands have the same batch and heads, and numbers for heads and sizes.
  init?(_ scores: Scores, _ v: ValueID, _ graph: Graph) {
    guard let q = graph.shape(scores.q), var k = graph.shape(scores.k), let v = graph.shape(v) else { return nil }
    rank = q.count
    guard rank == 3 || rank == 4, k.count == rank, v.count == rank else { return nil }
    if !scores.op.transposesB { k.swapAt(rank - 2, rank - 1) }
    guard q.dropLast(2) == k.dropLast(2), q.dropLast(2) == v.dropLast(2), k[rank - 2] == v[rank - 2],
      let size = q[rank - 1].value, size > 0, k[rank - 1].value == size, let columns = v[rank - 1].value, columns > 0
    else { return nil }
    heads = rank == 4 ? q[1] : 1
    guard let count = heads.value, count > 0 else { return nil }
    (batch, length, total) = (q[0], q[rank - 2], k[rank - 2])
  }

  /// Why a mask cannot be given to Attention, or nil.
  func objection(to mask: ValueID, _ graph: Graph) -> String? {
    guard let shape = graph.shape(mask), graph.element(mask) == .float32 else { return "the mask's shape is not known" }
    let whole = rank == 4 ? [batch, heads, length, total] : [heads, length, total]
    let fits = zip(shape.reversed(), whole.reversed()).allSatisfy { $0 == 1 || $0 == $1 }
    guard !shape.isEmpty, shape.count <= whole.count, fits, shape[shape.count - 1] == total else {
      return "the mask \(describe(shape)) does not fit scores \(describe(whole))"
    }
    return nil
  }
}

extension Graph {
  /// Whether a constant mask hides exactly the keys behind the query.
  fileprivate func isCausal(_ mask: ValueID, _ sizes: Sizes) -> Bool {
    guard let tensor = constant(mask), tensor.type == .float32, tensor.rank >= 2, tensor.count <= 1 << 24,
      let rows = sizes.length.value, let columns = sizes.total.value, tensor.count == rows * columns,
      Array(tensor.shape.suffix(2)) == [rows, columns]
    else { return false }
    let values = tensor.wide(Float.self)
    for row in 0..<rows {
      for column in 0..<columns {
        let value = values[row * columns + column]
        if column <= row ? value != 0 : !(value <= -1e30) { return false }
      }
    }
    return true
  }
}

extension MatMul {
  /// Without activation and with the left operand as it is.
  fileprivate var isPlainProduct: Bool { activation.isNone && !transposesA }
}
