import Foundation
import IR

/// How far the outputs of one model are from those of another, over samples. The first model is the reference.
public struct OutputComparison: Encodable, Sendable {
  public let name: String
  /// Largest absolute difference; nil where a value is not finite in one model only.
  public private(set) var maxAbs: Double?
  /// Largest absolute difference relative to the reference's magnitude (at least 1e-6).
  public private(set) var maxRel: Double?
  /// 10 log10(energy of the reference / energy of the difference); at most 300, which equal outputs get.
  public private(set) var sqnrDB: Double?
  public private(set) var cosine: Double?
  /// Share of rows (over the last axis) whose largest element is at the same place; nil where rows have one element.
  public private(set) var top1Agreement: Double?

  private enum CodingKeys: String, CodingKey {
    case name, cosine
    case maxAbs = "max_abs"
    case maxRel = "max_rel"
    case sqnrDB = "sqnr_db"
    case top1Agreement = "top1_agreement"
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(maxAbs, forKey: .maxAbs)
    try container.encode(maxRel, forKey: .maxRel)
    try container.encode(sqnrDB, forKey: .sqnrDB)
    try container.encode(cosine, forKey: .cosine)
    try container.encode(top1Agreement, forKey: .top1Agreement)
  }

  init(_ name: String, _ sums: ComparisonSums) {
    self.name = name
    guard sums.isComparable else { return }
    maxAbs = sums.maxAbs
    maxRel = sums.maxRel
    sqnrDB = ComparisonSums.decibels(signal: sums.energyA, noise: sums.noise)
    let norm = (sums.energyA * sums.energyB).squareRoot()
    cosine = norm > 0 ? min(1, max(-1, sums.product / norm)) : (sums.energyA == sums.energyB ? 1 : 0)
    top1Agreement = sums.rows > 0 ? Double(sums.agreeing) / Double(sums.rows) : nil
  }
}

/// Running sums of a comparison.
struct ComparisonSums {
  var maxAbs = 0.0
  var maxRel = 0.0
  var energyA = 0.0
  var energyB = 0.0
  var noise = 0.0
  var product = 0.0
  var rows = 0
  var agreeing = 0
  /// Whether infinities and NaN stand at the same places so far.
  var isComparable = true

  /// Magnitude below which a relative difference is taken relative to this.
  static let floor = 1e-6
  /// Decibels of equal signals.
  static let largestDecibels = 300.0

  mutating func add(_ a: Tensor, _ b: Tensor) {
    if a.type == .string || b.type == .string { return addStrings(a, b) }
    let x = a.numbers
    let y = b.numbers
    for (p, q) in zip(x, y) {
      guard p.isFinite, q.isFinite else {
        isComparable = isComparable && (p == q || (p.isNaN && q.isNaN))
        continue
      }
      let difference = abs(p - q)
      maxAbs = max(maxAbs, difference)
      maxRel = max(maxRel, difference / max(abs(p), ComparisonSums.floor))
      energyA += p * p
      energyB += q * q
      product += p * q
      noise += difference * difference
    }
    guard let width = a.shape.last, width > 1 else { return }
    for row in stride(from: 0, to: x.count, by: width) {
      rows += 1
      if ComparisonSums.largest(x, row, width) == ComparisonSums.largest(y, row, width) { agreeing += 1 }
    }
  }

  /// Strings differ by 0 or 1.
  private mutating func addStrings(_ a: Tensor, _ b: Tensor) {
    for (p, q) in zip(a.strings, b.strings) {
      energyA += 1
      energyB += 1
      if p == q {
        product += 1
      } else {
        maxAbs = 1
        maxRel = 1
        noise += 1
      }
    }
  }

  /// Index of the first largest element of a row.
  static func largest(_ values: [Double], _ start: Int, _ width: Int) -> Int {
    var best = 0
    for index in 1..<width where values[start + index] > values[start + best] { best = index }
    return best
  }

  static func decibels(signal: Double, noise: Double) -> Double {
    guard noise > 0 else { return largestDecibels }
    guard signal > 0 else { return -largestDecibels }
    return min(largestDecibels, max(-largestDecibels, 10 * log10(signal / noise)))
  }
}

extension Tensor {
  /// The elements as doubles; complex numbers as pairs.
  var numbers: [Double] {
    switch type {
    case .string: return []
    case .complex64: return reinterpreted(.float32)?.wide(Double.self) ?? []
    case .complex128: return reinterpreted(.float64)?.wide(Double.self) ?? []
    default: return wide(Double.self)
    }
  }

  private func reinterpreted(_ part: ElementType) -> Tensor? { Tensor(part, shape + [2], storage: storage) }
}

/// Runs two models on the same inputs and compares their outputs.
public struct Comparison: Encodable, Sendable {
  public private(set) var samples = 0
  public private(set) var outputs: [OutputComparison] = []
  private var sums: [ComparisonSums] = []

  private enum CodingKeys: String, CodingKey { case samples, outputs }

  /// - Throws: `KerfError` where the models do not have the same inputs and outputs.
  public static func run(
    _ a: Session, _ b: Session, _ inputs: SampleSet, progress: ((Int) -> Void)? = nil
  ) throws -> Comparison {
    let order = try matchInputs(a, b)
    guard a.outputs.count == b.outputs.count else {
      throw KerfError("the models have \(a.outputs.count) and \(b.outputs.count) outputs")
    }
    guard inputs.count > 0 else { throw KerfError("there are no samples") }
    var result = Comparison()
    result.sums = a.outputs.map { _ in ComparisonSums() }
    for index in 0..<inputs.count {
      let values = try inputs.load(index)
      try result.add(a, try a.run(values), try b.run(order.map { values[$0] }), index)
      progress?(index + 1)
    }
    result.outputs = zip(a.outputs, result.sums).map { OutputComparison($0.name, $1) }
    return result
  }

  /// For each input of `b`, the input of `a` of that name; by position where the names differ.
  private static func matchInputs(_ a: Session, _ b: Session) throws -> [Int] {
    guard a.inputs.count == b.inputs.count else {
      throw KerfError(
        "the models have \(a.inputs.count) and \(b.inputs.count) inputs",
        notes: ["the first takes \(InputFiles.list(a.inputs))", "the second takes \(InputFiles.list(b.inputs))"])
    }
    let byName = b.inputs.map { port in a.inputs.firstIndex { $0.nameBytes == port.nameBytes } }
    return byName.contains { $0 == nil } ? Array(b.inputs.indices) : byName.compactMap { $0 }
  }

  private mutating func add(_ session: Session, _ x: [Datum], _ y: [Datum], _ sample: Int) throws {
    samples += 1
    for index in sums.indices {
      let name = printable(session.outputs[index].name)
      guard let a = x[index].tensor, let b = y[index].tensor else {
        throw KerfError("output '\(name)' is a \(x[index].type), only tensors can be compared")
      }
      guard a.shape == b.shape else {
        throw KerfError(
          "sample \(sample): output '\(name)' has shape \(describe(a.shape)) in the first model, \(describe(b.shape)) in the second"
        )
      }
      sums[index].add(a, b)
    }
  }
}
