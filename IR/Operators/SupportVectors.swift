#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let supportVectors: [any Operator.Type] = [SVMRegressor.self, SVMClassifier.self]
}

/// How near a support vector is. ONNX-ML attributes `kernel_type` and `kernel_params` (gamma, coef0, degree).
struct SupportKernel {
  enum Kind: String, CaseIterable, Sendable {
    case linear = "LINEAR"
    case poly = "POLY"
    case rbf = "RBF"
    case sigmoid = "SIGMOID"
  }
  var kind: Kind
  var parameters: [Float]?

  func value(_ x: [Double], _ y: ArraySlice<Double>) -> Double {
    let gamma = Double(parameters?.first ?? 0)
    let shift = Double(parameters?.dropFirst().first ?? 0)
    let dot = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
    switch kind {
    case .linear: return dot
    case .poly: return pow(gamma * dot + shift, Double(parameters?.dropFirst(2).first ?? 0).rounded(.towardZero))
    case .sigmoid: return tanh(gamma * dot + shift)
    case .rbf: return exp(-gamma * zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) })
    }
  }

  func check() throws(Diagnostic) {
    guard [0, 3].contains(parameters?.count ?? 0) else {
      throw .invalid("attribute 'kernel_params' has \(parameters?.count ?? 0) elements, expected 3")
    }
  }
}

private func doubles(_ list: [Float]?) -> [Double] { list?.map { Double($0) } ?? [] }

/// Regression by support vectors, or linear where there are none. X[N,F] → [N,1]; one-class models give 1 or −1.
/// ONNX-ML SVMRegressor, opsets 1–5.
public struct SVMRegressor: Operator {
  public static let name = "SVMRegressor"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .floats("coefficients", \.coefficients), .floats("kernel_params", \.kernelParameters),
    .choice("kernel_type", \.kernelKind), .int("n_supports", \.supports, in: 0...Int(Int32.max)),
    .flag("one_class", \.oneClass), .choice("post_transform", \.postTransform), .floats("rho", \.rho),
    .floats("support_vectors", \.vectors),
  ]
  public var coefficients: [Float]?
  public var kernelParameters: [Float]?
  var kernelKind = SupportKernel.Kind.linear
  public var supports = 0
  public var oneClass = false
  public var postTransform = PostTransform.none
  public var rho: [Float]?
  public var vectors: [Float]?
  public init() {}
  private var kernel: SupportKernel {
    SupportKernel(kind: supports == 0 ? .linear : kernelKind, parameters: kernelParameters)
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    try kernel.check()
    let (rows, columns) = try context.rows(0)
    guard rho?.count ?? 0 >= 1 else { throw .invalid("attribute 'rho' is missing") }
    let count = coefficients?.count ?? 0
    if let features = columns.value {
      let vectorCount = supports == 0 ? 0 : saturatingMultiply(supports, features)
      guard count == (supports == 0 ? features : supports), vectors?.count ?? 0 == vectorCount || supports == 0 else {
        throw .invalid("coefficients and support vectors do not fit \(features) features")
      }
    }
    return [.tensor(.float32, [rows, 1])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let weights = doubles(coefficients)
    let vectors = doubles(vectors)
    let features = x.shape.last ?? 1
    let bias = Double(rho?.first ?? 0)
    var results: [[Double]] = []
    for row in x.rows {
      try context.checkDeadline()
      var sum = bias
      if supports == 0 { sum += kernel.value(row, weights[...]) }
      for j in 0..<supports { sum += weights[j] * kernel.value(row, vectors[(j * features)..<((j + 1) * features)]) }
      results.append(oneClass ? [sum > 0 ? 1 : -1] : postTransform.apply([sum]))
    }
    return [.tensor(Tensor.matrix(results, columns: 1))]
  }
}

