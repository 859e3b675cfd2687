import IR
import TestSupport
import Testing

@Suite struct ClassicalTests {
  let x = Tensor([Float(1), 2, 3, 4], shape: [2, 2])

  func op(_ name: String, _ attributes: [(String, AttributeValue)]) throws -> any Operator {
    var op = try #require(OperatorCatalog.find(name, domain: "ai.onnx.ml")).init()
    for (name, value) in attributes { try op.setAttribute(name, value, fromModel: true) }
    return op
  }

  static func words(_ list: [String]) -> AttributeValue { .strings(list.map { Array($0.utf8) }) }

  /// One node that tests feature 0, two leaves.
  static func tree(mode: String = "BRANCH_LEQ", missing: Int64 = 0, votes: String) -> [(String, AttributeValue)] {
    [
      ("nodes_treeids", .ints([0, 0, 0])), ("nodes_nodeids", .ints([0, 1, 2])), ("nodes_featureids", .ints([0, 0, 0])),
      ("nodes_modes", words([mode, "LEAF", "LEAF"])), ("nodes_values", .floats([2, 0, 0])),
      ("nodes_truenodeids", .ints([1, 0, 0])), ("nodes_falsenodeids", .ints([2, 0, 0])),
      ("nodes_missing_value_tracks_true", .ints([missing, 0, 0])), ("\(votes)_treeids", .ints([0, 0])),
      ("\(votes)_nodeids", .ints([1, 2])), ("\(votes)_ids", .ints([0, 0])), ("\(votes)_weights", .floats([10, 20])),
    ]
  }

  @Test func trees() throws {
    let regressor = try op("TreeEnsembleRegressor", Self.tree(votes: "target") + [("base_values", .floats([1]))])
    #expect(try run(regressor, [x])[0].floats == [11, 21])
    let nan = Tensor([Float.nan, 0], shape: [1, 2])
    #expect(try run(regressor, [nan])[0].floats == [21])
    #expect(try run(op("TreeEnsembleRegressor", Self.tree(missing: 1, votes: "target")), [nan])[0].floats == [10])
    let labels = [("classlabels_strings", Self.words(["no", "yes"]))]
    let classes = try run(op("TreeEnsembleClassifier", Self.tree(votes: "class") + labels), [x], outputs: 2)
    #expect(classes[0].strings == [Array("yes".utf8), Array("yes".utf8)] && classes[1].floats == [-9, 10, -19, 20])
  }

