import Foundation

/// The files of a folder that are for a model's inputs: `input_J.npy` (or `.pb`) by number, else `NAME.npy`.
struct InputFolder {
  /// By index of the input.
  private(set) var files: [String?]
  /// Names of all files there, sorted.
  let names: [String]

  init(_ path: String, _ ports: [PortDescription]) throws {
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw KerfError("cannot list the folder '\(printable(path))'")
    }
    let present = Set(names)
    var used: Set<String> = []
    files = Array(repeating: nil, count: ports.count)
    func take(_ index: Int, _ stem: String) {
      for suffix in ["npy", "pb"] where files[index] == nil && present.contains("\(stem).\(suffix)") {
        guard used.insert("\(stem).\(suffix)").inserted else { continue }
        files[index] = path + "/\(stem).\(suffix)"
      }
    }
    for index in ports.indices { take(index, "input_\(index)") }
    for (index, port) in ports.enumerated() where files[index] == nil { take(index, port.fileStem) }
    if let (a, b) = InputFolder.clash(ports, files) {
      throw KerfError(
        "the names of inputs '\(printable(a))' and '\(printable(b))' give the same file name",
        notes: ["use input_J.npy, or --inputs NAME=FILE"])
    }
  }

  var isEmpty: Bool { files.allSatisfy { $0 == nil } }

  /// Two inputs that one file could be for by name, when it is used for one of them.
  private static func clash(_ ports: [PortDescription], _ files: [String?]) -> (String, String)? {
    for (index, port) in ports.enumerated() {
      guard let file = files[index], (file as NSString).lastPathComponent.hasPrefix(port.fileStem + ".") else {
        continue
      }
      let others = ports.indices.filter { $0 != index && files[$0] == nil && ports[$0].fileStem == port.fileStem }
      if let other = others.first { return (port.name, ports[other].name) }
    }
    return nil
  }
}

extension PortDescription {
  /// The name as a file's: characters outside `[A-Za-z0-9._-]` become `_`.
  var fileStem: String {
    var stem = ""
    for scalar in name.unicodeScalars {
      switch scalar {
      case "A"..."Z", "a"..."z", "0"..."9", ".", "_", "-": stem.unicodeScalars.append(scalar)
      default: stem += "_"
      }
    }
    return stem
  }
}
