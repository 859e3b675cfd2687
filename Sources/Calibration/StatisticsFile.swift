import Foundation
import IR

/// Statistics of graphs' values in a file, so that samples need not run again: an entry for each graph and set of samples
/// measured, the oldest first.
public struct StatisticsFile: Codable {
  private var format = StatisticsFile.format
  private var version = StatisticsFile.version
  private var entries: [Entry] = []

  private static let format = "kerf calibration"
  private static let version = 1
  /// Entries kept: the oldest go.
  private static let most = 16

  /// Of one graph on one set of samples.
  private struct Entry: Codable {
    /// What the statistics belong to: model, options and samples.
    var key: String
    var samples: Int
    var values: [Value]
  }

  fileprivate struct Value: Codable {
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

  public init() {}

  /// Reads a file's contents; nil where it is not one of these.
  public init?(_ data: Data) {
    guard let file = try? JSONDecoder().decode(StatisticsFile.self, from: data),
      file.format == StatisticsFile.format, file.version == StatisticsFile.version
    else { return nil }
    self = file
  }

  public func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return try encoder.encode(self)
  }

  /// The statistics under a key; nil where there are none or an entry contradicts itself.
  public subscript(key: String) -> [ValueID: ValueStatistics]? {
    guard let entry = entries.last(where: { $0.key == key }) else { return nil }
    var result: [ValueID: ValueStatistics] = [:]
    for value in entry.values {
      guard let statistics = value.statistics else { return nil }
      result[ValueID(value.value)] = statistics
    }
    return result
  }

  /// Adds statistics, in place of those that the key had.
  public mutating func add(_ statistics: [ValueID: ValueStatistics], samples: Int, key: String) {
    entries.removeAll { $0.key == key }
    entries.append(
      Entry(
        key: key, samples: samples,
        values: statistics.keys.sorted().compactMap { id in statistics[id].flatMap { Value(id, $0) } }))
    entries.removeFirst(max(0, entries.count - StatisticsFile.most))
  }
}

extension StatisticsFile.Value {
  /// Nil for a value that the samples showed nothing of.
  fileprivate init?(_ id: ValueID, _ own: ValueStatistics) {
    guard own.histogram.minimum <= own.histogram.maximum else { return nil }
    let filled = own.histogram.counts.enumerated().filter { $0.element > 0 }
    self.init(
      value: id.index, axis: own.axis, bins: filled.flatMap { [UInt64($0.offset), $0.element] },
      exponent: own.histogram.exponent, zeros: own.histogram.zeros, skipped: own.histogram.skipped,
      minimum: own.histogram.minimum, maximum: own.histogram.maximum, sums: own.sums, magnitudes: own.magnitudes,
      lows: own.lows, highs: own.highs)
  }

  /// Nil where it contradicts itself.
  fileprivate var statistics: ValueStatistics? {
    guard bins.count % 2 == 0, sums.count == magnitudes.count, value >= 0 else { return nil }
    var counts: [Int: UInt64] = [:]
    for index in stride(from: 0, to: bins.count, by: 2) {
      guard let bin = Int(exactly: bins[index]) else { return nil }
      counts[bin] = bins[index + 1]
    }
    guard
      let histogram = Histogram(
        counts: counts, exponent: exponent, zeros: zeros, skipped: skipped, minimum: minimum, maximum: maximum)
    else { return nil }
    var own = ValueStatistics(axis: axis, channels: sums.count)
    own.histogram = histogram
    own.sums = sums
    own.magnitudes = magnitudes
    own.lows = lows
    own.highs = highs
    return own
  }
}
