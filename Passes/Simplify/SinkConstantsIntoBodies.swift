import IR

/// Gives bodies the constants they capture, where their own passes can use them.
///
///     before: Loop(%n, %c, constant) {body=graph(%i, %k, %w) { … %w … }, captures=1}
///     after:  Loop(%n, %c) {body=graph(%i, %k) { … constant … }}
///
/// Captures that no body reads go as well.
public struct SinkConstantsIntoBodies: RewriteRule {
  public static let name = "sink-constants-into-bodies"
  public init() {}

  public func rewrite(_ op: any BodyOperator, at node: Node, in graph: Graph) -> Outcome {
    let first = node.inputs.count - op.captures
    guard op.captures > 0, first >= 0 else { return .noMatch }
    let bodies = op.attributeValues.compactMap { name, value in
      if case .graph(let body) = value { (name: name, body: body) } else { nil }
    }
    var moved: [Int] = []
    for index in first..<node.inputs.count {
      guard let input = node.inputs[index] else { return .noMatch }
      let isRead = bodies.contains {
        $0.body.useCount($0.body.inputs[$0.body.inputs.count - node.inputs.count + index]) > 0
      }
      if graph.constant(input) != nil || !isRead { moved.append(index) }
    }
    guard !moved.isEmpty else { return .noMatch }
    var changed = op
    for (name, body) in bodies {
      let offset = body.inputs.count - node.inputs.count
      let constants = moved.map { ($0 + offset, graph.constant(node.inputs[$0])) }
      guard let inner = body.replacingInputs(constants), (try? changed.setAttribute(name, .graph(inner))) != nil else {
        return .noMatch
      }
    }
    changed.captures -= moved.count
    var patch = Patch(at: node.id, note: "moved \(moved.count) captures into the bodies")
    let inputs: [Patch.Operand?] = node.inputs.indices.filter { !moved.contains($0) }.map { index in
      node.inputs[index].map { .existing($0) }
    }
    let results = patch.add(changed, inputs, outputs: node.outputs.count)
    for (old, new) in zip(node.outputs, results) { patch.replace(old, with: new) }
    return .patch(patch)
  }
}
