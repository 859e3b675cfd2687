import Foundation
import IR
import ONNX
import Testing

@testable import Kerf

/// Models of which one layer is badly scaled: codes hurt it, and `kerf debug` has to find it.
@Suite struct DiagnosisTests {
  private static let width = 64
  private static let sampleCount = 64

  /// Numbers in −1…1, the same every time.
  private static func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int64(bitPattern: state) >> 40) / Float(1 << 23)
    }
  }

  /// Three products with functions between them, factors passing through none or through the first. One channel of what
  /// "bad" reads is 1,000 times the others, and its weights for it a thousandth.
  private static func graph(function: String = "Elu") throws -> Graph {
    let n = width
    var before = numbers(n * n, seed: 1).map { $0 / 4 }
    var after = numbers(n * n, seed: 2).map { $0 / 4 }
    for index in 0..<n {
      before[index * n + 7] *= 1000
      after[7 * n + index] /= 1000
    }
    let tables = [
      "a": Tensor(before, shape: [n, n]), "b": Tensor(after, shape: [n, n]),
      "c": Tensor(numbers(n * n, seed: 3).map { $0 / 4 }, shape: [n, n]),
    ]
    return try Graph(
      parsing: """
        graph @g(%x: f32[4,64]) -> (%y: f32[4,64]) {
          %wa = constant @a : f32[64,64]
          %wb = constant @b : f32[64,64]
          %wc = constant @c : f32[64,64]
          %1 = MatMul(%x, %wa) : f32[4,64] from "first"
          %2 = \(function)(%1) : f32[4,64] from "function"
          %3 = MatMul(%2, %wb) : f32[4,64] from "bad"
          %4 = Tanh(%3) : f32[4,64] from "tanh"
          %y = MatMul(%4, %wc) : f32[4,64] from "last"
          return %y
        }
        """, constants: tables)
  }

  /// Two products: the first reads an input of which one channel is a thousand times the others in one row of one sample.
  private static func outlierGraph() throws -> Graph {
    let n = width
    var weights = numbers(n * n, seed: 2).map { $0 / 4 }
    for index in 0..<n { weights[7 * n + index] /= 1000 }
    return try Graph(
      parsing: """
        graph @g(%x: f32[4,64]) -> (%y: f32[4,64]) {
          %wb = constant @b : f32[64,64]
          %wc = constant @c : f32[64,64]
          %1 = MatMul(%x, %wb) : f32[4,64] from "bad"
          %2 = Tanh(%1) : f32[4,64] from "tanh"
          %y = MatMul(%2, %wc) : f32[4,64] from "last"
          return %y
        }
        """,
      constants: [
        "b": Tensor(weights, shape: [n, n]), "c": Tensor(numbers(n * n, seed: 3).map { $0 / 4 }, shape: [n, n]),
      ])
  }

  private static func withModel<T>(_ graph: Graph? = nil, _ body: (String) throws -> T) throws -> T {
    let path = FileManager.default.temporaryDirectory.appending(path: "diagnosis-\(UUID().uuidString).onnx").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(exportModel(graph ?? self.graph(), producerVersion: "test")).write(to: URL(filePath: path))
    return try body(path)
  }

  private static func sample(_ index: Int, seed: UInt64 = 100) -> Tensor {
    Tensor(numbers(4 * width, seed: seed + UInt64(index)), shape: [4, width])
  }

  private static func options() -> CompileOptions {
    var options = CompileOptions()
    options.quantize = .int8
    options.calibration = .minmax
    options.openSamples = { _ in SampleSet(count: sampleCount) { [.tensor(sample($0))] } }
    return options
  }

  /// Noise over signal of a bundle's output against the float one's, as amplitudes, on inputs not calibrated on.
  private static func drop(_ path: String, _ options: CompileOptions) throws -> Double {
    let float = try Session(bundle: Compiler.compile(path: path).bundle)
    let codes = try Session(bundle: Compiler.compile(path: path, options: options).bundle)
    var (noise, signal) = (0.0, 0.0)
    for index in 0..<8 {
      let input = ["x": sample(index, seed: 9000)]
      let a = try #require(float.run(input)["y"]).wide(Double.self)
      let b = try #require(codes.run(input)["y"]).wide(Double.self)
      for (p, q) in zip(a, b) {
        noise += (p - q) * (p - q)
        signal += p * p
      }
    }
    return (noise / signal).squareRoot()
  }

  @Test func theBadLayerRanksFirstAndTheRecipeMendsIt() throws {
    try Self.withModel { path in
      var options = Self.options()
      options.maxDrop = 0.05
      let diagnosis = try Compiler.diagnose(path: path, options: options)
      let first = try #require(diagnosis.layers.first)
      #expect(first.name.contains("bad"))
      #expect(first.channelImbalance > 100)
      #expect(first.aloneDB < 20)
      #expect(diagnosis.layers.dropFirst().allSatisfy { $0.aloneDB > 30 })
      #expect(first.fix.kind == "keep-float")
      #expect(diagnosis.recipe.keepFloat == ["bad"])

      // As the recipe is read: its options, and no search of the compiler's own.
      var naive = Self.options()
      naive.minimumSQNR = 0
      #expect(try Self.drop(path, naive) > 0.1)
      var mended = naive
      mended.keepFloat = diagnosis.recipe.keepFloat
      #expect(try Self.drop(path, mended) < 0.05)
    }
  }

  /// Where factors pass, evening out is the fix: the compiler does it, so that the recipe keeps nothing in float.
  @Test func evenedOutChannelsMendTheBadLayer() throws {
    try Self.withModel(Self.graph(function: "Relu")) { path in
      var options = Self.options()
      options.maxDrop = 0.05
      let diagnosis = try Compiler.diagnose(path: path, options: options)
      let first = try #require(diagnosis.layers.first)
      #expect(first.name.contains("bad") && first.aloneDB < 20)
      #expect(first.fix.kind == "equalize")
      #expect(try #require(first.fix.aloneDB) > 30)
      #expect(diagnosis.recipe.keepFloat.isEmpty && diagnosis.recipe.warning == nil)

      var naive = Self.options()
      naive.minimumSQNR = 0
      #expect(try Self.drop(path, naive) < 0.05)
      naive.disabledPasses = ["equalize-layers"]
      #expect(try Self.drop(path, naive) > 0.1)
    }
  }

  /// One value in 65,536 that 255 steps cannot reach without losing all others: a range that leaves it out is the fix.
  @Test func anotherMethodMendsAnOutlier() throws {
    try Self.withModel(Self.outlierGraph()) { path in
      var options = Self.options()
      options.maxDrop = 0.05
      options.openSamples = { _ in
        SampleSet(count: 256) { index in
          var values = Self.numbers(4 * Self.width, seed: 100 + UInt64(index))
          if index == 5 { values[7] = 1000 }
          return [.tensor(Tensor(values, shape: [4, Self.width]))]
        }
      }
      let diagnosis = try Compiler.diagnose(path: path, options: options)
      let first = try #require(diagnosis.layers.first)
      #expect(first.name.contains("bad") && first.aloneDB < 20)
      #expect(first.fix.kind == "calibration percentile" || first.fix.kind == "calibration entropy")
      #expect(try #require(first.fix.aloneDB) > 30)
      // Asked for min-max, the recipe has to keep the layer in float; free to choose, it needs not.
      #expect(diagnosis.recipe.keepFloat.contains("bad"))
      options.calibration = nil
      let recipe = try Compiler.diagnose(path: path, options: options).recipe
      #expect(recipe.calibration == "percentile" && recipe.keepFloat.isEmpty)

      options.maxDrop = nil
      options.minimumSQNR = 0
      options.calibration = .minmax
      #expect(try Self.drop(path, options) > 0.1)
      options.calibration = .percentile
      #expect(try Self.drop(path, options) < 0.05)
    }
  }

  /// What cannot be held is said.
  @Test func aRecipeThatFallsShortSaysSo() throws {
    try Self.withModel { path in
      var options = Self.options()
      options.minimumSQNR = 28
      options.disabledPasses = ["exclude-layers"]
      let recipe = try Compiler.diagnose(path: path, options: options).recipe
      #expect(recipe.keepFloat.isEmpty && recipe.sqnrDB < 28)
      #expect(try #require(recipe.warning).contains("less than 28.0 dB"))
    }
  }

  @Test func theCompilerHoldsTheDropByItself() throws {
    try Self.withModel { path in
      var options = Self.options()
      options.maxDrop = 0.05
      let compiled = try Compiler.compile(path: path, options: options)
      #expect(compiled.warnings.contains { $0.contains("1 of 3 layers") })
      #expect(compiled.report.passes.contains { $0.rejected.contains { $0.node.contains("bad") } })
      #expect(try Self.drop(path, options) < 0.05)
    }
  }

  @Test func recipesQuoteNames() {
    var recipe = Diagnosis.Recipe(
      calibration: "mse", keepFloat: ["a \"b\"\n"], sqnrDB: 30, top1Agreement: 1, bytes: 0)
    #expect(recipe.yaml.contains("keep-float:\n  - \"a \\\"b\\\"\\x0a\"\n"))
    recipe.keepFloat = []
    #expect(!recipe.yaml.contains("keep-float"))
  }
}
