import IR

/// Says which layers are float again because codes hurt the outputs too much, each with what it did to them. The plan already
/// leaves them out: they were found by running the graph on samples, which is not done where this pass is left out.
///
///     Conv(Dequantize(Quantize(x)), Dequantize(w8))  →  Conv(x, w)
public struct ExcludeLayers: Pass {
  public static let name: String = "exclude-layers"
  public let name: String = ExcludeLayers.name
  // The plan holds nodes of the outer graph.
  public let entersBodies = false
  let plan: QuantizationPlan

  public init(_ plan: QuantizationPlan) { self.plan = plan }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    for (node, reason) in plan.excluded { context.reject(node, reason) }
  }
}
