import IR
import TestSupport
import Testing

@testable import Passes

/// Codes of weights whose products are added up in pairs of 16 bits.
@Suite struct PairedWeightsTests {
  /// The layer of a graph, and its pairs.
  func pairs(_ text: String) throws -> (Node, PairedWeights) {
    let graph = try Graph(parsing: text)
    let node = try #require(graph.orderedNodes.first { $0.inputs.count > 1 })
    let weight = try #require(graph.constant(node.inputs[1]))
    return (node, try #require(PairedWeights(node, weight.shape)))
  }

  func product(_ shape: String, transposed: Bool = false) throws -> PairedWeights {
    let n = transposed ? shape.split(separator: ",")[0] : shape.split(separator: ",")[1]
    let k = transposed ? shape.split(separator: ",")[1] : shape.split(separator: ",")[0]
    let count = (Int(n) ?? 0) * (Int(k) ?? 0)
    let values = (0..<count).map { "\($0)" }.joined(separator: ", ")
    return try pairs(
      """
      graph @g(%x: f32[1,\(k)]) -> (%y: f32[1,\(n)]) {
        %w = constant [\(values)] : f32[\(shape)]
        %y = Gemm(%x, %w)\(transposed ? " {transB=1}" : "") : f32[1,\(n)]
        return %y
      }
      """
    ).1
  }

  @Test func inputsOfMatricesAreNeighbours() throws {
    #expect(try product("4,2").partners == [1, 0, 3, 2])
    #expect(try product("2,3", transposed: true).partners == [1, 0, -1])
  }

  /// Kernels take a window place by place, all channels of each: with two channels both of a place are a pair, with one
  /// channel two places, with three the last of one place and the first of the next.
  @Test(arguments: [
    (2, [2, 3, 0, 1]), (1, [1, 0]), (3, [2, 4, 0, 5, 1, 3]),
  ])
  func inputsOfWindowsArePaired(_ channels: Int, _ expected: [Int]) throws {
    let values = (0..<channels * 2).map { "\($0)" }.joined(separator: ", ")
    let (_, pairs) = try pairs(
      """
      graph @g(%x: f32[1,\(channels),1,2]) -> (%y: f32[1,1,1,1]) {
        %w = constant [\(values)] : f32[1,\(channels),1,2]
        %y = Conv(%x, %w) : f32[1,1,1,1]
        return %y
      }
      """)
    // Stored [channel][place]. In the order of kernels (place, channel): 0, 2, 4, 1, 3, 5 of three channels.
    #expect(pairs.partners == expected)
  }

  @Test func pairsThatFitStay() throws {
    let (codes, scale) = try product("4,1").codes([127, 1, 64, 64])
    #expect(codes == [127, 1, 64, 64] && scale == 1)
    // Of different signs anything fits.
    #expect(try product("4,1").codes([127, -127, -100, 100]).codes == [127, -127, -100, 100])
  }

  @Test func noPairIsTooLarge() throws {
    var random = SeededGenerator(seed: 7)
    let pairs = try product("64,1")
    for round in 0..<200 {
      let weights = (0..<64).map { _ in Float.random(in: -1...1, using: &random) * (round % 2 == 0 ? 1 : 1000) }
      let (codes, scale) = pairs.codes(weights)
      for i in stride(from: 0, to: 64, by: 2) {
        let (a, b) = (Int(codes[i]), Int(codes[i + 1]))
        #expect(a.signum() != b.signum() || abs(a + b) <= 128)
      }
      // Twice the smallest scale makes every pair fit: the error is at most that of its rounding.
      let largest = weights.reduce(0) { max($0, abs($1)) }
      #expect(scale >= largest / 127 * 0.999 && scale <= largest / 127 * 2.001)
      let error = zip(weights, codes).reduce(Float(0)) {
        $0 + ($1.0 - scale * Float($1.1)) * ($1.0 - scale * Float($1.1))
      }
      #expect(error <= 64 * (largest / 63.5) * (largest / 63.5) / 4)
    }
  }

  @Test func extremesFit() throws {
    let pairs = try product("2,1")
    #expect(try product("4,1").codes([0, 0, 0, 0]).codes == [0, 0, 0, 0])
    for weights: [Float] in [[1, 1], [-1, -1], [.infinity, 1], [.nan, 1], [1e-38, 1e-38], [1, 0.01]] {
      let codes = pairs.codes(weights).codes.map(Int.init)
      #expect(codes[0].signum() != codes[1].signum() || abs(codes[0] + codes[1]) <= 128, "\(weights)")
    }
  }

  /// Rounding on samples moves codes, but not over the border.
  @Test func roundingKeepsThemFitting() throws {
    let pairs = try product("2,1")
    let rounding = CoordinateRounding(depth: 2, matrices: [1, 0.99, 0.99, 1], group: 0, limit: 127, pairs: pairs)
    var codes: [Float] = [64, 64]
    _ = rounding.improve(&codes, weights: [90, 90], scales: [1, 1])
    #expect(codes[0] + codes[1] <= 128)
    #expect(pairs.limits(0, 127) { _ in 100 } == -127...28)
    #expect(pairs.limits(0, 127) { _ in -100 } == -28...127)
    #expect(pairs.limits(0, 127) { _ in 0 } == -127...127)
  }
}
