import IR

/// Passes in order.
public struct Pipeline: Sendable {
  public var passes: [any Pass]

  public init(_ passes: [any Pass]) { self.passes = passes }

  public static func + (a: Pipeline, b: Pipeline) -> Pipeline { Pipeline(a.passes + b.passes) }

  /// Names of the passes, each once, in order.
  public var names: [String] {
    var names: [String] = []
    for pass in passes where !names.contains(pass.name) { names.append(pass.name) }
    return names
  }

  /// Runs every pass that is not disabled. Throws where a pass leaves a graph that does not verify, which is a bug.
  public func run(on graph: inout Graph, _ options: PassOptions = PassOptions()) throws(Diagnostic) -> PipelineReport {
    let context = PassContext(options: options)
    let before = GraphCost(graph)
    var current = before
    var reports: [PassReport] = []
    for pass in passes where !options.disabled.contains(pass.name) && context.mayEdit {
      context.begin(pass.name)
      let clock = ContinuousClock()
      let start = clock.now
      try pass.runEverywhere(on: &graph, context)
      let elapsed = start.duration(to: clock.now)
      let after = context.edits > 0 ? GraphCost(graph) : current
      let report = PassReport(
        name: pass.name, edits: context.edits, before: current, after: after, milliseconds: elapsed / .milliseconds(1),
        rejected: context.rejections, omittedRejections: context.omittedRejections)
      current = after
      reports.append(report)
      options.log?(report.summary)
      options.afterPass?(pass.name, graph)
    }
    return PipelineReport(passes: reports, before: before, after: current, lastEdit: context.lastEdit)
  }
}
