import IR

/// What an importer made of a node.
enum ImportResult {
  /// The draft, changed or not, is to be added.
  case node
  /// The importer added what was needed; these are the node's outputs.
  case values([ValueID])
  /// Something inside was found wrong and reported.
  case broken
}

/// Resolves what a family's operators meant in older opsets. Operators whose meaning and attributes never changed need
/// none: their attributes are set by name.
typealias NodeImporter = @Sendable (inout NodeDraft, GraphBuilder) throws(Diagnostic) -> ImportResult

enum ImporterCatalog {
  typealias Draft = NodeDraft
  typealias Builder = GraphBuilder

  /// One list per family, each in a file of the family's name.
  static let families: [(name: String, importers: [(operators: [String], importer: NodeImporter)])] = [
    ("Constants", constants), ("ControlFlow", controlFlow), ("Elementwise", elementwise),
    ("Reductions", reductions), ("Normalization", normalization), ("Softmax", softmax),
    ("Shapes", shapes), ("Indexing", indexing), ("Resampling", resampling), ("Pooling", pooling),
    ("Recurrent", recurrent), ("Linear", linear), ("Casting", casting), ("Signal", signal), ("Trees", trees),
    ("AttentionBodies", attentionBodies), ("Gradients", gradients),
    ("QuantizedProducts", quantizedProducts),
    ("Contrib", ContribCatalog.importers), ("Simplified", ContribCatalog.unqualified),
  ]

  private static let byName: [String: NodeImporter] = Dictionary(
    families.flatMap(\.importers).flatMap { entry in entry.operators.map { ($0, entry.importer) } },
    uniquingKeysWith: { first, _ in first })

  /// Operators that only importers know: they become others.
  static func expands(_ name: String, domain: Name) -> Bool {
    domain.isEmpty
      ? ["Constant", "Scatter", "Upsample", "SimplifiedLayerNormalization"].contains(name)
      : find(name, domain: domain) != nil
  }

  static func find(_ name: String, domain: Name) -> NodeImporter? {
    byName[domain.isEmpty ? name : "\(domain).\(name)"]
  }
}
