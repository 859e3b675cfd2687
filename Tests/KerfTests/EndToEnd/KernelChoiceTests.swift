import Foundation
import IR
import ONNX
import Testing

@testable import Kerf
@testable import Reports

/// Kernels chosen by measured times, and the file that keeps these.
@Suite struct KernelChoiceTests {
  let folder = FileManager.default.temporaryDirectory.appending(path: "choice-\(UUID().uuidString)").path
  private var model: String { folder + "/model.onnx" }
  private var cache: String { folder + "/timings.json" }

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let weights = Tensor((0..<32 * 32 * 9).map { Float($0 % 7) / 10 }, shape: [32, 32, 3, 3])
    // The same layer twice, and one of another size.
    let graph = try Graph(
      parsing: """
        graph @g(%x: f32[1,32,16,16]) -> (%y: f32[1,32,12,12]) {
          %w = constant @w : f32[32,32,3,3]
          %1 = Conv(%x, %w) {pads = [1, 1, 1, 1]} : f32[1,32,16,16] from "first"
          %2 = Relu(%1) : f32[1,32,16,16] from "relu"
          %3 = Conv(%2, %w) {pads = [1, 1, 1, 1]} : f32[1,32,16,16] from "second"
          %4 = Conv(%3, %w) : f32[1,32,14,14] from "third"
          %y = Conv(%4, %w) {dilations = [1, 1]} : f32[1,32,12,12] from "last"
          return %y
        }
        """, constants: ["w": weights])
    try Data(exportModel(graph, producerVersion: "test")).write(to: URL(filePath: model))
  }

  private func options(cached: Bool = true) -> CompileOptions {
    var options = CompileOptions()
    options.measuresKernels = true
    options.measuringSeconds = 60
    options.timingCache = cached ? cache : nil
    return options
  }

  private func compile(_ options: CompileOptions) throws -> CompiledModel {
    try Compiler.compile(path: model, options: options)
  }

  /// A cache in which every figure of this machine went through `change`, which gets the kernel's name.
  private func rewriteCache(_ change: (String, Double) -> Double) throws {
    let data = try Data(contentsOf: URL(filePath: cache))
    var file = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    let machines = try #require(file["machines"] as? [String: [String: [String: Double]]])
    file["machines"] = machines.mapValues { layers in
      layers.mapValues { times in
        [String: Double](uniqueKeysWithValues: times.map { ($0.key, change($0.key, $0.value)) })
      }
    }
    try JSONSerialization.data(withJSONObject: file).write(to: URL(filePath: cache))
  }

  private func kernels(_ compiled: CompiledModel) -> [String] {
    compiled.report.layers.map(\.kernel).filter { $0 != "transpose" }
  }

  @Test func everyLayerIsMeasuredOnceAndReported() throws {
    let choices = try #require(compile(options()).report.choices)
    #expect(choices.map(\.layer) == ["first + relu", "second", "third", "last"])
    for choice in choices {
      #expect(choice.source == "measured")
      #expect(choice.candidates.map(\.kernel) == ["conv2d_f32", "winograd_f32 tile 4", "winograd_f32 tile 2"])
      #expect(choice.candidates.allSatisfy { $0.microseconds ?? 0 > 0 && $0.cost > 0 })
      #expect(choice.candidates.contains { $0.kernel == choice.winner })
    }
    #expect(choices[0].candidates == choices[1].candidates)
    #expect(choices[0].shape != choices[2].shape)
  }

  @Test func theSameCacheGivesTheSameBytes() throws {
    let first = try compile(options())
    let bytes = try Data(contentsOf: URL(filePath: cache))
    let second = try compile(options())
    #expect(second.bundle == first.bundle)
    #expect(second.report.choices?.allSatisfy { $0.source == "cached" } == true)
    #expect(try Data(contentsOf: URL(filePath: cache)) == bytes)
  }

  @Test func theFiguresOfTheCacheDecide() throws {
    _ = try compile(options())
    try rewriteCache { kernel, _ in kernel == "conv2d_f32" ? 5 : 50 }
    let direct = try compile(options())
    #expect(kernels(direct) == Array(repeating: "conv2d_f32", count: 4))
    try rewriteCache { kernel, _ in kernel == "winograd_f32 tile 2" ? 5 : 50 }
    let winograd = try compile(options())
    #expect(kernels(winograd) == Array(repeating: "winograd_f32", count: 4))
    #expect(winograd.report.choices?.allSatisfy { $0.winner == "winograd_f32 tile 2" } == true)
    #expect(winograd.bundle != direct.bundle)
  }

  /// What is faster by less than noise does not beat the table's choice.
  @Test func tiesGoToTheTable() throws {
    let table = try #require(compile(CompileOptions()).report.choices)
    _ = try compile(options())
    try rewriteCache { kernel, _ in kernel == table[0].winner ? 100 : 98 }
    #expect(try #require(compile(options()).report.choices).map(\.winner) == table.map(\.winner))
  }

  @Test func withoutTimeTheTableDecides() throws {
    var options = options()
    options.measuringSeconds = 0
    let compiled = try compile(options)
    let plain = try compile(CompileOptions())
    #expect(compiled.report.choices?.allSatisfy { $0.source == "table" } == true)
    #expect(kernels(compiled) == kernels(plain))
    #expect(compiled.bundle == plain.bundle)
    #expect(compiled.warnings.contains { $0.contains("the table decided") })
    #expect(!FileManager.default.fileExists(atPath: cache))
  }

  @Test func figuresOfOtherMachinesStay() throws {
    let foreign = #"{"format":"kerf timings","version":1,"machines":{"other":{"layer":{"kernel":7.5}}}}"#
    try Data(foreign.utf8).write(to: URL(filePath: cache))
    #expect(try compile(options()).report.choices?.allSatisfy { $0.source == "measured" } == true)
    let other = try TimingCache(path: cache, machine: "other")
    #expect(other["layer"] == ["kernel": 7.5])
    #expect(try compile(options()).report.choices?.allSatisfy { $0.source == "cached" } == true)
  }

  @Test(arguments: [
    "", "no JSON", "[1, 2]", "{}", #"{"format":"something","version":1,"machines":{}}"#,
    #"{"format":"kerf timings","version":2,"machines":{}}"#,
    #"{"format":"kerf timings","version":1,"machines":{"m":{"l":{"k":-1}}}}"#,
    #"{"format":"kerf timings","version":1,"machines":{"m":{"l":{"k":1e300}}}}"#,
    #"{"format":"kerf timings","version":1,"machines":{"m":{"l":{"k":"fast"}}}}"#,
    String(repeating: "[", count: 100_000),
  ])
  func otherFilesAreRefused(_ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: cache))
    let error = #expect(throws: KerfError.self) { try compile(options()) }
    #expect(error?.message.contains("is no timing cache") == true)
    #expect(try Data(contentsOf: URL(filePath: cache)) == Data(text.utf8))
  }

  @Test func theReportShowsWinnerAndLosers() throws {
    var report = CompileReport(
      kerfVersion: "1", source: .init(file: "m.onnx", sha256: "", opset: 17), target: "native")
    let candidates = [
      ChoiceReport.Candidate(kernel: "direct", cost: 2e6, microseconds: 20.5),
      ChoiceReport.Candidate(kernel: "<fast>", cost: 1e6, microseconds: 10.25),
    ]
    report.choices = [
      ChoiceReport(layer: "c", shape: "conv", winner: "<fast>", candidates: candidates, source: "cached")
    ]
    #expect(report.text().contains("c                  <fast> (10.25 µs)  direct (20.5 µs)  cached"))
    let html = try report.html()
    #expect(html.contains("&lt;fast&gt; (10.25 µs)") && !html.contains("<fast>"))
    let decoded = try CompileReport(json: report.encoded())
    #expect(decoded == report)
    #expect(decoded.withoutTimes.choices?.first?.source == "measured")
    report.choices?[0].candidates[0].microseconds = nil
    report.choices?[0].candidates[1].cost = 1e300
    #expect(report.text().contains("direct (2.00 M MACs)"))
  }
}
