import Foundation
import IR
import ONNX
import TestSupport
import Testing

@testable import Kerf

/// Attention in models quantized on samples.
@Suite struct QuantizedAttentionTests {
  private let model: String

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "attention-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    model = folder + "/model.onnx"
    let graph = try Graph(
      parsing: """
        graph @g(%x: f32[1,20,32], %m: f32[1,1,1,20]) -> (%y: f32[1,20,32]) {
          %a = constant @a : f32[32,32]
          %b = constant @b : f32[32,32]
          %c = constant @c : f32[32,32]
          %d = constant @d : f32[32,32]
          %q = MatMul(%x, %a) : f32[1,20,32] from "queries"
          %k = MatMul(%x, %b) : f32[1,20,32] from "keys"
          %v = MatMul(%x, %c) : f32[1,20,32] from "values"
          %o = Attention(%q, %k, %v, %m) {kv_num_heads=4, q_num_heads=4} : f32[1,20,32] from "attend"
          %y = MatMul(%o, %d) : f32[1,20,32] from "last"
          return %y
        }
        """,
      constants: Dictionary(
        uniqueKeysWithValues: ["a", "b", "c", "d"].enumerated().map { index, name in
          (name, Tensor(Self.numbers(1024, UInt64(index)), shape: [32, 32]))
        }))
    try Data(exportModel(graph, producerVersion: "test")).write(to: URL(filePath: model))
  }

  private static func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -0.5...0.5, using: &generator) }
  }

  /// A sample: the last keys are padding.
  private static func sample(_ seed: UInt64) -> [String: Tensor] {
    let mask = (0..<20).map { Float($0 < 10 + Int(seed % 9) ? 0 : -10_000) }
    return ["x": Tensor(numbers(640, seed), shape: [1, 20, 32]), "m": Tensor(mask, shape: [1, 1, 1, 20])]
  }

  private func compile(_ change: (inout CompileOptions) -> Void = { _ in }) throws -> CompiledModel {
    var options = CompileOptions()
    options.quantize = .int8
    let samples = (0..<8).map { Self.sample(100 + $0) }
    options.openSamples = { _ in
      SampleSet(count: samples.count) { index in ["x", "m"].map { name in samples[index][name].map { .tensor($0) } } }
    }
    change(&options)
    return try Compiler.compile(path: model, options: options)
  }

  private func operations(_ model: CompiledModel) -> [String] { model.report.layers.map(\.kernel) }

  @Test func isBetweenLayersOnCodes() throws {
    let codes = try compile()
    let kernels = operations(codes)
    #expect(kernels.filter { $0.hasPrefix("gemm_u8_u8") }.count == 2, "\(kernels)")
    #expect(kernels.filter { $0.hasPrefix("attention_u8") }.count == 1, "\(kernels)")
    #expect(kernels.filter { $0.hasPrefix("quantize") }.count == 1, "\(kernels)")
  }

  @Test func staysNearFloatAndTheSameEverywhere() throws {
    let float = try compile { $0.quantize = nil }
    let input = Self.sample(7)
    let expected = try #require(Session(bundle: float.bundle).run(input)["y"]).wide(Double.self)
    let results = try Target.allCases.map { target in
      try #require(Session(bundle: compile { $0.target = target }.bundle).run(input)["y"])
    }
    #expect(results.dropFirst().allSatisfy { $0 == results[0] })
    let actual = results[0].wide(Double.self)
    let signal = expected.reduce(0) { $0 + $1 * $1 }
    let noise = zip(expected, actual).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    #expect(noise > 0 && 10 * log10(signal / noise) > 30)
  }

  @Test func staysFloatOnRequest() throws {
    let codes = try compile { $0.keepFloat = ["attend"] }
    #expect(operations(codes).contains { $0.hasPrefix("attention_f32") })
    let rejected = codes.report.passes.flatMap(\.rejected).filter { $0.node == "attend" }
    #expect(rejected.map(\.reason) == ["kept float on request"])
  }

  /// Without its pass nothing turns queries and keys into codes and back.
  @Test func staysFloatWithoutItsPass() throws {
    let codes = try compile { $0.disabledPasses = ["quantize-attention"] }
    #expect(try operations(codes) == operations(compile { $0.keepFloat = ["attend"] }))
  }

  @Test func rangesInEachRunKeepItFloat() throws {
    let codes = try compile {
      $0.quantize = .int8Dynamic
      $0.openSamples = nil
    }
    #expect(operations(codes).contains { $0.hasPrefix("attention_f32") })
    #expect(!codes.report.passes.flatMap(\.rejected).contains { $0.node == "attend" })
  }
}
