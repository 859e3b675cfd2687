#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Domain of the operators of classical machine learning, and its versions.
let classicalDomain = "ai.onnx.ml"
let classicalOpsets = 1...5
let classicalTypes: [ElementType] = [.float32, .float64, .int32, .int64]

/// What is done to the scores of a row at the end. ONNX-ML attribute `post_transform`.
public enum PostTransform: String, CaseIterable, Sendable {
  case none = "NONE"
  case softmax = "SOFTMAX"
  case logistic = "LOGISTIC"
  case softmaxZero = "SOFTMAX_ZERO"
  case probit = "PROBIT"

  func apply(_ scores: [Double]) -> [Double] {
    switch self {
    case .none: return scores
    case .logistic: return scores.map { IR.logistic($0) }
    case .probit: return scores.map { PostTransform.probit($0) }
    case .softmax: return Softmax().apply(scores[...])
    case .softmaxZero: return PostTransform.softmaxZero(scores)
    }
  }

  /// Softmax that leaves scores of (nearly) 0 nearly 0.
  private static func softmaxZero(_ scores: [Double]) -> [Double] {
    let largest = scores.max() ?? 0
    let powers = scores.map { $0.magnitude > 1e-7 ? exp($0 - largest) : $0 * exp(-largest) }
    let sum = powers.reduce(0, +)
    return powers.map { sum == 0 ? 0.5 : $0 / sum }
  }

  /// Inverse of the normal distribution, by the approximation of the inverse error function that is customary here
  /// (Winitzki 2008, a = 0.147).
  private static func probit(_ probability: Double) -> Double {
    let x = 2 * probability - 1
    let product = (1 - x) * (1 + x)
    if product == 0 { return 0 }
    let logarithm = log(product)
    let v = 2 / (Double.pi * 0.147) + 0.5 * logarithm
    let root = (-v + (v * v - logarithm / 0.147).squareRoot()).squareRoot()
    return 2.0.squareRoot() * (x < 0 ? -root : root)
  }
}

/// Labels of classes: integers or strings, one list or the other.
struct ClassLabels {
  var integers: [Int]?
  var strings: [[UInt8]]?

  var count: Int { strings.flatMap { $0.isEmpty ? nil : $0.count } ?? integers?.count ?? 0 }
  var type: ElementType { strings?.isEmpty ?? true ? .int64 : .string }

  /// Throws unless exactly one list is given, of at least one label.
  func check() throws(Diagnostic) {
    guard count > 0 else { throw .invalid("no class labels are given") }
    guard strings?.isEmpty ?? true || integers?.isEmpty ?? true else {
      throw .invalid("class labels are given both as integers and as strings")
    }
  }

  /// The labels at these indices, which are in range.
  func tensor(_ indices: [Int]) -> Tensor {
    if let strings, !strings.isEmpty { return Tensor(strings: indices.map { strings[$0] }, shape: [indices.count]) }
    let integers = integers ?? []
    return Tensor(indices.map { Int64(integers[$0]) }, shape: [indices.count])
  }
}

extension InferenceContext {
  /// Rows of a matrix input [N,C], or of a vector [C] taken as one row. Nil parts are not known.
  func rows(_ index: Int) throws(Diagnostic) -> (rows: Dim, columns: Dim) {
    try requireRank(index, 1...2)
    guard let shape = try shape(index) else { return (.unknown, .unknown) }
    return shape.count == 1 ? (1, shape[0]) : (shape[0], shape[1])
  }
}

extension Tensor {
  /// The rows of a matrix, or a vector as its one row.
  var rows: [[Double]] {
    let columns = shape.last ?? 1
    let values = wide(Double.self)
    let count = rank < 2 ? 1 : shape[0]
    return (0..<count).map { Array(values[($0 * columns)..<(($0 + 1) * columns)]) }
  }

  /// Rows of equal length as a float32 matrix.
  static func matrix(_ rows: [[Double]], columns: Int) -> Tensor {
    Tensor(wide: rows.flatMap { $0 }, .float32, [rows.count, columns])
  }
}

/// Index of the first largest score.
func argmax(_ scores: [Double]) -> Int {
  scores.indices.dropFirst().reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
}
