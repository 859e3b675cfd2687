import Foundation

/// Small ONNX files, written byte by byte.
public enum TinyModel {
  private static func varint(_ value: UInt64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
  private static func number(_ field: UInt64, _ value: UInt64) -> [UInt8] { varint(field << 3) + varint(value) }
  private static func bytes(_ field: UInt64, _ content: [UInt8]) -> [UInt8] {
    varint(field << 3 | 2) + varint(UInt64(content.count)) + content
  }
  private static func text(_ field: UInt64, _ content: String) -> [UInt8] { bytes(field, Array(content.utf8)) }

  /// A dimension: a number or a symbol.
  public enum Size: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    case number(Int)
    case symbol(String)
    public init(integerLiteral value: Int) { self = .number(value) }
    public init(stringLiteral value: String) { self = .symbol(value) }
  }

  private static func port(_ name: String, _ shape: [Size]) -> [UInt8] {
    let dims = shape.flatMap { size -> [UInt8] in
      switch size {
      case .number(let value): bytes(1, number(1, UInt64(value)))
      case .symbol(let name): bytes(1, text(2, name))
      }
    }
    return text(1, name) + bytes(2, bytes(1, number(1, 1) + bytes(2, dims)))
  }

  /// A model of float32 tensors. Nodes are `(operator, inputs, outputs)`; a node is named after its operator.
  public static func model(
    inputs: [(String, [Size])], outputs: [(String, [Size])], nodes: [(String, [String], [String])], opset: UInt64 = 17
  ) -> [UInt8] {
    var graph: [UInt8] = []
    for (op, from, to) in nodes {
      graph += bytes(
        1, from.flatMap { text(1, $0) } + to.flatMap { text(2, $0) } + text(3, op.lowercased()) + text(4, op))
    }
    graph += text(2, "tiny")
    for (name, shape) in inputs { graph += bytes(11, port(name, shape)) }
    for (name, shape) in outputs { graph += bytes(12, port(name, shape)) }
    return number(1, 8) + bytes(7, graph) + bytes(8, number(2, opset))
  }

  /// A TensorProto of float32.
  public static func tensor(_ values: [Float], shape: [Int]) -> [UInt8] {
    shape.flatMap { number(1, UInt64($0)) } + number(2, 1) + bytes(9, values.withUnsafeBytes { Array($0) })
  }

  /// `y = Relu(x)` on `f32[N,3]`.
  public static let relu = model(
    inputs: [("x", ["N", 3])], outputs: [("y", ["N", 3])], nodes: [("Relu", ["x"], ["y"])])
}

/// A folder that is gone when the object is.
public final class TemporaryFolder {
  public let path: String

  public init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("kerf-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with the folders above it, and gives its path.
  @discardableResult
  public func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let file = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }
}
