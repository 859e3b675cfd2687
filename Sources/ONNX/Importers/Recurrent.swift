import IR

extension ImporterCatalog {
  static let recurrent: [(operators: [String], importer: NodeImporter)] = [
    (["RNN", "LSTM", "GRU"], importRecurrent)
  ]

  /// ONNX RNN, LSTM, GRU, opsets 1–22: before opset 7 an attribute said whether the first output is made.
  private static func importRecurrent(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    if draft.opset < 7 { _ = try draft.takeInt("output_sequence") }
    return .node
  }
}
