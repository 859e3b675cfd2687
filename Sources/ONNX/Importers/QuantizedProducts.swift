import IR

extension ImporterCatalog {
  /// Products on codes whose parameters are constants become products between dequantize and quantize, which lowering
  /// knows; others stay as they are.
  static let quantizedProducts: [(operators: [String], importer: NodeImporter)] = [
    (["QLinearConv"], importQLinearConv), (["QLinearMatMul"], importQLinearMatMul),
  ]

  /// ONNX QLinearConv, opset 10.
  private static func importQLinearConv(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard (8...9).contains(draft.inputs.count), draft.inputs[..<8].allSatisfy({ $0 != nil }), draft.outputCount == 1
    else { return .node }
    let expansion = Expansion(draft, builder)
    return try expansion.finish([try ContribCatalog.convolution(expansion, try expansion.input(0))])
  }

  /// ONNX QLinearMatMul, opsets 10–21.
  private static func importQLinearMatMul(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.inputs.count == 8, draft.inputs.allSatisfy({ $0 != nil }), draft.outputCount == 1 else { return .node }
    let expansion = Expansion(draft, builder)
    guard let results = try ContribCatalog.expandMatMul(expansion) else { return .node }
    return try expansion.finish(results)
  }
}
