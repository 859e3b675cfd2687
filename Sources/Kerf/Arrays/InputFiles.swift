import Foundation
import IR
import ONNX

/// Finds values for a model's inputs in what the user named: `FILE.npy`, `FILE.npz`, `FILE.pb`, a folder of those, or
/// `NAME=FILE`, in any combination.
public struct InputFiles {
  private let ports: [PortDescription]
  /// By index of the input.
  private var values: [Datum?]
  /// Where each value came from, to report an input that is given twice.
  private var origins: [String?]
  /// Inputs given as NAME=FILE, which win over folders and archives.
  private var explicit: Set<Int> = []
  private var found: [String] = []

  /// The values of the inputs that `paths` name, in the order of the inputs; nil for the others.
  /// - Throws: `KerfError` where a file cannot be read, fits no input, or does not have the input's type and shape.
  public static func load(_ paths: [String], for ports: [PortDescription]) throws -> [Datum?] {
    var files = InputFiles(ports)
    for path in paths { try files.add(path) }
    return files.values
  }

  /// The values of all inputs. An input that nothing names is an error listing what was found.
  public static func loadAll(_ paths: [String], for ports: [PortDescription]) throws -> [Datum?] {
    var files = InputFiles(ports)
    for path in paths { try files.add(path) }
    let missing = ports.indices.filter { files.values[$0] == nil && !ports[$0].isOptional }
    guard missing.isEmpty else { throw files.missingError(missing) }
    return ports.indices.map { files.values[$0] ?? ports[$0].absentValue }
  }

  private init(_ ports: [PortDescription]) {
    self.ports = ports
    values = Array(repeating: nil, count: ports.count)
    origins = Array(repeating: nil, count: ports.count)
  }

  private func missingError(_ missing: [Int]) -> KerfError {
    let names = missing.map { "'\(printable(ports[$0].name))' (\(ports[$0].type), input \($0))" }.joined(
      separator: ", ")
    let list = found.prefix(20).map { printable($0) }.joined(separator: ", ") + (found.count > 20 ? ", …" : "")
    return KerfError(
      "no value for \(missing.count == 1 ? "input" : "inputs") \(names)",
      notes: [
        found.isEmpty ? "nothing usable was found in what --inputs names" : "found: \(list)",
        "name files input_0.npy, input_1.npy, … in the order of the inputs, NAME.npy, or give --inputs NAME=FILE.npy",
      ])
  }

  // MARK: Forms

  private mutating func add(_ path: String) throws {
    if let (index, file) = named(path) {
      try set(index, try Self.read(file, ports[index]), file, isExplicit: true)
      return
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      if let equals = path.firstIndex(of: "="), equals != path.startIndex {
        throw KerfError(
          "the model has no input '\(printable(String(path[..<equals])))'",
          notes: ["its inputs are \(Self.list(ports))"])
      }
      throw KerfError("cannot read '\(printable(path))': no such file or folder")
    }
    if isFolder.boolValue {
      try addFolder(path)
    } else if path.hasSuffix(".npz") {
      try addArchive(path)
    } else {
      try addOnly(path)
    }
  }

  /// `NAME=FILE` with the name of an input; names may hold `=` themselves.
  private func named(_ path: String) -> (Int, String)? {
    let bytes = Array(path.utf8)
    for (index, port) in ports.enumerated() where bytes.starts(with: port.nameBytes + [UInt8(ascii: "=")]) {
      return (index, String(decoding: bytes.dropFirst(port.nameBytes.count + 1), as: UTF8.self))
    }
    return nil
  }

  private mutating func addOnly(_ path: String) throws {
    guard ports.count == 1 else {
      throw KerfError(
        "'\(printable(path))' does not say which of the \(ports.count) inputs it is for",
        notes: ["give --inputs NAME=FILE for each; the inputs are \(Self.list(ports))"])
    }
    try set(0, try Self.read(path, ports[0]), path)
  }

  private mutating func addArchive(_ path: String) throws {
    for (name, tensor) in try NumpyArchive.read(path) {
      found.append("'\(name)' in \(path)")
      guard let index = ports.firstIndex(where: { $0.nameBytes == Array(name.utf8) }) else { continue }
      try set(index, try ports[index].accept(tensor, from: "\(path):\(name)"), "\(path):\(name)")
    }
  }

  private mutating func addFolder(_ path: String) throws {
    let folder = try InputFolder(path, ports)
    found += folder.names.map { "\(path)/\($0)" }
    for (index, file) in folder.files.enumerated() {
      guard let file else { continue }
      try set(index, try Self.read(file, ports[index]), file)
    }
  }

  private mutating func set(_ index: Int, _ value: Datum, _ origin: String, isExplicit: Bool = false) throws {
    if let first = origins[index], explicit.contains(index) == isExplicit {
      throw KerfError(
        "input '\(printable(ports[index].name))' is given twice: '\(printable(first))' and '\(printable(origin))'")
    }
    guard isExplicit || !explicit.contains(index) else { return }
    values[index] = value
    origins[index] = origin
    if isExplicit { explicit.insert(index) }
  }

  static func list(_ ports: [PortDescription]) -> String {
    if ports.isEmpty { return "none" }
    return ports.prefix(20).map { "'\(printable($0.name))' (\($0.type))" }.joined(separator: ", ")
      + (ports.count > 20 ? ", …" : "")
  }

  /// The value in one file for one input.
  static func read(_ file: String, _ port: PortDescription) throws -> Datum {
    if file.hasSuffix(".pb") {
      let value = try readProto(file, port)
      guard let tensor = value.tensor else { return value }
      return try port.accept(tensor, from: file)
    }
    if file.hasSuffix(".npz") {
      let arrays = try NumpyArchive.read(file)
      guard arrays.count == 1, let only = arrays.first else {
        let names = arrays.prefix(20).map { "'\(printable($0.name))'" }.joined(separator: ", ")
        throw KerfError(
          "'\(printable(file))' holds \(arrays.count) arrays, expected one for '\(printable(port.name))'",
          notes: ["found: \(names)"])
      }
      return try port.accept(only.tensor, from: file)
    }
    return try port.accept(try NumpyFile.read(file), from: file)
  }

  private static func readProto(_ file: String, _ port: PortDescription) throws -> Datum {
    do throws(Diagnostic) {
      return try readTestData(path: file, as: port.valueType)
    } catch {
      throw KerfError(error)
    }
  }
}
