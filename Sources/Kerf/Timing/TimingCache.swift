import Foundation

/// `--timing-cache`: what kernels took, by machine. One file serves several machines: each reads and adds its own figures.
struct TimingCache: Equatable {
  /// Microseconds by kernel.
  typealias Times = [String: Double]

  private struct File: Codable {
    var format: String
    var version: Int
    /// By machine, then by layer.
    var machines: [String: [String: Times]]
  }

  private static let format = "kerf timings"
  private static let version = 1
  private static let largestFile = 64 << 20
  /// Longest time that is believed: an hour.
  private static let most = 3.6e9

  let machine: String
  private var machines: [String: [String: Times]] = [:]

  init(machine: String) { self.machine = machine }

  /// The cache in a file; empty where there is none. Throws `KerfError` where the file is something else.
  init(path: String, machine: String) throws {
    self.machine = machine
    guard FileManager.default.fileExists(atPath: path) else { return }
    let what = "'\(printable(path))' is no timing cache"
    let notes = ["name another file with --timing-cache, or remove this one"]
    guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int,
      size <= TimingCache.largestFile, let data = FileManager.default.contents(atPath: path)
    else {
      throw KerfError("\(what): it cannot be read, or has more than \(TimingCache.largestFile) bytes", notes: notes)
    }
    guard let file = try? JSONDecoder().decode(File.self, from: data), file.format == TimingCache.format else {
      throw KerfError(what, notes: notes)
    }
    guard file.version == TimingCache.version else {
      throw KerfError(
        "\(what) of this version: it has version \(file.version), not \(TimingCache.version)", notes: notes)
    }
    for times in file.machines.values.flatMap(\.values) {
      guard times.values.allSatisfy({ $0 > 0 && $0 <= TimingCache.most }) else {
        throw KerfError("\(what): it holds a time that is none", notes: notes)
      }
    }
    machines = file.machines
  }

  /// Figures of this machine for a layer; nil where there are none.
  subscript(_ layer: String) -> Times? {
    get { machines[machine]?[layer] }
    set { machines[machine, default: [:]][layer] = newValue }
  }

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    let file = File(format: TimingCache.format, version: TimingCache.version, machines: machines)
    try OutputFiles.write([UInt8](try encoder.encode(file)), to: path)
  }
}
