import Foundation
import IR
import ONNX
import TestSupport
import Testing

@testable import Kerf

/// What repairs a model on 8-bit codes: each step is a pass of its own that the report names and an option leaves out.
@Suite struct RepairTests {
  /// Numbers in −1…1.
  private static func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
  }

  /// A convolution with its batch normalization, of which one channel is 64 times the others, another convolution, then
  /// a layer normalization with such a channel, and a product.
  private static func graph() throws -> Graph {
    var (first, second, third) = (numbers(64, 1), numbers(64, 2), numbers(64, 3))
    var scale = [Float](repeating: 1, count: 8)
    scale[5] = 64
    for index in 0..<8 {
      first[3 * 8 + index] *= 64
      second[index * 8 + 3] /= 64
      third[5 * 8 + index] /= 64
    }
    let constants = [
      "first": Tensor(first, shape: [8, 8, 1, 1]), "second": Tensor(second, shape: [8, 8, 1, 1]),
      "third": Tensor(third, shape: [8, 8]), "scale": Tensor(scale), "ones": Tensor([Float](repeating: 1, count: 8)),
      "zeros": Tensor([Float](repeating: 0, count: 8)), "bias": Tensor(numbers(8, 4)),
    ]
    return try Graph(
      parsing: """
        graph @g(%x: f32[1,8,16,16]) -> (%y: f32[1,256,8]) {
          %v = constant @first : f32[8,8,1,1]
          %w = constant @second : f32[8,8,1,1]
          %u = constant @third : f32[8,8]
          %g = constant @scale : f32[8]
          %one = constant @ones : f32[8]
          %zero = constant @zeros : f32[8]
          %b = constant @bias : f32[8]
          %s = constant [1, 8, 256] : i64[3]
          %1 = Conv(%x, %v) : f32[1,8,16,16] from "first"
          %2 = BatchNormalization(%1, %one, %b, %zero, %one) : f32[1,8,16,16] from "normalize"
          %3 = Relu(%2) : f32[1,8,16,16] from "relu"
          %4 = Conv(%3, %w) : f32[1,8,16,16] from "second"
          %5 = Reshape(%4, %s) : f32[1,8,256] from "rows"
          %6 = Transpose(%5) {perm=[0, 2, 1]} : f32[1,256,8] from "turn"
          %7 = LayerNormalization(%6, %g, %b) : f32[1,256,8] from "norm"
          %y = MatMul(%7, %u) : f32[1,256,8] from "third"
          return %y
        }
        """, constants: constants)
  }

  private static func compile(without passes: [String], decibels: Double) throws -> CompiledModel {
    let path = FileManager.default.temporaryDirectory.appending(path: "repair-\(UUID().uuidString).onnx").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(exportModel(graph(), producerVersion: "test")).write(to: URL(filePath: path))
    var options = CompileOptions()
    options.quantize = .int8
    options.calibration = .minmax
    options.minimumSQNR = decibels
    options.disabledPasses = passes
    options.openSamples = { _ in
      SampleSet(count: 8) { [.tensor(Tensor(numbers(2048, 10 + UInt64($0)), shape: [1, 8, 16, 16]))] }
    }
    return try Compiler.compile(path: path, options: options)
  }

  /// Steps that change the graph: left out, they are not in the report and the bundle is another.
  @Test(arguments: [
    "fuse-batch-norm-into-conv", "equalize-layers", "smooth-layers", "correct-bias", "round-weights",
  ])
  func eachStepCanBeLeftOut(_ name: String) throws {
    let all = try Self.compile(without: [], decibels: 0)
    #expect(all.report.passes.contains { $0.name == name && $0.edits > 0 })
    let others = try Self.compile(without: [name], decibels: 0)
    #expect(!others.report.passes.contains { $0.name == name })
    #expect(others.bundle != all.bundle)
  }

  @Test func exclusionCanBeLeftOut() throws {
    let all = try Self.compile(without: [], decibels: 90)
    let excluded = try #require(all.report.passes.first { $0.name == "exclude-layers" }).rejected
    #expect(!excluded.isEmpty && excluded.allSatisfy { $0.reason.hasPrefix("on codes it alone brings an output to ") })
    // Each is said once.
    let others = all.report.passes.filter { $0.name != "exclude-layers" }.flatMap(\.rejected).map(\.node)
    #expect(Set(excluded.map(\.node)).isDisjoint(with: others))
    let none = try Self.compile(without: ["exclude-layers"], decibels: 90)
    #expect(!none.report.passes.contains { $0.name == "exclude-layers" })
    #expect(none.report.layers.filter { $0.bits == 8 }.count == 3)
    #expect(none.warnings.contains { $0.contains("without exclude-layers no layer goes back to float") })
    // The other switch.
    let unasked = try Self.compile(without: [], decibels: 0)
    #expect(try #require(unasked.report.passes.first { $0.name == "exclude-layers" }).rejected.isEmpty)
  }

  @Test func otherNamesAreErrors() {
    let error = #expect(throws: KerfError.self) { try Self.compile(without: ["smooth-layer"], decibels: 0) }
    #expect(error?.message == "there is no pass 'smooth-layer'")
  }
}
