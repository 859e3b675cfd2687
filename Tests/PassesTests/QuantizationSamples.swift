import IR

@testable import Passes

/// The passes of quantization as golden texts run them: on the plan of the graph at hand, with these numbers in place of
/// measured ones.
enum QuantizationSamples {
  /// The pass of that name, behind those that it follows; nil for other names.
  static func passes(named name: String, _ graph: Graph) -> [any Pass]? {
    let plan = QuantizationPlan(graph)
    let weights = LayerWeights.all(plan, graph)
    switch name {
    case "correct-bias": return [CorrectBias(plan, weights, means: means(plan, graph))]
    case "equalize-layers": return [EqualizeLayers(plan, magnitudes: magnitudes(plan, graph))]
    case "smooth-layers": return [SmoothLayers(plan, magnitudes: magnitudes(plan, graph))]
    case "exclude-layers": return excluded(graph)
    case "quantize-weights": return [QuantizeWeights(plan, weights)]
    case "round-weights": return [QuantizeWeights(plan, weights), RoundWeights(plan, rounded(plan, weights))]
    case "quantize-recurrent": return [QuantizeRecurrent(plan)]
    case "quantize-static": return [QuantizeStatic(plan, ranges: ranges(plan))]
    case "quantize-attention": return [QuantizeStatic(plan, ranges: ranges(plan)), QuantizeAttention(plan)]
    case "quantize-tables": return [QuantizeTables(plan)]
    case "quantize-dynamic": return [QuantizeDynamic(plan, weights)]
    default: return nil
    }
  }

  /// Names of the passes of quantization: those of its pipelines, and the one that runs before anything is measured.
  static let names: [String] = {
    let plan = QuantizationPlan(Graph())
    let pipelines = [
      Pipelines.quantized(plan, [:], ranges: [:]), Pipelines.dynamic(plan, [:]), Pipelines.weightCodes(plan, [:]),
    ]
    let passes = pipelines.flatMap(\.passes) + Pipelines.balanced(plan, magnitudes: [:]).passes
    return Set(passes.map(\.name)).sorted()
  }()

  /// Constants too large to be written: a table of 64 KiB.
  static let constants = ["table": Tensor([Float](repeating: 0.5, count: 256 * 64), shape: [256, 64])]

  /// The first layer stays float, then all get codes.
  private static func excluded(_ graph: Graph) -> [any Pass] {
    guard let first = QuantizationPlan(graph).coded.first else { return [] }
    let exception = QuantizationPlan.Exception(.float, "on codes it alone brings an output to 3 dB", isExclusion: true)
    let plan = QuantizationPlan(graph, exceptions: [first: exception])
    return [
      QuantizeWeights(plan, LayerWeights.all(plan, graph)), QuantizeStatic(plan, ranges: ranges(plan)),
      ExcludeLayers(plan),
    ]
  }

  /// −1 … 3 for every value: a scale of 4 / 255 and the zero point 64.
  private static func ranges(_ plan: QuantizationPlan) -> [ValueID: ValueRange] {
    Dictionary(plan.values.map { ($0, ValueRange(-1, 3)) }) { first, _ in first }
  }

  /// 10, 100, 1000, … for the channels (axis 1) of what every layer reads.
  private static func means(_ plan: QuantizationPlan, _ graph: Graph) -> [NodeID: [Double]] {
    let values = perChannel(plan, graph) { channel in (0...channel).reduce(1.0) { power, _ in power * 10 } }
    var means: [NodeID: [Double]] = [:]
    for id in plan.coded { means[id] = graph[id]?.inputs[0].flatMap { values[$0] } }
    return means
  }

  /// 1, 256, 65536, … for the channels of every value.
  private static func magnitudes(_ plan: QuantizationPlan, _ graph: Graph) -> [ValueID: [Float]] {
    perChannel(plan, graph) { channel in (0..<channel).reduce(1) { power, _ in power * 256 } }
  }

  private static func perChannel<Number>(
    _ plan: QuantizationPlan, _ graph: Graph, _ number: (Int) -> Number
  ) -> [ValueID: [Number]] {
    var result: [ValueID: [Number]] = [:]
    for value in plan.values {
      guard let shape = graph[value].type.tensor?.knownShape, shape.count > 1 else { continue }
      result[value] = (0..<shape[1]).map(number)
    }
    return result
  }

  /// The first layer's codes are each one less than the nearest; the others stay.
  private static func rounded(_ plan: QuantizationPlan, _ weights: [NodeID: LayerWeights]) -> [NodeID: RoundedWeights] {
    var result: [NodeID: RoundedWeights] = [:]
    for id in plan.coded {
      guard result.isEmpty, var better = weights[id], let codes = better.codes.elements(Int8.self) else {
        result[id] = .kept(reason: "the nearest codes are the best")
        continue
      }
      better.codes = Tensor(codes.map { max($0, -126) - 1 }, shape: better.codes.shape)
      result[id] = .improved(better, ratio: 0.5)
    }
    return result
  }
}
