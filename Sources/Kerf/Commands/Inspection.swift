import Bundle
import Foundation
import IR
import Passes
import Reports
import Runtime

/// What a model takes, gives and costs.
public struct Inspection: Encodable, Sendable {
  /// An input or output.
  public struct Port: Encodable, Sendable {
    public var name: String
    public var type: String
    /// Numbers, or symbols as text; null where the rank is not known or it is no tensor.
    public var shape: [Dimension]?
  }
  public enum Dimension: Encodable, Sendable {
    case number(Int)
    case symbol(String)

    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .number(let value): try container.encode(value)
      case .symbol(let text): try container.encode(text)
      }
    }
  }
  public var inputs: [Port]
  public var outputs: [Port]
  /// How often each operator occurs, bodies included.
  public var operators: [String: Int]
  public var nodes: Int
  /// Elements of constants.
  public var parameters: Int
  public var weightBytes: Int
  /// Multiply-accumulates of one run; free dimensions count as 1.
  public var macs: Int
  /// Most bytes of tensors that are alive at one time; free dimensions count as 1.
  public var peakActivationBytes: Int
  /// Of a bundle: the most bytes of its arena that are needed at one time, so how small the arena could be at best.
  public var arenaLowerBoundBytes: Int?
  /// The graph, or the steps of a bundle, as text.
  public var text: String?

  private enum CodingKeys: String, CodingKey {
    case inputs, outputs, operators, nodes, parameters, macs
    case weightBytes = "weight_bytes"
    case peakActivationBytes = "peak_activation_bytes"
    case arenaLowerBoundBytes = "arena_lower_bound_bytes"
    case text = "ir"
  }

  /// Inspects an ONNX model, with shapes set as the options say, or a bundle.
  public static func of(path: String, options: CompileOptions = CompileOptions(), withText: Bool) throws -> Inspection {
    path.hasSuffix(".onnx") ? try model(path, options, withText) : try bundle(path, withText)
  }

  // MARK: Models

  private static func model(_ path: String, _ options: CompileOptions, _ withText: Bool) throws -> Inspection {
    let graph = try Compiler.importModel(path, options).graph
    var counter = GraphCounter()
    counter.count(graph, depth: 0)
    let cost = GraphCost(graph)
    var printer = GraphPrinter()
    return Inspection(
      inputs: graph.inputs.map { port(graph[$0].name.bytes, graph.type($0)) },
      outputs: zip(graph.outputs, graph.outputNames).map { port($1.bytes, graph.type($0)) },
      operators: counter.operators,
      nodes: cost.nodes, parameters: counter.parameters, weightBytes: cost.weightBytes, macs: cost.macs,
      peakActivationBytes: graph.peakActivationBytes, text: withText ? printer.print(graph) : nil)
  }

  static func port(_ name: [UInt8], _ type: ValueType) -> Port {
    let shape = type.tensor?.shape?.map { dim in
      dim.value.map { Dimension.number($0) } ?? .symbol(dim.description)
    }
    return Port(name: Name(name).string, type: type.description, shape: shape)
  }

  // MARK: Bundles

  private static func bundle(_ path: String, _ withText: Bool) throws -> Inspection {
    let session = try Session(path: path)
    let layers = (try? BundleContents.report(path: path))?.layers
    let steps = try session.planned()
    var operators: [String: Int] = [:]
    for layer in layers ?? [] { operators[layer.operator, default: 0] += 1 }
    if layers == nil { for step in steps { operators[step.operation, default: 0] += 1 } }
    let parameters = (layers ?? []).reduce(0) { $0 + ($1.bits > 0 ? $1.weightBytes * 8 / $1.bits : 0) }
    return Inspection(
      inputs: session.inputs.map { port($0.nameBytes, $0.valueType) },
      outputs: session.outputs.map { port($0.nameBytes, $0.valueType) }, operators: operators, nodes: steps.count,
      parameters: parameters, weightBytes: session.weightsBytes, macs: steps.reduce(0) { $0 &+ $1.macs },
      peakActivationBytes: session.arenaBytes, arenaLowerBoundBytes: session.arenaLowerBoundBytes,
      text: withText ? programText(steps) : nil)
  }

  private static func programText(_ steps: [StepProfile]) -> String {
    func shapes(_ list: [[Int]]) -> String { list.map { describe($0) }.joined(separator: ", ") }
    return steps.map { step in
      let name = step.kernel.isEmpty ? step.operation : step.kernel
      let from = printable(step.names.joined(separator: ", "), limit: 200)
      return "\(step.index): \(name)(\(shapes(step.inputDims))) -> \(shapes(step.outputDims)) from \(from)\n"
    }.joined()
  }
}

/// Counts operators and elements of constants, bodies included.
private struct GraphCounter {
  var operators: [String: Int] = [:]
  var parameters = 0
  private var seen: Set<ObjectIdentifier> = []

  mutating func count(_ graph: Graph, depth: Int) {
    guard depth < 64 else { return }
    for node in graph.orderedNodes {
      operators[node.op.displayName, default: 0] += 1
      for input in node.inputs { add(graph.constant(input)) }
      for body in node.op.subgraphs { count(body, depth: depth + 1) }
    }
    for output in graph.outputs { add(graph.constant(output)) }
  }

  private mutating func add(_ tensor: Tensor?) {
    guard let tensor, seen.insert(ObjectIdentifier(tensor.storage)).inserted else { return }
    parameters &+= tensor.count
  }
}

extension Graph {
  /// Most bytes of results (inputs included) that are alive at one time when nodes run in order; free dimensions as 1.
  var peakActivationBytes: Int {
    var remaining: [ValueID: Int] = [:]
    var alive = 0
    var peak = 0
    func start(_ id: ValueID) {
      alive &+= activationBytes(id)
      remaining[id] = useCount(id)
      if useCount(id) == 0 { alive &-= activationBytes(id) }
    }
    for input in inputs { start(input) }
    peak = alive
    for node in orderedNodes {
      for output in node.outputs { start(output) }
      peak = max(peak, alive)
      for input in node.inputs {
        guard let input, let left = remaining[input] else { continue }
        remaining[input] = left - 1
        if left == 1 { alive &-= activationBytes(input) }
      }
    }
    return peak
  }

  private func activationBytes(_ id: ValueID) -> Int {
    guard let type = type(id).tensor, let shape = type.shape else { return 0 }
    let sizes = shape.map { dim -> Int in
      if let value = dim.value { return value }
      let ones = Dictionary(dim.symbols.map { ($0, Dim(1)) }, uniquingKeysWith: { first, _ in first })
      return max(dim.substituting(ones)?.value ?? 1, 1)
    }
    return Tensor.elementCount(of: sizes).flatMap { type.element.byteCount(of: $0) } ?? 0
  }
}
