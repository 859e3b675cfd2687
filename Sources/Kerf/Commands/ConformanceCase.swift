import Foundation

/// One folder in the layout of the ONNX backend tests: `model.onnx` and `test_data_set_*` with inputs and outputs.
public struct ConformanceCase: Codable, Equatable, Sendable {
  /// Path below the folder the user named.
  public var name: String
  /// The folder.
  public var path: String
  public var mode = ConformanceMode.static
  /// How the outputs are distributed, where they are drawn.
  public var random: RandomOutputs?

  /// All cases in a folder, or the folder itself; sorted by name. Throws where there are none.
  public static func find(in folder: String) throws -> [ConformanceCase] {
    let root = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    let manager = FileManager.default
    if manager.fileExists(atPath: root + "/model.onnx") {
      return [ConformanceCase(name: URL(fileURLWithPath: root).lastPathComponent, path: root)]
    }
    var found: [ConformanceCase] = []
    var pending = [""]
    while let below = pending.popLast() {
      let here = below.isEmpty ? root : root + "/" + below
      guard below.split(separator: "/").count < 16 else { continue }
      guard let names = try? manager.contentsOfDirectory(atPath: here) else {
        if below.isEmpty { throw KerfError("cannot list the folder '\(printable(root))'") }
        continue
      }
      for name in names.sorted() {
        let child = below.isEmpty ? name : below + "/" + name
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: root + "/" + child, isDirectory: &isFolder), isFolder.boolValue else {
          continue
        }
        if manager.fileExists(atPath: root + "/" + child + "/model.onnx") {
          found.append(ConformanceCase(name: child, path: root + "/" + child))
        } else {
          pending.append(child)
        }
      }
    }
    guard !found.isEmpty else { throw KerfError("there are no conformance cases in '\(printable(root))'") }
    return found.sorted { $0.name < $1.name }
  }

  /// The data sets, by number.
  func dataSets() throws -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.filter { $0.hasPrefix("test_data_set_") }
      .sorted { $0.compare($1, options: .numeric) == .orderedAscending }.map { path + "/" + $0 }
  }

  /// `data.json` beside the model, or the defaults.
  func tolerance() throws -> Tolerance {
    let file = path + "/data.json"
    guard FileManager.default.fileExists(atPath: file) else { return Tolerance() }
    struct Content: Decodable {
      var rtol: Double?
      var atol: Double?
      var steps: Int?
      var share: Double?
    }
    guard let content = try? JSONDecoder().decode(Content.self, from: try NumpyFile.mapped(file)) else {
      throw KerfError("'\(printable(file))' is not JSON with rtol and atol")
    }
    let standard = Tolerance()
    var tolerance = Tolerance(
      relative: content.rtol ?? standard.relative, absolute: content.atol ?? standard.absolute)
    tolerance.steps = content.steps ?? 0
    tolerance.share = content.share ?? 1
    return tolerance
  }
}

/// How a case went.
public struct ConformanceResult: Codable, Equatable, Sendable {
  public enum Status: String, Codable, Sendable { case passed, failed, skipped }

  public var name: String
  public var status: Status
  /// Empty for what passed.
  public var reason: String
  /// Nil stands for static.
  public var mode: ConformanceMode?
  /// In symbolic mode.
  public var inference: ShapeInference?

  public init(_ item: ConformanceCase, _ status: Status = .passed, _ reason: String = "") {
    name = item.name
    mode = item.mode == .static ? nil : item.mode
    self.status = status
    self.reason = reason
  }

  /// The name, with the mode behind it unless static.
  public var label: String { name + (mode.map { " (\($0.rawValue))" } ?? "") }
}

/// The results of many cases.
public struct ConformanceSummary: Encodable, Sendable {
  public var passed: Int
  public var failed: Int
  public var skipped: Int
  public var results: [ConformanceResult]
  /// Over all cases that ran in symbolic mode; nil where none did.
  public var inference: ShapeInference?

  public init(_ results: [ConformanceResult]) {
    self.results = results
    passed = results.count { $0.status == .passed }
    failed = results.count { $0.status == .failed }
    skipped = results.count { $0.status == .skipped }
    let inferences = results.compactMap(\.inference)
    inference = inferences.isEmpty ? nil : inferences.reduce(ShapeInference(), +)
  }
}
