import IR

extension ImporterCatalog {
  static let normalization: [(operators: [String], importer: NodeImporter)] = [
    (["BatchNormalization"], importBatchNormalization),
    (
      ["InstanceNormalization"],
      { (draft, _) throws(Diagnostic) in
        dropConsumedInputs(&draft)
        return .node
      }
    ),
    (["GroupNormalization"], importGroupNormalization),
  ]

  /// ONNX BatchNormalization, opsets 1–15. Before opset 14 there was no training mode at inference; before opset 9
  /// statistics could be per element instead of per channel.
  private static func importBatchNormalization(
    _ draft: inout Draft, _ builder: Builder
  ) throws(Diagnostic) -> ImportResult {
    dropConsumedInputs(&draft)
    if draft.opset < 9, try draft.takeInt("spatial") ?? 1 == 0 {
      throw .unsupported("statistics per element (spatial = 0)")
    }
    if draft.opset < 7 { _ = try draft.takeInt("is_test") }
    if draft.opset < 14, draft.outputCount > 1 {
      throw .unsupported("outputs of training (\(draft.outputCount) are named, inference has 1)")
    }
    return .node
  }

  /// ONNX GroupNormalization, opsets 18–21: before opset 21 scale and bias were per group, now per channel.
  private static func importGroupNormalization(
    _ draft: inout Draft, _ builder: Builder
  ) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 21 else { return .node }
    guard case .int(let groups)? = draft.attributes.first(where: { $0.name == "num_groups" })?.value, groups > 0,
      let shape = builder.shape(draft.input(0)), shape.count > 1, let channels = shape[1].value,
      channels % Int(clamping: groups) == 0
    else { throw .unsupported("scale per group needs num_groups to divide a known number of channels") }
    let perGroup = Int64(channels) / groups
    let column = builder.constant([groups, 1], "column", for: draft)
    let grid = builder.constant([groups, perGroup], "grid", for: draft)
    let flat = builder.constant([Int64(channels)], "flat", for: draft)
    for index in 1...2 {
      let standing = try builder.emit("Reshape", [draft.input(index), column], for: draft)
      let repeated = try builder.emit("Expand", [standing, grid], for: draft)
      draft.setInput(index, try builder.emit("Reshape", [repeated, flat], for: draft))
    }
    return .node
  }
}
