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

  struct Case {
    var kernel: [Int]
    var strides: [Int]
    var operators: [String]
    var pads: [Int]?
    var more: [Int]?
    var dilations: [Int]?
    var group = 1
    var perGroup = 2
    var change: @Sendable (inout ConvTranspose) -> Void = { _ in }
  }

  private static let spread = ["Conv", "DepthToSpace"]
  private static let turned = ["Conv", "Reshape", "Transpose", "Reshape"]

  /// Small integers: sums are exact, so that results must be equal.
  @Test(arguments: [
    Case(kernel: [4, 4], strides: [2, 2], operators: spread + ["Slice"], pads: [1, 1, 1, 1], more: [0, 0]),
    Case(kernel: [4, 2], strides: [2, 2], operators: spread),
    Case(kernel: [6, 3], strides: [3, 3], operators: spread + ["Slice"], pads: [2, 0, 1, 1], more: [0, 1]),
    Case(kernel: [3, 4], strides: [1, 1], operators: ["Conv"], pads: [0, 1, 2, 0]),
    Case(kernel: [4, 4], strides: [4, 4], operators: spread + ["Slice"], pads: [1, 0, 0, 0]),
    // Whole steps that are cut off are not computed.
    Case(kernel: [6, 6], strides: [2, 2], operators: spread, pads: [2, 4, 4, 2]),
    // Kernels that are no multiple of the stride, or smaller.
    Case(kernel: [3, 3], strides: [2, 2], operators: spread + ["Slice"], pads: [1, 1, 1, 1], more: [1, 1]),
    Case(kernel: [5, 3], strides: [2, 2], operators: spread + ["Slice"]),
    Case(kernel: [2, 2], strides: [3, 3], operators: spread + ["Slice"], more: [2, 1]),
    // Strides of different size.
    Case(kernel: [2, 4], strides: [2, 1], operators: turned),
    Case(kernel: [3, 4], strides: [1, 2], operators: turned + ["Slice"], pads: [1, 1, 1, 1]),
    Case(kernel: [6, 4], strides: [3, 2], operators: turned + ["Slice"], pads: [0, 1, 2, 0], more: [2, 1]),
    // One axis.
    Case(kernel: [4], strides: [2], operators: turned),
    Case(kernel: [16], strides: [8], operators: turned + ["Slice"], pads: [4, 4]),
    Case(kernel: [3], strides: [1], operators: ["Conv"], pads: [1, 1]),
    // Dilated.
    Case(kernel: [3, 2], strides: [1, 1], operators: ["Conv"], pads: [1, 0, 2, 0], dilations: [2, 3]),
    Case(kernel: [3, 4], strides: [1, 2], operators: turned, dilations: [3, 1]),
    Case(kernel: [2, 2], strides: [2, 2], operators: spread, dilations: [3, 1]),
    // More than the kernel reaches is cut off.
    Case(kernel: [2, 3], strides: [1, 1], operators: ["Conv", "Slice"], pads: [2, 0, 0, 3]),
    // Groups.
    Case(kernel: [4, 4], strides: [2, 2], operators: spread + ["Slice"], pads: [1, 1, 1, 1], group: 2),
    Case(kernel: [3, 3], strides: [1, 1], operators: ["Conv"], group: 4),
    Case(kernel: [4], strides: [2], operators: turned, group: 4),
    Case(kernel: [2, 3], strides: [2, 3], operators: turned, group: 2),
    // Each channel by itself.
    Case(kernel: [3, 3], strides: [1, 1], operators: ["Conv"], group: 4, perGroup: 1),
    Case(kernel: [4, 4], strides: [2, 2], operators: ["Concat"] + spread, group: 4, perGroup: 1),
    Case(
      kernel: [3, 4], strides: [1, 2], operators: ["Concat"] + turned + ["Slice"], pads: [1, 1, 1, 1], group: 4,
      perGroup: 1),
    Case(kernel: [4], strides: [2], operators: ["Concat"] + turned, group: 4, perGroup: 1),
    // Padding that follows from the shapes.
    Case(kernel: [3, 3], strides: [2, 2], operators: spread, change: { $0.window.autoPad = .sameUpper }),
    Case(kernel: [4, 4], strides: [2, 2], operators: spread + ["Slice"], change: { $0.window.autoPad = .sameLower }),
    Case(kernel: [2, 2], strides: [2, 2], operators: spread, change: { $0.window.autoPad = .valid }),
    Case(kernel: [4, 4], strides: [2, 2], operators: spread + ["Slice"], change: { $0.outputShape = [9, 10] }),
    // Zeros in front.
    Case(kernel: [2, 2], strides: [2, 2], operators: spread + ["Slice"], change: { $0.outputShape = [13, 8] }),
  ])
  func resultsStay(_ c: Case) throws {
    var generator = SeededGenerator(seed: 5)
    func numbers(_ shape: [Int]) -> Tensor {
      Tensor((0..<shape.reduce(1, *)).map { _ in Float(Int.random(in: -9...9, using: &generator)) }, shape: shape)
    }
    var graph = Graph()
    let shape = [2, 4, 5, 4].prefix(2 + c.kernel.count)
    let x = graph.addInput("x", .tensor(.float32, shape.map { Dim($0) }))
    var op = ConvTranspose()
    op.window.strides = c.strides
    op.window.pads = c.pads
    op.window.dilations = c.dilations
    op.outputPadding = c.more
    op.group = c.group
    op.activation = .relu
    c.change(&op)
    let weights = [numbers([4, c.perGroup] + c.kernel), numbers([c.perGroup * c.group])].map { graph.addConstant($0) }
    graph.setOutputs(try graph.add(op, [x] + weights), names: ["y"])
    let arguments: [Datum] = [.tensor(numbers(Array(shape)))]
    let context = EvaluationContext(outputCount: 1, maximumBytes: 1 << 24)
    let expected = try graph.evaluate(arguments, context)
    #expect(try run(&graph).edits == 1)
    #expect(graph.orderedNodes.map { $0.op.displayName } == c.operators)
    #expect(try graph.evaluate(arguments, context).first?.tensor == expected.first?.tensor)
  }

  /// In float as well: only as convolutions depthwise ones have kernels of their own.
  @Test func depthwiseOnesAreConvolutionsInFloat() throws {
    for (group, count) in [(4, 1), (1, 0)] {
      var graph = Graph()
      let x = graph.addInput("x", .tensor(.float32, [1, 4, 5, 5]))
      let values = [Float](repeating: 1, count: 4 * (4 / group) * 9)
      let w = graph.addConstant(Tensor(values, shape: [4, 4 / group, 3, 3]))
      var op = ConvTranspose()
      op.group = group
      op.window.strides = [2, 2]
      graph.setOutputs(try graph.add(op, [x, w]), names: ["y"])
      #expect(try Pipeline([SplitTransposedConv(narrowOnly: true)]).run(on: &graph).edits == count)
    }
  }

  /// With a stride of 1 the sizes of the input do not matter.
  @Test func sizesMayBeOpen() throws {
    func edits(_ strides: [Int]) throws -> PassReport {
      var graph = try Graph(
        parsing: """
          graph @g(%x: f32[1,1,H,W]) -> (%y: f32[1,1,?,?]) {
            %w = constant [1.0, 2.0, 3.0, 4.0] : f32[1,1,2,2]
            %y = ConvTranspose(%x, %w) {strides=\(strides)} : f32[1,1,?,?] from "up"
            return %y
          }
          """)
      return try run(&graph)
    }
    #expect(try edits([1, 1]).edits == 1)
    let open = try edits([2, 2])
    #expect(open.edits == 0 && open.rejected.map(\.reason) == ["the sizes of its input are not known"])
  }

  @Test func othersStayWithAReason() throws {
    func reason(_ kernel: [Int] = [3, 3], _ change: (inout ConvTranspose) -> Void) throws -> String? {
      var graph = Graph()
      let x = graph.addInput("x", .tensor(.float32, [1, 2] + kernel.map { _ in 4 }))
      let count = kernel.reduce(4, *)
      let w = graph.addConstant(Tensor([Float](repeating: 1, count: count), shape: [2, 2] + kernel))
      var op = ConvTranspose()
      change(&op)
      graph.setOutputs(try graph.add(op, [x, w]), names: ["y"])
      let text = graph.text
      let report = try run(&graph)
      #expect(report.edits == 0 && graph.text == text)
      return report.rejected.first?.reason
    }
    #expect(
      try reason { $0.window.strides = [5, 5] } == "as a convolution it would take 2.8 times the multiplications")
    #expect(
      try reason {
        $0.window.strides = [2, 2]
        $0.window.dilations = [2, 2]
      } == "as a convolution it would take 4.0 times the multiplications")
    #expect(try reason([2, 2, 2]) { _ in } == "its weights are no constant with one or two spatial axes")
  }
}
