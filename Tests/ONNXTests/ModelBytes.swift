import Glibc
import IR
import TestSupport

@testable import ONNX

/// Messages of a small model, as bytes.
enum Proto {
  static func tensorType(_ element: Int64, _ dims: [Int64]?) -> [UInt8] {
    let shape = dims.map { Wire.bytes(2, $0.flatMap { Wire.bytes(1, Wire.int(1, $0)) }) } ?? []
    return Wire.bytes(1, Wire.int(1, element) + shape)
  }

  static func value(_ name: String, _ element: Int64 = 1, _ dims: [Int64]? = nil) -> [UInt8] {
    Wire.text(1, name) + Wire.bytes(2, tensorType(element, dims))
  }

  static func node(
    _ op: String, _ inputs: [String], _ outputs: [String], _ attributes: [[UInt8]] = [], name: String = "",
    domain: String = ""
  ) -> [UInt8] {
    inputs.flatMap { Wire.text(1, $0) } + outputs.flatMap { Wire.text(2, $0) }
      + (name.isEmpty ? [] : Wire.text(3, name)) + Wire.text(4, op) + attributes.flatMap { Wire.bytes(5, $0) }
      + (domain.isEmpty ? [] : Wire.text(7, domain))
  }

  static func attribute(_ name: String, int value: Int64) -> [UInt8] {
    Wire.text(1, name) + Wire.int(3, value) + Wire.int(20, 2)
  }
  static func attribute(_ name: String, float value: Float) -> [UInt8] {
    Wire.text(1, name) + Wire.float(2, value) + Wire.int(20, 1)
  }
  static func attribute(_ name: String, ints values: [Int64]) -> [UInt8] {
    Wire.text(1, name) + values.flatMap { Wire.int(8, $0) } + Wire.int(20, 7)
  }
  static func attribute(_ name: String, string value: String) -> [UInt8] {
    Wire.text(1, name) + Wire.text(4, value) + Wire.int(20, 3)
  }
  static func attribute(_ name: String, tensor: [UInt8]) -> [UInt8] {
    Wire.text(1, name) + Wire.bytes(5, tensor) + Wire.int(20, 4)
  }
  static func attribute(_ name: String, graph: [UInt8]) -> [UInt8] {
    Wire.text(1, name) + Wire.bytes(6, graph) + Wire.int(20, 5)
  }
  static func attribute(_ name: String, reference: String, type: Int64) -> [UInt8] {
    Wire.text(1, name) + Wire.text(21, reference) + Wire.int(20, type)
  }

  static func tensor(_ name: String, _ element: Int64, _ dims: [Int64], _ content: [UInt8]) -> [UInt8] {
    dims.flatMap { Wire.int(1, $0) } + Wire.int(2, element) + content + Wire.text(8, name)
  }
  static func floats(_ name: String, _ dims: [Int64], _ values: [Float]) -> [UInt8] {
    tensor(name, 1, dims, Wire.bytes(9, Wire.raw(values)))
  }
  static func external(_ name: String, _ dims: [Int64], _ entries: [(String, String)], element: Int64 = 1) -> [UInt8] {
    tensor(
      name, element, dims, entries.flatMap { Wire.bytes(13, Wire.text(1, $0.0) + Wire.text(2, $0.1)) } + Wire.int(14, 1)
    )
  }

  static func graph(
    _ nodes: [[UInt8]], inputs: [[UInt8]] = [], outputs: [[UInt8]] = [], initializers: [[UInt8]] = [],
    more: [UInt8] = []
  ) -> [UInt8] {
    nodes.flatMap { Wire.bytes(1, $0) } + Wire.text(2, "g") + initializers.flatMap { Wire.bytes(5, $0) }
      + inputs.flatMap { Wire.bytes(11, $0) } + outputs.flatMap { Wire.bytes(12, $0) } + more
  }

  static func opset(_ version: Int64, _ domain: String = "") -> [UInt8] {
    (domain.isEmpty ? [] : Wire.text(1, domain)) + Wire.int(2, version)
  }

  static func model(_ graph: [UInt8], opset version: Int64 = 17, ir: Int64 = 8, more: [UInt8] = []) -> [UInt8] {
    Wire.int(1, ir) + Wire.bytes(7, graph) + Wire.bytes(8, opset(version)) + more
  }

  /// A model with input `x`: f32[2,3] and output `y`.
  static func simple(
    _ nodes: [[UInt8]], initializers: [[UInt8]] = [], input: [UInt8]? = nil, opset: Int64 = 17, more: [UInt8] = []
  ) -> [UInt8] {
    let graph = graph(
      nodes, inputs: [input ?? value("x", 1, [2, 3])], outputs: [value("y")], initializers: initializers)
    return model(graph, opset: opset, more: more)
  }

  static func function(
    _ name: String, _ nodes: [[UInt8]], inputs: [String] = ["a"], outputs: [String] = ["b"],
    parameters: [String] = [], defaults: [[UInt8]] = []
  ) -> [UInt8] {
    let head = Wire.text(1, name) + inputs.flatMap { Wire.text(4, $0) } + outputs.flatMap { Wire.text(5, $0) }
    let body = parameters.flatMap { Wire.text(6, $0) } + nodes.flatMap { Wire.bytes(7, $0) }
    let opsets = Wire.bytes(9, opset(17)) + Wire.bytes(9, opset(1, "my"))
    return Wire.bytes(25, head + body + opsets + Wire.text(10, "my") + defaults.flatMap { Wire.bytes(11, $0) })
  }
}

/// A folder of its own, removed with its files at the end.
final class TemporaryFolder {
  let path: String
  private var files: [String] = []

  init() {
    var template = Array("/tmp/onnx-tests-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? "/tmp"
    }
  }

  deinit {
    for file in files.reversed() { remove(file) }
    rmdir(path)
  }

  /// A path inside, to be removed at the end.
  func path(_ name: String) -> String {
    files.append(path + "/" + name)
    return path + "/" + name
  }

  @discardableResult
  func write(_ bytes: [UInt8], _ name: String = "model.onnx") -> String {
    let file = path(name)
    if let handle = fopen(file, "wb") {
      fwrite(bytes, 1, bytes.count, handle)
      fclose(handle)
    }
    return file
  }
}

func importBytes(_ bytes: [UInt8], _ options: ImportOptions = ImportOptions()) throws(ImportError) -> ImportedModel {
  let folder = TemporaryFolder()
  return try importModel(path: folder.write(bytes), options: options)
}

/// All findings of a refused model; "accepted" when it is not.
func refusal(_ bytes: [UInt8], _ options: ImportOptions = ImportOptions()) -> String {
  do throws(ImportError) {
    _ = try importBytes(bytes, options)
    return "accepted"
  } catch {
    return error.diagnostics.map(\.message).joined(separator: "\n")
  }
}

/// Outputs of an accepted model on these inputs.
func evaluate(_ bytes: [UInt8], _ inputs: [Tensor]) throws -> [Tensor] {
  let graph = try importBytes(bytes).graph
  try graph.verify()
  let context = EvaluationContext(outputCount: graph.outputs.count)
  return try graph.evaluate(inputs.map { .tensor($0) }, context).compactMap(\.tensor)
}
