import IR

extension ImporterCatalog {
  static let reductions: [(operators: [String], importer: NodeImporter)] = [
    (["ReduceSum"], { (draft, builder) throws(Diagnostic) in try axesToInput(&draft, builder, before: 13) }),
    (
      [
        "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
        "ReduceSumSquare",
      ], { (draft, builder) throws(Diagnostic) in try axesToInput(&draft, builder, before: 18) }
    ),
  ]

  /// Moves the attribute `axes` of older opsets to input 1.
  static func axesToInput(
    _ draft: inout Draft, _ builder: Builder, before opset: Int
  ) throws(Diagnostic) -> ImportResult {
    guard draft.opset < opset else { return .node }
    guard draft.inputs.count == 1 else { throw .invalid("has \(draft.inputs.count) inputs, accepted are 1") }
    if let axes = try draft.takeInts("axes") { draft.setInput(1, builder.constant(axes, "axes", for: draft)) }
    return .node
  }
}
