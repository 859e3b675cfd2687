extension OperatorCatalog {
  static let treeEnsembles: [any Operator.Type] = [
    TreeEnsemble.self, TreeEnsembleRegressor.self, TreeEnsembleClassifier.self,
  ]
}

/// An operator with the attributes of numbered trees.
public protocol ForestOperator: Operator {
  var forest: ForestAttributes { get set }
}

extension ForestOperator {
  public static var domain: String { classicalDomain }
  public static var opsets: ClosedRange<Int> { classicalOpsets }
  public static var inputs: Arity { 1 }

  /// The attributes, with `votes` as the prefix of those of leaves (`target` or `class`).
  static func forestAttributes(votes: String) -> [AttributeField<Self>] {
    [
      .ints("nodes_treeids", \.forest.treeIDs), .ints("nodes_nodeids", \.forest.nodeIDs),
      .ints("nodes_featureids", \.forest.featureIDs), .strings("nodes_modes", \.forest.modes),
      .floats("nodes_values", \.forest.values), .tensor("nodes_values_as_tensor", \.forest.valuesTensor),
      .ints("nodes_truenodeids", \.forest.trueIDs), .ints("nodes_falsenodeids", \.forest.falseIDs),
      .ints("nodes_missing_value_tracks_true", \.forest.missingTracksTrue),
      .floats("nodes_hitrates", \.forest.hitrates), .tensor("nodes_hitrates_as_tensor", \.forest.hitratesTensor),
      .floats("base_values", \.forest.baseValues), .tensor("base_values_as_tensor", \.forest.baseValuesTensor),
      .ints("\(votes)_treeids", \.forest.voteTreeIDs), .ints("\(votes)_nodeids", \.forest.voteNodeIDs),
      .ints("\(votes)_ids", \.forest.voteTargets), .floats("\(votes)_weights", \.forest.voteWeights),
      .tensor("\(votes)_weights_as_tensor", \.forest.voteWeightsTensor),
    ]
  }
}

