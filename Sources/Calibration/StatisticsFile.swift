import Foundation
import IR

/// Statistics of a graph's values in a file, so that samples need not run again.
public struct StatisticsFile: Codable {
  /// What the statistics belong to: model, options and samples.
  public var key: String
  public var samples: Int
  private var values: [Entry]

  private struct Entry: Codable {
    var value: Int
    var axis: Int
    /// Bins that are not empty: number of the bin, count.
    var bins: [UInt64]
    var exponent: Int
    var zeros: UInt64
    var skipped: UInt64
    var minimum: Float
    var maximum: Float
    var sums: [Double]
    var magnitudes: [Float]
    var lows: RunningMoments
    var highs: RunningMoments
  }

  public init(key: String, samples: Int, _ statistics: [ValueID: ValueStatistics]) {
    self.key = key
    self.samples = samples
    values = statistics.keys.sorted().compactMap { id in
      guard let own = statistics[id], own.histogram.minimum <= own.histogram.maximum else { return nil }
      let filled = own.histogram.counts.enumerated().filter { $0.element > 0 }
      return Entry(
        value: id.index, axis: own.axis, bins: filled.flatMap { [UInt64($0.offset), $0.element] },
        exponent: own.histogram.exponent, zeros: own.histogram.zeros, skipped: own.histogram.skipped,
        minimum: own.histogram.minimum, maximum: own.histogram.maximum, sums: own.sums, magnitudes: own.magnitudes,
        lows: own.lows, highs: own.highs)
    }
  }

  /// Reads a file's contents; throws where it is not one of these.
  public init(_ data: Data) throws { self = try JSONDecoder().decode(StatisticsFile.self, from: data) }

  public func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return try encoder.encode(self)
  }

  /// The statistics; nil where an entry contradicts itself.
  public var statistics: [ValueID: ValueStatistics]? {
    var result: [ValueID: ValueStatistics] = [:]
    for entry in values {
      guard entry.bins.count % 2 == 0, entry.sums.count == entry.magnitudes.count, entry.value >= 0 else { return nil }
      var counts: [Int: UInt64] = [:]
      for index in stride(from: 0, to: entry.bins.count, by: 2) {
        guard let bin = Int(exactly: entry.bins[index]) else { return nil }
        counts[bin] = entry.bins[index + 1]
      }
      guard
        let histogram = Histogram(
          counts: counts, exponent: entry.exponent, zeros: entry.zeros, skipped: entry.skipped, minimum: entry.minimum,
          maximum: entry.maximum)
      else { return nil }
      var own = ValueStatistics(axis: entry.axis, channels: entry.sums.count)
      own.histogram = histogram
      own.sums = entry.sums
      own.magnitudes = entry.magnitudes
      own.lows = entry.lows
      own.highs = entry.highs
      result[ValueID(entry.value)] = own
    }
    return result
  }
}
