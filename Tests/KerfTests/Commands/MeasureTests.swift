import IR
import TestSupport
import Testing

@testable import Kerf

/// Metrics against numbers worked out by hand.
@Suite struct MeasureTests {
  @Test func comparisonOfFloats() {
    var sums = ComparisonSums()
    sums.add(Tensor([Float(3), 4, 0, 1], shape: [2, 2]), Tensor([Float(3), 4.5, 1, 0.5], shape: [2, 2]))
    let result = OutputComparison("y", sums)
    #expect(result.maxAbs == 1)
    // |1 - 0| relative to the floor of 1e-6.
    #expect(result.maxRel == 1e6)
    // 10 log10(26 / 1.5)
    #expect(abs((result.sqnrDB ?? 0) - 12.38882089) < 1e-6)
    // (9 + 18 + 0 + 0.5) / sqrt(26 * 30.5)
    #expect(abs((result.cosine ?? 0) - 0.97655363) < 1e-6)
    #expect(result.top1Agreement == 0.5)
  }

  @Test func equalOutputs() {
    var sums = ComparisonSums()
    sums.add(Tensor([Float(1), .nan], shape: [2, 1]), Tensor([Float(1), .nan], shape: [2, 1]))
    let result = OutputComparison("y", sums)
    #expect(result.maxAbs == 0 && result.sqnrDB == 300 && result.cosine == 1)
    #expect(result.top1Agreement == nil)
  }

  @Test func infinityAgainstNumberIsNoFigure() {
    var sums = ComparisonSums()
    sums.add(Tensor([Float.infinity]), Tensor([Float(1)]))
    #expect(OutputComparison("y", sums).maxAbs == nil)
  }

  @Test(arguments: [
    (EvaluationMetric.top1, 0.5), (.top5, 1.0),
  ])
  func classes(_ metric: EvaluationMetric, _ expected: Double) throws {
    var sums = EvaluationSums(metric)
    try sums.add(Tensor([Float(0.1), 0.7, 0.2], shape: [1, 3]), Tensor(scalar: Int64(1)))
    // Equal scores: the first is taken.
    try sums.add(Tensor([Float(0.5), 0.5, 0], shape: [1, 3]), Tensor(scalar: Int64(1)))
    #expect(sums.value == expected)
  }

  @Test func distances() throws {
    for (metric, expected) in [(EvaluationMetric.mse, 2.5), (.mae, 1.5), (.binary, 0.5)] {
      var sums = EvaluationSums(metric)
      try sums.add(Tensor([Float(1), 2]), Tensor([Float(0), 0]))
      if metric == .binary { try sums.add(Tensor([Float(0.4), 0.9]), Tensor([Float(0), 1])) }
      #expect(sums.value == expected)
    }
  }

  @Test func labelsMustBeClasses() throws {
    var sums = EvaluationSums(.top1)
    let error = #expect(throws: KerfError.self) {
      try sums.add(Tensor([Float(1), 2], shape: [1, 2]), Tensor(scalar: Int64(2)))
    }
    #expect(error?.message == "label 2.0 is no class of 2")
  }

  @Test func tolerances() {
    let expected = Datum.tensor(Tensor([Float(100), .nan, .infinity]))
    #expect(Tolerance().difference(.tensor(Tensor([Float(100.05), .nan, .infinity])), expected: expected) == nil)
    #expect(
      Tolerance().difference(.tensor(Tensor([Float(100.5), .nan, 1])), expected: expected)
        == "2 of 3 elements differ, most at 2: 1.0, expected inf")
    #expect(
      Tolerance().difference(.tensor(Tensor([Int32(1)])), expected: .tensor(Tensor([Int32(2)])))
        == "1 of 1 elements differ, the first at 0: 1, expected 2")
    #expect(
      Tolerance().difference(.tensor(Tensor([Int64(1)])), expected: .tensor(Tensor([Int32(1)])))
        == "i64[1], expected i32[1]")
    var stepwise = Tolerance()
    stepwise.steps = 1
    stepwise.share = 0.5
    let codes = Datum.tensor(Tensor([UInt8(0), 5, 255, 9]))
    #expect(stepwise.difference(.tensor(Tensor([UInt8(1), 4, 255, 9])), expected: codes) == nil)
    #expect(
      stepwise.difference(.tensor(Tensor([UInt8(0), 7, 255, 9])), expected: codes)
        == "1 of 4 elements differ, the first at 1: 7, expected 5")
    #expect(stepwise.difference(.tensor(Tensor([UInt8(1), 4, 254, 9])), expected: codes) != nil)
    let type = ValueType.tensor(.float32, nil)
    #expect(Tolerance().difference(.sequence([], of: type), expected: .optional(nil, of: type)) != nil)
  }
}
