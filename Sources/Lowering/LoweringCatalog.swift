import IR

/// Emits the steps of a node and returns true, or emits nothing and returns false where no kernel fits it.
typealias LoweringRule = @Sendable (GraphLowering, Node) throws(Diagnostic) -> Bool

/// Which operators have kernels, by family, and why the others run by reference evaluation.
enum LoweringCatalog {
  static let families: [(name: String, rules: [String: LoweringRule])] = [
    ("Activations", activations), ("UnaryMath", unaryMath), ("BinaryArithmetic", arithmetic),
    ("Comparisons", comparisons),
    ("Reduction", reduction), ("Softmax", softmax), ("Normalization", normalization), ("Convolution", convolution),
    ("Pooling", pooling), ("MatrixProduct", matrixProducts), ("Reshaping", reshaping), ("Movement", movement),
    ("Attention", attention), ("Indexing", indexing), ("Recurrent", recurrent), ("ControlFlow", controlFlow),
    ("Resizing", resizing),

    ("Quantization", quantization), ("QuantizedOperators", quantizedOperators),
  ]

  static let rules = merged(families.map(\.rules))

  /// Rules that are tried first: on 8-bit codes instead of dequantized values.
  static let quantizedRules = merged([
    quantizedLayers, quantizedElementwise, quantizedMovement, quantizedIndexing, quantizedAttention,
  ])

  private static func merged(_ tables: [[String: LoweringRule]]) -> [String: LoweringRule] {
    tables.reduce(into: [:]) { all, table in all.merge(table) { _, new in new } }
  }

  static let customReason = "custom operator"

  static func referenceReason(_ name: String) -> String { "\(name) has no kernel" }
}
