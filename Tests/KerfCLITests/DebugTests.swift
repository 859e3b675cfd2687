import Foundation
import TestSupport
import Testing

/// `kerf debug` on a model of which one layer is badly scaled, up to the model that its recipe gives.
@Suite struct DebugTests {
  private static let width = 64

  /// Numbers in −1…1, the same every time.
  private static func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
  }

  private static func bytes(_ values: [Float]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

  /// 32 samples of [4, 64].
  private static func samples(_ seed: UInt64) -> [UInt8] {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (32, 4, \(width)), }"
    let padded = header + String(repeating: " ", count: 117 - header.count) + "\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(padded.utf8) + bytes(numbers(32 * 4 * width, seed))
  }

  /// Three products; one channel of what the second reads is 1,000 times the others, its weights for it a thousandth.
  private static func model() -> [UInt8] {
    let n = width
    var (first, second) = (numbers(n * n, 1), numbers(n * n, 2))
    for index in 0..<n {
      first[index * n + 7] *= 1000
      second[7 * n + index] /= 1000
    }
    let tables = [("a", first), ("b", second), ("c", numbers(n * n, 3))]
    return TinyModel.model(
      inputs: [("x", [4, .number(n)])], outputs: [("y", [4, .number(n)])],
      nodes: [
        ("MatMul", ["x", "a"], ["1"]), ("Elu", ["1"], ["2"]), ("MatMul", ["2", "b"], ["bad"]), ("Tanh", ["bad"], ["4"]),
        ("MatMul", ["4", "c"], ["y"]),
      ], weights: tables.map { name, values in .init(name, [n, n], .inFile(bytes(values.map { $0 / 4 }))) },
      numbered: true)
  }

  @Test func theRecipeRestoresTheOutputs() throws {
    let folder = try TemporaryFolder()
    let model = try folder.write(Self.model(), "model.onnx")
    let samples = try folder.write(Self.samples(10), "samples.npy")
    let others = try folder.write(Self.samples(20), "others.npy")
    let recipe = folder.path + "/recipe.yaml"
    let debug = try CommandLineRun(
      [
        "debug", model, "--samples", samples, "--calibration", "minmax", "--max-drop", "3%", "--apply", recipe,
        "--json",
      ])
    #expect(debug.status == 0, "\(debug.errors)")
    let layers = try #require(try debug.json()["layers"] as? [[String: Any]])
    #expect(layers.count == 3)
    let first = try #require(layers.first)
    #expect((first["name"] as? String)?.hasPrefix("matmul2") == true)
    #expect((first["channel_imbalance"] as? Double ?? 0) > 100)
    #expect((first["fix"] as? [String: Any])?["kind"] as? String == "keep-float")

    func decibels(_ options: [String]) throws -> Double {
      let output = folder.path + "/out.kerf"
      let compiled = try CommandLineRun(
        ["compile", model, "-o", output, "--samples", samples, "--allow-slower"] + options)
      #expect(compiled.status == 0, "\(compiled.errors)")
      let outputs = try CommandLineRun(["compare", model, output, "--samples", others, "--json"]).json()["outputs"]
      return try #require((outputs as? [[String: Any]])?.first?["sqnr_db"] as? Double)
    }
    #expect(try decibels(["--quantize", "int8", "--calibration", "minmax", "--min-sqnr", "0"]) < 20)
    // 3 % are 30.5 dB.
    #expect(try decibels(["--recipe", recipe]) > 30)
  }
}
