/// How often values fell into bins of equal width, over any number of values in fixed memory (32 KiB).
///
/// The width is a power of two. When a value does not fit, it doubles and neighbouring bins merge; what is counted
/// therefore depends on the values alone, not on their order. Zeros, which 8-bit codes represent exactly, and values
/// that are not finite are counted apart.
public struct Histogram: Equatable, Sendable {
  static let half = 2048
  static let bytes = 2 * half * MemoryLayout<UInt64>.stride
  /// Bin i counts values in [i − half, i − half + 1) · 2^exponent.
  public private(set) var counts = [UInt64](repeating: 0, count: 2 * Histogram.half)
  public private(set) var exponent = Histogram.smallestExponent
  public private(set) var zeros: UInt64 = 0
  public private(set) var skipped: UInt64 = 0
  public private(set) var minimum = Float.infinity
  public private(set) var maximum = -Float.infinity

  private static let smallestExponent = -140

  public init() {}

  /// Rebuilds a histogram that was stored. Nil where the parts contradict each other.
  init?(counts sparse: [Int: UInt64], exponent: Int, zeros: UInt64, skipped: UInt64, minimum: Float, maximum: Float) {
    guard (Histogram.smallestExponent...128).contains(exponent), minimum <= maximum else { return nil }
    for (bin, count) in sparse {
      guard counts.indices.contains(bin) else { return nil }
      counts[bin] = count
    }
    self.exponent = exponent
    self.zeros = zeros
    self.skipped = skipped
    self.minimum = minimum
    self.maximum = maximum
  }

  /// Finite values so far, zeros included.
  public var count: UInt64 { counts.reduce(zeros, &+) }
  public var binWidth: Double { Double(sign: .plus, exponent: exponent, significand: 1) }
  /// Left edge of a bin.
  func edge(_ bin: Int) -> Double { Double(bin - Histogram.half) * binWidth }

  /// Counts values; returns the smallest and largest finite one among them, if any.
  @discardableResult
  public mutating func add(_ values: UnsafeBufferPointer<Float>) -> (minimum: Float, maximum: Float)? {
    var low = Float.infinity
    var high = -Float.infinity
    var index = 0
    while index < values.count {
      let value = values[index]
      if value.isFinite {
        if value < low { low = value }
        if value > high { high = value }
      }
      index &+= 1
    }
    guard low <= high else {
      skipped &+= UInt64(values.count)
      return nil
    }
    widen(toHold: low, high)
    fill(values)
    minimum = min(minimum, low)
    maximum = max(maximum, high)
    return (low, high)
  }

  private mutating func fill(_ values: UnsafeBufferPointer<Float>) {
    let scale = Double(sign: .plus, exponent: -exponent, significand: 1)
    let shift = Double(Histogram.half)
    var zeros: UInt64 = 0
    var skipped: UInt64 = 0
    counts.withUnsafeMutableBufferPointer { counts in
      var index = 0
      while index < values.count {
        let value = values[index]
        if value == 0 {
          zeros &+= 1
        } else if value.isFinite {
          counts[Int((Double(value) * scale + shift).rounded(.down))] &+= 1
        } else {
          skipped &+= 1
        }
        index &+= 1
      }
    }
    self.zeros &+= zeros
    self.skipped &+= skipped
  }

  /// Doubles the width until both values have a bin.
  private mutating func widen(toHold low: Float, _ high: Float) {
    let bound = Double(Histogram.half)
    while Double(high) >= bound * binWidth || Double(low) < -bound * binWidth { double() }
  }

  private mutating func double() {
    exponent += 1
    let quarter = Histogram.half / 2
    var merged = [UInt64](repeating: 0, count: counts.count)
    for bin in 0..<Histogram.half { merged[bin + quarter] = counts[2 * bin] &+ counts[2 * bin + 1] }
    counts = merged
  }
}
