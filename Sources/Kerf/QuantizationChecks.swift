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
  /// What kept more samples from being compared on, for the report.
  private(set) var warning: String?
  /// Bytes that the float outputs and those compared with them take.
  let keptBytes: Int
  private let reference: [[[Float]?]]

  /// Multiply-accumulates that comparing one form may take.
  private static let workLimit = 20_000_000_000
  /// Bytes that the outputs of all samples may take together, where no limit is given.
  private static let outputLimit = 1 << 30

  init(_ graph: Graph, _ feed: SampleFeed, _ options: CompileOptions) throws {
    self.graph = graph
    self.feed = feed
    self.options = options
    let wanted = min(16, max(2, QuantizationChecks.workLimit / max(GraphCost(graph).macs, 1)))
    // What is kept of the outputs takes up to a quarter of the memory: twice, once as codes give them.
    let room = options.maxMemory.map { $0 / 4 } ?? QuantizationChecks.outputLimit
    let limit = options.maxMemory.map { $0 - room }
    let first = try QuantizationChecks.outputs(graph, feed, feed.selection(1), options, limit)
    let each = 2 * QuantizationChecks.bytes(first)
    let count = min(wanted, max(1, room / max(each, 1)))
    guard each <= room || options.maxMemory == nil else {
      throw KerfError(
        "comparing the outputs of one sample takes \(each) bytes, more than \(room)",
        notes: ["that is a quarter of what calibration may take; --max-memory sets it"])
    }
    selection = feed.selection(count)
    if selection.count < min(wanted, feed.count) {
      warning =
        "outputs are compared on \(selection.count) samples: those of more take over \(room) bytes (--max-memory)"
    }
    keptBytes = each * selection.count
    reference =
      selection.count == 1 ? first : try QuantizationChecks.outputs(graph, feed, selection, options, limit)
  }

  private static func bytes(_ outputs: [[[Float]?]]) -> Int {
    outputs.reduce(0) { $0 + $1.reduce(0) { $0 + 4 * ($1?.count ?? 0) } }
  }

  /// The outputs of a form of the graph, per sample. `memoryLimit`: bytes that a run may take.
  private static func outputs(
    _ graph: Graph, _ feed: SampleFeed, _ selection: [Int], _ options: CompileOptions, _ memoryLimit: Int?
  ) throws -> [[[Float]?]] {
    let runner: GraphRunner
    do throws(Diagnostic) {
      runner = try GraphRunner(
        graph, threads: options.threads, provider: ReferenceProvider(), memoryLimit: memoryLimit)
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

  /// How near a form of the graph is to the float one after these passes. `memoryLimit`: bytes that a run of it may take.
  func quality(_ passes: Pipeline, on graph: Graph, memoryLimit: Int?) throws -> OutputQuality {
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
      rowWidth: width, reference: reference,
      actual: try QuantizationChecks.outputs(copy, feed, selection, options, memoryLimit))
  }

  /// The same of values inside the graph, which the passes before fusion leave in place.
  func quality(
    _ passes: Pipeline, on graph: Graph, tapping values: [ValueID], memoryLimit: Int?
  ) throws -> OutputQuality {
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
      reference: try QuantizationChecks.outputs(float, feed, few, options, memoryLimit),
      actual: try QuantizationChecks.outputs(codes, feed, few, options, memoryLimit))
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
