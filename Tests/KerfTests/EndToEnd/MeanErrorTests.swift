import Foundation
import IR
import ONNX
import TestSupport
import Testing

@testable import Kerf

/// `correct-bias` where weights are codes and inputs float: what rounding takes from the mean of each output is added back.
@Suite struct MeanErrorTests {
  /// Rows far from zero, as a rectifier gives them: 64 numbers in 0.9…1.1.
  private static func row(_ seed: UInt64) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    return Tensor((0..<64).map { _ in Float.random(in: 0.9...1.1, using: &generator) }, shape: [1, 64])
  }

  private static func graph() throws -> Graph {
    var generator = SeededGenerator(seed: 5)
    let weights = (0..<64 * 16).map { _ in Float.random(in: -1...1, using: &generator) }
    return try Graph(
      parsing: """
        graph @g(%x: f32[1,64]) -> (%y: f32[1,16]) {
          %w = constant @w : f32[64,16]
          %y = MatMul(%x, %w) : f32[1,16] from "product"
          return %y
        }
        """, constants: ["w": Tensor(weights, shape: [64, 16])])
  }

  /// Compiled on 8 samples: too few values for a range of the product's input.
  private static func compile(_ mode: QuantizeMode?, without passes: [String] = []) throws -> CompiledModel {
    let path = FileManager.default.temporaryDirectory.appending(path: "mean-\(UUID().uuidString).onnx").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(exportModel(graph(), producerVersion: "test")).write(to: URL(filePath: path))
    var options = CompileOptions()
    options.quantize = mode
    options.disabledPasses = passes
    if mode != nil { options.openSamples = { _ in SampleSet(count: 8) { [.tensor(row(10 + UInt64($0)))] } } }
    return try Compiler.compile(path: path, options: options)
  }

  /// Squared mean error of the outputs, and squared error, over rows that were no samples.
  private static func errors(_ model: CompiledModel) throws -> (mean: Double, all: Double) {
    let (float, codes) = (try Session(bundle: compile(nil).bundle), try Session(bundle: model.bundle))
    let count = 32
    var sums = [Double](repeating: 0, count: 16)
    var all = 0.0
    for index in 0..<count {
      let input = ["x": row(100 + UInt64(index))]
      let expected = try #require(try float.run(input)["y"]).wide(Double.self)
      let actual = try #require(try codes.run(input)["y"]).wide(Double.self)
      for channel in sums.indices {
        let error = actual[channel] - expected[channel]
        sums[channel] += error / Double(count)
        all += error * error / Double(count)
      }
    }
    return (sums.reduce(0) { $0 + $1 * $1 }, all)
  }

  private static func correctsBias(_ model: CompiledModel) -> Bool {
    model.report.passes.contains { $0.name == "correct-bias" && $0.edits == 1 }
  }

  @Test func layersWithFewValuesKeepTheirMean() throws {
    let with = try Self.compile(.int8, without: ["round-weights"])
    let without = try Self.compile(.int8, without: ["round-weights", "correct-bias"])
    #expect(with.report.layers.contains { $0.name == "product" && $0.bits == 8 })
    #expect(Self.correctsBias(with) && !Self.correctsBias(without))
    // Of 8 rows a mean counts eight ninths.
    #expect(try Self.errors(with).mean < 0.03 * Self.errors(without).mean)
  }

  /// Their means are those of the rows that the weights are rounded on.
  @Test(arguments: [QuantizeMode.int8Weights, .int4Weights]) func weightsAloneKeepTheirMean(_ mode: QuantizeMode) throws
  {
    let with = try Self.compile(mode)
    let without = try Self.compile(mode, without: ["correct-bias"])
    #expect(Self.correctsBias(with) && !Self.correctsBias(without))
    #expect(try Self.errors(with).all < Self.errors(without).all)
    // Without those rows none are known.
    #expect(try !Self.correctsBias(Self.compile(mode, without: ["round-weights"])))
  }
}
