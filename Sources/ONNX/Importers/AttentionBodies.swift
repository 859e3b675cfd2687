import IR

extension ImporterCatalog {
  static let attentionBodies: [(operators: [String], importer: NodeImporter)] = [
    (["ai.onnx.preview.FlexAttention"], importFlexAttention)
  ]

  /// ONNX ai.onnx.preview FlexAttention, opset 1. Inputs become: Q, K, V, captures of both bodies.
  private static func importFlexAttention(
    _ draft: inout Draft, _ builder: Builder
  ) throws(Diagnostic) -> ImportResult {
    let bodies = draft.graphs.filter { $0.name == "score_mod" || $0.name == "prob_mod" }
    draft.graphs.removeAll { $0.name == "score_mod" || $0.name == "prob_mod" }
    guard draft.inputs.count == 3 else { throw .invalid("has \(draft.inputs.count) inputs, accepted are 3") }
    var plain = FlexAttention()
    for (name, value) in draft.attributes { try plain.setAttribute(name, value, fromModel: true) }
    let scores = try plain.scoreType(builder.graph.inferenceContext(draft.inputs, outputCount: 1))
    let captures = try builder.captures(of: bodies.map(\.proto))
    for (name, proto) in bodies {
      guard proto.inputs.count == 1, proto.outputs.count == 1 else {
        throw .invalid("'\(name)' has \(proto.inputs.count) inputs and \(proto.outputs.count) outputs, expected 1 each")
      }
      guard let body = try builder.body(proto, [.tensor(scores)], captures) else { return .broken }
      draft.set(name, .graph(body))
    }
    builder.append(captures, to: &draft)
    return .node
  }
}
