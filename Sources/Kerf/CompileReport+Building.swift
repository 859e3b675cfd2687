import IR
import Lowering
import Passes
import Reports

extension CompileReport {
  /// The report of one compilation.
  init(
    pipeline: PipelineReport, _ lowered: LoweredModel, _ source: SourceDescription, _ options: CompileOptions,
    _ warnings: [String], _ weightQuality: [Name: Double]
  ) {
    let origin = Source(file: source.fileName, sha256: source.sha256, opset: source.opset)
    self.init(kerfVersion: Kerf.kerfVersion, source: origin, target: options.target.rawValue)
    passes = pipeline.passes.map { Reports.PassReport($0) }
    totals = PassTotals(passes)
    layers = lowered.layers.map { layer in
      LayerReport(
        name: layer.name, operator: layer.operator, kernel: layer.kernel, precision: layer.precision,
        sparsity: layer.sparsity, bits: layer.bits, weightBytes: layer.weightBytes,
        sqnrDB: layer.isCoded ? layer.nodes.lazy.compactMap { weightQuality[$0] }.first : nil)
    }
    choices = lowered.choices.isEmpty ? nil : lowered.choices.map { ChoiceReport($0) }
    hostCalls = lowered.hostCalls.map { Rejection(node: $0.node, reason: $0.reason) }
    self.warnings = warnings
  }
}

extension LayerSummary {
  /// Whether its weights are codes.
  fileprivate var isCoded: Bool { (1...8).contains(bits) }
}

extension ChoiceReport {
  init(_ choice: KernelChoice) {
    let figures = zip(choice.candidates, choice.answer.microseconds)
    self.init(
      layer: choice.layer, shape: choice.shape, winner: choice.candidates[choice.answer.winner].kernel,
      candidates: figures.map { Candidate(kernel: $0.kernel, cost: $0.cost, microseconds: $1) },
      source: choice.answer.source.rawValue)
  }
}

extension Reports.PassReport {
  init(_ pass: Passes.PassReport) {
    self.init(name: pass.name)
    edits = pass.edits
    change.nodesBefore = pass.before.nodes
    change.nodesAfter = pass.after.nodes
    change.weightBytesBefore = pass.before.weightBytes
    change.weightBytesAfter = pass.after.weightBytes
    change.macsBefore = pass.before.macs
    change.macsAfter = pass.after.macs
    milliseconds = pass.milliseconds
    rejected = pass.rejected.map { CompileReport.Rejection(node: $0.node, reason: $0.reason) }
    omittedRejections = pass.omittedRejections
  }
}
