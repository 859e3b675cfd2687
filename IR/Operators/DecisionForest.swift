/// Decision trees in the form they are walked: nodes by index, leaves with their votes.
struct DecisionForest {
  enum Mode: Int {
    case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual, member

    init?(name: [UInt8]) {
      switch String(decoding: name, as: UTF8.self) {
      case "BRANCH_LEQ": self = .lessOrEqual
      case "BRANCH_LT": self = .less
      case "BRANCH_GTE": self = .greaterOrEqual
      case "BRANCH_GT": self = .greater
      case "BRANCH_EQ": self = .equal
      case "BRANCH_NEQ": self = .notEqual
      default: return nil
      }
    }
  }

  enum Target: Hashable {
    case node(Int)
    case leaf(Int)
  }

  struct Node {
    var mode: Mode
    var feature: Int
    var threshold: Double
    var members: [Double] = []
    /// Whether NaN takes the true branch whatever the comparison says.
    var missingIsTrue: Bool
    var whenTrue: Target
    var whenFalse: Target

    func holds(_ x: Double) -> Bool {
      if missingIsTrue && x.isNaN { return true }
      switch mode {
      case .lessOrEqual: return x <= threshold
      case .less: return x < threshold
      case .greaterOrEqual: return x >= threshold
      case .greater: return x > threshold
      case .equal: return x == threshold
      case .notEqual: return x != threshold
      case .member: return members.contains(x)
      }
    }
  }

  var nodes: [Node] = []
  /// What each leaf adds to which target.
  var leaves: [[(target: Int, weight: Double)]] = []
  var roots: [Target] = []
  var targets = 1

  /// Throws unless features and targets are in range and every branch leads somewhere.
  func check(features: Int?) throws(Diagnostic) {
    for node in nodes {
      guard node.feature >= 0, node.feature < features ?? .max else {
        throw .invalid("a node tests feature \(node.feature), the input has \(features ?? 0)")
      }
    }
    for target in nodes.flatMap({ [$0.whenTrue, $0.whenFalse] }) + roots {
      switch target {
      case .node(let index): guard nodes.indices.contains(index) else { throw .invalid("there is no node \(index)") }
      case .leaf(let index): guard leaves.indices.contains(index) else { throw .invalid("there is no leaf \(index)") }
      }
    }
    guard isAcyclic else { throw .invalid("the nodes of a tree form a circle") }
    for vote in leaves.joined() where vote.target < 0 || vote.target >= targets {
      throw .invalid("a leaf votes for \(vote.target), accepted range is 0...\(targets - 1)")
    }
  }

  /// Whether no node leads back to itself: nodes that nothing leads to any more are taken away until none is left.
  private var isAcyclic: Bool {
    var incoming = [Int](repeating: 0, count: nodes.count)
    let children = nodes.map { node in
      [node.whenTrue, node.whenFalse].compactMap { if case .node(let index) = $0 { index } else { nil } }
    }
    for child in children.joined() { incoming[child] += 1 }
    var free = incoming.indices.filter { incoming[$0] == 0 }
    var taken = 0
    while let index = free.popLast() {
      taken += 1
      for child in children[index] {
        incoming[child] -= 1
        if incoming[child] == 0 { free.append(child) }
      }
    }
    return taken == nodes.count
  }

  /// The leaf a row ends in. Throws where the nodes form a circle.
  func leaf(_ row: [Double], from root: Target) throws(Diagnostic) -> Int {
    var target = root
    for _ in 0...nodes.count {
      guard case .node(let index) = target else { break }
      target = nodes[index].holds(row[nodes[index].feature]) ? nodes[index].whenTrue : nodes[index].whenFalse
    }
    guard case .leaf(let leaf) = target else { throw .invalid("the nodes of a tree form a circle") }
    return leaf
  }

  /// How the weights of the leaves become one score.
  enum Aggregation: String, CaseIterable, Sendable {
    case average = "AVERAGE"
    case sum = "SUM"
    case min = "MIN"
    case max = "MAX"
  }

  /// The scores of a row; nil for targets no leaf votes for.
  func scores(_ row: [Double], _ aggregation: Aggregation) throws(Diagnostic) -> [Double?] {
    var scores = [Double?](repeating: nil, count: targets)
    for root in roots {
      for vote in leaves[try leaf(row, from: root)] {
        guard let old = scores[vote.target] else {
          scores[vote.target] = vote.weight
          continue
        }
        switch aggregation {
        case .sum, .average: scores[vote.target] = old + vote.weight
        case .min: scores[vote.target] = Swift.min(old, vote.weight)
        case .max: scores[vote.target] = Swift.max(old, vote.weight)
        }
      }
    }
    if aggregation == .average { scores = scores.map { $0.map { $0 / Double(roots.count) } } }
    return scores
  }
}

