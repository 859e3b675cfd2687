import Foundation
import IR
import ONNX
import TestSupport
import Testing

@testable import Kerf

/// `--max-memory` while a model is quantized on samples: what does not fit is measured in parts, left out or refused.
@Suite struct MemoryLimitTests {
  private static func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
  }

  /// Eight convolutions whose results have 256 KiB each with a side of 64; the output has a sixteenth, or as much with
  /// `isWide`.
  private static func graph(isWide: Bool, _ side: Int) throws -> Graph {
    var constants: [String: Tensor] = [:]
    var lines: [String] = []
    for index in 0..<8 {
      constants["w\(index)"] = Tensor(numbers(16 * 16, UInt64(index)), shape: [16, 16, 1, 1])
      lines.append("%w\(index) = constant @w\(index) : f32[16,16,1,1]")
    }
    for index in 0..<8 {
      let input = index == 0 ? "x" : "r\(index - 1)"
      lines.append("%c\(index) = Conv(%\(input), %w\(index)) : f32[1,16,\(side),\(side)] from \"conv\(index)\"")
      lines.append("%r\(index) = Tanh(%c\(index)) : f32[1,16,\(side),\(side)] from \"tanh\(index)\"")
    }
    let pool =
      "%y = AveragePool(%r7) {kernel_shape=[4, 4], strides=[4, 4]} : f32[1,16,\(side / 4),\(side / 4)] from \"pool\""
    return try Graph(
      parsing: """
        graph @g(%x: f32[1,16,\(side),\(side)]) -> (\(isWide ? "%r7: f32[1,16,\(side),\(side)]" : "%y: f32[1,16,\(side / 4),\(side / 4)]")) {
          \(lines.joined(separator: "\n  "))
          \(isWide ? "" : pool)
          return \(isWide ? "%r7" : "%y")
        }
        """, constants: constants)
  }

  private static func input(_ side: Int, _ seed: UInt64) -> Tensor {
    Tensor(numbers(16 * side * side, seed), shape: [1, 16, side, side])
  }

  private static func compile(
    _ limit: Int?, isWide: Bool = false, side: Int = 64, change: (inout CompileOptions) -> Void = { _ in }
  ) throws -> CompiledModel {
    let path = FileManager.default.temporaryDirectory.appending(path: "limit-\(UUID().uuidString).onnx").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(exportModel(graph(isWide: isWide, side), producerVersion: "test")).write(to: URL(filePath: path))
    var options = CompileOptions()
    options.quantize = .int8
    options.minimumSQNR = 0
    options.maxMemory = limit
    options.openSamples = { _ in
      SampleSet(count: 20) { [.tensor(input(side, 10 + UInt64($0)))] }
    }
    change(&options)
    return try Compiler.compile(path: path, options: options)
  }

  /// Eight values of 256 KiB and the statistics of all, 0.3 MB, do not fit in 2.5 MB: the passes are several, and what is
  /// measured is the same.
  @Test func valuesAreMeasuredInParts() throws {
    let free = try Self.compile(nil)
    #expect(free.warnings.isEmpty)
    let bounded = try Self.compile(2_500_000)
    let warning = try #require(bounded.warnings.first)
    #expect(bounded.warnings.count == 1)
    #expect(warning.contains(" passes over the samples: all together do not fit in --max-memory"))
    #expect(bounded.report.warnings.contains(warning))
    #expect(bounded.report.passes.contains { $0.name == "round-weights" && $0.edits > 0 })
    #expect(bounded.report.layers == free.report.layers)
    #expect(try Self.outputs(bounded) == Self.outputs(free))
  }

  private static func outputs(_ model: CompiledModel) throws -> Tensor? {
    try Session(bundle: model.bundle).run(["x": input(64, 99)])["y"]
  }

  /// Sixteen outputs of 256 KiB, twice, do not fit in a quarter of 4 MB.
  @Test func fewerOutputsAreCompared() throws {
    #expect(try Self.compile(nil, isWide: true).warnings.isEmpty)
    let bounded = try Self.compile(4_000_000, isWide: true)
    #expect(
      bounded.warnings.contains(
        "outputs are compared on 1 samples: those of more take over 1000000 bytes (--max-memory)"))
  }

  /// Half of what is left is less than a convolution's input and result.
  @Test func correlationsAreLeftOut() throws {
    let bounded = try Self.compile(1_500_000)
    let rounding = try #require(bounded.report.passes.first { $0.name == "round-weights" })
    #expect(rounding.rejected.contains { $0.reason.hasPrefix("its codes are the nearest: correlations do not fit, ") })
  }

  @Test func tooLittleIsAnError() throws {
    let run = #expect(throws: KerfError.self) { try Self.compile(300_000) }
    #expect(run?.message.contains("sample 0: ") == true && run?.notes == ["--max-memory sets the limit"])
    let outputs = #expect(throws: KerfError.self) { try Self.compile(1_200_000, isWide: true) }
    #expect(outputs?.message == "comparing the outputs of one sample takes 524288 bytes, more than 300000")
    // 32 KiB a value, whatever its size.
    let statistics = #expect(throws: KerfError.self) { try Self.compile(290_000, side: 16) }
    #expect(
      statistics?.message
        == "the statistics of 8 values take 263680 bytes, --max-memory leaves no room for a run")
  }
}
