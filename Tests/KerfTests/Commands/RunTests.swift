import Foundation
import IR
import TestSupport
import Testing

@testable import Kerf

/// Models that are run: stacked samples, carried state, conformance cases.
@Suite struct RunTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func save(_ tensor: Tensor, _ name: String) throws -> String {
    try folder.write([UInt8](NumpyFile.encode(tensor)), name)
  }

  @Test func outputsOfSamplesAreStacked() throws {
    let session = try Session(path: folder.write(TinyModel.relu, "relu.onnx"))
    let rows = try save(Tensor([Float(-1), 2, 3, 4, -5, 6], shape: [2, 3]), "rows.npy")
    var runner = try SampleRunner(session, carries: [], constants: [nil])
    let outputs = try runner.runAll(try SampleFiles.open(rows, for: session.inputs))
    // The samples got a leading axis of 1, which the stacked output loses.
    #expect(outputs.map(\.tensor) == [Tensor([Float(0), 2, 3, 4, 0, 6], shape: [2, 3])])
    let batches = try save(Tensor([Float(-1), 2, 3, 4, -5, 6], shape: [2, 1, 3]), "batches.npy")
    let kept = try runner.runAll(try SampleFiles.open(batches, for: session.inputs))
    #expect(kept.map { $0.tensor?.shape } == [[2, 1, 3]])
  }

  @Test func carriedStateFeedsTheNextSample() throws {
    let model = TinyModel.model(
      inputs: [("x", [1]), ("state", [1])], outputs: [("y", [1]), ("next", [1])],
      nodes: [("Add", ["x", "state"], ["y"]), ("Identity", ["y"], ["next"])])
    let session = try Session(path: folder.write(model, "sum.onnx"))
    let file = try save(Tensor([Float(1), 2, 3], shape: [3, 1]), "x.npy")
    let carried = try SampleRunner.carriedInputs(["next=state"], session)
    #expect(carried == [1])
    let samples = try SampleFiles.open(file, for: session.inputs, constants: [nil, nil], carried: carried)
    var zeros = try SampleRunner(session, carries: ["next=state"], constants: [nil, nil])
    #expect(try zeros.runAll(samples)[0].tensor == Tensor([Float(1), 3, 6], shape: [3, 1]))
    var given = try SampleRunner(session, carries: ["next=state"], constants: [nil, .tensor(Tensor([Float(10)]))])
    #expect(try given.runAll(samples)[0].tensor == Tensor([Float(11), 13, 16], shape: [3, 1]))
    #expect(throws: KerfError.self) { try SampleRunner.carriedInputs(["next=nothing"], session) }
  }

  @Test func squeezesOfOpenShapesHaveKernels() throws {
    let model = TinyModel.model(
      inputs: [("x", ["N", 1])], outputs: [("y", ["M"])],
      nodes: [("Squeeze", ["x"], ["squeezed"]), ("Relu", ["squeezed"], ["y"])])
    let session = try Session(path: folder.write(model, "squeeze.onnx"))
    #expect(session.fallbacks.isEmpty)
    let rows = try session.run([.tensor(Tensor([Float(-1), 2, 3], shape: [3, 1]))])
    #expect(rows.map(\.tensor) == [Tensor([Float(0), 2, 3], shape: [3])])
    let one = try session.run([.tensor(Tensor([Float(4)], shape: [1, 1]))])
    #expect(one.map(\.tensor) == [Tensor([Float(4)], shape: [])])
  }

  @Test func generatedInputsFitTheModel() throws {
    let weight = TinyModel.Weight("w", [1, 1, 5], .inFile([UInt8](repeating: 0, count: 20)))
    let model = TinyModel.model(
      inputs: [("x", ["N", 1, "T"])], outputs: [("y", ["N", 1, "U"])], nodes: [("Conv", ["x", "w"], ["y"])],
      weights: [weight])
    let session = try Session(path: folder.write(model, "conv.onnx"))
    #expect(try session.generatedInputs().map { $0?.tensor?.shape } == [[1, 1, 8]])
    let bundle = folder.path + "/conv.kerf"
    try Compiler.compile(path: folder.path + "/conv.onnx").write(to: bundle)
    #expect(try Inspection.of(path: bundle, withText: false).macs == 20)
  }

  @Test func profilesCountMultiplications() throws {
    let weight = TinyModel.Weight("w", [2, 3, 3, 3], .inFile([UInt8](repeating: 0, count: 4 * 54)))
    let model = TinyModel.model(
      inputs: [("x", [1, 2, 4, 5])], outputs: [("y", [1, 3, 6, 7])], nodes: [("ConvTranspose", ["x", "w"], ["y"])],
      weights: [weight])
    let session = try Session(path: folder.write(model, "transposed.onnx"))
    let steps = try session.profile(try session.generatedInputs(), runs: 1)
    // Each of 2 × 4 × 5 inputs meets 3 × 3 × 3 weights.
    #expect(steps.reduce(0) { $0 + $1.macs } == 40 * 27)
  }

  func writeCase(_ name: String, expected: [Float], extra: [String: [UInt8]] = [:]) throws {
    try folder.write(TinyModel.relu, "\(name)/model.onnx")
    try folder.write(TinyModel.tensor([-1, 2, 3], shape: [1, 3]), "\(name)/test_data_set_0/input_0.pb")
    try folder.write(TinyModel.tensor(expected, shape: [1, 3]), "\(name)/test_data_set_0/output_0.pb")
    for (file, bytes) in extra { try folder.write(bytes, "\(name)/\(file)") }
  }

  @Test(arguments: [false, true])
  func conformanceCases(usesReference: Bool) throws {
    try writeCase("node/good", expected: [0, 2, 3])
    try writeCase("node/bad", expected: [0, 2, 4])
    try writeCase("loose", expected: [0, 2, 4], extra: ["data.json": Array(#"{"rtol": 0.5}"#.utf8)])
    try folder.write(TinyModel.relu, "empty/model.onnx")
    try folder.write([1, 2, 3], "broken/model.onnx")
    try folder.write([], "broken/test_data_set_0/input_0.pb")
    let cases = try ConformanceCase.find(in: folder.path)
    #expect(cases.map(\.name) == ["broken", "empty", "loose", "node/bad", "node/good"])
    let results = cases.map { ConformanceRun(usesReference: usesReference).run($0) }
    #expect(results.map(\.status) == [.failed, .skipped, .passed, .failed, .passed])
    #expect(results[3].reason == "test_data_set_0: output 0 'y': 1 of 3 elements differ, most at 2: 3.0, expected 4.0")
    let summary = ConformanceSummary(results)
    #expect(summary.passed == 2 && summary.failed == 2 && summary.skipped == 1)
  }

  @Test func manifestJudgesResults() throws {
    let text = """
      # known
      fail node/bad rounding of halves
      fail gone* not there yet
      skip slow* takes hours
      fail:symbolic open its rank is open
      random drawn dropout the mask is drawn
      """
    let manifest = try ConformanceManifest(path: folder.write(Array(text.utf8), "known.txt"))
    func item(_ name: String, _ mode: ConformanceMode = .static) -> ConformanceCase {
      ConformanceCase(name: name, path: "", mode: mode)
    }
    func judged(_ item: ConformanceCase, _ status: ConformanceResult.Status) -> ConformanceResult.Status {
      manifest.judge(ConformanceResult(item, status, "x")).status
    }
    #expect(manifest.skipReason(item("slow_1")) == "takes hours")
    #expect(manifest.skipReason(item("node/bad")) == nil)
    #expect(judged(item("node/bad"), .failed) == .skipped)
    #expect(judged(item("node/bad", .constant), .passed) == .failed)
    #expect(judged(item("gone_2"), .passed) == .passed)
    #expect(judged(item("other"), .failed) == .failed)
    #expect(judged(item("open"), .failed) == .failed)
    #expect(judged(item("open", .symbolic), .failed) == .skipped)
    #expect(manifest.random(item("drawn")) == .dropout && manifest.random(item("open")) == nil)
    for line in ["fail nameonly", "fail:never name reason", "random name normal reason"] {
      let bad = try folder.write(Array(line.utf8), "bad.txt")
      #expect(throws: KerfError.self) { try ConformanceManifest(path: bad) }
    }
  }

  @Test(arguments: ConformanceMode.allCases)
  func everyModeGivesTheSame(mode: ConformanceMode) throws {
    try writeCase("good", expected: [0, 2, 3])
    try writeCase("bad", expected: [0, 2, 4])
    let cases = try ConformanceCase.find(in: folder.path).map {
      ConformanceCase(name: $0.name, path: $0.path, mode: mode)
    }
    let results = cases.map { ConformanceRun().run($0) }
    #expect(results.map(\.status) == [.failed, .passed])
    #expect(results[1].inference?.dimensions == (mode == .symbolic ? 2 : nil))
    #expect(results[1].inference?.unknownDimensions == (mode == .symbolic ? 0 : nil))
  }

  @Test func distributionsAreChecked() throws {
    let x = try RandomOutputs.repeated([.tensor(Tensor([Float(0), 0.25, 1]))])
    let draws = (0..<RandomOutputs.copies).flatMap { [0, $0 % 4 == 0 ? 1 : 0, 1] as [Float] }
    func deviation(_ kind: RandomOutputs, _ draws: [Float]) -> String? {
      kind.deviation(of: [.tensor(Tensor(draws))], for: x)
    }
    #expect(deviation(.bernoulli, draws) == nil)
    #expect(deviation(.complement, draws.map { 1 - $0 }) == nil)
    #expect(deviation(.complement, draws) != nil)
    #expect(deviation(.bernoulli, draws.map { $0 * 2 }) != nil)
    #expect(deviation(.bernoulli, draws.map { _ in 0 }) != nil)
  }
}
