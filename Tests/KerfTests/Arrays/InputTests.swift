import IR
import TestSupport
import Testing

@testable import Kerf

/// How values are found for inputs and samples.
@Suite struct InputTests {
  let folder: TemporaryFolder
  let two = [
    PortDescription(name: Array("a/b".utf8), .tensor(.float32, [.symbol("N"), 2])),
    PortDescription(name: Array("ids".utf8), .tensor(.int64, [.symbol("N")])),
  ]

  init() throws { folder = try TemporaryFolder() }

  func save(_ tensor: Tensor, _ name: String) throws -> String {
    try folder.write([UInt8](NumpyFile.encode(tensor)), name)
  }

  let x = Tensor([Float(1), 2], shape: [1, 2])
  let ids = Tensor([Int64(5)])

  @Test func folderByNumberAndName() throws {
    _ = try save(x, "n/input_0.npy")
    _ = try save(ids, "n/ids.npy")
    _ = try save(ids, "n/other.npy")
    #expect(try InputFiles.loadAll([folder.path + "/n"], for: two).map { $0?.tensor } == [x, ids])
    _ = try save(x, "m/a_b.npy")
    _ = try save(ids, "m/input_1.npy")
    #expect(try InputFiles.loadAll([folder.path + "/m"], for: two).map { $0?.tensor } == [x, ids])
  }

  @Test func namedFilesWinOverFolders() throws {
    _ = try save(Tensor([Float(8), 9], shape: [1, 2]), "n/input_0.npy")
    _ = try save(ids, "n/input_1.npy")
    let own = try save(x, "own.npy")
    #expect(try InputFiles.loadAll(["a/b=\(own)", folder.path + "/n"], for: two).map { $0?.tensor } == [x, ids])
    let error = #expect(throws: KerfError.self) { try InputFiles.loadAll(["a/b=\(own)", "a/b=\(own)"], for: two) }
    #expect(error?.message.hasPrefix("input 'a/b' is given twice") == true)
  }

  @Test func archivesByName() throws {
    let file = try folder.write(try NumpyArchive.encode([("ids", ids), ("extra", ids), ("a/b", x)]), "in.npz")
    #expect(try InputFiles.loadAll([file], for: two).map { $0?.tensor } == [x, ids])
  }

  @Test func missingInputsAreNamedWithWhatWasFound() throws {
    _ = try save(x, "n/input_0.npy")
    _ = try save(x, "n/strange.npy")
    let error = #expect(throws: KerfError.self) { try InputFiles.loadAll([folder.path + "/n"], for: two) }
    #expect(error?.message == "no value for input 'ids' (i64[N], input 1)")
    #expect(error?.notes.first == "found: \(folder.path)/n/input_0.npy, \(folder.path)/n/strange.npy")
  }

  @Test func typesAndShapesMustFit() throws {
    let wrong = try save(Tensor([Double(1), 2], shape: [1, 2]), "d.npy")
    let error = #expect(throws: KerfError.self) { try InputFiles.load(["a/b=\(wrong)"], for: two) }
    #expect(error?.message == "input 'a/b' expects f32[N,2], but '\(wrong)' holds f64[1,2]")
    #expect(error?.notes == ["save it as float32"])
    let shape = try save(Tensor([Float(1), 2, 3], shape: [1, 3]), "s.npy")
    let other = #expect(throws: KerfError.self) { try InputFiles.load(["a/b=\(shape)"], for: two) }
    #expect(other?.message == "input 'a/b' expects f32[N,2], but '\(shape)' holds f32[1,3]")
  }

  @Test func unknownNamesAreErrors() throws {
    let error = #expect(throws: KerfError.self) { try InputFiles.load(["c=x.npy"], for: two) }
    #expect(error?.message == "the model has no input 'c'")
    #expect(error?.notes == ["its inputs are 'a/b' (f32[N,2]), 'ids' (i64[N])"])
    let single = try save(x, "x.npy")
    let ambiguous = #expect(throws: KerfError.self) { try InputFiles.load([single], for: two) }
    #expect(ambiguous?.message == "'\(single)' does not say which of the 2 inputs it is for")
  }

  @Test func samplesFromArrays() throws {
    _ = try save(Tensor([Float(1), 2, 3, 4], shape: [2, 2]), "s/input_0.npy")
    _ = try save(Tensor([Int64(7), 8], shape: [2, 1]), "s/input_1.npy")
    let files = try SampleFiles.open(folder.path + "/s", for: two)
    #expect(files.set.count == 2)
    #expect(files.addsAxis)
    #expect(try files.set.load(1).map { $0?.tensor } == [Tensor([Float(3), 4], shape: [1, 2]), Tensor([Int64(8)])])
  }

  @Test func samplesFromFoldersInNumericOrder() throws {
    for index in [10, 2] {
      _ = try save(Tensor([Float(index), 0], shape: [1, 2]), "c/case_\(index)/input_0.npy")
      _ = try save(ids, "c/case_\(index)/input_1.npy")
    }
    let files = try SampleFiles.open(folder.path + "/c", for: two)
    #expect(files.set.count == 2)
    #expect(!files.addsAxis)
    #expect(try files.set.load(0)[0]?.tensor == Tensor([Float(2), 0], shape: [1, 2]))
  }

  @Test func samplesBesideConstants() throws {
    let file = try save(Tensor([Float(1), 2, 3, 4], shape: [2, 1, 2]), "frames.npy")
    let files = try SampleFiles.open(file, for: two, constants: [nil, .tensor(ids)])
    #expect(!files.addsAxis)
    #expect(try files.set.load(1).map { $0?.tensor } == [Tensor([Float(3), 4], shape: [1, 2]), ids])
  }

  @Test func generatedValuesAreAlwaysTheSame() throws {
    let values = try GeneratedInputs.values(for: two)
    #expect(values.map { $0?.tensor?.shape } == [[1, 2], [1]])
    #expect(values[1]?.tensor == Tensor([Int64(1)]))
    #expect(
      values[0]?.tensor?.elements(Float.self) == (try GeneratedInputs.values(for: two))[0]?.tensor?.elements(Float.self)
    )
    #expect(values[0]?.tensor?.elements(Float.self)?.allSatisfy { (0..<1).contains($0) } == true)
    let huge = [PortDescription(name: [120], .tensor(.float32, [Dim(1 << 40)]))]
    #expect(throws: KerfError.self) { try GeneratedInputs.values(for: huge) }
  }
}
