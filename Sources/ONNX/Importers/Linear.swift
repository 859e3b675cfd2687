import IR

extension ImporterCatalog {
  static let linear: [(operators: [String], importer: NodeImporter)] = [(["Gemm"], importGemm)]

  /// ONNX Gemm, opsets 1–13: before opset 7 broadcasting of C had to be asked for; it is now always on.
  private static func importGemm(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    if draft.opset < 7 { _ = try draft.takeInt("broadcast") }
    if draft.opset < 11, draft.input(2) == nil { throw .invalid("input 2 is missing") }
    return .node
  }
}
