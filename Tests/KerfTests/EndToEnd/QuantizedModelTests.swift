import Foundation
import IR
import ONNX
import Synchronization
import TestSupport
import Testing

@testable import Kerf

/// What `--quantize` makes of whole models.
@Suite struct QuantizedModelTests {
  let folder = FileManager.default.temporaryDirectory.appending(path: "quantized-\(UUID().uuidString)").path
  private var model: String { folder + "/model.onnx" }

  init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

  /// Numbers in −1…1.
  private static func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
  }

  private func write(_ text: String, _ constants: [String: Tensor]) throws {
    let graph = try Graph(parsing: text, constants: constants)
    try Data(exportModel(graph, producerVersion: "test")).write(to: URL(filePath: model))
  }

  private func options(_ mode: QuantizeMode, _ samples: [[Datum?]]? = nil) -> CompileOptions {
    var options = CompileOptions()
    options.quantize = mode
    if let samples { options.openSamples = { _ in SampleSet(count: samples.count) { samples[$0] } } }
    return options
  }

  private func compile(_ options: CompileOptions = CompileOptions()) throws -> CompiledModel {
    try Compiler.compile(path: model, options: options)
  }

  private func decibels(_ a: Tensor, _ b: Tensor) -> Double {
    let (x, y) = (a.wide(Double.self), b.wide(Double.self))
    let noise = zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return 10 * log10(x.reduce(0) { $0 + $1 * $1 } / max(noise, 1e-300))
  }

  // MARK: Tables

  private static let rows = 2048
  private static let width = 64

  private static func indices(_ seed: Int) -> Tensor {
    Tensor((0..<32).map { Int64(($0 * 977 + seed * 131) % rows) }, shape: [32])
  }

  @Test(arguments: QuantizeMode.allCases)
  func tablesBecomeCodes(_ mode: QuantizeMode) throws {
    let (rows, n) = (Self.rows, Self.width)
    // Rows of very different magnitudes, which a scale for each fits.
    let table = Self.numbers(rows * n, 1).enumerated().map { $1 * (1 + Float($0 / n % 9)) }
    try write(
      """
      graph @g(%i: i64[32]) -> (%y: f32[32,64], %z: f32[32,64]) {
        %t = constant @t : f32[2048,64]
        %w = constant @w : f32[64,64]
        %y = Gather(%t, %i) : f32[32,64] from "words"
        %z = MatMul(%y, %w) : f32[32,64] from "product"
        return %y, %z
      }
      """, ["t": Tensor(table, shape: [rows, n]), "w": Tensor(Self.numbers(n * n, 2), shape: [n, n])])
    let float = try compile()
    let codes = try compile(options(mode, mode == .int8 ? (0..<8).map { [.tensor(Self.indices($0))] } : nil))
    #expect(codes.byteCount < float.byteCount - rows * n * 3 + rows * 4 + 8192)
    let words = codes.report.layers.filter { $0.name == "words" }
    #expect(words.map(\.bits).max() == 8)
    #expect(words.reduce(0) { $0 + $1.weightBytes } == rows * n + rows * 4)
    #expect(words.contains { $0.sqnrDB ?? 0 > 40 })
    let product = try #require(codes.report.layers.first { $0.name == "product" && $0.bits > 0 })
    #expect(try (mode == .int4Weights ? 18.0...28 : 38.0...60).contains(#require(product.sqnrDB)))
    #expect(float.report.layers.allSatisfy { $0.sqnrDB == nil })
    let input = ["i": Self.indices(77)]
    let (a, b) = (try Session(bundle: float.bundle).run(input), try Session(bundle: codes.bundle).run(input))
    #expect(try decibels(#require(a["y"]), #require(b["y"])) > 35)
    #expect(try decibels(#require(a["z"]), #require(b["z"])) > (mode == .int4Weights ? 18 : 30))
    #expect(try #require(a["y"]) != #require(b["y"]))
  }

  /// A column 300 times the others, which the product does not read, leaves these few codes.
  @Test func theFloorTakesTablesBack() throws {
    let (rows, n) = (Self.rows, Self.width)
    let table = Self.numbers(rows * n, 9).enumerated().map { $0 % n == 0 ? $1 * 300 : $1 }
    let weights = Self.numbers(n * n, 10).enumerated().map { $0 < n ? 0 : $1 }
    try write(
      """
      graph @g(%i: i64[32]) -> (%y: f32[32,64]) {
        %t = constant @t : f32[2048,64]
        %w = constant @w : f32[64,64]
        %1 = Gather(%t, %i) : f32[32,64] from "words"
        %y = MatMul(%1, %w) : f32[32,64] from "product"
        return %y
      }
      """, ["t": Tensor(table, shape: [rows, n]), "w": Tensor(weights, shape: [n, n])])
    var options = options(.int8, (0..<8).map { [.tensor(Self.indices($0))] })
    options.minimumSQNR = 30
    let codes = try compile(options)
    let excluded = codes.report.passes.first { $0.name == "exclude-layers" }
    let rejected = excluded?.rejected.first { $0.node.contains("words") }
    #expect(rejected?.reason.contains("it alone brings an output to") == true)
    #expect(codes.report.layers.filter { $0.name == "words" }.allSatisfy { $0.bits == 0 && $0.sqnrDB == nil })
  }

  // MARK: Convolutions

  private func writeConvolution() throws {
    try write(
      """
      graph @g(%x: f32[1,8,8,8]) -> (%y: f32[1,8,8,8]) {
        %w = constant @w : f32[8,8,3,3]
        %y = Conv(%x, %w) {pads = [1, 1, 1, 1]} : f32[1,8,8,8] from "conv"
        return %y
      }
      """, ["w": Tensor(Self.numbers(8 * 8 * 9, 3), shape: [8, 8, 3, 3])])
  }

  @Test(arguments: [QuantizeMode.int8Weights, .int4Weights])
  func convolutionsKeepFloatWeights(_ mode: QuantizeMode) throws {
    try writeConvolution()
    var options = options(mode)
    let codes = try compile(options)
    let reason = "no kernel reads 8-bit weights of a convolution: it stays float"
    #expect(codes.report.passes.contains { $0.rejected.contains { $0.node.contains("conv") && $0.reason == reason } })
    #expect(codes.warnings.contains { $0.contains("changed nothing: no product or recurrent layer") })
    let x = ["x": Tensor(Self.numbers(8 * 64, 4), shape: [1, 8, 8, 8])]
    let float = try Session(bundle: compile().bundle).run(x)
    #expect(try Session(bundle: codes.bundle).run(x) == float)
    options.strict = true
    let error = #expect(throws: KerfError.self) { try compile(options) }
    #expect(error?.message.contains("changed nothing") == true)
  }

  // MARK: Targets

  /// Weights become the same codes for every processor, whichever kernels multiply by them.
  @Test func targetsComputeTheSame() throws {
    try write(
      """
      graph @g(%x: f32[1,8,12,12]) -> (%y: f32[144,24]) {
        %w = constant @w : f32[16,8,3,3]
        %v = constant @v : f32[16,24]
        %s = constant [144, 16] : i64[2]
        %c = Conv(%x, %w) {pads = [1, 1, 1, 1]} : f32[1,16,12,12] from "conv"
        %t = Transpose(%c) {perm = [0, 2, 3, 1]} : f32[1,12,12,16] from "turn"
        %r = Reshape(%t, %s) : f32[144,16] from "rows"
        %y = MatMul(%r, %v) : f32[144,24] from "product"
        return %y
      }
      """,
      [
        "w": Tensor(Self.numbers(16 * 72, 5), shape: [16, 8, 3, 3]),
        "v": Tensor(Self.numbers(16 * 24, 6), shape: [16, 24]),
      ])
    let samples = (0..<4).map { Tensor(Self.numbers(8 * 144, 10 + $0), shape: [1, 8, 12, 12]) }
    var options = options(.int8, samples.map { [.tensor($0)] })
    let results = try Target.allCases.map { target in
      options.target = target
      return try Session(bundle: compile(options).bundle).run(["x": samples[0]])
    }
    #expect(results.dropFirst().allSatisfy { $0 == results[0] })
  }

  // MARK: The speed comparison

  @Test func comparingSpeedCanBeSwitchedOff() throws {
    try write(
      """
      graph @g(%x: f32[1,256]) -> (%y: f32[1,256]) {
        %w = constant @w : f32[256,256]
        %y = MatMul(%x, %w) : f32[1,256] from "product"
        return %y
      }
      """, ["w": Tensor(Self.numbers(256 * 256, 5), shape: [256, 256])])
    var options = options(.int8Weights)
    options.refusesSlower = true
    #expect(try compile(options).report.speed != nil)
    options.measuresSpeed = false
    let model = try compile(options)
    #expect(model.report.speed == nil)
    #expect(model.report.layers.contains { $0.bits == 8 })
    #expect(try compile(options).bundle == model.bundle)
  }

  // MARK: The calibration cache

  /// Two convolutions between which one channel is 64 times the others: it is evened out, and all measured again.
  private func writeUneven() throws {
    var (first, second) = (Self.numbers(8 * 8, 6), Self.numbers(8 * 8, 7))
    for index in 0..<8 {
      first[3 * 8 + index] *= 64
      second[index * 8 + 3] /= 64
    }
    try write(
      """
      graph @g(%x: f32[1,8,16,16]) -> (%y: f32[1,8,16,16]) {
        %v = constant @v : f32[8,8,1,1]
        %w = constant @w : f32[8,8,1,1]
        %1 = Conv(%x, %v) : f32[1,8,16,16] from "first"
        %2 = Relu(%1) : f32[1,8,16,16] from "relu"
        %y = Conv(%2, %w) : f32[1,8,16,16] from "second"
        return %y
      }
      """, ["v": Tensor(first, shape: [8, 8, 1, 1]), "w": Tensor(second, shape: [8, 8, 1, 1])])
  }

  private func cached(_ cache: String, seed: UInt64 = 8) throws -> (model: CompiledModel, measurements: Int) {
    let samples = (0..<4).map { index -> [Datum?] in
      [.tensor(Tensor(Self.numbers(8 * 256, seed + UInt64(index)), shape: [1, 8, 16, 16]))]
    }
    var options = options(.int8, samples)
    options.calibrationCache = cache
    let count = Mutex(0)
    options.progress = { what, done in
      if what == "calibrate", done == .count(0, of: 4) { count.withLock { $0 += 1 } }
    }
    let model = try compile(options)
    return (model, count.withLock { $0 })
  }

  @Test func theSecondCompilationMeasuresNothing() throws {
    try writeUneven()
    let cache = folder + "/statistics.json"
    let first = try cached(cache)
    #expect(first.measurements == 2)
    #expect(first.model.report.passes.contains { $0.name == "equalize-layers" && $0.edits > 0 })
    let bytes = try Data(contentsOf: URL(filePath: cache))
    let second = try cached(cache)
    #expect(second.measurements == 0 && second.model.bundle == first.model.bundle)
    #expect(try Data(contentsOf: URL(filePath: cache)) == bytes)
    // Other samples: measured, and those of the first stay.
    #expect(try cached(cache, seed: 50).measurements > 0)
    #expect(try cached(cache).measurements == 0)
  }

  @Test(arguments: ["", "no JSON", "{}", #"{"format":"kerf timings","version":1,"machines":{}}"#])
  func otherFilesAreNoCache(_ text: String) throws {
    try writeUneven()
    let cache = folder + "/other.json"
    try Data(text.utf8).write(to: URL(filePath: cache))
    let error = #expect(throws: KerfError.self) { try cached(cache) }
    #expect(error?.message == "'\(cache)' is no calibration cache")
    #expect(try Data(contentsOf: URL(filePath: cache)) == Data(text.utf8))
  }
}