  @Test func treesThatAreNone() throws {
    let circle = Self.tree(votes: "target") + [("nodes_truenodeids", .ints([0, 0, 0]))]
    #expect(message { _ = try run(try op("TreeEnsembleRegressor", circle), [x]) }?.contains("circle") == true)
    let missing = Self.tree(votes: "target") + [("nodes_falsenodeids", .ints([9, 0, 0]))]
    #expect(message { _ = try run(try op("TreeEnsembleRegressor", missing), [x]) }?.contains("no node 9") == true)
    let feature = Self.tree(votes: "target") + [("nodes_featureids", .ints([2, 0, 0]))]
    #expect(throws: Diagnostic.self) { try run(try op("TreeEnsembleRegressor", feature), [x]) }
    let short = Self.tree(votes: "target") + [("nodes_values", .floats([1]))]
    #expect(throws: Diagnostic.self) { try run(try op("TreeEnsembleRegressor", short), [x]) }
    #expect(throws: Diagnostic.self) {
      try run(try op("TreeEnsembleRegressor", Self.tree(mode: "?", votes: "target")), [x])
    }
  }

  /// Two trees of one node each that test feature 0, and two leaves for each. ONNX-ML version 5.
  static func indexedTrees(_ mode: UInt8 = 0) -> [(String, AttributeValue)] {
    [
      ("tree_roots", .ints([0, 1])), ("nodes_featureids", .ints([0, 0])), ("nodes_modes", .tensor(Tensor([mode, 0]))),
      ("nodes_splits", .tensor(Tensor([Float(2), 1]))), ("nodes_truenodeids", .ints([0, 2])),
      ("nodes_trueleafs", .ints([1, 1])), ("nodes_falsenodeids", .ints([1, 3])), ("nodes_falseleafs", .ints([1, 1])),
      ("leaf_targetids", .ints([0, 0, 0, 0])), ("leaf_weights", .tensor(Tensor([Float(10), 20, 1, 2]))),
    ]
  }

  @Test func treesByIndex() throws {
    // Rows [1, 2] and [3, 4]: leaves 10 and 1, then 20 and 2.
    #expect(try run(op("TreeEnsemble", Self.indexedTrees()), [x])[0] == Tensor([Float(11), 22], shape: [2, 1]))
    for (function, expected) in [(Int64(0), [5.5, 11]), (1, [11, 22]), (2, [1, 2]), (3, [10, 20])] as [(Int64, [Float])]
    {
      let aggregated = Self.indexedTrees() + [("aggregate_function", .int(function))]
      #expect(try run(op("TreeEnsemble", aggregated), [x])[0].floats == expected)
    }
    let targets = Self.indexedTrees() + [("n_targets", .int(2)), ("leaf_targetids", .ints([0, 1, 1, 1]))]
    #expect(try run(op("TreeEnsemble", targets), [x])[0].floats == [10, 1, 0, 22])
    // The first tree asks for members of a set.
    let members = Self.indexedTrees(6) + [("membership_values", .tensor(Tensor([Float(3), 7, .nan])))]
    #expect(try run(op("TreeEnsemble", members), [x])[0].floats == [21, 12])
  }

  @Test func treesByIndexThatAreNone() throws {
    func refusal(_ name: String, _ value: AttributeValue) -> String? {
      message { _ = try run(try op("TreeEnsemble", Self.indexedTrees() + [(name, value)]), [x]) }
    }
    #expect(refusal("tree_roots", .ints([2])) == "there is no node 2")
    #expect(refusal("nodes_modes", .tensor(Tensor([UInt8(9), 0]))) == "there is no node mode 9")
    #expect(refusal("nodes_featureids", .ints([0])) == "the lists that describe nodes differ in length")
    #expect(refusal("leaf_targetids", .ints([0])) == "the lists that describe leaves differ in length")
    #expect(refusal("nodes_featureids", .ints([0, 2])) != nil)
    #expect(refusal("nodes_falsenodeids", .ints([4, 3])) != nil)
  }

  @Test func linearModels() throws {
    let regressor = try op("LinearRegressor", [("coefficients", .floats([1, 10])), ("intercepts", .floats([0.5]))])
    #expect(try run(regressor, [x])[0].floats == [21.5, 43.5])
    let classifier = try op(
      "LinearClassifier",
      [
        ("coefficients", .floats([1, 0, 0, 1])), ("classlabels_ints", .ints([7, 8])),
        ("post_transform", .string(Array("SOFTMAX".utf8))),
      ])
    let outputs = try run(classifier, [x], outputs: 2)
    #expect(outputs[0] == longs([8, 8]) && abs(outputs[1].floats[1] - 0.7310586) < 1e-6)
    #expect(throws: Diagnostic.self) { try run(regressor, [counting([2, 3])]) }
  }

  @Test func supportVectors() throws {
    let vectors: [(String, AttributeValue)] = [
      ("coefficients", .floats([1, -1])), ("support_vectors", .floats([1, 0, 0, 1])), ("rho", .floats([0.5])),
      ("n_supports", .int(2)), ("kernel_params", .floats([1, 0, 2])),
    ]
    #expect(try run(op("SVMRegressor", vectors), [x])[0].floats == [-0.5, -0.5])
    let poly = vectors + [("kernel_type", .string(Array("POLY".utf8)))]
    #expect(try run(op("SVMRegressor", poly), [x])[0].floats == [-2.5, -6.5])
    #expect(throws: Diagnostic.self) { try run(try op("SVMRegressor", poly), [counting([2, 3])]) }
  }

  @Test func classesBySupportVectors() throws {
    let near = Tensor([Float(3), 1, 1, 3], shape: [2, 2])
    let vectors: [(String, AttributeValue)] = [
      ("coefficients", .floats([1, -1])), ("rho", .floats([0.5])), ("support_vectors", .floats([1, 0, 0, 1])),
      ("vectors_per_class", .ints([1, 1])), ("classlabels_strings", Self.words(["a", "b"])),
    ]
    // The decision of the only pair is 0.5 + x0 - x1.
    let votes = try run(op("SVMClassifier", vectors), [near], outputs: 2)
    #expect(votes[0].strings == [[97], [98]] && votes[1].floats == [-2.5, 2.5, 1.5, -1.5])
    let scaled = vectors + [("prob_a", .floats([-1])), ("prob_b", .floats([0]))]
    let probabilities = try run(op("SVMClassifier", scaled), [near], outputs: 2)[1].floats
    for (actual, expected) in zip(probabilities, [0.92414, 0.07586, 0.18243, 0.81757] as [Float]) {
      #expect(abs(actual - expected) < 0.01)
    }
    let linear: [(String, AttributeValue)] = [
      ("coefficients", .floats([1, 0, 0, 1])), ("rho", .floats([0.5])), ("classlabels_ints", .ints([7, 8])),
    ]
    let scores = try run(op("SVMClassifier", linear), [x], outputs: 2)
    #expect(scores[0] == longs([8, 8]) && scores[1].floats == [1.5, 2.5, 3.5, 4.5])
    #expect(throws: Diagnostic.self) { try run(try op("SVMClassifier", vectors), [counting([2, 3])], outputs: 2) }
    let short = vectors + [("vectors_per_class", .ints([1]))]
    #expect(throws: Diagnostic.self) { try run(try op("SVMClassifier", short), [near], outputs: 2) }
  }

  @Test func encoders() throws {
    let words = Tensor(strings: [[97], [98], [120]], shape: [3])
    let encoder = try op(
      "LabelEncoder", [("keys_strings", Self.words(["a", "b", "a"])), ("values_int64s", .ints([1, 2, 3]))])
    #expect(try run(encoder, [words])[0] == longs([3, 2, -1]))
    let nan = try op("LabelEncoder", [("keys_floats", .floats([.nan])), ("values_strings", Self.words(["none"]))])
    #expect(try run(nan, [Tensor([Float.nan, 1])])[0].strings == [Array("none".utf8), Array("_Unused".utf8)])
    #expect(throws: Diagnostic.self) { try run(try op("LabelEncoder", []), [words]) }
    let mapper = try op("CategoryMapper", [("cats_int64s", .ints([1, 2])), ("cats_strings", Self.words(["a", "b"]))])
    #expect(try run(mapper, [words])[0] == longs([1, 2, -1]))
    #expect(try run(mapper, [longs([2, 9])])[0].strings == [[98], Array("_Unused".utf8)])
    var hot = try op("OneHotEncoder", [("cats_strings", Self.words(["a", "b"]))])
    #expect(try run(hot, [words])[0].floats == [1, 0, 0, 1, 0, 0])
    try hot.setAttribute("zeros", .int(0))
    #expect(throws: Diagnostic.self) { try run(hot, [words]) }
  }

  @Test func scalersAndFeatures() throws {
    let scaler = try op("Scaler", [("offset", .floats([1, 2])), ("scale", .floats([2]))])
    #expect(try run(scaler, [x])[0].floats == [0, 0, 4, 4])
    #expect(throws: Diagnostic.self) { try run(scaler, [Tensor(scalar: Float(1))]) }
    #expect(
      try run(op("Normalizer", [("norm", .string(Array("L1".utf8)))]), [Tensor([Float(1), -3], shape: [1, 2])])[0]
        .floats == [0.25, -0.75])
    let imputer = try op("Imputer", [("imputed_value_floats", .floats([9])), ("replaced_value_float", .float(.nan))])
    #expect(try run(imputer, [Tensor([Float.nan, 2])])[0].floats == [9, 2])
    #expect(try run(op("Binarizer", [("threshold", .float(2))]), [x])[0].floats == [0, 0, 1, 1])
    #expect(try run(op("ArrayFeatureExtractor", []), [x, longs([1])])[0].floats == [2, 4])
    #expect(throws: Diagnostic.self) { try run(try op("ArrayFeatureExtractor", []), [x, longs([2])]) }
    let joined = try run(op("FeatureVectorizer", [("inputdimensions", .ints([1, 3]))]), [x, x])[0]
    #expect(joined.floats == [1, 1, 2, 0, 3, 3, 4, 0])
  }

  @Test func maps() throws {
    let zip = try op("ZipMap", [("classlabels_int64s", .ints([5, 6]))])
    let result = try runValues(zip, [.tensor(x)])[0]
    guard case .sequence(let maps, _) = result, case .map(let keys, let values, _, _) = maps[1] else {
      Issue.record("no sequence of maps")
      return
    }
    #expect(maps.count == 2 && keys == [.int(5), .int(6)] && values[1].tensor == Tensor(scalar: Float(4)))
    let rows = try runValues(op("CastMap", []), [maps[1]])
    #expect(rows[0].tensor == Tensor([Float(3), 4], shape: [1, 2]))
    let vector = try runValues(op("DictVectorizer", [("int64_vocabulary", .ints([6, 1, 5]))]), [maps[1]])
    #expect(vector[0].tensor == Tensor([Float(4), 0, 3], shape: [1, 3]))
  }

  @Test func trainingSteps() throws {
    var op = Momentum()
    op.alpha = 0.5
    op.beta = 1
    let inputs = [
      Tensor(scalar: Float(0.1)), longs([0], []), Tensor([Float(1)]), Tensor([Float(2)]), Tensor([Float(4)]),
    ]
    #expect(try run(op, inputs, outputs: 2).map { $0.floats[0] } == [0.6, 4])
    #expect(throws: Diagnostic.self) { try run(Adam(), inputs, outputs: 2) }
    let moved = 1 - 0.2 / Float(8).squareRoot()
    #expect(abs(try run(Adagrad(), inputs, outputs: 2)[0].floats[0] - moved) < 1e-6)
  }
}
