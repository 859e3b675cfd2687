import IR

/// Moves a Transpose behind an elementwise operator or Concat, where it can meet another and cancel.
///
///     before: Add(Transpose(%a), Transpose(%b))      Relu(Transpose(%a))      Mul(Transpose(%a), constant)
///     after:  Transpose(Add(%a, %b))                 Transpose(Relu(%a))      Transpose(Mul(%a, constant′))
///
/// Never makes more transposes: those that move have no other reader. They only move down, so this ends.
public struct SinkTransposes: RewriteRule {
  public static let name = "sink-transposes"
  public init() {}

  public static func isRoot(_ op: any Operator) -> Bool { op is any ElementwiseOperator || op is Concat }

  public func rewrite(_ op: any Operator, at node: Node, in graph: Graph) -> Outcome {
    guard node.outputs.count == 1, let rank = graph.rank(node.outputs[0]), rank > 1,
      let permutation = commonPermutation(node, graph, rank: rank), Self.isRoot(op)
    else { return .noMatch }
    var patch = Patch(at: node.id, note: "moved Transpose behind \(Swift.type(of: op).qualifiedName)")
    var operands: [Patch.Operand?] = []
    for input in node.inputs {
      guard let input else {
        operands.append(nil)
        continue
      }
      guard let operand = operand(input, permutation, rank, op, graph, &patch) else { return .noMatch }
      operands.append(operand)
    }
    var moved: any Operator = op
    if var concat = op as? Concat {
      concat.axis = permutation[concat.axis < 0 ? concat.axis + rank : concat.axis]
      moved = concat
    }
    let result = patch.add(moved, operands)
    var transpose = Transpose()
    transpose.permutation = permutation
    patch.replace(node.outputs[0], with: patch.add(transpose, [result], names: transposeNames(node, graph)))
    return .patch(patch)
  }

  /// The permutation of all transposed inputs: at least one, none with another reader, all alike.
  private func commonPermutation(_ node: Node, _ graph: Graph, rank: Int) -> [Int]? {
    var common: [Int]?
    for input in node.inputs {
      guard let id = input, graph.constant(id) == nil else { continue }
      guard graph.rank(id) == rank, let (op, producer) = graph.producer(id, Transpose.self),
        graph.users(id).allSatisfy({ $0 == node.id }), !graph.isOutput(id), producer.outputs.count == 1,
        let permutation = try? op.permutation(rank: rank), common == nil || common == permutation
      else { return nil }
      common = permutation
    }
    return common
  }

  private func transposeNames(_ node: Node, _ graph: Graph) -> [Name] {
    node.inputs.lazy.compactMap { graph.producer($0)?.names }.first ?? []
  }

  /// What an operand becomes: the transposed value itself, a scalar as it is, a constant transposed back.
  private func operand(
    _ input: ValueID, _ permutation: [Int], _ rank: Int, _ op: any Operator, _ graph: Graph, _ patch: inout Patch
  ) -> Patch.Operand? {
    guard let tensor = graph.constant(input) else {
      return graph.producer(input)?.input(0).map { .existing($0) }
    }
    if tensor.count == 1, !(op is Concat) { return tensor.rank <= 1 ? .existing(input) : nil }
    guard tensor.rank <= rank, op is Concat || op is any BinaryNumberOperator,
      let full = tensor.reshaped(Array(repeating: 1, count: rank - tensor.rank) + tensor.shape)
    else { return nil }
    var inverse = Transpose()
    inverse.permutation = permutation.indices.map { axis in permutation.firstIndex(of: axis) ?? axis }
    let context = EvaluationContext(outputCount: 1, maximumBytes: 64 << 20)
    guard let result = try? inverse.evaluate([.tensor(full)], context).first?.tensor else { return nil }
    return patch.constant(result)
  }
}