/// Attributes that the two older tree operators have in common: nodes with ids inside numbered trees.
public struct ForestAttributes: Hashable, Sendable, ForestSource {
  var treeIDs: [Int]?
  var nodeIDs: [Int]?
  var featureIDs: [Int]?
  var modes: [[UInt8]]?
  var values: [Float]?
  var valuesTensor: Tensor?
  var trueIDs: [Int]?
  var falseIDs: [Int]?
  var missingTracksTrue: [Int]?
  var hitrates: [Float]?
  var hitratesTensor: Tensor?
  var baseValues: [Float]?
  var baseValuesTensor: Tensor?
  /// Votes of the leaves.
  var voteTreeIDs: [Int]?
  var voteNodeIDs: [Int]?
  var voteTargets: [Int]?
  var voteWeights: [Float]?
  var voteWeightsTensor: Tensor?

  var bases: [Double] { baseValuesTensor?.wide(Double.self) ?? baseValues?.map { Double($0) } ?? [] }
  var weights: [Double] { voteWeightsTensor?.wide(Double.self) ?? voteWeights?.map { Double($0) } ?? [] }

  private struct Key: Hashable {
    var tree: Int
    var node: Int
  }

  /// The trees, checked. Throws where lists differ in length, ids repeat or are missing.
  func forest(targets: Int, features: Int?) throws(Diagnostic) -> DecisionForest {
    let trees = treeIDs ?? []
    let count = trees.count
    let thresholds = valuesTensor?.wide(Double.self) ?? values?.map { Double($0) } ?? []
    guard let nodeIDs, let featureIDs, let modes, let trueIDs, let falseIDs,
      [nodeIDs.count, featureIDs.count, modes.count, trueIDs.count, falseIDs.count, thresholds.count]
        == Array(
          repeating: count, count: 6), [count, 0].contains(missingTracksTrue?.count ?? 0)
    else { throw .invalid("the lists that describe nodes differ in length") }
    var index: [Key: Int] = [:]
    for i in 0..<count {
      guard index.updateValue(i, forKey: Key(tree: trees[i], node: nodeIDs[i])) == nil else {
        throw .invalid("tree \(trees[i]) has two nodes \(nodeIDs[i])")
      }
    }
    var forest = DecisionForest()
    forest.targets = targets
    forest.leaves = try votes(count, index)
    // Position of each entry: nodes among nodes; leaves keep the index of their entry.
    var position = [Int](repeating: 0, count: count)
    var branches = 0
    let isLeaf = modes.map { $0 == Array("LEAF".utf8) }
    for i in 0..<count where !isLeaf[i] {
      position[i] = branches
      branches += 1
    }
    func target(_ tree: Int, _ id: Int) throws(Diagnostic) -> DecisionForest.Target {
      guard let i = index[Key(tree: tree, node: id)] else { throw .invalid("tree \(tree) has no node \(id)") }
      return isLeaf[i] ? .leaf(i) : .node(position[i])
    }
    var seen: Set<Int> = []
    for i in 0..<count {
      if seen.insert(trees[i]).inserted { forest.roots.append(isLeaf[i] ? .leaf(i) : .node(position[i])) }
      if isLeaf[i] { continue }
      guard let mode = DecisionForest.Mode(name: modes[i]) else {
        throw .invalid("there is no node mode '\(Name(modes[i]))'")
      }
      forest.nodes.append(
        DecisionForest.Node(
          mode: mode, feature: featureIDs[i], threshold: thresholds[i],
          missingIsTrue: missingTracksTrue.map { !$0.isEmpty && $0[i] != 0 } ?? false,
          whenTrue: try target(trees[i], trueIDs[i]), whenFalse: try target(trees[i], falseIDs[i])))
    }
    try forest.check(features: features)
    return forest
  }

  /// The votes of every entry (none but at leaves).
  private func votes(
    _ count: Int, _ index: [Key: Int]
  ) throws(Diagnostic) -> [[(target: Int, weight: Double)]] {
    let weights = weights
    guard let voteTreeIDs, let voteNodeIDs, let voteTargets, voteNodeIDs.count == voteTreeIDs.count,
      voteTargets.count == voteTreeIDs.count, weights.count == voteTreeIDs.count
    else { throw .invalid("the lists that describe votes differ in length") }
    var votes = [[(target: Int, weight: Double)]](repeating: [], count: count)
    for i in voteTreeIDs.indices {
      guard let at = index[Key(tree: voteTreeIDs[i], node: voteNodeIDs[i])] else {
        throw .invalid("tree \(voteTreeIDs[i]) has no node \(voteNodeIDs[i])")
      }
      votes[at].append((voteTargets[i], weights[i]))
    }
    return votes
  }
}
