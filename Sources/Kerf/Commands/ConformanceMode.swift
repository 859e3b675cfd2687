import Foundation
import IR
import ONNX

/// How a conformance case's model is imported.
public enum ConformanceMode: String, CaseIterable, Codable, Sendable {
  /// With the shapes its file states.
  case `static`
  /// With every dimension of every input a symbol of its own; numbers come with the run.
  case symbolic
  /// With its inputs as constants, so that folding computes what it can. Sequences and optionals stay inputs.
  case constant
}

/// What import found out about the outputs of a model without knowing any dimension of its inputs.
public struct ShapeInference: Codable, Equatable, Sendable {
  /// Outputs that are tensors.
  public var outputs = 0
  /// Names of those whose rank is not known.
  public var unranked: [String] = []
  /// Dimensions of the others, and how many of them are neither numbers nor arithmetic on the inputs' symbols.
  public var dimensions = 0
  public var unknownDimensions = 0

  init() {}

  init(_ graph: Graph) {
    for (id, name) in zip(graph.outputs, graph.outputNames) {
      guard let type = graph.type(id).tensor else { continue }
      outputs += 1
      guard let shape = type.shape else {
        unranked.append(name.string)
        continue
      }
      dimensions += shape.count
      unknownDimensions += shape.count { $0.symbols.contains { $0.hasPrefix("?") } }
    }
  }

  static func + (a: ShapeInference, b: ShapeInference) -> ShapeInference {
    var sum = a
    sum.outputs += b.outputs
    sum.unranked += b.unranked
    sum.dimensions += b.dimensions
    sum.unknownDimensions += b.unknownDimensions
    return sum
  }
}

/// The model of a conformance case, ready to run on the inputs of one data set.
struct ConformanceModel {
  let inputs: [PortDescription]
  let outputs: [PortDescription]
  let inference: ShapeInference
  private let evaluate: ([Datum?]) throws -> [Datum]

  /// Imports and compiles (or keeps for reference evaluation) the model at `path`. `fixed` gives the values of inputs
  /// that become constants.
  init(
    path: String, mode: ConformanceMode, options: CompileOptions, usesReference: Bool, seconds: Double,
    fixed: (@Sendable (Int, ValueType) throws(Diagnostic) -> Tensor?)? = nil
  ) throws {
    let imported = try Compiler.importModel(path, options) { settings in
      settings.hasSymbolicInputs = mode == .symbolic
      settings.fixedInput = mode == .constant ? fixed : nil
    }
    let graph = imported.graph
    inputs = graph.inputs.map { PortDescription(name: graph[$0].name.bytes, graph.type($0)) }
    outputs = zip(graph.outputs, graph.outputNames).map { PortDescription(name: $1.bytes, graph.type($0)) }
    inference = ShapeInference(graph)
    if usesReference {
      evaluate = { try ConformanceModel.evaluate(graph, $0, seconds) }
    } else {
      let source = try SourceDescription(path: path, opset: imported.opset)
      evaluate = try Session(bundle: Compiler.compile(graph, from: source, options).bundle).run
    }
  }

  func run(_ values: [Datum?]) throws -> [Datum] { try evaluate(values) }

  private static func evaluate(_ graph: Graph, _ values: [Datum?], _ seconds: Double) throws -> [Datum] {
    let arguments = try zip(values, graph.inputs).map { value, input in
      guard let value else { throw KerfError("no value for input '\(printable(graph[input].name.string))'") }
      return value
    }
    do throws(Diagnostic) {
      let deadline = EvaluationContext.deadline(seconds: seconds)
      return try graph.evaluate(arguments, EvaluationContext(outputCount: graph.outputs.count, deadline: deadline))
    } catch {
      throw KerfError(error)
    }
  }
}
