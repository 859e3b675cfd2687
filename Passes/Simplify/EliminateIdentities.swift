import IR

/// Removes operators that give back their input.
///
///     before: %1 = Add(%x, 0)  f(%1)      also Identity, x·1, Cast to the same type, Reshape to the same shape, …
///     after:  f(%x)
public struct EliminateIdentities: RewriteRule {
  public static let name = "eliminate-identities"
  public init() {}

  public static func isRoot(_ op: any Operator) -> Bool {
    switch op {
    case is any IdempotentOperator, is any BinaryNumberOperator, is any ReshapingOperator, is Identity, is Expand,
      is Cast,
      is CastLike, is Concat, is Sum, is Max, is Min, is Mean, is Split, is Transpose, is Slice, is Pad, is Clip,
      is AveragePool, is MaxPool:
      true
    default: Swift.type(of: op).name == "Dropout"
    }
  }

  public func rewrite(_ op: any Operator, at node: Node, in graph: Graph) -> Outcome {
    guard let output = node.outputs.first, node.outputs.dropFirst().allSatisfy({ graph.useCount($0) == 0 }),
      let kept = source(op, node, graph)
    else { return .noMatch }
    guard graph.mayReplace(output, with: kept) else { return .noMatch }
    return .patch(.replacing(node, with: kept, "removed \(Swift.type(of: op).qualifiedName)"))
  }

  /// The input that the node gives back.
  private func source(_ op: any Operator, _ node: Node, _ graph: Graph) -> ValueID? {
    guard let input = node.input(0) else { return nil }
    switch op {
    case is Identity: return input
    case is any IdempotentOperator where isRepeated(op, node, graph): return input
    case is any BinaryNumberOperator: return neutral(op, node, graph)
    default: return isIdentity(op, node, graph) ? input : nil
    }
  }

  private func isRepeated(_ op: any Operator, _ node: Node, _ graph: Graph) -> Bool {
    guard let before = graph.producer(node.input(0)), before.outputs.count == 1 else { return false }
    return before.op.isEqual(to: op) && before.inputs.dropFirst().elementsEqual(node.inputs.dropFirst())
  }

  /// The operand beside a neutral element: x + 0, x − 0, x · 1, x / 1.
  private func neutral(_ op: any Operator, _ node: Node, _ graph: Graph) -> ValueID? {
    let neutral: Double
    switch op {
    case let op as Add where op.activation.isNone: neutral = 0
    case let op as Sub where op.activation.isNone: neutral = 0
    case let op as Mul where op.activation.isNone: neutral = 1
    case let op as Div where op.activation.isNone: neutral = 1
    default: return nil
    }
    guard let a = node.input(0), let b = node.input(1) else { return nil }
    if graph.uniform(b) == neutral, graph.haveSameType(a, node.outputs[0]) { return a }
    guard op is Add || op is Mul, graph.uniform(a) == neutral, graph.haveSameType(b, node.outputs[0]) else {
      return nil
    }
    return b
  }

  private func isIdentity(_ op: any Operator, _ node: Node, _ graph: Graph) -> Bool {
    guard let input = node.input(0), graph.haveSameType(input, node.outputs[0]) else { return false }
    switch op {
    case is any ReshapingOperator, is Expand, is Cast, is CastLike: return true
    case is Concat, is Sum, is Max, is Min, is Mean: return node.inputs.count == 1
    case is Split: return node.outputs.count == 1
    case let op as Transpose: return isIdentity(op, rank: graph.rank(input))
    case is Slice: return node.input(4) == nil || graph.integers(node.input(4))?.allSatisfy { $0 == 1 } == true
    case is Pad: return graph.integers(node.input(1))?.allSatisfy { $0 == 0 } == true
    case is Clip: return node.inputs.dropFirst().allSatisfy { $0 == nil }
    case let op as AveragePool: return isTrivial(op.window)
    case let op as MaxPool: return isTrivial(op.window)
    default: return Swift.type(of: op).name == "Dropout" && isInference(node, graph)
    }
  }

  /// Dropout does nothing unless its third input says that it trains.
  private func isInference(_ node: Node, _ graph: Graph) -> Bool {
    node.input(2) == nil || graph.constant(node.input(2))?.bytes.allSatisfy { $0 == 0 } == true
  }

  private func isIdentity(_ op: Transpose, rank: Int?) -> Bool {
    guard let rank else { return false }
    do throws(Diagnostic) {
      return try op.permutation(rank: rank) == Array(0..<rank)
    } catch {
      return false
    }
  }

  private func isTrivial(_ window: Window) -> Bool {
    (window.kernelShape ?? []).allSatisfy { $0 == 1 } && (window.strides ?? []).allSatisfy { $0 == 1 }
      && (window.pads ?? []).allSatisfy { $0 == 0 }
  }
}
