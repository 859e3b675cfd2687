import Bundle
import Calibration
import Foundation
import IR

/// `--calibration-cache`: statistics of an earlier compilation of the same graph with the same samples.
struct CalibrationCache {
  let path: String
  let key: String

  /// The key covers the graph's text with all its weights, the values measured, and every byte of the samples.
  init(_ path: String, _ graph: Graph, _ values: [ValueID], _ feed: SampleFeed) throws {
    self.path = path
    var parts = CalibrationCache.hash(Array(graph.text.utf8))
    for id in graph.valueIDs {
      guard let tensor = graph.constant(id) else { continue }
      parts += tensor.bytes.baseAddress == nil ? [] : SHA256.hash(tensor.bytes).bytes
    }
    parts += values.flatMap { withUnsafeBytes(of: UInt64($0.index).littleEndian) { Array($0) } }
    for index in 0..<feed.count {
      for datum in try feed.samples.load(index) {
        guard let tensor = datum?.tensor, tensor.type != .string, tensor.bytes.baseAddress != nil else { continue }
        parts += SHA256.hash(tensor.bytes).bytes
      }
      // Folded as it grows: memory stays flat.
      parts = CalibrationCache.hash(parts)
    }
    key = CalibrationCache.hash(parts).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private static func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { SHA256.hash($0).bytes } }

  /// The stored statistics; nil where there is no such file or it is of something else.
  func load() -> [ValueID: ValueStatistics]? {
    guard let data = FileManager.default.contents(atPath: path), let file = try? StatisticsFile(data), file.key == key
    else { return nil }
    return file.statistics
  }

  func store(_ statistics: [ValueID: ValueStatistics], samples: Int) throws {
    let file = StatisticsFile(key: key, samples: samples, statistics)
    try OutputFiles.write([UInt8](try file.encoded()), to: path)
  }
}
