/// A layer that several kernels could compute: which one does, and what each takes.
public struct ChoiceReport: Codable, Equatable, Sendable {
  public struct Candidate: Codable, Equatable, Sendable {
    /// Kernel operation, and how it is used.
    public var kernel: String
    /// Of the table: multiply-adds of a matrix product in float32 that would take as long.
    public var cost: Double
    /// Of the fastest run; null where it was not measured.
    public var microseconds: Double?

    public init(kernel: String, cost: Double, microseconds: Double?) {
      self.kernel = kernel
      self.cost = cost
      self.microseconds = microseconds
    }

    private enum CodingKeys: String, CodingKey { case kernel, cost, microseconds }

    public func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(kernel, forKey: .kernel)
      try container.encode(cost, forKey: .cost)
      // Null, not absent: readers can rely on the key.
      try container.encode(microseconds, forKey: .microseconds)
    }
  }

  /// ONNX names of the nodes it stands for.
  public var layer: String
  /// What the time depends on.
  public var shape: String
  /// Kernel of the candidate that was taken.
  public var winner: String
  public var candidates: [Candidate]
  /// `measured` now, `cached` from an earlier compilation, or by the `table`.
  public var source: String

  public init(layer: String, shape: String, winner: String, candidates: [Candidate], source: String) {
    self.layer = layer
    self.shape = shape
    self.winner = winner
    self.candidates = candidates
    self.source = source
  }

  /// Columns of a table: the winner, the others, and what decided.
  var columns: [String] {
    let isMeasured = candidates.allSatisfy { $0.microseconds != nil }
    func text(_ candidate: Candidate) -> String {
      // Reports come from files: any number is possible.
      let cost = Int(max(0, min(candidate.cost, 1e18)))
      let value = isMeasured ? "\(candidate.microseconds ?? 0) µs" : "\(figure(cost)) MACs"
      return "\(clean(candidate.kernel)) (\(value))"
    }
    let losers = candidates.filter { $0.kernel != winner }.map(text)
    let winners = candidates.filter { $0.kernel == winner }.map(text)
    return [winners.first ?? clean(winner), losers.joined(separator: ", "), clean(source)]
  }
}