/// Classification by support vectors (votes of all pairs of classes, or probabilities by Platt scaling), or linear
/// where there are none. X[N,F] → labels [N], scores [N,classes or pairs]. ONNX-ML SVMClassifier, opsets 1–5.
public struct SVMClassifier: Operator {
  public static let name = "SVMClassifier"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let outputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .ints("classlabels_ints", \.integerLabels), .strings("classlabels_strings", \.stringLabels),
    .floats("coefficients", \.coefficients), .floats("kernel_params", \.kernelParameters),
    .choice("kernel_type", \.kernelKind), .choice("post_transform", \.postTransform), .floats("prob_a", \.probA),
    .floats("prob_b", \.probB), .floats("rho", \.rho), .floats("support_vectors", \.vectors),
    .ints("vectors_per_class", \.vectorsPerClass, in: 0...Int(Int32.max)),
  ]
  public var integerLabels: [Int]?
  public var stringLabels: [[UInt8]]?
  public var coefficients: [Float]?
  public var kernelParameters: [Float]?
  var kernelKind = SupportKernel.Kind.linear
  public var postTransform = PostTransform.none
  public var probA: [Float]?
  public var probB: [Float]?
  public var rho: [Float]?
  public var vectors: [Float]?
  public var vectorsPerClass: [Int]?
  public init() {}

  private var labels: ClassLabels { ClassLabels(integers: integerLabels, strings: stringLabels) }
  private var supports: Int { (vectorsPerClass ?? []).reduce(0) { saturatingAdd($0, $1) } }
  private var pairs: Int { labels.count * (labels.count - 1) / 2 }
  private var hasProbabilities: Bool { supports > 0 && !(probA ?? []).isEmpty }
  private var kernel: SupportKernel {
    SupportKernel(kind: supports == 0 ? .linear : kernelKind, parameters: kernelParameters)
  }
  /// Scores of a row before the last transform.
  private var scoreCount: Int { supports == 0 || hasProbabilities ? labels.count : pairs }
  private var outputCount: Int { max(scoreCount, labels.count == 2 ? 2 : 1) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    try labels.check()
    try kernel.check()
    guard labels.count < 1 << 16 else { throw .invalid("there are \(labels.count) classes") }
    let (rows, columns) = try context.rows(0)
    if supports > 0 {
      guard vectorsPerClass?.count == labels.count, rho?.count ?? 0 >= pairs, labels.count >= 2,
        coefficients?.count == saturatingMultiply(supports, labels.count - 1),
        !hasProbabilities || probA?.count == pairs && probB?.count == pairs
      else { throw .invalid("the parameters do not fit \(labels.count) classes of \(supports) support vectors") }
      if let features = columns.value, vectors?.count ?? 0 != saturatingMultiply(supports, features) {
        throw .invalid("the support vectors do not have the \(features) features of the input")
      }
    } else {
      guard rho?.count ?? 0 >= 1 else { throw .invalid("attribute 'rho' is missing") }
      if let features = columns.value, coefficients?.count ?? 0 != saturatingMultiply(labels.count, features) {
        throw .invalid(
          "there are \(coefficients?.count ?? 0) coefficients for \(labels.count) classes of \(features) features")
      }
    }
    return [.tensor(labels.type, [rows]), .tensor(.float32, [rows, Dim(outputCount)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let arePositive = (coefficients ?? []).allSatisfy { $0 >= 0 }
    var winners: [Int] = []
    var results: [[Double]] = []
    for row in try inputs.tensor(0).rows {
      try context.checkDeadline()
      let (votes, raw) = supports == 0 ? (nil, linearScores(row)) : decisions(row)
      let scores = hasProbabilities ? probabilities(raw) : raw
      let best = argmax(votes ?? scores)
      winners.append(best)
      results.append(finish(scores, arePositive: arePositive, hasPairScore: scores.count == 1))
    }
    return [.tensor(labels.tensor(winners)), .tensor(Tensor.matrix(results, columns: outputCount))]
  }

  private func linearScores(_ row: [Double]) -> [Double] {
    let weights = doubles(coefficients)
    let bias = Double(rho?.first ?? 0)
    return (0..<labels.count).map { bias + kernel.value(row, weights[($0 * row.count)..<(($0 + 1) * row.count)]) }
  }

  /// Votes of the pairs of classes, and the decision of each pair.
  private func decisions(_ row: [Double]) -> (votes: [Double]?, scores: [Double]) {
    let vectors = doubles(vectors)
    let weights = doubles(coefficients)
    let counts = vectorsPerClass ?? []
    let near = (0..<supports).map { kernel.value(row, vectors[($0 * row.count)..<(($0 + 1) * row.count)]) }
    let starts = counts.indices.map { counts[..<$0].reduce(0, +) }
    var votes = [Double](repeating: 0, count: counts.count)
    var scores: [Double] = []
    for i in counts.indices {
      for j in counts.indices.dropFirst(i + 1) {
        var sum = Double(rho?[scores.count] ?? 0)
        for k in starts[i]..<(starts[i] + counts[i]) { sum += weights[(j - 1) * supports + k] * near[k] }
        for k in starts[j]..<(starts[j] + counts[j]) { sum += weights[i * supports + k] * near[k] }
        votes[sum > 0 ? i : j] += 1
        scores.append(sum)
      }
    }
    return (votes, scores)
  }

  /// Probabilities of the classes from those of the pairs (Wu, Lin, Weng 2004, method 2; as LIBSVM).
  private func probabilities(_ scores: [Double]) -> [Double] {
    let count = labels.count
    var pair = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
    var index = 0
    for i in 0..<count {
      for j in (i + 1)..<max(count, i + 1) {
        let value = 1 - logistic(scores[index] * Double(probA?[index] ?? 0) + Double(probB?[index] ?? 0))
        pair[i][j] = min(max(value, 1e-7), 1 - 1e-7)
        pair[j][i] = 1 - pair[i][j]
        index += 1
      }
    }
    var q = pair
    for t in 0..<count {
      q[t][t] = (0..<count).reduce(0) { $1 == t ? $0 : $0 + pair[$1][t] * pair[$1][t] }
      for j in 0..<count where j != t { q[t][j] = -pair[j][t] * pair[t][j] }
    }
    var p = [Double](repeating: 1 / Double(count), count: count)
    for _ in 0..<max(100, count) {
      var product = (0..<count).map { t in (0..<count).reduce(0) { $0 + q[t][$1] * p[$1] } }
      var total = zip(p, product).reduce(0) { $0 + $1.0 * $1.1 }
      if product.allSatisfy({ ($0 - total).magnitude < 0.005 / Double(count) }) { break }
      for t in 0..<count {
        let step = (total - product[t]) / q[t][t]
        p[t] += step
        total = (total + step * (step * q[t][t] + 2 * product[t])) / ((1 + step) * (1 + step))
        for j in 0..<count {
          product[j] = (product[j] + step * q[t][j]) / (1 + step)
          p[j] /= 1 + step
        }
      }
    }
    return p
  }

  /// The scores as they are output: one score for two classes is given for both.
  private func finish(_ scores: [Double], arePositive: Bool, hasPairScore: Bool) -> [Double] {
    guard hasPairScore, outputCount == 2 else { return postTransform.apply(scores) }
    return postTransform == .probit ? [-scores[0], scores[0]] : postTransform.apply([-scores[0], scores[0]])
  }
}
