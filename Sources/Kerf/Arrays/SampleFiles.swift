import Foundation
import IR

/// Samples of a model's inputs in files, loaded one at a time: a folder of folders with one sample each, or arrays whose
/// first axis counts samples (`FILE.npy`, `FILE.npz`, or a folder of `input_J.npy`).
///
/// Sample k of an array is `array[k]` when that has the input's rank, else `array[k]` with a leading axis of 1.
public struct SampleFiles: Sendable {
  public let set: SampleSet
  /// Whether samples got a leading axis that their files do not have.
  public let addsAxis: Bool

  /// - Parameters:
  ///   - path: what `--samples` names.
  ///   - ports: the model's inputs.
  ///   - constants: values for all samples, in the order of the inputs, nil where the samples give one.
  ///   - carried: inputs that need no value in the samples.
  public static func open(
    _ path: String, for ports: [PortDescription], constants: [Datum?] = [], carried: Set<Int> = []
  ) throws -> SampleFiles {
    let base = constants.isEmpty ? ports.map { _ in nil } : constants
    let needed = ports.indices.filter { base[$0] == nil && !carried.contains($0) && !ports[$0].isOptional }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw KerfError("cannot read '\(printable(path))': no such file or folder")
    }
    if isFolder.boolValue { return try folder(path, ports, base, needed) }
    return path.hasSuffix(".npz") ? try archive(path, ports, base, needed) : try single(path, ports, base, needed)
  }

  // MARK: Forms

  private static func folder(
    _ path: String, _ ports: [PortDescription], _ base: [Datum?], _ needed: [Int]
  ) throws -> SampleFiles {
    let folder = try InputFolder(path, ports)
    let arrays = try ports.indices.filter { base[$0] == nil }.compactMap { index -> (Int, any SampleArray)? in
      guard let file = folder.files[index] else { return nil }
      return (index, try open(file, ports[index]))
    }
    if !arrays.isEmpty { return try stacked(arrays, path, ports, base, needed, found: folder.names) }
    let folders = try sampleFolders(path, folder.names, ports)
    guard !folders.isEmpty else {
      let list = folder.names.prefix(20).map { printable($0) }.joined(separator: ", ")
      throw KerfError(
        "'\(printable(path))' holds no samples",
        notes: [
          "found: \(list.isEmpty ? "nothing" : list)",
          "a folder of samples holds input_J.npy whose first axis counts samples, or one folder per sample",
        ])
    }
    let set = SampleSet(count: folders.count) { index in
      let given = try InputFiles.load([folders[index]], for: ports)
      let values = ports.indices.map { base[$0] ?? given[$0] ?? ports[$0].absentValue }
      if let missing = needed.first(where: { values[$0] == nil }) {
        let names = try InputFolder(folders[index], ports).names.joined(separator: ", ")
        throw KerfError(
          "no value for input '\(printable(ports[missing].name))' (\(ports[missing].type)) in '\(printable(folders[index]))'",
          notes: ["found: \(names)"])
      }
      return values
    }
    return SampleFiles(set: set, addsAxis: false)
  }

  /// Folders below that hold at least one input, in the order of the numbers in their names.
  private static func sampleFolders(_ path: String, _ names: [String], _ ports: [PortDescription]) throws -> [String] {
    let sorted = names.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    return try sorted.map { path + "/" + $0 }.filter { folder in
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
        return false
      }
      return try !InputFolder(folder, ports).isEmpty
    }
  }

  private static func archive(
    _ path: String, _ ports: [PortDescription], _ base: [Datum?], _ needed: [Int]
  ) throws -> SampleFiles {
    let members = try NumpyArchive.read(path)
    let arrays = ports.indices.filter { base[$0] == nil }.compactMap { index -> (Int, any SampleArray)? in
      let member = members.first { Array($0.name.utf8) == ports[index].nameBytes }
      return member.map { (index, MemoryArray(origin: "\(path):\($0.name)", tensor: $0.tensor)) }
    }
    return try stacked(arrays, path, ports, base, needed, found: members.map(\.name))
  }

  private static func single(
    _ path: String, _ ports: [PortDescription], _ base: [Datum?], _ needed: [Int]
  ) throws -> SampleFiles {
    guard needed.count == 1, let index = needed.first else {
      throw KerfError(
        "'\(printable(path))' does not say which of the \(needed.count) inputs it is for",
        notes: ["give a folder with input_J.npy; the inputs are \(InputFiles.list(needed.map { ports[$0] }))"])
    }
    return try stacked([(index, try open(path, ports[index]))], path, ports, base, needed, found: [path])
  }

  // MARK: Arrays

  private static func open(_ file: String, _ port: PortDescription) throws -> any SampleArray {
    guard file.hasSuffix(".pb") else { return try NumpyArray(file) }
    let stacked = PortDescription(name: port.nameBytes, .tensor(port.element ?? .float32, nil))
    guard let tensor = try InputFiles.read(file, stacked).tensor else {
      throw KerfError("'\(printable(file))' holds no tensor")
    }
    return MemoryArray(origin: file, tensor: tensor)
  }

  private static func stacked(
    _ arrays: [(Int, any SampleArray)], _ path: String, _ ports: [PortDescription], _ base: [Datum?], _ needed: [Int],
    found: [String]
  ) throws -> SampleFiles {
    if let missing = needed.first(where: { index in !arrays.contains { $0.0 == index } }) {
      let list = found.prefix(20).map { printable($0) }.joined(separator: ", ")
      throw KerfError(
        "no value for input '\(printable(ports[missing].name))' (\(ports[missing].type)) in '\(printable(path))'",
        notes: ["found: \(list.isEmpty ? "nothing" : list)"])
    }
    let axes = try arrays.map { try addsAxis($0.1, ports[$0.0]) }
    let count = arrays.first?.1.shape.first ?? 0
    for (_, array) in arrays where array.shape.first != count {
      let lengths = arrays.map { "'\(printable($0.1.origin))' \(describe($0.1.shape))" }.joined(separator: ", ")
      throw KerfError("the arrays of samples differ in their first axis: \(lengths)")
    }
    let set = SampleSet(count: count) { index in
      var values = ports.indices.map { base[$0] ?? ports[$0].absentValue }
      for ((port, array), added) in zip(arrays, axes) {
        var tensor = try array.element(index)
        if added { tensor = tensor.reshaped([1] + tensor.shape) ?? tensor }
        values[port] = try ports[port].accept(tensor, from: "\(array.origin)[\(index)]")
      }
      return values
    }
    return SampleFiles(set: set, addsAxis: axes.contains(true))
  }

  private static func addsAxis(_ array: any SampleArray, _ port: PortDescription) throws -> Bool {
    guard !array.shape.isEmpty else {
      throw KerfError("'\(printable(array.origin))' is a single number; its first axis must count samples")
    }
    guard let rank = port.valueType.tensor?.rank else { return false }
    let given = array.shape.count - 1
    guard given == rank || given + 1 == rank else {
      throw KerfError(
        "'\(printable(array.origin))' has shape \(describe(array.shape)), which gives samples of \(given) dimensions; "
          + "input '\(printable(port.name))' expects \(printable(port.type))")
    }
    return given != rank
  }
}

/// An array whose first axis counts samples.
protocol SampleArray: Sendable {
  var origin: String { get }
  var shape: [Int] { get }
  func element(_ index: Int) throws -> Tensor
}

extension NumpyArray: SampleArray {
  var origin: String { path }
}

struct MemoryArray: SampleArray {
  let origin: String
  let tensor: Tensor
  var shape: [Int] { tensor.shape }
  func element(_ index: Int) throws -> Tensor { tensor.element(index) }
}
