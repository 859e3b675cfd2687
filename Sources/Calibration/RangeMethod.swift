import Foundation
import Passes

/// How the range of a value's codes follows from what was seen.
public enum RangeMethod: String, CaseIterable, Sendable {
  /// The smallest and the largest value.
  case minmax
  /// The mean of each sample's smallest and largest value, with momentum.
  case movingAverage = "moving-average"
  /// All but one value in 20,000 at either end.
  case percentile
  /// The range with the least squared error of rounding and clipping together.
  case mse
  /// The range whose 256 levels keep the most information of the distribution (least Kullback-Leibler divergence).
  case entropy
}

extension ValueStatistics {
  /// The range to give codes to; nil where no finite value was seen.
  public func range(_ method: RangeMethod) -> ValueRange? {
    guard histogram.minimum <= histogram.maximum else { return nil }
    let seen = ValueRange(histogram.minimum, histogram.maximum)
    switch method {
    case .minmax: return withHeadroom(seen)
    case .movingAverage: return ValueRange(Float(lows.moving), Float(highs.moving))
    case .percentile: return HistogramSums(histogram).percentile(1 / 20_000.0, within: seen)
    case .mse: return withHeadroom(HistogramSums(histogram).leastError(within: seen))
    case .entropy: return HistogramSums(histogram).leastDivergence(within: seen)
    }
  }

  /// The range of all but a fraction of the values at either end; nil where no finite value was seen.
  public func range(percentileOf fraction: Double) -> ValueRange? {
    guard histogram.minimum <= histogram.maximum else { return nil }
    return HistogramSums(histogram).percentile(fraction, within: ValueRange(histogram.minimum, histogram.maximum))
  }

  /// From few values the extremes of those to come are not known: a side that was not clipped reaches as far as three
  /// deviations of the samples' extremes beyond their mean, at most half of what was seen further.
  private func withHeadroom(_ range: ValueRange) -> ValueRange {
    guard histogram.count < 65_536, (2..<64).contains(samples) else { return range }
    var wide = range
    if range.maximum == histogram.maximum, range.maximum > 0 {
      wide.maximum = max(range.maximum, min(Float(highs.mean + 3 * highs.deviation), 1.5 * range.maximum))
    }
    if range.minimum == histogram.minimum, range.minimum < 0 {
      wide.minimum = min(range.minimum, max(Float(lows.mean - 3 * lows.deviation), 1.5 * range.minimum))
    }
    return wide
  }
}

/// Sums over the bins below each, so that the error of a range costs a few additions. Zeros are left out: they have a
/// code of their own.
struct HistogramSums {
  private let histogram: Histogram
  /// Number, sum and sum of squares of the values in bins before i, each value at the middle of its bin.
  private var numbers: [Double] = [0]
  private var sums: [Double] = [0]
  private var squares: [Double] = [0]

  init(_ histogram: Histogram) {
    self.histogram = histogram
    let width = histogram.binWidth
    for (bin, count) in histogram.counts.enumerated() {
      let (n, x) = (Double(count), histogram.edge(bin) + width / 2)
      numbers.append(numbers[bin] + n)
      sums.append(sums[bin] + n * x)
      squares.append(squares[bin] + n * x * x)
    }
  }

  /// Values that are not zero.
  var total: Double { numbers[numbers.count - 1] }

  private func bin(_ x: Double) -> Int {
    let position = (x / histogram.binWidth).rounded() + Double(Histogram.half)
    return Int(min(max(position, 0), Double(2 * Histogram.half)))
  }

  /// Mean squared error of codes over [low, high], moved so that zero has a code: a step squared over 12 inside, the
  /// distance to the end outside.
  func error(_ from: Double, _ to: Double) -> Double {
    guard total > 0, to > from else { return 0 }
    let step = (to - from) / 255
    let zero = (-from / step).rounded()
    let (low, high) = (-zero * step, (255 - zero) * step)
    let (from, to) = (bin(low), max(bin(high), bin(low)))
    let last = numbers.count - 1
    let above =
      squares[last] - squares[to] - 2 * high * (sums[last] - sums[to]) + high * high * (numbers[last] - numbers[to])
    let below = squares[from] - 2 * low * sums[from] + low * low * numbers[from]
    return (max(above, 0) + max(below, 0) + (numbers[to] - numbers[from]) * step * step / 12) / total
  }

