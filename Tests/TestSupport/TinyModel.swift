import Foundation

/// Small ONNX files, written byte by byte.
public enum TinyModel {
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
      case .number(let value): Wire.bytes(1, Wire.int(1, Int64(value)))
      case .symbol(let name): Wire.bytes(1, Wire.text(2, name))
      }
    }
    return Wire.text(1, name) + Wire.bytes(2, Wire.bytes(1, Wire.int(1, 1) + Wire.bytes(2, dims)))
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
      let head = shape.flatMap { Wire.int(1, Int64($0)) } + Wire.int(2, 1) + Wire.text(8, name)
      switch place {
      case .inFile(let raw): return head + Wire.bytes(9, raw)
      case .external(let file):
        return head + Wire.bytes(13, Wire.text(1, "location") + Wire.text(2, file)) + Wire.int(14, 1)
      }
    }
  }

  /// A model of float32 tensors. Nodes are `(operator, inputs, outputs)`; a node is named after its operator, which may
  /// have its domain in front: `my.domain.Op`.
  /// - Parameters:
  ///   - integerCasts: every Cast is to int64.
  ///   - numbered: a node's index is part of its name.
  public static func model(
    inputs: [(String, [Size])], outputs: [(String, [Size])], nodes: [(String, [String], [String])], opset: Int64 = 17,
    weights: [Weight] = [], integerCasts: Bool = false, numbered: Bool = false
  ) -> [UInt8] {
    var graph: [UInt8] = []
    for (index, (op, from, to)) in nodes.enumerated() {
      let cast =
        integerCasts && op == "Cast" ? Wire.bytes(5, Wire.text(1, "to") + Wire.int(3, 7) + Wire.int(20, 2)) : []
      let parts = op.split(separator: ".")
      let domain = parts.count > 1 ? Wire.text(7, parts.dropLast().joined(separator: ".")) : []
      graph += Wire.bytes(
        1,
        from.flatMap { Wire.text(1, $0) } + to.flatMap { Wire.text(2, $0) }
          + Wire.text(3, op.lowercased() + (numbered ? "\(index)" : "")) + Wire.text(4, String(parts.last ?? ""))
          + cast + domain)
    }
    graph += Wire.text(2, "tiny")
    for weight in weights { graph += Wire.bytes(5, weight.proto) }
    for (name, shape) in inputs { graph += Wire.bytes(11, port(name, shape)) }
    for (name, shape) in outputs { graph += Wire.bytes(12, port(name, shape)) }
    return Wire.int(1, 8) + Wire.bytes(7, graph) + Wire.bytes(8, Wire.int(2, opset))
  }

  /// A TensorProto of float32.
  public static func tensor(_ values: [Float], shape: [Int]) -> [UInt8] {
    shape.flatMap { Wire.int(1, Int64($0)) } + Wire.int(2, 1) + Wire.bytes(9, Wire.raw(values))
  }

  /// `y = Relu(x)` inside so many Ifs, each in the other's branch, whose condition is the input `c`.
  public static func nestedConditionals(_ depth: Int) -> [UInt8] {
    func relu(_ result: String) -> [UInt8] {
      Wire.bytes(1, Wire.text(1, "x") + Wire.text(2, result) + Wire.text(4, "Relu"))
    }
    func branch(_ name: String, _ graph: [UInt8]) -> [UInt8] {
      Wire.bytes(5, Wire.text(1, name) + Wire.bytes(6, graph) + Wire.int(20, 5))
    }
    func body(_ nodes: [UInt8], _ result: String) -> [UInt8] {
      nodes + Wire.text(2, "body") + Wire.bytes(12, Wire.text(1, result))
    }
    var graph = relu("o\(depth)")
    for level in (0..<depth).reversed() {
      let node =
        Wire.text(1, "c") + Wire.text(2, "o\(level)") + Wire.text(4, "If")
        + branch("then_branch", body(graph, "o\(level + 1)"))
        + branch("else_branch", body(relu("e\(level)"), "e\(level)"))
      graph = Wire.bytes(1, node)
    }
    // A condition is a scalar of type bool.
    let condition = Wire.text(1, "c") + Wire.bytes(2, Wire.bytes(1, Wire.int(1, 9) + Wire.bytes(2, [])))
    graph +=
      Wire.text(2, "nested") + Wire.bytes(11, condition) + Wire.bytes(11, port("x", [3]))
      + Wire.bytes(12, port("o0", [3]))
    return Wire.int(1, 8) + Wire.bytes(7, graph) + Wire.bytes(8, Wire.int(2, 17))
  }

  /// `y = Relu(x)` inside so many functions, each of which calls the next.
  public static func nestedFunctions(_ depth: Int) -> [UInt8] {
    func call(_ name: String, _ domain: String) -> [UInt8] {
      Wire.text(1, "x") + Wire.text(2, "y") + Wire.text(4, name) + (domain.isEmpty ? [] : Wire.text(7, domain))
    }
    var model = Wire.int(1, 9)
    for level in 0..<depth {
      let inner = level == depth - 1 ? call("Relu", "") : call("f\(level + 1)", "local")
      model += Wire.bytes(
        25,
        Wire.text(1, "f\(level)") + Wire.text(4, "x") + Wire.text(5, "y") + Wire.bytes(7, inner)
          + Wire.bytes(9, Wire.int(2, 17))
          + Wire.bytes(9, Wire.text(1, "local") + Wire.int(2, 1)) + Wire.text(10, "local"))
    }
    let graph =
      Wire.bytes(1, call("f0", "local")) + Wire.text(2, "g") + Wire.bytes(11, port("x", [3]))
      + Wire.bytes(12, port("y", [3]))
    return model + Wire.bytes(7, graph) + Wire.bytes(8, Wire.int(2, 17))
      + Wire.bytes(8, Wire.text(1, "local") + Wire.int(2, 1))
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
