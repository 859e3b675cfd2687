import IR

extension ImporterCatalog {
  static let signal: [(operators: [String], importer: NodeImporter)] = [(["DFT"], importDFT)]

  /// ONNX DFT, opsets 17–20: the axis was an attribute (default 1) before opset 20.
  private static func importDFT(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 20 else { return .node }
    let axis = try draft.takeInt("axis") ?? 1
    let name = Name(draft.nodeName.bytes + Array("/axis".utf8))
    draft.setInput(2, builder.graph.addConstant(Tensor(scalar: axis), name: name))
    return .node
  }
}
