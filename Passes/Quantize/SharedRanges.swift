import IR

/// Ranges of values that share their codes because elements only move between them: what a concatenation joins takes the
/// codes of its result, so that nothing stands between the two, unless that would make another reader's codes coarser.
struct SharedRanges {
  /// Values that share codes; `range` and `narrowest` width are those of members that something else reads as well.
  private struct Group {
    var range: ValueRange?
    var narrowest = Float.infinity
  }

  /// How many times coarser the codes of a value may become.
  private static let coarser: Float = 1.25

  private let plan: QuantizationPlan
  private var parents: [ValueID: ValueID] = [:]
  private var groups: [ValueID: Group] = [:]
  private let ranges: [ValueID: ValueRange]

  init(_ plan: QuantizationPlan, _ ranges: [ValueID: ValueRange], _ graph: Graph) {
    self.plan = plan
    self.ranges = ranges
    let joins = graph.orderedNodes.filter { plan.carriers.contains($0.id) && $0.op is Concat }
    for value in plan.values {
      if let source = movedValue(value, graph) {
        parents[value] = source
      } else if let range = ranges[value] {
        let isPassedOn = isOnlyJoined(value, graph)
        groups[value] = isPassedOn ? Group() : Group(range: range, narrowest: range.width)
      }
    }
    for node in joins {
      for input in node.inputs.compactMap(\.self) { join(input, node.outputs[0]) }
    }
  }

  /// The range for the codes of a value; nil where none is known.
  func range(_ value: ValueID) -> ValueRange? {
    let root = root(value)
    return groups[root]?.range ?? ranges[root]
  }

  /// The value whose elements a node on codes moved here.
  private func movedValue(_ value: ValueID, _ graph: Graph) -> ValueID? {
    guard let node = graph.producer(value), plan.carriers.contains(node.id), QuantizationPlan.keepsCodes(node.op),
      let x = node.input(0), ranges[x] != nil
    else { return nil }
    return x
  }

  /// Whether all that reads a value is one concatenation on codes, perhaps behind movement.
  private func isOnlyJoined(_ value: ValueID, _ graph: Graph) -> Bool {
    var value = value
    while !graph.isOutput(value) {
      let users = graph.users(value, limit: 2)
      guard users.count == 1, let node = graph[users[0]], plan.carriers.contains(node.id) else { return false }
      if node.op is Concat { return true }
      guard QuantizationPlan.keepsCodes(node.op) else { return false }
      value = node.outputs[0]
    }
    return false
  }

  private func root(_ value: ValueID) -> ValueID {
    var root = value
    while let parent = parents[root] { root = parent }
    return root
  }

  private mutating func join(_ operand: ValueID, _ result: ValueID) {
    let (a, b) = (root(operand), root(result))
    guard a != b, let first = groups[a], let second = groups[b] else { return }
    var both = Group(range: first.range ?? second.range, narrowest: min(first.narrowest, second.narrowest))
    if let one = first.range, let other = second.range { both.range = one.union(other) }
    if let range = both.range, range.width > both.narrowest * Self.coarser { return }
    parents[a] = b
    groups[a] = nil
    groups[b] = both
  }
}

extension ValueRange {
  /// From the smallest to the largest number that codes for it stand for, 0 among them.
  fileprivate var width: Float { max(maximum, 0) - min(minimum, 0) }
}
