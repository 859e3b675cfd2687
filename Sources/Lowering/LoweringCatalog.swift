import IR

/// Emits the steps of a node and returns true, or emits nothing and returns false where no kernel fits it.
typealias LoweringRule = @Sendable (GraphLowering, Node) throws(Diagnostic) -> Bool

/// Which operators have kernels, by family (the families of the IR), and why the others run by reference evaluation.
enum LoweringCatalog {
  static let families: [(name: String, rules: [String: LoweringRule])] = [
  ]

  static let rules: [String: LoweringRule] = families.reduce(into: [:]) { all, family in
    for (name, rule) in family.rules { all[name] = rule }
  }

  static func referenceReason(_ name: String) -> String { "\(name) has no kernel" }
}
