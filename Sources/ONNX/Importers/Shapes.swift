import IR

extension ImporterCatalog {
  static let shapes: [(operators: [String], importer: NodeImporter)] = [
    (["Squeeze"], { (draft, builder) throws(Diagnostic) in try axesToInput(&draft, builder, before: 13) }),
    (["Unsqueeze"], importUnsqueeze), (["Reshape"], importReshape), (["Slice"], importSlice),
    (["Split"], importSplit), (["Concat"], importConcat), (["Pad"], importPad), (["Tile"], importTile),
  ]

  /// ONNX Unsqueeze, opsets 1–25: axes were a required attribute before opset 13.
  private static func importUnsqueeze(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    if draft.opset < 13, !draft.has("axes") { throw .invalid("the required attribute 'axes' is missing") }
    return try axesToInput(&draft, builder, before: 13)
  }

  /// ONNX Reshape, opsets 1–25: the shape was an attribute before opset 5.
  private static func importReshape(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 5 else { return .node }
    dropConsumedInputs(&draft)
    guard let shape = try draft.takeInts("shape") else { throw .invalid("the required attribute 'shape' is missing") }
    draft.setInput(1, builder.constant(shape, "shape", for: draft))
    return .node
  }

  /// ONNX Slice, opsets 1–13: bounds were attributes before opset 10.
  private static func importSlice(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 10 else { return .node }
    for (index, name) in ["starts", "ends", "axes"].enumerated() {
      let numbers = try draft.takeInts(name)
      guard numbers != nil || name == "axes" else { throw .invalid("the required attribute '\(name)' is missing") }
      if let numbers { draft.setInput(index + 1, builder.constant(numbers, name, for: draft)) }
    }
    return .node
  }

  /// ONNX Split, opsets 1–18: sizes were an attribute before opset 13 (and an input in opset 1); the number of parts is
  /// an attribute from opset 18 on, and the number of outputs before.
  private static func importSplit(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 18 else { return .node }
    if draft.opset < 13, let sizes = try draft.takeInts("split") {
      guard draft.input(1) == nil else { throw .invalid("sizes are given both as input and as attribute") }
      draft.setInput(1, builder.constant(sizes, "split", for: draft))
    }
    guard draft.input(1) == nil else { return .node }
    let parts = draft.outputNames.count
    try checkEvenSplit(draft, builder, parts: parts)
    draft.set("num_outputs", .int(Int64(parts)))
    draft.outputCount = parts
    return .node
  }

  /// Before opset 18 parts without given sizes had to be equal.
  private static func checkEvenSplit(_ draft: Draft, _ builder: Builder, parts: Int) throws(Diagnostic) {
    var axis = 0
    if case .int(let number)? = draft.attributes.first(where: { $0.name == "axis" })?.value { axis = Int(number) }
    guard let shape = builder.shape(draft.input(0)) else { return }
    let position = try normalizedAxis(axis, rank: shape.count)
    if let size = shape[position].value, parts == 0 || size % parts != 0 {
      throw .invalid("axis \(axis) has \(size) elements, which \(parts) equal parts do not fill")
    }
  }

  /// ONNX Concat, opsets 1–13: `axis` had the default 1 before opset 4.
  private static func importConcat(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    if draft.opset < 4, !draft.has("axis") { draft.set("axis", .int(1)) }
    return .node
  }

  /// ONNX Pad, opsets 1–25: pads (`paddings` in opset 1) and value were attributes before opset 11.
  private static func importPad(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 11 else { return .node }
    let name = draft.opset < 2 ? "paddings" : "pads"
    guard let pads = try draft.takeInts(name) else { throw .invalid("the required attribute '\(name)' is missing") }
    draft.setInput(1, builder.constant(pads, "pads", for: draft))
    if let value = try draft.takeFloat("value") {
      draft.setInput(2, try builder.scalar(value, like: draft.input(0), "value", for: draft))
    }
    return .node
  }

  /// ONNX Tile, opsets 1–13: opset 1 had one axis and its number of tiles as inputs.
  private static func importTile(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 6 else { return .node }
    guard let rank = builder.shape(draft.input(0))?.count, let tiles = builder.graph.constant(draft.input(1)),
      let axis = builder.graph.constant(draft.input(2)), tiles.count == 1, axis.count == 1
    else { throw .unsupported("Tile of opset \(draft.opset) with an axis or number of tiles that is not constant") }
    let position = try normalizedAxis(axis.integers[0], rank: rank)
    var repeats = [Int64](repeating: 1, count: rank)
    repeats[position] = Int64(tiles.integers[0])
    draft.inputs = [draft.input(0), builder.constant(repeats, "repeats", for: draft)]
    return .node
  }
}
