import IR

/// What one run of a pass did. Bytes and MACs are those of the whole graph, bodies included.
public struct PassReport: Hashable, Sendable {
  public var name: String
  public var edits: Int
  public var before: GraphCost
  public var after: GraphCost
  public var milliseconds: Double
  public var rejected: [Rejection]
  /// Rejections beyond those listed.
  public var omittedRejections: Int

  public init(
    name: String, edits: Int, before: GraphCost, after: GraphCost, milliseconds: Double, rejected: [Rejection] = [],
    omittedRejections: Int = 0
  ) {
    self.name = name
    self.edits = edits
    self.before = before
    self.after = after
    self.milliseconds = milliseconds
    self.rejected = rejected
    self.omittedRejections = omittedRejections
  }

  /// One line: `fuse-activation: 12 edits, 40 -> 28 nodes, 0.3 ms`.
  public var summary: String {
    let time = (milliseconds * 10).rounded() / 10
    let refused = rejected.count + omittedRejections
    return "\(name): \(edits) edits, \(before.nodes) -> \(after.nodes) nodes, "
      + "\(before.weightBytes) -> \(after.weightBytes) weight bytes, \(time) ms"
      + (refused > 0 ? ", \(refused) rejected" : "")
  }
}

/// What a pipeline did, pass after pass.
public struct PipelineReport: Hashable, Sendable {
  public var passes: [PassReport]
  public var before: GraphCost
  public var after: GraphCost
  /// The newest edit, known when edits are limited, logged or verified.
  public var lastEdit: String?

  public var edits: Int { passes.reduce(0) { $0 + $1.edits } }
  public var milliseconds: Double { passes.reduce(0) { $0 + $1.milliseconds } }

  /// This report followed by that of another pipeline on the same graph.
  public func followed(by other: PipelineReport) -> PipelineReport {
    PipelineReport(
      passes: passes + other.passes, before: before, after: other.after, lastEdit: other.lastEdit ?? lastEdit)
  }
}