/// Regression by trees with numbered nodes. X[N,F] → [N,n_targets], float32. ONNX-ML TreeEnsembleRegressor, opsets 1–5.
public struct TreeEnsembleRegressor: ForestOperator {
  public static let name = "TreeEnsembleRegressor"
  public static let attributes: [AttributeField<Self>] =
    forestAttributes(votes: "target") + [
      .int("n_targets", \.targets, in: 1...Int(Int32.max)), .choice("aggregate_function", \.aggregation),
      .choice("post_transform", \.postTransform),
    ]
  public var forest = ForestAttributes()
  public var targets = 1
  var aggregation = DecisionForest.Aggregation.sum
  public var postTransform = PostTransform.none
  private let cache = ForestCache<ForestAttributes>()
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    let (rows, columns) = try context.rows(0)
    _ = try cache.forest(forest, targets: targets, features: columns.value)
    try checkBases(forest.bases, targets)
    return [.tensor(.float32, [rows, Dim(targets)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let trees = try cache.forest(forest, targets: targets, features: x.shape.last)
    var results: [[Double]] = []
    for row in x.rows {
      try context.checkDeadline()
      results.append(postTransform.apply(withBases(try trees.scores(row, aggregation), forest.bases)))
    }
    return [.tensor(Tensor.matrix(results, columns: targets))]
  }
}

/// Throws unless there are no base values, one for all, or one for each target.
private func checkBases(_ bases: [Double], _ targets: Int) throws(Diagnostic) {
  guard [0, 1, targets].contains(bases.count) else {
    throw .invalid("there are \(bases.count) base values for \(targets) targets")
  }
}

private func withBases(_ scores: [Double?], _ bases: [Double]) -> [Double] {
  scores.enumerated().map { i, score in
    (score ?? 0) + (bases.isEmpty ? 0 : bases.count == 1 ? bases[0] : bases[i])
  }
}

/// Classification by trees with numbered nodes. X[N,F] → labels [N], scores [N,classes]. With two classes and votes for
/// the first index only, its score is the second class's and gives both (as onnxruntime has it). ONNX-ML
/// TreeEnsembleClassifier, opsets 1–5.
public struct TreeEnsembleClassifier: ForestOperator {
  public static let name = "TreeEnsembleClassifier"
  public static let outputs: Arity = 2
  public static let attributes: [AttributeField<Self>] =
    forestAttributes(votes: "class") + [
      .ints("classlabels_int64s", \.integerLabels), .strings("classlabels_strings", \.stringLabels),
      .choice("post_transform", \.postTransform),
    ]
  public var forest = ForestAttributes()
  public var integerLabels: [Int]?
  public var stringLabels: [[UInt8]]?
  public var postTransform = PostTransform.none
  private let cache = ForestCache<ForestAttributes>()
  public init() {}

  private var labels: ClassLabels { ClassLabels(integers: integerLabels, strings: stringLabels) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    try labels.check()
    let (rows, columns) = try context.rows(0)
    _ = try cache.forest(forest, targets: labels.count, features: columns.value)
    try checkBases(forest.bases, labels.count)
    return [.tensor(labels.type, [rows]), .tensor(.float32, [rows, Dim(labels.count)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let labels = labels
    let trees = try cache.forest(forest, targets: labels.count, features: x.shape.last)
    let voted = Set(forest.voteTargets ?? [])
    let threshold = forest.weights.allSatisfy { $0 >= 0 } ? 0.5 : 0
    var results: [[Double]] = []
    var winners: [Int] = []
    for row in x.rows {
      try context.checkDeadline()
      let sums = withBases(try trees.scores(row, .sum), forest.bases)
      if labels.count == 2 && voted == [0] && forest.bases.count < 2 {
        winners.append(sums[0] > threshold ? 1 : 0)
        results.append(pair(sums[0], arePositive: threshold == 0.5))
      } else {
        let isSecond = labels.count == 2 && voted == [1]
        winners.append(isSecond ? (sums[1] > threshold ? 1 : 0) : argmax(sums))
        results.append(postTransform.apply(sums))
      }
    }
    return [.tensor(labels.tensor(winners)), .tensor(Tensor.matrix(results, columns: labels.count))]
  }

  /// The scores of both classes from the one of the second: weights that are all positive are taken for probabilities.
  private func pair(_ score: Double, arePositive: Bool) -> [Double] {
    if postTransform == .logistic { return [logistic(-score), logistic(score)] }
    if arePositive { return [1 - score, score] }
    return postTransform == .probit ? [-score, score] : postTransform.apply([-score, score])
  }
}

/// Trees whose nodes refer to each other by index. X[N,F] → [N,n_targets] of X's type. ONNX-ML TreeEnsemble, opset 5.
public struct TreeEnsemble: Operator {
  public static let name = "TreeEnsemble"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .int("aggregate_function", \.aggregation, in: 0...3), .int("post_transform", \.postTransform, in: 0...4),
    .int("n_targets", \.targets, in: 1...Int(Int32.max)), .ints("tree_roots", \.trees.roots, isRequired: true),
    .ints("nodes_featureids", \.trees.featureIDs, isRequired: true), .tensor("nodes_modes", \.trees.modes),
    .tensor("nodes_splits", \.trees.splits), .ints("nodes_truenodeids", \.trees.trueIDs, isRequired: true),
    .ints("nodes_falsenodeids", \.trees.falseIDs, isRequired: true),
    .ints("nodes_trueleafs", \.trees.trueLeafs, isRequired: true),
    .ints("nodes_falseleafs", \.trees.falseLeafs, isRequired: true),
    .ints("leaf_targetids", \.trees.leafTargets, isRequired: true),
    .tensor("leaf_weights", \.trees.leafWeights), .tensor("membership_values", \.trees.members),
    .ints("nodes_missing_value_tracks_true", \.trees.missingTracksTrue), .tensor("nodes_hitrates", \.trees.hitrates),
  ]
  /// 0 average, 1 sum, 2 minimum, 3 maximum.
  public var aggregation = 1
  /// 0 none, 1 softmax, 2 logistic, 3 softmax_zero, 4 probit.
  public var postTransform = 0
  public var targets = 1
  var trees = TreeAttributes()
  private let cache = ForestCache<TreeAttributes>()
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.float32, .float64, .float16])
    let (rows, columns) = try context.rows(0)
    _ = try cache.forest(trees, targets: targets, features: columns.value)
    return [.tensor(try context.element(0), [rows, Dim(targets)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let type = try checkedTypes(inputs, context)[0]
    let x = try inputs.tensor(0)
    let forest = try cache.forest(trees, targets: targets, features: x.shape.last)
    let transform = PostTransform.allCases[postTransform]
    let rule = DecisionForest.Aggregation.allCases[aggregation]
    var results: [Double] = []
    for row in x.rows {
      try context.checkDeadline()
      results += transform.apply(withBases(try forest.scores(row, rule), []))
    }
    return [.tensor(Tensor(wide: results, type.element, type.knownShape ?? []))]
  }
}

/// Attributes of TreeEnsemble: nodes and leaves that refer to each other by index.
struct TreeAttributes: ForestSource {
  var roots: [Int]?
  var featureIDs: [Int]?
  var modes: Tensor?
  var splits: Tensor?
  var trueIDs: [Int]?
  var falseIDs: [Int]?
  var trueLeafs: [Int]?
  var falseLeafs: [Int]?
  var leafTargets: [Int]?
  var leafWeights: Tensor?
  var members: Tensor?
  var missingTracksTrue: [Int]?
  var hitrates: Tensor?

  /// The trees, checked. Throws where lists differ in length or indices lead nowhere.
  func forest(targets: Int, features: Int?) throws(Diagnostic) -> DecisionForest {
    let kinds = modes?.integers ?? []
    let count = kinds.count
    let thresholds = splits?.wide(Double.self) ?? []
    guard let featureIDs, let trueIDs, let falseIDs, let trueLeafs, let falseLeafs,
      [featureIDs.count, trueIDs.count, falseIDs.count, trueLeafs.count, falseLeafs.count, thresholds.count]
        == Array(
          repeating: count, count: 6), [count, 0].contains(missingTracksTrue?.count ?? 0)
    else { throw .invalid("the lists that describe nodes differ in length") }
    let weights = leafWeights?.wide(Double.self) ?? []
    let voted = leafTargets ?? []
    guard weights.count == voted.count else { throw .invalid("the lists that describe leaves differ in length") }
    var sets = (members?.wide(Double.self) ?? []).split(omittingEmptySubsequences: false) { $0.isNaN }.makeIterator()
    var forest = DecisionForest()
    forest.targets = targets
    forest.leaves = zip(voted, weights).map { [($0, $1)] }
    for i in 0..<count {
      guard let mode = DecisionForest.Mode(rawValue: kinds[i]) else {
        throw .invalid("there is no node mode \(kinds[i])")
      }
      var node = DecisionForest.Node(
        mode: mode, feature: featureIDs[i], threshold: thresholds[i],
        missingIsTrue: missingTracksTrue.map { !$0.isEmpty && $0[i] != 0 } ?? false,
        whenTrue: trueLeafs[i] != 0 ? .leaf(trueIDs[i]) : .node(trueIDs[i]),
        whenFalse: falseLeafs[i] != 0 ? .leaf(falseIDs[i]) : .node(falseIDs[i]))
      if mode == .member {
        guard let set = sets.next() else { throw .invalid("there are fewer sets of members than nodes that test them") }
        node.members = Array(set)
      }
      forest.nodes.append(node)
    }
    for root in roots ?? [] {
      guard root >= 0, root < count else { throw .invalid("there is no node \(root)") }
      let node = forest.nodes[root]
      forest.roots.append(node.whenTrue == node.whenFalse ? node.whenTrue : .node(root))
    }
    try forest.check(features: features)
    return forest
  }
}
