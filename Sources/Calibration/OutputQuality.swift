import Foundation

/// How far a graph's outputs are from those of its float form, over samples.
public struct OutputQuality: Equatable, Sendable {
  /// Energy of the reference and of the difference, per output, all samples together.
  public private(set) var signal: [Double]
  public private(set) var noise: [Double]
  /// Largest ratio of noise to signal that one sample has, per output; samples of less than a hundredth of the mean
  /// energy are left out.
  public private(set) var worstRatio: [Double]
  /// Share of the first output's rows whose largest element is at the same place; 1 where rows have one element.
  public private(set) var agreement = 1.0

  /// `rowWidth`: elements of a row of the first output. `reference` and `actual`: per sample, per output, its numbers; nil for outputs that are not float.
  public init(rowWidth: Int = 0, reference: [[[Float]?]], actual: [[[Float]?]]) {
    let count = reference.first?.count ?? 0
    signal = Array(repeating: 0, count: count)
    noise = signal
    worstRatio = signal
    agreement = OutputQuality.agreement(rowWidth, reference, actual)
    for output in 0..<count {
      let energies = zip(reference, actual).map { OutputQuality.energies($0[output] ?? [], $1[output] ?? []) }
      signal[output] = energies.reduce(0) { $0 + $1.signal }
      noise[output] = energies.reduce(0) { $0 + $1.noise }
      let least = signal[output] / Double(max(energies.count, 1)) / 100
      for energy in energies where energy.noise > 0 && energy.signal >= least {
        worstRatio[output] = max(worstRatio[output], energy.noise / max(energy.signal, 1e-300))
      }
    }
  }

  /// Share of rows with the largest element at the same place.
  private static func agreement(_ width: Int, _ reference: [[[Float]?]], _ actual: [[[Float]?]]) -> Double {
    var (rows, equal) = (0, 0)
    for (a, b) in zip(reference, actual) {
      guard width > 1, let x = a.first ?? nil, let y = b.first ?? nil, x.count == y.count else { continue }
      for start in stride(from: 0, to: x.count - x.count % width, by: width) {
        rows += 1
        let range = start..<start + width
        if range.max(by: { x[$0] < x[$1] }) == range.max(by: { y[$0] < y[$1] }) { equal += 1 }
      }
    }
    return rows > 0 ? Double(equal) / Double(rows) : 1
  }

  private static func energies(_ a: [Float], _ b: [Float]) -> (signal: Double, noise: Double) {
    guard a.count == b.count else { return (1, .infinity) }
    var signal = 0.0
    var noise = 0.0
    for (x, y) in zip(a, b) where x.isFinite {
      signal += Double(x) * Double(x)
      noise += y.isFinite ? (Double(x) - Double(y)) * (Double(x) - Double(y)) : .infinity
    }
    return (signal, noise)
  }

  /// Signal over noise in dB of each output, at most 120.
  public var decibels: [Double] { zip(signal, noise).map { OutputQuality.decibels($1 / max($0, 1e-300)) } }
  /// The lowest of all outputs.
  public var lowest: Double { decibels.min() ?? 120 }

  /// Noise over signal.
  public static func ratio(decibels: Double) -> Double { pow(10, -decibels / 10) }

  /// The lowest of all outputs in one sample.
  public var lowestOfSamples: Double { worstRatio.map(OutputQuality.decibels).min() ?? 120 }

  /// Signal over noise of a ratio of noise to signal, at most 120.
  public static func decibels(_ ratio: Double) -> Double {
    ratio > 0 ? max(-120, min(120, -10 * log10(ratio))) : 120
  }
}
