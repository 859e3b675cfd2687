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
    let text = "# known\nfail node/bad rounding of halves\nfail gone* not there yet\nskip random* no fixed values\n"
    let manifest = try ConformanceManifest(path: folder.write(Array(text.utf8), "known.txt"))
    #expect(manifest.skipReason("random_1") == "no fixed values")
    #expect(manifest.skipReason("node/bad") == nil)
    #expect(manifest.judge(ConformanceResult("node/bad", .failed, "x")).status == .skipped)
    #expect(manifest.judge(ConformanceResult("node/bad", .passed)).status == .failed)
    #expect(manifest.judge(ConformanceResult("gone_2", .passed)).status == .passed)
    #expect(manifest.judge(ConformanceResult("other", .failed, "x")).status == .failed)
    let bad = try folder.write(Array("fail nameonly\n".utf8), "bad.txt")
    #expect(throws: KerfError.self) { try ConformanceManifest(path: bad) }
  }
}
