import Calibration
import IR
import Passes
import Runtime

/// Compares quantized forms of a graph with the float form, on a few samples.
struct QuantizationChecks {
  let graph: Graph
  let feed: SampleFeed
  let options: CompileOptions
  /// Numbers of the samples compared on.
  let selection: [Int]
  private let reference: [[[Float]?]]

  /// Multiply-accumulates that comparing one form may take.
  private static let workLimit = 20_000_000_000

  init(_ graph: Graph, _ feed: SampleFeed, _ options: CompileOptions) throws {
    self.graph = graph
    self.feed = feed
    self.options = options
    selection = feed.selection(min(16, max(2, QuantizationChecks.workLimit / max(GraphCost(graph).macs, 1))))
    reference = try QuantizationChecks.outputs(graph, feed, selection, options)
  }

  /// The outputs of a form of the graph, per sample.
  private static func outputs(
    _ graph: Graph, _ feed: SampleFeed, _ selection: [Int], _ options: CompileOptions
  ) throws -> [[[Float]?]] {
    let runner: GraphRunner
    do throws(Diagnostic) {
      runner = try GraphRunner(graph, threads: options.threads, provider: ReferenceProvider())
    } catch {
      throw KerfError(error)
    }
    var result: [[[Float]?]] = []
    for index in selection {
      try feed.with(index, for: runner) { (arguments) throws(RuntimeError) in
        try runner.run(arguments)
        result.append(graph.outputs.indices.map { runner.floats($0) })
      }
    }
    return result
  }

  /// How near a form of the graph is to the float one after these passes.
  func quality(_ passes: Pipeline, on graph: Graph) throws -> OutputQuality {
    var copy = graph
    var settings = PassOptions()
    settings.disabled = options.disabledPasses
    do throws(Diagnostic) {
      _ = try passes.run(on: &copy, settings)
    } catch {
      throw KerfError(error)
    }
    let width = graph.type(graph.outputs[0]).tensor?.shape?.last?.value ?? 0
    return OutputQuality(
      rowWidth: width, reference: reference, actual: try QuantizationChecks.outputs(copy, feed, selection, options))
  }

  /// The same of values inside the graph, which the passes before fusion leave in place.
  func quality(_ passes: Pipeline, on graph: Graph, tapping values: [ValueID]) throws -> OutputQuality {
    var float = graph
    float.setOutputs(values, names: values.map { Name("value \($0.index)") })
    var codes = float
    do throws(Diagnostic) {
      let quantizing = passes.passes.filter {
        $0 is CorrectBias || $0 is QuantizeWeights || $0 is QuantizeRecurrent || $0 is QuantizeStatic
          || $0 is QuantizeAttention || $0 is QuantizeTables
      }
      _ = try Pipeline(quantizing).run(on: &codes, PassOptions())
    } catch {
      throw KerfError(error)
    }
    let few = Array(selection.prefix(2))
    return OutputQuality(
      reference: try QuantizationChecks.outputs(float, feed, few, options),
      actual: try QuantizationChecks.outputs(codes, feed, few, options))
  }

  /// Whether the only float output is one row of scores.
  var hasScores: Bool {
    let floats = graph.outputs.filter { graph.type($0).tensor?.element.isFloat ?? false }
    return floats.count == 1 && isScores(floats[0])
  }

  /// A row of at least two probabilities, or ten results of a last layer behind convolutions.
  private func isScores(_ value: ValueID) -> Bool {
    guard let shape = graph.type(value).tensor?.shape, shape.count == 2, let width = shape[1].value else {
      return false
    }
    var last = graph.producer(value)
    while let node = last, node.op is any ReshapingOperator { last = graph.producer(node.inputs[0]) }
    guard let op = last?.op else { return false }
    if op is Softmax || op is LogSoftmax { return width > 1 }
    let isLayer = op is Gemm || op is MatMul || op is GlobalAveragePool || op is Conv
    return isLayer && width >= 10 && graph.orderedNodes.contains { $0.op is Conv }
  }
}
