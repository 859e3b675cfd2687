import IR

/// An operator of onnxruntime's that importing turns into others.
struct ContribOperator: Sendable {
  typealias Expand = @Sendable (Expansion) throws(Diagnostic) -> [ValueID]

  let name: String
  let inputs: ClosedRange<Int>
  let outputs: ClosedRange<Int>
  /// Writes the nodes and returns the outputs, at least as many as the file's node has.
  let expand: Expand

  init(_ name: String, inputs: ClosedRange<Int>, outputs: ClosedRange<Int> = 1...1, _ expand: @escaping Expand) {
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.expand = expand
  }

  func importer(_ draft: inout NodeDraft, _ builder: GraphBuilder) throws(Diagnostic) -> ImportResult {
    try Self.check(draft.inputs.count, inputs, "inputs")
    try Self.check(draft.outputCount, outputs, "outputs")
    let expansion = Expansion(draft, builder)
    let results = try expand(expansion)
    guard results.count >= draft.outputCount else {
      throw .unsupported("output \(results.count), '\(draft.outputNames[results.count])'")
    }
    return try expansion.finish(Array(results.prefix(draft.outputCount)))
  }

  private static func check(_ count: Int, _ range: ClosedRange<Int>, _ what: String) throws(Diagnostic) {
    guard !range.contains(count) else { return }
    let accepted = range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)...\(range.upperBound)"
    throw .invalid("has \(count) \(what), accepted are \(accepted)")
  }
}

/// Operators of the domain com.microsoft, which onnxruntime's optimizer, its quantizer and exporters for it write.
/// Meaning: onnxruntime's docs/ContribOperators.md and, where that is silent, its kernels for processors. Operators that
/// ONNX's own express are expanded here; the others are of IR/Operators.
enum ContribCatalog {
  static let domain = "com.microsoft"

  static let families: [(name: String, operators: [ContribOperator])] = [
    ("ContribActivations", activations), ("ContribProducts", products), ("ContribMovement", movement),
    ("ContribNormalization", normalization), ("ContribQuantized", quantized),
    ("ContribQuantizedProducts", quantizedProducts), ("ContribAttention", attention),
    ("ContribGroupedAttention", groupedAttention), ("ContribBlocks", blocks), ("ContribRecurrent", recurrent),
  ]

  static let all = families.flatMap(\.operators)

  /// For the catalog of importers.
  static let importers: [(operators: [String], importer: NodeImporter)] = all.map { op in
    (["\(domain).\(op.name)"], op.importer)
  }

  /// Those that onnxruntime writes into ONNX's own domain.
  static let unqualified: [(operators: [String], importer: NodeImporter)] =
    all
    .filter { $0.name == "SimplifiedLayerNormalization" }.map { ([$0.name], $0.importer) }
}
