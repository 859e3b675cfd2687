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
      ? expandedOperators.contains { $0.name == name && $0.domain.isEmpty }
      : find(name, domain: domain) != nil
  }

  static func find(_ name: String, domain: Name) -> NodeImporter? {
    byName[domain.isEmpty ? name : "\(domain).\(name)"]
  }
}

/// An operator that importing turns into others or into constants.
package struct ExpandedOperator: Sendable {
  package let name: String
  package let domain: String
  package let family: String
  package let opsets: ClosedRange<Int>
}

/// All of them, for tables of what is supported.
package let expandedOperators: [ExpandedOperator] =
  [
    ExpandedOperator(name: "Constant", domain: "", family: "Constants", opsets: 1...OpsetTable.newest),
    ExpandedOperator(name: "Scatter", domain: "", family: "Indexing", opsets: 9...10),
    ExpandedOperator(name: "Upsample", domain: "", family: "Resampling", opsets: 7...9),
    ExpandedOperator(
      name: "SimplifiedLayerNormalization", domain: "", family: "Simplified", opsets: 1...OpsetTable.newest),
    ExpandedOperator(name: "Gradient", domain: "ai.onnx.preview.training", family: "Gradients", opsets: 1...1),
  ]
  + ContribCatalog.families.flatMap { family in
    family.operators.map {
      ExpandedOperator(name: $0.name, domain: ContribCatalog.domain, family: family.name, opsets: 1...1)
    }
  }
