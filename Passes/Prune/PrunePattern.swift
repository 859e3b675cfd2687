import IR

/// Which weights become zero together. Text form as on the command line.
public enum PrunePattern: Hashable, Sendable {
  /// `magnitude:0.8`: that part of all weights, each on its own.
  case magnitude(Double)
  /// `block:1x4:0.7`: blocks of output channels × input channels.
  case block(rows: Int, columns: Int, Double)
  /// `n:m=2:4`: of every m neighbours along the input channels at most n stay.
  case structured(keep: Int, of: Int)

  /// Throws where the text is no pattern, or one that this version does not have.
  public init(parsing text: String) throws(Diagnostic) {
    let accepted = "accepted are magnitude:0.8, block:1x4:0.7, n:m=2:4"
    func fraction(_ text: Substring) throws(Diagnostic) -> Double {
      guard let value = Double(text), value > 0, value < 1 else {
        throw .invalid("pruning '\(text)' is no fraction between 0 and 1", notes: [accepted])
      }
      return value
    }
    if let rest = text.strip("magnitude:") {
      self = .magnitude(try fraction(rest))
    } else if let rest = text.strip("block:") {
      let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
      let sizes = parts[0].split(separator: "x").compactMap { Int($0) }
      guard parts.count == 2, sizes.count == 2, sizes.allSatisfy({ (1...256).contains($0) }) else {
        throw .invalid("pruning '\(text)' names no block", notes: [accepted])
      }
      self = .block(rows: sizes[0], columns: sizes[1], try fraction(parts[1]))
    } else if let rest = text.strip("n:m=") {
      let numbers = rest.split(separator: ":").compactMap { Int($0) }
      guard numbers.count == 2, numbers[0] >= 1, numbers[0] < numbers[1], numbers[1] <= 64 else {
        throw .invalid("pruning '\(text)' is no n:m with 0 < n < m ≤ 64", notes: [accepted])
      }
      self = .structured(keep: numbers[0], of: numbers[1])
    } else if text.strip("channels:") != nil {
      throw .unsupported("pruning of whole channels", notes: [accepted])
    } else {
      throw .invalid("there is no pruning '\(text)'", notes: [accepted])
    }
  }
}

extension PrunePattern: CustomStringConvertible {
  public var description: String {
    switch self {
    case .magnitude(let fraction): "magnitude:\(fraction)"
    case .block(let rows, let columns, let fraction): "block:\(rows)x\(columns):\(fraction)"
    case .structured(let keep, let group): "n:m=\(keep):\(group)"
    }
  }
}

extension String {
  fileprivate func strip(_ prefix: String) -> Substring? { hasPrefix(prefix) ? dropFirst(prefix.count) : nil }
}
