import IR
import TestSupport
import Testing

@testable import Passes

@Suite struct SplitTransposedConvTests {
  private func run(_ graph: inout Graph) throws -> PassReport {
    var options = PassOptions()
    options.verifiesEachEdit = true
    return try Pipeline([SplitTransposedConv()]).run(on: &graph, options).passes[0]
  }

  @Test func outputsBetweenInputsAreChannels() throws {
    var graph = try Graph(
      parsing: """
        graph @g(%x: f32[1,1,3,3]) -> (%y: f32[1,1,6,6]) {
          %w = constant [1.0, 2.0, 3.0, 4.0] : f32[1,1,2,2]
          %b = constant [5.0] : f32[1]
          %y = ConvTranspose(%x, %w, %b) {strides=[2, 2]} : f32[1,1,6,6] from "up"
          return %y
        }
        """)
    #expect(try run(&graph).edits == 1)
    let conv = try #require(graph.orderedNodes.first { $0.op is Conv })
    #expect(conv.names.map(\.string) == ["up"])
    #expect(graph.constant(conv.inputs[1])?.shape == [4, 1, 1, 1])
    #expect(graph.constant(conv.inputs[1])?.elements(Float.self) == [1, 2, 3, 4])
    #expect(graph.constant(conv.inputs[2])?.elements(Float.self) == [5, 5, 5, 5])
    #expect(graph.orderedNodes.map { $0.op.displayName } == ["Conv", "DepthToSpace"])
  }

  /// Small integers: sums are exact, so that results must be equal.
  @Test(arguments: [
    (stride: 2, kernel: [4, 4], pads: [1, 1, 1, 1], more: [0, 0], operators: ["Conv", "DepthToSpace", "Slice"]),
    (2, [4, 2], [0, 0, 0, 0], [0, 0], ["Conv", "DepthToSpace"]),
    (3, [6, 3], [2, 0, 1, 1], [0, 1], ["Conv", "DepthToSpace", "Slice"]),
    (1, [3, 4], [0, 1, 2, 0], [0, 0], ["Conv"]),
    (4, [4, 4], [1, 0, 0, 0], [0, 0], ["Conv", "DepthToSpace", "Slice"]),
  ])
  func resultsStay(_ c: (stride: Int, kernel: [Int], pads: [Int], more: [Int], operators: [String])) throws {
    var generator = SeededGenerator(seed: 5)
    func numbers(_ shape: [Int]) -> Tensor {
      Tensor((0..<shape.reduce(1, *)).map { _ in Float(Int.random(in: -9...9, using: &generator)) }, shape: shape)
    }
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, [2, 3, 5, 4]))
    var op = ConvTranspose()
    op.window.strides = [c.stride, c.stride]
    op.window.pads = c.pads
    op.outputPadding = c.more
    op.activation = .relu
    let weights = [numbers([3, 2] + c.kernel), numbers([2])].map { graph.addConstant($0) }
    graph.setOutputs(try graph.add(op, [x] + weights), names: ["y"])
    let arguments: [Datum] = [.tensor(numbers([2, 3, 5, 4]))]
    let context = EvaluationContext(outputCount: 1, maximumBytes: 1 << 24)
    let expected = try graph.evaluate(arguments, context)
    #expect(try run(&graph).edits == 1)
    #expect(graph.orderedNodes.map { $0.op.displayName } == c.operators)
    #expect(try graph.evaluate(arguments, context).first?.tensor == expected.first?.tensor)
  }

  @Test func othersStayWithAReason() throws {
    func reason(_ change: (inout ConvTranspose) -> Void) throws -> String? {
      var graph = Graph()
      let x = graph.addInput("x", .tensor(.float32, [1, 2, 4, 4]))
      let w = graph.addConstant(Tensor([Float](repeating: 1, count: 36), shape: [2, 2, 3, 3]))
      var op = ConvTranspose()
      op.window.strides = [3, 3]
      change(&op)
      graph.setOutputs(try graph.add(op, [x, w]), names: ["y"])
      let text = graph.text
      let report = try run(&graph)
      #expect(report.edits == 0 && graph.text == text)
      return report.rejected.first?.reason
    }
    #expect(try reason { $0.window.strides = [2, 2] } == "its kernel is no multiple of its stride")
    #expect(try reason { $0.group = 2 } == "it has groups")
    #expect(try reason { $0.window.strides = [3, 1] } == "it is dilated, or its strides differ")
  }
}
