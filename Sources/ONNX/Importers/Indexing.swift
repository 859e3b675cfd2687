import IR

extension ImporterCatalog {
  static let indexing: [(operators: [String], importer: NodeImporter)] = [
    (["Scatter"], importScatter), (["TopK"], importTopK),
  ]

  /// ONNX Scatter, opsets 9–10: the older name of ScatterElements.
  private static func importScatter(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 11 else {
      throw .invalid("opset \(draft.opset) has no Scatter, ScatterElements took its place")
    }
    draft.name = "ScatterElements"
    return .node
  }

  /// ONNX TopK, opsets 1–24: k was an attribute before opset 10.
  private static func importTopK(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 10 else { return .node }
    guard let k = try draft.takeInt("k") else { throw .invalid("the required attribute 'k' is missing") }
    draft.setInput(1, builder.constant([k], "k", for: draft))
    return .node
  }
}
