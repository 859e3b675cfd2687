import Foundation
import IR
import Passes
import TestSupport
import Testing

/// Static 8-bit quantization of random graphs, with ranges measured by evaluating them.
@Suite struct QuantizeTests {
  /// The ranges of some values of a graph.
  func ranges(_ graph: Graph, _ values: [ValueID], _ arguments: [Datum]) throws -> [ValueID: ValueRange] {
    var probe = graph
    probe.setOutputs(values, names: values.map { Name("v\($0.index)") })
    let context = EvaluationContext(outputCount: values.count, maximumBytes: 1 << 24)
    var result: [ValueID: ValueRange] = [:]
    for (value, datum) in zip(values, try probe.evaluate(arguments, context)) {
      guard let numbers = datum.tensor?.wide(Float.self), let least = numbers.min(), let largest = numbers.max() else {
        continue
      }
      result[value] = ValueRange(least, largest)
    }
    return result
  }

  func quantize(_ sample: RandomGraph, keepFloat: [String] = []) throws -> (float: Graph, int8: Graph, PipelineReport) {
    var graph = sample.graph
    var options = PassOptions()
    _ = try Pipelines.lossless(forCodes: true).run(on: &graph, options)
    let float = graph
    let plan = QuantizationPlan(graph, keepFloat: keepFloat)
    let measured = try ranges(graph, plan.values, sample.arguments)
    options.verifiesEachEdit = true
    let weights = LayerWeights.all(plan, graph)
    let report = try Pipelines.quantized(plan, weights, ranges: measured).run(on: &graph, options)
    return (float, graph, report)
  }

  func outputs(_ graph: Graph, _ sample: RandomGraph) throws -> [Datum] {
    try graph.evaluate(sample.arguments, EvaluationContext(outputCount: graph.outputs.count, maximumBytes: 1 << 24))
  }

  /// Signal over error, in dB, over all float outputs.
  func quality(_ a: [Datum], _ b: [Datum]) -> Double {
    var signal = 0.0
    var noise = 0.0
    for (x, y) in zip(a, b) {
      guard let x = x.tensor, let y = y.tensor, x.type.isFloat else { continue }
      for (p, q) in zip(x.wide(Double.self), y.wide(Double.self)) where p.isFinite {
        signal += p * p
        noise += (p - q) * (p - q)
      }
    }
    return noise == 0 ? 120 : 10 * log10(max(signal, 1e-30) / noise)
  }

  /// Every graph verifies after every edit; types stay; on average the error is that of 8 bits (a single chain of
  /// differences of nearly equal numbers may lose more).
  @Test func int8StaysNearTheFloatResult() throws {
    var qualities: [Double] = []
    for seed in UInt64(1000)..<1200 {
      let sample = RandomGraph(seed: seed)
      let (float, int8, report) = try quantize(sample)
      guard report.edits > 0, int8.orderedNodes.contains(where: { $0.op is QuantizeLinear }) else { continue }
      let expected = try outputs(float, sample)
      let actual = try outputs(int8, sample)
      for (a, b) in zip(expected, actual) { #expect(a.type == b.type, "seed \(seed)") }
      let value = quality(expected, actual)
      #expect(value.isFinite && value > 0, "seed \(seed): \(value) dB")
      qualities.append(value)
    }
    #expect(qualities.count > 80)
    let median = qualities.sorted()[qualities.count / 2]
    #expect(median > 25, "median of \(qualities.count) graphs: \(median) dB")
  }

  @Test func weightsStayCodesInLaterPasses() throws {
    for seed in UInt64(1000)..<1060 {
      let sample = RandomGraph(seed: seed)
      let (_, int8, _) = try quantize(sample)
      let expected = try outputs(int8, sample)
      var again = int8
      var options = PassOptions()
      options.verifiesEachEdit = true
      _ = try Pipelines.lossless().run(on: &again, options)
      // Equal codes are shared.
      var shared = int8
      _ = try Pipelines.cleanUp().run(on: &shared, options)
      #expect(storedCodes(again) == storedCodes(shared), "seed \(seed)")
      // Passes after quantization change no value beyond rounding, which may tip a code: one step of the largest scale.
      #expect(quality(expected, try outputs(again, sample)) > 30, "seed \(seed)")
    }
  }

  /// Bytes of 8-bit constants that are dequantized, each once.
  func storedCodes(_ graph: Graph) -> Int {
    var seen: Set<ValueID> = []
    return graph.orderedNodes.reduce(0) { total, node in
      guard node.op is DequantizeLinear, let id = node.inputs[0], let tensor = graph.constant(id),
        seen.insert(id).inserted
      else { return total }
      return total + tensor.byteCount
    }
  }

  @Test func keptNodesStayFloat() throws {
    for seed in UInt64(1000)..<1030 {
      let sample = RandomGraph(seed: seed)
      let names = sample.graph.orderedNodes.flatMap(\.names).map(\.string)
      let (float, int8, _) = try quantize(sample, keepFloat: names)
      // What follows quantization fuses residuals, which it had left alone for codes.
      var expected = float
      _ = try Pipeline([RulePass(FuseResidual()), RulePass(FuseActivation())]).run(on: &expected, PassOptions())
      #expect(int8.text == expected.text, "seed \(seed)")
    }
  }
}
