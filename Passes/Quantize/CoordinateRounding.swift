/// Codes of some output channels that make the error of the channels' results small, Σ (w − s·q)ᵀ H (w − s·q), where
/// rounding each weight by itself would make the error of the weights small.
///
/// From the nearest codes on, one input after the other gets the code that is best while all others stand, until none
/// changes: the error never grows. Source: Behdin et al., "QuantEase: Optimization-based Quantization for Language Models",
/// 2023, algorithm 1.
struct CoordinateRounding {
  let depth: Int
  /// Covariances of the inputs, [groups, depth, depth], and the group of these channels.
  let matrices: [Float]
  let group: Int
  /// Codes are within −limit…limit.
  let limit: Float
  /// Which codes must fit together.
  var pairs: PairedWeights?

  private static let mostSweeps = 8

  /// `weights`, `scales` and `codes`: [channels, depth]. Returns the error before and after.
  func improve(_ codes: inout [Float], weights: [Float], scales: [Float]) -> (before: Double, after: Double) {
    let channels = codes.count / max(depth, 1)
    var differences = zip(codes, zip(scales, weights)).map { $0 * $1.0 - $1.1 }
    var gradients = [Float](repeating: 0, count: codes.count)
    differences.withUnsafeBufferPointer { differences in
      gradients.withUnsafeMutableBufferPointer { gradients in
        for input in 0..<depth {
          for channel in 0..<channels { add(input, differences[channel * depth + input], gradients, channel) }
        }
      }
    }
    let before = CoordinateRounding.error(differences, gradients)
    for _ in 0..<CoordinateRounding.mostSweeps where sweep(&codes, scales, &gradients, channels) * 1000 < codes.count {
      break
    }
    differences = zip(codes, zip(scales, weights)).map { $0 * $1.0 - $1.1 }
    return (before, CoordinateRounding.error(differences, gradients))
  }

  /// Moves each code once. Returns how many moved.
  private func sweep(_ codes: inout [Float], _ scales: [Float], _ gradients: inout [Float], _ channels: Int) -> Int {
    var moved = 0
    gradients.withUnsafeMutableBufferPointer { gradients in
      for input in 0..<depth {
        let curvature = matrices[(group * depth + input) * depth + input]
        guard curvature > 0 else { continue }
        for channel in 0..<channels {
          let at = channel * depth + input
          let wanted = (codes[at] - gradients[at] / (scales[at] * curvature)).rounded(.toNearestOrEven)
          let limits = pairs?.limits(input, limit) { codes[channel * depth + $0] } ?? -limit...limit
          let code = min(max(wanted, limits.lowerBound), limits.upperBound)
          guard code != codes[at], code.isFinite else { continue }
          add(input, (code - codes[at]) * scales[at], gradients, channel)
          codes[at] = code
          moved += 1
        }
      }
    }
    return moved
  }

  /// gradients[channel] += change · row `input` of the matrix.
  private func add(_ input: Int, _ change: Float, _ gradients: UnsafeMutableBufferPointer<Float>, _ channel: Int) {
    guard change != 0 else { return }
    matrices.withUnsafeBufferPointer { matrices in
      guard let all = matrices.baseAddress, let first = gradients.baseAddress else { return }
      let (row, to) = (all + (group * depth + input) * depth, first + channel * depth)
      for index in 0..<depth { to[index] += change * row[index] }
    }
  }

  private static func error(_ differences: [Float], _ gradients: [Float]) -> Double {
    max(0, zip(differences, gradients).reduce(0) { $0 + Double($1.0) * Double($1.1) })
  }
}
