import Lowering
import Passes
import Reports

extension CompileReport {
  /// The report of one compilation.
  init(
    pipeline: PipelineReport, _ lowered: LoweredModel, _ source: SourceDescription, _ options: CompileOptions,
    _ warnings: [String]
  ) {
    let origin = Source(file: source.fileName, sha256: source.sha256, opset: source.opset)
    self.init(kerfVersion: Kerf.kerfVersion, source: origin, target: options.target.rawValue)
    passes = pipeline.passes.map { Reports.PassReport($0) }
    totals = PassTotals(passes)
    layers = lowered.layers.map { layer in
      LayerReport(
        name: layer.name, operator: layer.operator, kernel: layer.kernel, precision: layer.precision,
        sparsity: layer.sparsity,
        bits: layer.bits, weightBytes: layer.weightBytes)
    }
    hostCalls = lowered.hostCalls.map { Rejection(node: $0.node, reason: $0.reason) }
    self.warnings = warnings
  }

  /// The same without measured times, for the bundle.
  var withoutTimes: CompileReport {
    var copy = self
    for index in copy.passes.indices { copy.passes[index].milliseconds = 0 }
    copy.totals.milliseconds = 0
    return copy
  }
}

extension Reports.PassReport {
  init(_ pass: Passes.PassReport) {
    self.init(name: pass.name)
    edits = pass.edits
    nodesBefore = pass.before.nodes
    nodesAfter = pass.after.nodes
    weightBytesBefore = pass.before.weightBytes
    weightBytesAfter = pass.after.weightBytes
    macsBefore = pass.before.macs
    macsAfter = pass.after.macs
    milliseconds = pass.milliseconds
    rejected = pass.rejected.map { CompileReport.Rejection(node: $0.node, reason: $0.reason) }
  }
}
