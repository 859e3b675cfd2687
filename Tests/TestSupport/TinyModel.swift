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

  /// A float32 initializer.
  public struct Weight {
    public enum Place {
      case inFile([UInt8])
      case external(String)
    }
    let name: String
    let shape: [Int]
    let place: Place

    public init(_ name: String, _ shape: [Int], _ place: Place) {
      self.name = name
      self.shape = shape
      self.place = place
    }

    fileprivate var proto: [UInt8] {
      let head = shape.flatMap { number(1, UInt64($0)) } + number(2, 1) + text(8, name)
      switch place {
      case .inFile(let raw): return head + bytes(9, raw)
      case .external(let file): return head + bytes(13, text(1, "location") + text(2, file)) + number(14, 1)
      }
    }
  }

  /// A model of float32 tensors. Nodes are `(operator, inputs, outputs)`; a node is named after its operator, which may
  /// have its domain in front: `my.domain.Op`.
  /// - Parameters:
  ///   - integerCasts: every Cast is to int64.
  ///   - numbered: a node's index is part of its name.
  public static func model(
    inputs: [(String, [Size])], outputs: [(String, [Size])], nodes: [(String, [String], [String])], opset: UInt64 = 17,
    weights: [Weight] = [], integerCasts: Bool = false, numbered: Bool = false
  ) -> [UInt8] {
    var graph: [UInt8] = []
    for (index, (op, from, to)) in nodes.enumerated() {
      let cast = integerCasts && op == "Cast" ? bytes(5, text(1, "to") + number(3, 7) + number(20, 2)) : []
      let parts = op.split(separator: ".")
      let domain = parts.count > 1 ? text(7, parts.dropLast().joined(separator: ".")) : []
      graph += bytes(
        1,
        from.flatMap { text(1, $0) } + to.flatMap { text(2, $0) }
          + text(3, op.lowercased() + (numbered ? "\(index)" : ""))
          + text(4, String(parts.last ?? "")) + cast + domain)
    }
    graph += text(2, "tiny")
    for weight in weights { graph += bytes(5, weight.proto) }
    for (name, shape) in inputs { graph += bytes(11, port(name, shape)) }
    for (name, shape) in outputs { graph += bytes(12, port(name, shape)) }
    return number(1, 8) + bytes(7, graph) + bytes(8, number(2, opset))
  }

  /// A TensorProto of float32.
  public static func tensor(_ values: [Float], shape: [Int]) -> [UInt8] {
    shape.flatMap { number(1, UInt64($0)) } + number(2, 1) + bytes(9, values.withUnsafeBytes { Array($0) })
  }

  /// `y = Relu(x)` inside so many Ifs, each in the other's branch, whose condition is the input `c`.
  public static func nestedConditionals(_ depth: Int) -> [UInt8] {
    func relu(_ result: String) -> [UInt8] { bytes(1, text(1, "x") + text(2, result) + text(4, "Relu")) }
    func branch(_ name: String, _ graph: [UInt8]) -> [UInt8] {
      bytes(5, text(1, name) + bytes(6, graph) + number(20, 5))
    }
    func body(_ nodes: [UInt8], _ result: String) -> [UInt8] { nodes + text(2, "body") + bytes(12, text(1, result)) }
    var graph = relu("o\(depth)")
    for level in (0..<depth).reversed() {
      let node =
        text(1, "c") + text(2, "o\(level)") + text(4, "If") + branch("then_branch", body(graph, "o\(level + 1)"))
        + branch("else_branch", body(relu("e\(level)"), "e\(level)"))
      graph = bytes(1, node)
    }
    // A condition is a scalar of type bool.
    let condition = text(1, "c") + bytes(2, bytes(1, number(1, 9) + bytes(2, [])))
    graph += text(2, "nested") + bytes(11, condition) + bytes(11, port("x", [3])) + bytes(12, port("o0", [3]))
    return number(1, 8) + bytes(7, graph) + bytes(8, number(2, 17))
  }

  /// `y = Relu(x)` inside so many functions, each of which calls the next.
  public static func nestedFunctions(_ depth: Int) -> [UInt8] {
    func call(_ name: String, _ domain: String) -> [UInt8] {
      text(1, "x") + text(2, "y") + text(4, name) + (domain.isEmpty ? [] : text(7, domain))
    }
    var model = number(1, 9)
    for level in 0..<depth {
      let inner = level == depth - 1 ? call("Relu", "") : call("f\(level + 1)", "local")
      model += bytes(
        25,
        text(1, "f\(level)") + text(4, "x") + text(5, "y") + bytes(7, inner) + bytes(9, number(2, 17))
          + bytes(9, text(1, "local") + number(2, 1)) + text(10, "local"))
    }
    let graph = bytes(1, call("f0", "local")) + text(2, "g") + bytes(11, port("x", [3])) + bytes(12, port("y", [3]))
    return model + bytes(7, graph) + bytes(8, number(2, 17)) + bytes(8, text(1, "local") + number(2, 1))
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