  /// The range of least error among shrunken ends of `seen`, each in steps of a hundredth: those of the least estimates
  /// are compared by rounding every bin.
  func leastError(within seen: ValueRange) -> ValueRange {
    let (low, high) = (Double(min(seen.minimum, 0)), Double(max(seen.maximum, 0)))
    var candidates: [(error: Double, low: Double, high: Double)] = []
    for i in stride(from: 100, through: 20, by: -1) where high > 0 || i == 100 {
      for j in stride(from: 100, through: 20, by: -1) where low < 0 || j == 100 {
        let (l, h) = (low * Double(j) / 100, high * Double(i) / 100)
        candidates.append((error(l, h), l, h))
      }
    }
    candidates.sort { ($0.error, $1.low, $0.high) < ($1.error, $0.low, $1.high) }
    var best = (error: Double.infinity, low: low, high: high)
    for candidate in candidates.prefix(HistogramSums.comparedRanges) {
      let value = roundingError(candidate.low, candidate.high)
      if value < best.error { best = (value, candidate.low, candidate.high) }
    }
    return ValueRange(
      best.low == low ? seen.minimum : Float(best.low), best.high == high ? seen.maximum : Float(best.high))
  }

  private static let comparedRanges = 256

  /// Mean squared error of codes over [low, high], each bin's values rounded as its middle is.
  private func roundingError(_ low: Double, _ high: Double) -> Double {
    let step = (high - low) / 255
    guard total > 0, step > 0 else { return 0 }
    let zero = (-low / step).rounded()
    let width = histogram.binWidth
    var sum = 0.0
    for (bin, count) in histogram.counts.enumerated() where count > 0 {
      let x = histogram.edge(bin) + width / 2
      let difference = x - step * min(max((x / step).rounded(), -zero), 255 - zero)
      sum += Double(count) * difference * difference
    }
    return sum / total
  }

  /// The range that leaves `fraction` of the values out at either end.
  func percentile(_ fraction: Double, within seen: ValueRange) -> ValueRange {
    let all = Double(histogram.count)
    let cut = all * fraction
    var low = 0
    while low < histogram.counts.count - 1, numbers[low + 1] <= cut { low += 1 }
    var high = histogram.counts.count
    while high > low + 1, total - numbers[high - 1] <= cut { high -= 1 }
    return ValueRange(
      max(seen.minimum, Float(histogram.edge(low))), min(seen.maximum, Float(histogram.edge(high))))
  }

  /// The range of least divergence among equally shrunken ends. Source: Migacz, "8-bit inference with TensorRT", 2017.
  func leastDivergence(within seen: ValueRange) -> ValueRange {
    let (low, high) = (Double(min(seen.minimum, 0)), Double(max(seen.maximum, 0)))
    var best = (Double.infinity, low, high)
    for i in stride(from: 100, through: 30, by: -2) {
      let (l, h) = (low * Double(i) / 100, high * Double(i) / 100)
      let value = divergence(l, h)
      if value < best.0 { best = (value, l, h) }
    }
    return ValueRange(max(seen.minimum, Float(best.1)), min(seen.maximum, Float(best.2)))
  }

  /// Of the clipped distribution P from the same in 256 levels, spread evenly over the bins that are not empty.
  private func divergence(_ low: Double, _ high: Double) -> Double {
    let (from, to) = (bin(low), bin(high))
    guard to - from > 256, total > 0 else { return .infinity }
    var p = histogram.counts[from..<to].map { Double($0) }
    let q = spread(p, levels: 256)
    p[0] += numbers[from]
    p[p.count - 1] += total - numbers[to]
    let mass = max(q.reduce(0, +), 1e-300)
    var sum = 0.0
    for (a, b) in zip(p, q) where a > 0 { sum += a / total * log((a / total) / max(b / mass, 1e-12)) }
    return sum
  }

  private func spread(_ p: [Double], levels: Int) -> [Double] {
    var q = p
    for level in 0..<levels {
      let range = level * p.count / levels..<(level + 1) * p.count / levels
      let filled = range.reduce(0) { $0 + (p[$1] > 0 ? 1 : 0) }
      guard filled > 0 else { continue }
      let each = range.reduce(0) { $0 + p[$1] } / Double(filled)
      for index in range where p[index] > 0 { q[index] = each }
    }
    return q
  }
}
