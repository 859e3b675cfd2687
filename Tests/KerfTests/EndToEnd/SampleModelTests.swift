import Foundation
import Kerf
import Testing

/// The committed digits sample, from the ONNX file to outputs.
@Suite struct SampleModelTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../../Samples/digits").standardized.path
  private static let model = folder + "/model.onnx"

  private static func read(_ name: String) throws -> Tensor { try NumpyFile.read("\(folder)/\(name)") }

  private static func quantized() -> CompileOptions {
    var options = CompileOptions()
    options.quantize = .int8
    options.openSamples = { _ in
      let all = try read("x_calibration.npy")
      let values = all.wide(Float.self)
      return SampleSet(count: all.shape[0]) { index in
        [.tensor(Tensor(Array(values[(index * 64)..<((index + 1) * 64)]), shape: [1, 1, 8, 8]))]
      }
    }
    return options
  }

  private static func logits(_ bundle: [UInt8], _ target: Target? = nil, threads: Int = 1) throws -> Tensor {
    var options = SessionOptions(threads: threads)
    options.target = target
    let outputs = try Session(bundle: bundle, options: options).run(["image": read("x_test.npy")])
    return try #require(outputs["logits"])
  }

  private static func accuracy(_ logits: Tensor) throws -> Double {
    let labels = try read("y_test.npy").integers
    let values = logits.wide(Float.self)
    let hits = labels.indices.filter { row in
      let scores = values[(row * 10)..<((row + 1) * 10)]
      return scores.indices.max { scores[$0] < scores[$1] } == row * 10 + labels[row]
    }
    return Double(hits.count) / Double(labels.count)
  }

  @Test func floatMatchesTheReference() throws {
    let result = try Self.logits(Compiler.compile(path: Self.model).bundle)
    let expected = try Self.read("expected_logits.npy")
    #expect(result.shape == expected.shape)
    let pairs = zip(result.wide(Float.self), expected.wide(Float.self))
    #expect(pairs.allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($1)) })
  }

  @Test func eightBitsKeepTheAccuracy() throws {
    let logits = try Self.logits(Compiler.compile(path: Self.model, options: Self.quantized()).bundle)
    #expect(try Self.accuracy(logits) >= 0.985)
  }

  @Test func eightBitsAreTheSameBitsEverywhere() throws {
    let bundle = try Compiler.compile(path: Self.model, options: Self.quantized()).bundle
    let native = try Self.logits(bundle)
    for target in [Target.portable, .x8664v3, .x8664v4, .aarch64] {
      #expect(try Self.logits(bundle, target) == native, "\(target)")
    }
    #expect(try Self.logits(bundle, threads: 2) == native)
  }

  @Test func theSameInputGivesTheSameBytes() throws {
    for options in [CompileOptions(), Self.quantized()] {
      let first = try Compiler.compile(path: Self.model, options: options).bundle
      #expect(try Compiler.compile(path: Self.model, options: options).bundle == first)
    }
  }

  @Test func everyEditVerifies() throws {
    var options = Self.quantized()
    options.verifyEach = true
    let report = try Compiler.compile(path: Self.model, options: options).report
    #expect(report.totals.edits > 0)
  }

  @Test func pruningLeavesZeros() throws {
    var options = CompileOptions()
    options.prune = "magnitude:0.5"
    let layers = try Compiler.compile(path: Self.model, options: options).report.layers
    #expect(layers.contains { $0.sparsity > 0.4 })
  }

  @Test func wrongShapesAreNamed() throws {
    let session = try Session(bundle: Compiler.compile(path: Self.model).bundle)
    let wrong = Tensor([Float](repeating: 0, count: 49), shape: [1, 1, 7, 7])
    let error = #expect(throws: KerfError.self) { try session.run(["image": wrong]) }
    #expect(error?.message == "input 'image' expects f32[N,1,8,8], f32[1,1,7,7] was given")
  }
}
