import Bundle
import Calibration
import Foundation
import IR

/// `--calibration-cache`: statistics of an earlier compilation of the same graph with the same samples. The file keeps those
/// of several graphs: one compilation measures a graph as it is and again with its channels evened out.
struct CalibrationCache {
  let path: String
  let key: String
  private var file: StatisticsFile

  /// The key covers the graph's text with all its weights, the values measured with the axes of their channels, and every
  /// byte of the samples. Throws where `path` is a file of something else.
  init(
    _ path: String, _ graph: Graph, _ values: [ValueID], _ channels: [ValueID: Int], _ feed: SampleFeed
  ) throws {
    self.path = path
    file = try CalibrationCache.read(path)
    var parts = CalibrationCache.hash(Array(graph.text.utf8))
    for id in graph.valueIDs {
      guard let tensor = graph.constant(id) else { continue }
      parts += tensor.bytes.baseAddress == nil ? [] : SHA256.hash(tensor.bytes).bytes
    }
    for number in values.flatMap({ [$0.index, channels[$0] ?? -1] }) {
      parts += withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) }
    }
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

  private static let largestFile = 1 << 30

  /// The statistics in a file; none where there is no file.
  private static func read(_ path: String) throws -> StatisticsFile {
    guard FileManager.default.fileExists(atPath: path) else { return StatisticsFile() }
    let what = "'\(printable(path))' is no calibration cache"
    let notes = ["name another file with --calibration-cache, or remove this one"]
    guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int, size <= largestFile,
      let data = FileManager.default.contents(atPath: path)
    else { throw KerfError("\(what): it cannot be read, or has more than \(largestFile) bytes", notes: notes) }
    guard let file = StatisticsFile(data) else { throw KerfError(what, notes: notes) }
    return file
  }

  /// The stored statistics; nil where there are none of this graph.
  func load() -> [ValueID: ValueStatistics]? { file[key] }

  mutating func store(_ statistics: [ValueID: ValueStatistics], samples: Int) throws {
    file.add(statistics, samples: samples, key: key)
    try OutputFiles.write([UInt8](try file.encoded()), to: path)
  }
}
