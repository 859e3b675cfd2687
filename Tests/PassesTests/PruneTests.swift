import IR
import Passes
import TestSupport
import Testing

@Suite struct PruneTests {
  /// One layer with random weights, pruned.
  func pruned(_ op: any Operator, input: Shape, weights: [Int], _ pattern: PrunePattern) throws -> [Float] {
    var random = SeededGenerator(seed: 3)
    let values = (0..<weights.reduce(1, *)).map { _ in random.float(-1...1) }
    var graph = Graph(name: "g")
    let x = graph.addInput("x", .tensor(.float32, input))
    let w = graph.addConstant(Tensor(values, shape: weights))
    graph.setOutputs(try graph.add(op, [x, w], names: ["layer"]), names: ["y"])
    let report = try Pipelines.prune(pattern).run(on: &graph)
    #expect(report.edits == 1)
    let node = try #require(graph.orderedNodes.first { _ in true })
    let result = try #require(graph.constant(node.inputs[1])?.elements(Float.self))
    for (old, new) in zip(values, result) { #expect(new == 0 || new == old) }
    return result
  }

  @Test(arguments: [0.1, 0.5, 0.9])
  func magnitudeSetsTheSmallestToZero(_ fraction: Double) throws {
    let weights = try pruned(MatMul(), input: [4, 20], weights: [20, 10], .magnitude(fraction))
    #expect(weights.count { $0 == 0 } == Int(200 * fraction))
    let original = try pruned(MatMul(), input: [4, 20], weights: [20, 10], .magnitude(0.01))
    let kept = weights.filter { $0 != 0 }.map(\.magnitude).min() ?? 0
    #expect(zip(original, weights).allSatisfy { $1 != 0 || $0.magnitude <= kept })
  }

  @Test func twoOfFourAlongInputChannels() throws {
    let weights = try pruned(Conv(), input: [1, 8, 4, 4], weights: [3, 8, 2, 2], .structured(keep: 2, of: 4))
    for output in 0..<3 {
      for position in 0..<4 {
        for group in 0..<2 {
          let members = (0..<4).map { weights[(output * 8 + group * 4 + $0) * 4 + position] }
          #expect(members.count { $0 == 0 } == 2)
        }
      }
    }
  }

  @Test func wholeBlocksOfOutputsTimesInputs() throws {
    var gemm = Gemm()
    gemm.transposesB = true
    let weights = try pruned(gemm, input: [1, 8], weights: [4, 8], .block(rows: 2, columns: 4, 0.5))
    var empty = 0
    for top in [0, 2] {
      for left in [0, 4] {
        let block = (0..<8).map { weights[(top + $0 / 4) * 8 + left + $0 % 4] }
        #expect(block.allSatisfy { $0 == 0 } || block.allSatisfy { $0 != 0 })
        if block[0] == 0 { empty += 1 }
      }
    }
    #expect(empty == 2)
  }

  @Test func keptNodesStay() throws {
    var graph = Graph(name: "g")
    let x = graph.addInput("x", .tensor(.float32, [2, 4] as Shape))
    let w = graph.addConstant(Tensor([Float](repeating: 1, count: 16), shape: [4, 4]))
    graph.setOutputs(try graph.add(MatMul(), [x, w], names: ["layer"]), names: ["y"])
    let report = try Pipelines.prune(.magnitude(0.5), keep: ["layer"]).run(on: &graph)
    #expect(report.edits == 0)
    #expect(report.passes[0].rejected == [Rejection(node: "layer", reason: "'layer' is to be kept")])
  }

  @Test(arguments: [
    ("magnitude:0.8", PrunePattern.magnitude(0.8)), ("block:1x4:0.7", .block(rows: 1, columns: 4, 0.7)),
    ("n:m=2:4", .structured(keep: 2, of: 4)),
  ])
  func patternsParseAndPrint(_ text: String, _ pattern: PrunePattern) throws {
    #expect(try PrunePattern(parsing: text) == pattern)
    #expect(pattern.description == text)
  }

  @Test(arguments: [
    "", "magnitude", "magnitude:", "magnitude:1.5", "block:4:0.5", "block:", "n:m=4:2", "n:m=x", "channels:0.3",
  ])
  func otherTextIsRefused(_ text: String) {
    #expect(throws: Diagnostic.self) { try PrunePattern(parsing: text) }
  }
}
