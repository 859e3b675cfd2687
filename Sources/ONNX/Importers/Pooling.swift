import IR

extension ImporterCatalog {
  static let pooling: [(operators: [String], importer: NodeImporter)] = [
    (["LpPool", "GlobalLpPool"], importLpPool), (["RoiAlign"], importRoiAlign),
  ]

  /// ONNX LpPool and GlobalLpPool, opsets 1–22: the exponent was a float in opset 1.
  private static func importLpPool(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 2, let p = try draft.takeFloat("p") else { return .node }
    guard p >= 1, p <= 64, p == p.rounded() else { throw .unsupported("exponent \(p); whole numbers are") }
    draft.set("p", .int(Int64(p)))
    return .node
  }

  /// ONNX RoiAlign, opsets 10–22: before opset 16 boxes were not shifted by half a pixel.
  private static func importRoiAlign(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    if draft.opset < 16 { draft.set("coordinate_transformation_mode", .string(Array("output_half_pixel".utf8))) }
    return .node
  }
}
