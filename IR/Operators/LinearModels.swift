extension OperatorCatalog {
  static let linearModels: [any Operator.Type] = [LinearRegressor.self, LinearClassifier.self]
}

/// Σ x · coefficient + intercept for several targets; coefficients target by target.
private struct LinearScores {
  var coefficients: [Float]?
  var intercepts: [Float]?

  /// Throws unless the lists fit so many targets and features.
  func check(targets: Int, features: Dim) throws(Diagnostic) {
    let count = coefficients?.count ?? 0
    guard targets > 0, count > 0, count % targets == 0 else {
      throw .invalid("\(count) coefficients do not divide among \(targets) targets")
    }
    guard [0, targets].contains(intercepts?.count ?? 0) else {
      throw .invalid("there are \(intercepts?.count ?? 0) intercepts for \(targets) targets")
    }
    if let features = features.value, features != count / targets {
      throw .invalid("the input has \(features) features, there are coefficients for \(count / targets)")
    }
  }

  func scores(_ row: [Double], targets: Int) -> [Double] {
    let coefficients = coefficients ?? []
    return (0..<targets).map { target in
      let sum = row.indices.reduce(0) { $0 + row[$1] * Double(coefficients[target * row.count + $1]) }
      return sum + (intercepts.map { $0.isEmpty ? 0 : Double($0[target]) } ?? 0)
    }
  }
}

/// Linear regression. X[N,F] → [N,targets], float32. ONNX-ML LinearRegressor, opsets 1–5.
public struct LinearRegressor: Operator {
  public static let name = "LinearRegressor"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .floats("coefficients", \.coefficients), .floats("intercepts", \.intercepts),
    .int("targets", \.targets, in: 1...Int(Int32.max)), .choice("post_transform", \.postTransform),
  ]
  public var coefficients: [Float]?
  public var intercepts: [Float]?
  public var targets = 1
  public var postTransform = PostTransform.none
  public init() {}
  private var rule: LinearScores { LinearScores(coefficients: coefficients, intercepts: intercepts) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    let (rows, columns) = try context.rows(0)
    try rule.check(targets: targets, features: columns)
    return [.tensor(.float32, [rows, Dim(targets)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let rows = try inputs.tensor(0).rows.map { postTransform.apply(rule.scores($0, targets: targets)) }
    return [.tensor(Tensor.matrix(rows, columns: targets))]
  }
}

/// Linear classification. X[N,F] → labels [N], scores [N,classes]. With one score for two classes it is the second's,
/// and the first has its negative (or complement). ONNX-ML LinearClassifier, opsets 1–5.
public struct LinearClassifier: Operator {
  public static let name = "LinearClassifier"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let outputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .floats("coefficients", \.coefficients), .floats("intercepts", \.intercepts),
    .ints("classlabels_ints", \.integerLabels), .strings("classlabels_strings", \.stringLabels),
    .int("multi_class", \.multiClass, in: 0...1), .choice("post_transform", \.postTransform),
  ]
  public var coefficients: [Float]?
  public var intercepts: [Float]?
  public var integerLabels: [Int]?
  public var stringLabels: [[UInt8]]?
  /// Makes no difference.
  public var multiClass = 0
  public var postTransform = PostTransform.none
  public init() {}
  private var rule: LinearScores { LinearScores(coefficients: coefficients, intercepts: intercepts) }
  private var labels: ClassLabels { ClassLabels(integers: integerLabels, strings: stringLabels) }

  /// Scores that are computed: one for two classes where the coefficients say so.
  private func targets(_ features: Dim) -> Int {
    if let intercepts, !intercepts.isEmpty { return intercepts.count }
    let features = max(features.value ?? 1, 1)
    return labels.count == 2 && coefficients?.count == features ? 1 : labels.count
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    try labels.check()
    let (rows, columns) = try context.rows(0)
    let targets = targets(columns)
    try rule.check(targets: targets, features: columns)
    guard targets == labels.count || targets == 1 && labels.count == 2 else {
      throw .invalid("there are \(labels.count) class labels for \(targets) scores")
    }
    return [.tensor(labels.type, [rows]), .tensor(.float32, [rows, Dim(labels.count)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let labels = labels
    let targets = targets(Dim(x.shape.last ?? 1))
    var winners: [Int] = []
    var results: [[Double]] = []
    for row in x.rows {
      var scores = rule.scores(row, targets: targets)
      if targets == 1 && labels.count == 2 { scores = [-scores[0], scores[0]] }
      winners.append(argmax(scores))
      results.append(postTransform.apply(scores))
    }
    return [.tensor(labels.tensor(winners)), .tensor(Tensor.matrix(results, columns: labels.count))]
  }
}
