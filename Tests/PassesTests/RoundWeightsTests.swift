import IR
import Testing

@testable import Passes

/// Weights rounded for the least error of results on graphs with known numbers.
@Suite struct RoundWeightsTests {
  /// Moments of rows as they are.
  func moments(_ rows: [[Float]], groups: Int = 1) -> InputMoments {
    let width = rows[0].count
    let depth = width / groups
    var moments = InputMoments(depth: depth, groups: groups)
    var products = [Float](repeating: 0, count: groups * depth * depth)
    var sums = [Double](repeating: 0, count: width)
    for row in rows {
      for g in 0..<groups {
        for i in 0..<depth {
          sums[g * depth + i] += Double(row[g * depth + i])
          for j in 0..<depth { products[(g * depth + i) * depth + j] += row[g * depth + i] * row[g * depth + j] }
        }
      }
    }
    products.withUnsafeBufferPointer { moments.add(rows: rows.count, products: $0, sums: sums) }
    return moments
  }

  @Test func correlatedInputsShareTheirErrors() {
    // Nearest are 0 and 0: error 0.16 (1 + 1 + 2 · 0.99). With 1 and 0: 0.36 + 0.16 − 2 · 0.99 · 0.24.
    let rounding = CoordinateRounding(depth: 2, matrices: [1, 0.99, 0.99, 1], group: 0, limit: 127)
    var codes: [Float] = [0, 0]
    let (before, after) = rounding.improve(&codes, weights: [0.4, 0.4], scales: [1, 1])
    #expect(codes == [1, 0])
    #expect(abs(before - 0.6368) < 1e-6 && abs(after - 0.0448) < 1e-6)
  }

  @Test func codesStayWithinTheirLimit() {
    let rounding = CoordinateRounding(depth: 2, matrices: [1, 0.99, 0.99, 1], group: 0, limit: 7)
    var codes: [Float] = [7, 7]
    _ = rounding.improve(&codes, weights: [7.4, 7.4], scales: [1, 1])
    #expect(codes == [7, 7])
  }

  @Test func covariancesOfFewRowsShrink() {
    // Two rows of two inputs: correlations count half.
    let rows: [[Float]] = [[1, 2], [3, 6]]
    #expect(moments(rows).covariances(meanShare: 0) == [5, 5, 5, 20])
    #expect(moments(rows).covariances(meanShare: 1) == [1, 1, 1, 4])
    let groups = moments([[1, 2], [3, 6], [1, 2], [3, 6]], groups: 2).covariances(meanShare: 1)
    #expect(groups == [1, 4])
  }

  @Test func meansOfFewRowsAreUncertain() {
    func isNear(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) < 1e-5 }
    // Means of 2 and 4 with variances of 2 and 8: their uncertainty, 10 / 2, explains a quarter of their square.
    let few = moments([[1, 2], [3, 6]])
    #expect(few.means == [2, 4] && isNear(few.certainty, 0.75))
    let expected: [Double] = [2, 2, 2, 8]
    #expect(zip(few.covariances(meanShare: 0.75), expected).allSatisfy { isNear(Double($0), $1) })
    // Variances of 4/3 and 16/3, over 4 rows: a twelfth.
    #expect(isNear(moments([[1, 2], [3, 6], [1, 2], [3, 6]], groups: 2).certainty, 11 / 12.0))
    // Around zero nothing is left, nor of a single row.
    #expect(moments([[1, -2], [-1, 2.5]]).certainty == 0)
    #expect(moments([[1, 2]]).certainty == 0)
  }

  @Test func codesOfTheGraphAreReplaced() throws {
    // Both inputs are always equal: 63.4 + 63.4 of the first column is 127 rather than 126.
    var graph = try Graph(
      parsing: """
        graph @g(%x: f32[4,3]) -> (%y: f32[4,2]) {
          %w = constant [63.4, 1, 63.4, 1, 127, 127] : f32[3,2]
          %y = Gemm(%x, %w) : f32[4,2] from "fc"
          return %y
        }
        """)
    let plan = QuantizationPlan(graph, weightsOnly: true)
    let weights = LayerWeights.all(plan, graph)
    let node = try #require(graph.orderedNodes.first { $0.op is Gemm })
    let layer = try #require(weights[node.id])
    var rows: [[Float]] = []
    for index in 0..<500 { rows.append(index % 2 == 0 ? [1, 1, 0] : [-1, -1, 1]) }
    let rounding = try #require(WeightRounding(layer, of: node, graph, moments(rows), meanShare: 0))
    let result = rounding.result((0..<rounding.partCount).map(rounding.part))
    #expect(result.weights?.codes.elements(Int8.self) == [64, 1, 63, 1, 127, 127])
    var options = PassOptions()
    options.verifiesEachEdit = true
    let report = try Pipelines.weightCodes(plan, weights, [node.id: result]).run(on: &graph, options)
    #expect(report.passes.map(\.edits) == [0, 1, 1, 0, 0, 0])
    #expect(graph.text.contains("%w.int8 = constant [64, 1, 63, 1, 127, 127] : i8[3,2]"))
  }

  @Test func independentInputsKeepTheNearestCodes() throws {
    var graph = try Graph(parsing: QuantizePassTests.linear)
    let plan = QuantizationPlan(graph, weightsOnly: true)
    let weights = LayerWeights.all(plan, graph)
    let node = try #require(graph.orderedNodes.first { $0.op is Gemm })
    let layer = try #require(weights[node.id])
    let rows: [[Float]] = [[1, 0], [0, 1], [-1, 0], [0, -1]]
    let rounding = try #require(WeightRounding(layer, of: node, graph, moments(rows), meanShare: 1))
    let result = rounding.result((0..<rounding.partCount).map(rounding.part))
    #expect(result.weights == nil)
    let report = try Pipelines.weightCodes(plan, weights, [node.id: result]).run(on: &graph, PassOptions())
    #expect(report.passes[2].rejected.map(\.reason) == ["the nearest codes have the least error on the samples"])
    #expect(WeightRounding(layer, of: node, graph, moments([[1, 2, 3]]), meanShare: 1) == nil)
  }

  @Test func blocksKeepTheirScales() throws {
    // 3.4 in either block, read together: one of them becomes 4.
    var values = [Float](repeating: 0, count: 34)
    values.replaceSubrange(30..<34, with: [3.4, 7, 7, 3.4])
    let graph = try Graph(
      parsing: """
        graph @g(%x: f32[4,34]) -> (%y: f32[4,1]) {
          %w = constant [\(values.map { "\($0)" }.joined(separator: ", "))] : f32[34,1]
          %y = MatMul(%x, %w) : f32[4,1] from "fc"
          return %y
        }
        """)
    let plan = QuantizationPlan(graph, weightsOnly: true)
    let node = try #require(graph.orderedNodes.first { $0.op is MatMul })
    let layer = try #require(LayerWeights.all(plan, graph, bits: 4)[node.id])
    let row = (0..<34).map { Float($0 == 30 || $0 == 33 ? 1 : 0) }
    let rows = (0..<4000).map { $0 % 2 == 0 ? row : row.map { -$0 } }
    let rounding = try #require(WeightRounding(layer, of: node, graph, moments(rows), meanShare: 0))
    let result = rounding.result((0..<rounding.partCount).map(rounding.part))
    #expect(layer.codes.integers.suffix(4) == [3, 7, 7, 3])
    #expect(result.weights?.codes.integers.suffix(4) == [4, 7, 7, 3])
    #expect(result.weights?.codes.type == .int4 && result.weights?.scales == layer.scales)
  }
}
