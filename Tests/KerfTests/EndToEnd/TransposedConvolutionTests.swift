import Foundation
import IR
import ONNX
import TestSupport
import Testing

@testable import Kerf

/// Transposed convolutions between two layers on 8-bit codes: they run on codes as well, as near to float as codes allow.
@Suite struct TransposedConvolutionTests {
  private static func numbers(_ shape: [Int], _ seed: UInt64) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    return Tensor((0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &generator) }, shape: shape)
  }

  struct Case: CustomTestStringConvertible {
    var name: String
    /// Sizes of the input along its axes, and of the kernel.
    var size = [12, 10]
    var kernel: [Int]
    var change: @Sendable (inout ConvTranspose) -> Void
    var testDescription: String { name }
  }

  /// Channels-first convolutions before and behind, with 8 channels.
  private static func graph(_ c: Case) throws -> Graph {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, [1, 8] + c.size.map { Dim($0) }))
    let ones = c.size.map { _ in 1 }
    func layer(_ input: ValueID, _ name: Name, _ seed: UInt64) throws -> ValueID {
      let weights = graph.addConstant(numbers([8, 8] + ones, seed))
      let sum = try graph.add(Conv(), [input, weights], names: [name])[0]
      return try graph.add(Relu(), [sum], names: [])[0]
    }
    let before = try layer(x, "before", 1)
    var op = ConvTranspose()
    c.change(&op)
    let weights = graph.addConstant(numbers([8, 8 / op.group] + c.kernel, 2))
    let bias = graph.addConstant(numbers([8], 3))
    let up = try graph.add(op, [before, weights, bias], names: ["up"])[0]
    graph.setOutputs([try layer(up, "behind", 4)], names: ["y"])
    return graph
  }

  private static let cases: [Case] = [
    Case(name: "dilated", kernel: [3, 3]) {
      $0.window.dilations = [2, 2]
      $0.window.pads = [2, 2, 2, 2]
    },
    Case(name: "two groups", kernel: [4, 4]) {
      $0.group = 2
      $0.window.strides = [2, 2]
      $0.window.pads = [1, 1, 1, 1]
    },
    Case(name: "depthwise", kernel: [4, 4]) {
      $0.group = 8
      $0.window.strides = [2, 2]
      $0.window.pads = [1, 1, 1, 1]
    },
    Case(name: "depthwise without stride", kernel: [3, 3]) {
      $0.group = 8
      $0.window.pads = [1, 1, 1, 1]
    },
    Case(name: "strides that differ", kernel: [4, 3]) { $0.window.strides = [2, 1] },
    Case(name: "one axis", size: [100], kernel: [16]) {
      $0.window.strides = [8]
      $0.window.pads = [4, 4]
    },
    Case(name: "one axis in groups", size: [100], kernel: [4]) {
      $0.group = 2
      $0.window.strides = [2]
    },
    Case(name: "no multiple of the stride", kernel: [3, 3]) {
      $0.window.strides = [2, 2]
      $0.window.pads = [1, 1, 1, 1]
      $0.outputPadding = [1, 1]
    },
    Case(name: "smaller than the stride", kernel: [2, 2]) { $0.window.strides = [3, 3] },
    Case(name: "same_upper", kernel: [3, 3]) {
      $0.window.strides = [2, 2]
      $0.window.autoPad = .sameUpper
    },
    Case(name: "output_shape", kernel: [4, 4]) {
      $0.window.strides = [2, 2]
      $0.outputShape = [23, 20]
    },
  ]

  @Test(arguments: cases)
  func runsOnCodes(_ c: Case) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "transposed-\(UUID().uuidString).onnx").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(exportModel(Self.graph(c), producerVersion: "test")).write(to: URL(filePath: path))
    var options = CompileOptions()
    options.quantize = .int8
    options.minimumSQNR = 0
    let shape = [1, 8] + c.size
    options.openSamples = { _ in SampleSet(count: 16) { [.tensor(Self.numbers(shape, 100 + UInt64($0)))] } }
    let codes = try Compiler.compile(path: path, options: options)
    let up = codes.report.layers.filter { $0.name == "up" && $0.weightBytes > 0 }
    #expect(!up.isEmpty && up.allSatisfy { $0.bits == 8 }, "\(up)")
    #expect(codes.report.hostCalls.isEmpty)
    let input = ["x": Self.numbers(shape, 9000)]
    let float = try Session(bundle: Compiler.compile(path: path).bundle)
    let a = try #require(float.run(input)["y"])
    let b = try #require(try Session(bundle: codes.bundle).run(input)["y"])
    #expect(a.shape == b.shape)
    let (x, y) = (a.wide(Double.self), b.wide(Double.self))
    let noise = zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let decibels = 10 * log10(x.reduce(0) { $0 + $1 * $1 } / max(noise, 1e-300))
    #expect(decibels > 32, "\(decibels)")
  }
}
