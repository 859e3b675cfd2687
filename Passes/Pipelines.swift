import IR

/// The orders in which passes run, each with its reason.
public enum Pipelines {
  /// Without loss: changes no value beyond floating-point reassociation.
  public static func lossless() -> Pipeline {
    Pipeline([
      // First: constants and shapes decide most of what the others look for.
      FoldConstants(),
      // Before common subexpressions: nodes on equal constants are then equal.
      ShareDuplicateWeights(),
      EliminateCommonSubexpressions(),
      EliminateDeadNodes(),
    ])
  }

  /// One of every pass, with its default options.
  public static let allPasses: [any Pass] = lossless().passes

  public static func pass(named name: String) -> (any Pass)? { allPasses.first { $0.name == name } }
}
