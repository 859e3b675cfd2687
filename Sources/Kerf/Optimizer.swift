import Calibration
import IR
import Passes
import Runtime
import Synchronization

extension Compiler {
  /// Runs the passes that the options ask for. Returns what they did.
  static func optimize(
    _ graph: inout Graph, _ options: CompileOptions, _ warnings: inout [String]
  ) throws -> PipelineReport {
    let settings = passOptions(options)
    options.progress?("optimize", nil)
    var first = settings
    // On codes a sum is a kernel of its own; a convolution with a residual would have to compute in float.
    if options.quantize == .int8 { first.disabled.append(FuseResidual.name) }
    var report = try run(Pipelines.lossless(), on: &graph, first)
    if let text = options.prune {
      let passes = try pruning(text, options)
      let pruned = try run(passes, on: &graph, settings.after(report))
      if pruned.edits == 0 {
        try warn("--prune \(text) changed nothing: no layer has weights to prune", options, &warnings)
      }
      report = report.followed(by: pruned)
    }
    switch options.quantize {
    case nil: break
    case .int8:
      let passes = try quantization(graph, options, &warnings)
      report = report.followed(by: try run(passes, on: &graph, settings.after(report)))
    }
    return report
  }

  /// Notes something that was asked for and had no effect; an error when strict.
  private static func warn(_ what: String, _ options: CompileOptions, _ warnings: inout [String]) throws {
    if options.strict { throw KerfError("--strict: \(what)") }
    warnings.append(what)
  }

  private static func pruning(_ text: String, _ options: CompileOptions) throws -> Pipeline {
    do throws(Diagnostic) {
      return Pipelines.prune(try PrunePattern(parsing: text), keep: options.keepFloat.map { Name($0) })
    } catch {
      throw KerfError(error)
    }
  }

  private static func run(_ pipeline: Pipeline, on graph: inout Graph, _ settings: PassOptions) throws -> PipelineReport
  {
    do throws(Diagnostic) {
      return try pipeline.run(on: &graph, settings)
    } catch {
      throw KerfError(error)
    }
  }

  /// Measures the ranges of what will be quantized, and gives the passes that do it.
  private static func quantization(_ graph: Graph, _ options: CompileOptions, _ warnings: inout [String]) throws
    -> Pipeline
  {
    guard let open = options.openSamples else {
      throw KerfError(
        "--quantize int8 needs samples to measure activations on",
        notes: [
          "give some with --samples PATH: a .npy or .npz whose first axis counts samples, or a folder of input folders"
        ])
    }
    let plan = QuantizationPlan(graph, keepFloat: options.keepFloat)
    guard !plan.layers.isEmpty else {
      try warn("--quantize int8 changed nothing: no layer has constant weights and a float input", options, &warnings)
      return Pipeline([])
    }
    let ports = graph.inputs.map { PortDescription(name: graph[$0].name.bytes, graph.type($0)) }
    let ranges = try measure(graph, plan.values, ports, open(ports), options)
    return Pipelines.quantized(plan, ranges: ranges)
  }

  private static func measure(
    _ graph: Graph, _ values: [ValueID], _ ports: [PortDescription], _ samples: SampleSet, _ options: CompileOptions
  ) throws -> [ValueID: ValueRange] {
    let calibrator: Calibrator
    do throws(Diagnostic) {
      calibrator = try Calibrator(graph, values: values, threads: options.threads, provider: ReferenceProvider())
    } catch {
      throw KerfError(error)
    }
    guard samples.count > 0 else { throw KerfError("there are no samples to calibrate on") }
    for index in 0..<samples.count {
      options.progress?("calibrate", .count(index, of: samples.count))
      let data = try samples.load(index)
      let arguments = try data.enumerated().map { index, value in
        try ports[index].argument(value, isHost: calibrator.isHostInput(index))
      }
      try withExtendedLifetime(data) {
        do throws(RuntimeError) {
          try calibrator.add(arguments)
        } catch {
          throw KerfError("sample \(index): \(error)")
        }
      }
    }
    return calibrator.ranges
  }

  static func passOptions(_ options: CompileOptions) -> PassOptions {
    var settings = PassOptions()
    settings.verifiesEachEdit = options.verifyEach
    settings.stopAfter = options.stopAfter
    settings.disabled = options.disabledPasses
    settings.log = options.log
    let total = Pipelines.lossless().passes.count
    let done = Mutex(0)
    settings.afterPass = { pass, graph in
      if pass == options.printAfter { options.printGraph?(graph.text) }
      let count = done.withLock { done in
        done += 1
        return done
      }
      options.progress?("optimize", count <= total ? .count(count, of: total) : nil)
    }
    return settings
  }
}

extension PassOptions {
  /// The same for the pipelines that follow: edits already made count toward the limit.
  fileprivate func after(_ report: PipelineReport) -> PassOptions {
    var rest = self
    rest.stopAfter = stopAfter.map { max(0, $0 - report.edits) }
    return rest
  }
}
