import Foundation
import IR
import ONNX
import TestSupport
import Testing

@testable import Kerf

/// Sums of a convolution on codes and another value: the convolution adds the other one's codes before it rounds.
@Suite struct QuantizedResidualTests {
  private static func numbers(_ shape: [Int], _ seed: UInt64) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    return Tensor((0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &generator) }, shape: shape)
  }

  /// Two blocks: relu(conv(x) + x), then one whose both operands are convolutions. `channel`: one without weights.
  private static func graph(_ sizes: [Int], emptyChannel: Bool = false) throws -> Graph {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, [1, 24] + sizes.map { Dim($0) }))
    let kernel = sizes.map { _ in 3 }
    func convolution(_ input: ValueID, _ name: Name, _ seed: UInt64) throws -> ValueID {
      var op = Conv()
      op.window.pads = sizes.map { _ in 1 } + sizes.map { _ in 1 }
      var weights = numbers([24, 24] + kernel, seed)
      if emptyChannel {
        let count = weights.count / 24
        let values = weights.wide(Float.self).enumerated().map { $0 / count == 5 ? 0 : $1 }
        weights = Tensor(values, shape: weights.shape)
      }
      return try graph.add(
        op, [input, graph.addConstant(weights), graph.addConstant(numbers([24], seed + 1))], names: [name])[0]
    }
    func sum(_ a: ValueID, _ b: ValueID, _ name: Name) throws -> ValueID {
      try graph.add(Relu(), [graph.add(Add(), [a, b], names: [name])[0]], names: [])[0]
    }
    let start = try graph.add(Relu(), [convolution(x, "start", 1)], names: [])[0]
    let first = try sum(convolution(start, "first", 3), start, "sum")
    let second = try sum(convolution(first, "left", 5), convolution(first, "right", 7), "both")
    graph.setOutputs([try convolution(second, "end", 9)], names: ["y"])
    return graph
  }

  @Test(arguments: [[13, 11], [40]], [false, true])
  func convolutionsAddWhatFollows(_ sizes: [Int], _ emptyChannel: Bool) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "residual-\(UUID().uuidString).onnx").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let graph = try Self.graph(sizes, emptyChannel: emptyChannel)
    try Data(exportModel(graph, producerVersion: "test")).write(to: URL(filePath: path))
    let shape = [1, 24] + sizes
    var options = CompileOptions()
    options.quantize = .int8
    options.minimumSQNR = 0
    options.refusesSlower = false
    options.openSamples = { _ in SampleSet(count: 16) { [.tensor(Self.numbers(shape, 100 + UInt64($0)))] } }
    let codes = try Compiler.compile(path: path, options: options)
    let session = try Session(bundle: codes.bundle)
    let steps = try session.profile(try session.generatedInputs(), runs: 1).map(\.operation)
    #expect(steps.filter { $0 == "conv2d_u8_u8" }.count == 4, "\(steps)")
    #expect(!steps.contains("add_u8") && codes.report.hostCalls.isEmpty)
    let input = ["x": Self.numbers(shape, 9002)]
    let a = try #require(try Session(bundle: Compiler.compile(path: path).bundle).run(input)["y"])
    let b = try #require(try session.run(input)["y"])
    let (x, y) = (a.wide(Double.self), b.wide(Double.self))
    let noise = zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let decibels = 10 * log10(x.reduce(0) { $0 + $1 * $1 } / max(noise, 1e-300))
    #expect(decibels > 34, "\(decibels)")
  }
}
