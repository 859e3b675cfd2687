import Calibration
import IR
import Lowering
import Passes
import Runtime
import Synchronization

extension Compiler {
  /// What optimizing finds out besides what its passes did.
  struct Findings {
    var warnings: [String]
    /// Which layers gain from codes.
    var choices: [KernelChoice] = []
    /// Signal over quantization noise of the weights of layers, in dB, by ONNX name.
    var weightQuality: [Name: Double] = [:]
  }

  /// Runs the passes that the options ask for. Returns what they did. `costs` say which layers gain from codes.
  static func optimize(
    _ graph: inout Graph, _ options: CompileOptions, _ costs: any KernelCosts, _ findings: inout Findings
  ) throws -> PipelineReport {
    let settings = passOptions(options)
    var report = try optimizeFloat(&graph, options)
    if let text = options.prune {
      let passes = try pruning(text, options)
      let pruned = try run(passes, on: &graph, settings.after(report))
      if pruned.edits == 0 {
        try warn("--prune \(text) changed nothing: no layer has weights to prune", options, &findings.warnings)
      }
      report = report.followed(by: pruned)
    }
    guard let mode = options.quantize else { return report }
    let settingsAfter = settings.after(report)
    switch mode {
    case .int8 where options.openSamples != nil:
      return report.followed(
        by: try quantizeOnSamples(&graph, options, costs, settingsAfter, &findings))
    case .int8, .int8Dynamic:
      if mode == .int8 {
        let what = "without --samples activations get their ranges in each run, as with --quantize int8-dynamic"
        try warn(what, options, &findings.warnings)
      }
      try warnIfEmpty(QuantizationPlan(graph, keepFloat: options.keepFloat).isEmpty, options, &findings.warnings)
      let search = options.refusesSlower ? precisionSearch(graph, options, costs, hasRanges: false) : nil
      findings.choices += search?.choices ?? []
      let plan = QuantizationPlan(
        graph, keepFloat: options.keepFloat, exceptions: search?.dynamicExceptions() ?? [:], hasRanges: false)
      let weights = LayerWeights.all(plan, graph) { [graph] in PrecisionCosts.addsPairs($0, graph) }
      findings.weightQuality = plan.weightQuality(graph, weights)
      let passes = Pipelines.dynamic(plan, weights)
      return report.followed(by: try run(passes, on: &graph, settingsAfter))
    case .int8Weights, .int4Weights:
      let plan = QuantizationPlan(graph, keepFloat: options.keepFloat, weightsOnly: true)
      try warnIfEmpty(plan.isEmpty, options, &findings.warnings)
      let bits = mode == .int4Weights ? 4 : 8
      guard options.openSamples != nil, !plan.weightLayers.isEmpty else {
        let weights = LayerWeights.all(plan, graph, bits: bits)
        findings.weightQuality = plan.weightQuality(graph, weights)
        let passes = Pipelines.weightCodes(plan, weights)
        return report.followed(by: try run(passes, on: &graph, settingsAfter))
      }
      var quantizer = try quantizer(graph, options)
      let passes = try quantizer.weightPipeline(plan, bits: bits)
      findings.warnings += quantizer.warnings
      findings.weightQuality = plan.weightQuality(graph, quantizer.finalWeights)
      return report.followed(by: try run(passes, on: &graph, settingsAfter))
    }
  }

  /// The passes without loss, as what follows wants them.
  @discardableResult
  static func optimizeFloat(_ graph: inout Graph, _ options: CompileOptions) throws -> PipelineReport {
    options.progress?("optimize", nil)
    let forCodes = [.int8, .int8Dynamic].contains(options.quantize)
    return try run(Pipelines.lossless(forCodes: forCodes), on: &graph, passOptions(options))
  }

  private static func warnIfEmpty(_ isEmpty: Bool, _ options: CompileOptions, _ warnings: inout [String]) throws {
    guard isEmpty, let mode = options.quantize else { return }
    let layer = [.int8Weights, .int4Weights].contains(mode) ? "product or recurrent layer" : "layer"
    let what = "--quantize \(mode.rawValue) changed nothing: no \(layer) has constant weights and a float input"
    if options.strict { throw KerfError(what) }
    warnings.append(what)
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

  /// Measures what will be quantized, decides, and does it.
  private static func quantizeOnSamples(
    _ graph: inout Graph, _ options: CompileOptions, _ costs: any KernelCosts, _ settings: PassOptions,
    _ findings: inout Findings
  ) throws -> PipelineReport {
    let isEmpty = QuantizationPlan(graph, keepFloat: options.keepFloat).isEmpty
    try warnIfEmpty(isEmpty, options, &findings.warnings)
    guard !isEmpty else { return try run(Pipeline([]), on: &graph, settings) }
    var quantizer = try quantizer(graph, options)
    let pipeline = try quantizer.pipeline(costs)
    findings.warnings += quantizer.warnings
    findings.choices += quantizer.choices
    graph = quantizer.graph
    findings.weightQuality = quantizer.plan().weightQuality(graph, quantizer.finalWeights)
    let last = try run(pipeline, on: &graph, settings)
    return quantizer.report?.followed(by: last) ?? last
  }

  /// What layers cost in float and on codes, for the target.
  static func precisionSearch(
    _ graph: Graph, _ options: CompileOptions, _ costs: any KernelCosts,
    exceptions: [NodeID: QuantizationPlan.Exception] = [:], hasRanges: Bool = true
  ) -> PrecisionSearch {
    options.progress?("compare codes with float", nil)
    return PrecisionSearch(graph, PrecisionCosts(isaMask: options.target.expectedMask), costs) { more in
      QuantizationPlan(
        graph, keepFloat: options.keepFloat, exceptions: exceptions.merging(more) { first, _ in first },
        hasRanges: hasRanges)
    }
  }

  /// A quantizer of a float graph with the samples of the options.
  static func quantizer(_ graph: Graph, _ options: CompileOptions) throws -> Quantizer {
    guard let open = options.openSamples else {
      throw KerfError(
        "there are no samples to measure activations on",
        notes: [
          "give some with --samples PATH: a .npy or .npz whose first axis counts samples, or a folder of input folders"
        ])
    }
    let ports = graph.inputs.map { PortDescription(name: graph[$0].name.bytes, graph.type($0)) }
    return try Quantizer(graph, SampleFeed(try open(ports), ports), options)
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
