import IR

extension ImporterCatalog {
  static let trees: [(operators: [String], importer: NodeImporter)] = [
    (["ai.onnx.ml.LabelEncoder"], importLabelEncoder)
  ]

  /// ONNX-ML LabelEncoder, opsets 1–4: version 1 numbered a list of class names.
  private static func importLabelEncoder(
    _ draft: inout Draft, _ builder: Builder
  ) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 2 else { return .node }
    guard case .strings(let classes)? = draft.take("classes_strings") else {
      throw .invalid("the required attribute 'classes_strings' is missing")
    }
    let numbers = AttributeValue.ints(classes.indices.map { Int64($0) })
    let takesStrings = draft.input(0).flatMap { builder.graph.type($0).tensor }?.element == .string
    draft.set(takesStrings ? "keys_strings" : "keys_int64s", takesStrings ? .strings(classes) : numbers)
    draft.set(takesStrings ? "values_int64s" : "values_strings", takesStrings ? numbers : .strings(classes))
    if takesStrings { _ = draft.take("default_string") } else { _ = draft.take("default_int64") }
    return .node
  }
}
