import IR

extension PrunePattern {
  /// Indices of the weights that become zero: those of least magnitude, among equal ones the first.
  func pruned(_ weights: [Float], _ layout: WeightLayout) -> [Int] {
    switch self {
    case .magnitude(let fraction): PrunePattern.least(weights.map(\.magnitude), Int(Double(weights.count) * fraction))
    case .block(let rows, let columns, let fraction): blocks(weights, layout, rows, columns, fraction)
    case .structured(let keep, let group): groups(weights, layout, keep, group)
    }
  }

  /// Indices of the `count` least scores, ascending.
  static func least(_ scores: [Float], _ count: Int) -> [Int] {
    guard count > 0 else { return [] }
    let threshold = scores.sorted()[count - 1]
    var ties = count - scores.count { $0 < threshold }
    return scores.indices.filter { index in
      if scores[index] < threshold { return true }
      guard scores[index] == threshold, ties > 0 else { return false }
      ties -= 1
      return true
    }
  }

  /// Whole blocks of output × input channels at one position; at the edges they are smaller, so the mean square counts.
  private func blocks(
    _ weights: [Float], _ layout: WeightLayout, _ rows: Int, _ columns: Int, _ fraction: Double
  ) -> [Int] {
    var members: [[Int]] = []
    for position in 0..<layout.positions {
      for top in stride(from: 0, to: layout.outputs, by: rows) {
        for left in stride(from: 0, to: layout.inputs, by: columns) {
          var block: [Int] = []
          for output in top..<min(top + rows, layout.outputs) {
            for input in left..<min(left + columns, layout.inputs) {
              block.append(layout.index(output, input, position))
            }
          }
          members.append(block)
        }
      }
    }
    let scores = members.map { block in block.reduce(0) { $0 + weights[$1] * weights[$1] } / Float(block.count) }
    return PrunePattern.least(scores, Int(Double(members.count) * fraction)).flatMap { members[$0] }
  }

  /// All but the largest of every group along the input channels.
  private func groups(_ weights: [Float], _ layout: WeightLayout, _ keep: Int, _ group: Int) -> [Int] {
    var zeros: [Int] = []
    for position in 0..<layout.positions {
      for output in 0..<layout.outputs {
        for start in stride(from: 0, to: layout.inputs, by: group) {
          let members = (start..<min(start + group, layout.inputs)).map { layout.index(output, $0, position) }
          let least = PrunePattern.least(members.map { weights[$0].magnitude }, max(members.count - keep, 0))
          zeros += least.map { members[$0] }
        }
      }
    }
    return zeros
  }

  /// Why the pattern does not suit weights of that layout; nil where it does.
  func reasonNotToApply(_ layout: WeightLayout) -> String? {
    switch self {
    case .magnitude: nil
    case .block(let rows, let columns, _):
      layout.inputs < columns || layout.outputs < rows
        ? "\(layout.outputs) × \(layout.inputs) channels are less than a block of \(rows) × \(columns)" : nil
    case .structured(_, let group):
      layout.inputs % group != 0 ? "\(layout.inputs) input channels do not divide into groups of \(group)" : nil
    }
  }
}
