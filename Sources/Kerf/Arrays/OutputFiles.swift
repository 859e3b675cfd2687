import Bundle
import Foundation
import IR

/// Writes a model's outputs into a folder: `output_0.npy`, …; a sequence or map as `output_0.npz` with one array per element.
public enum OutputFiles {
  /// Each is flushed to the disk on its own, which takes a millisecond.
  static let most = 4096

  /// Writes whole files or none, each by renaming a temporary one. Makes the folder where it is missing. Throws for more
  /// than 4,096 outputs.
  /// - Returns: the paths written.
  @discardableResult
  public static func write(_ outputs: [Datum], to folder: String) throws -> [String] {
    guard outputs.count <= most else {
      throw KerfError(
        "the model has \(outputs.count) outputs, at most \(most) are written as files",
        notes: ["leave out of the graph's outputs what you do not need"])
    }
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw KerfError("cannot make the folder '\(printable(folder))'", notes: [error.localizedDescription])
    }
    return try outputs.enumerated().map { index, value in
      let (suffix, bytes) = try encode(value)
      let path = "\(folder)/output_\(index).\(suffix)"
      try write(bytes, to: path)
      return path
    }
  }

  /// Writes a file whole or not at all.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    do throws(BundleError) {
      try AtomicFile.write(bytes, to: path)
    } catch {
      throw KerfError(error.description)
    }
  }

  private static func encode(_ value: Datum) throws -> (suffix: String, bytes: [UInt8]) {
    switch value {
    case .tensor(let tensor): return ("npy", [UInt8](NumpyFile.encode(tensor)))
    case .optional(let inner?, _): return try encode(inner)
    default:
      var arrays: [(name: String, tensor: Tensor)] = []
      flatten(value, "", &arrays)
      return ("npz", try NumpyArchive.encode(arrays))
    }
  }

  /// Tensors inside, named by position: `0`, `1`, `1/0`; those of a map by key.
  private static func flatten(_ value: Datum, _ name: String, _ arrays: inout [(name: String, tensor: Tensor)]) {
    func below(_ part: String) -> String { name.isEmpty ? part : "\(name)/\(part)" }
    switch value {
    case .tensor(let tensor): arrays.append((name, tensor))
    case .optional(let inner, _): if let inner { flatten(inner, name, &arrays) }
    case .sequence(let items, _):
      for (index, item) in items.enumerated() { flatten(item, below("\(index)"), &arrays) }
    case .map(let keys, let values, _, _):
      for (key, item) in zip(keys, values) {
        switch key {
        case .int(let number): flatten(item, below("\(number)"), &arrays)
        case .string(let text): flatten(item, below(String(decoding: text, as: UTF8.self)), &arrays)
        }
      }
    }
  }
}
