import Synchronization

/// Attributes that describe decision trees.
protocol ForestSource: Equatable, Sendable {
  /// The trees, checked. Throws where the attributes contradict each other or the number of features.
  func forest(targets: Int, features: Int?) throws(Diagnostic) -> DecisionForest
}

/// The trees built last: building and checking them takes longer than walking a few rows through them.
final class ForestCache<Source: ForestSource>: Sendable {
  private struct Entry {
    var source: Source
    var targets: Int
    var features: Int?
    var forest: DecisionForest
  }
  private let last = Mutex<Entry?>(nil)

  /// `source.forest(targets:features:)`.
  func forest(_ source: Source, targets: Int, features: Int?) throws(Diagnostic) -> DecisionForest {
    let entry = last.withLock { $0 }
    if let entry, entry.targets == targets, entry.features == features, entry.source == source { return entry.forest }
    let forest = try source.forest(targets: targets, features: features)
    last.withLock { $0 = Entry(source: source, targets: targets, features: features, forest: forest) }
    return forest
  }
}
