import Foundation
import TestSupport
import Testing

/// Models that are large in nodes, weights or nesting: within bounds of memory, or refused with a reason. `ulimit -d`
/// bounds what a process allocates; pages of mapped files do not count.
@Suite(.serialized) struct LargeModelTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func kerf(megabytes: Int, _ arguments: String...) throws -> CommandLineRun {
    let run = try CommandLineRun(
      ["-c", "ulimit -d \(megabytes * 1024) && exec \"$@\"", "sh", CommandLineRun.executable.path] + arguments,
      executable: URL(fileURLWithPath: "/bin/sh"))
    #expect(!run.wasKilled)
    return run
  }

  /// Bytes that the disk has room for.
  private func room() -> Int {
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
    return (attributes?[.systemFreeSize] as? NSNumber)?.intValue ?? 0
  }

  // MARK: Weights

  /// `y = MatMul(x, w)` with 100 MB of weights in the file itself.
  @Test func weightsInTheFileAreNotCopied() throws {
    let side = 5000
    let bytes = side * side * 4
    guard room() > 3 * bytes else { return }
    let path = try folder.write(
      TinyModel.model(
        inputs: [("x", [1, .number(side)])], outputs: [("y", [1, .number(side)])],
        nodes: [("MatMul", ["x", "w"], ["y"])],
        weights: [TinyModel.Weight("w", [side, side], .inFile([UInt8](repeating: 0x3C, count: bytes)))]), "large.onnx")
    let inspected = try kerf(megabytes: 96, "inspect", path, "--json")
    #expect(inspected.status == 0, "\(inspected.errors)")
    #expect(try inspected.json()["parameters"] as? Int == side * side)
    let compiled = try CommandLineRun(["compile", path, "-o", folder.path + "/large.kerf", "--json"])
    #expect(compiled.status == 0, "\(compiled.errors)")
    // The mapped file and the packed weights.
    let peak = try compiled.json()["peak_rss_bytes"] as? Int ?? .max
    #expect(peak < bytes * 5 / 2 + 64 << 20, "\(peak) bytes")
  }

  /// `y = Gather(w, i)` with 3 GiB beside the file: a hole, so that the test costs the disk only what is compiled.
  @Test func threeGigabytesBesideTheFile() throws {
    let (rows, columns) = (786_432, 1024)
    let bytes = rows * columns * 4
    guard room() > bytes + (2 << 30) else { return }
    #expect(FileManager.default.createFile(atPath: folder.path + "/w.bin", contents: nil))
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.path + "/w.bin"))
    try file.truncate(atOffset: UInt64(bytes))
    try file.close()
    let path = try folder.write(
      TinyModel.model(
        inputs: [("i", [4])], outputs: [("y", [4, .number(columns)])],
        nodes: [("Cast", ["i"], ["j"]), ("Gather", ["w", "j"], ["y"])],
        weights: [TinyModel.Weight("w", [rows, columns], .external("w.bin"))], integerCasts: true), "gather.onnx")
    let run = try kerf(megabytes: 256, "compile", path, "-o", folder.path + "/gather.kerf", "--json")
    #expect(run.status == 0, "\(run.errors)")
    let json = try run.json()
    #expect(json["bytes"] as? Int ?? 0 > bytes)
    #expect(json["peak_rss_bytes"] as? Int ?? .max < 512 << 20)
    #expect(try kerf(megabytes: 256, "run", folder.path + "/gather.kerf", "--quiet").status == 0)
  }

  // MARK: Nodes

  @Test func manyNodes() throws {
    #if DEBUG
      let count = 10_000
    #else
      let count = 100_000
    #endif
    // Alternating, so that nothing cancels: what is inferred, fused and lowered is all there.
    let operators = ["Sigmoid", "Abs", "Tanh", "Exp", "Softplus"]
    let nodes = (0..<count).map { index in
      (
        operators[index % operators.count], [index == 0 ? "x" : "v\(index)"],
        [index == count - 1 ? "y" : "v\(index + 1)"]
      )
    }
    let path = try folder.write(
      TinyModel.model(inputs: [("x", [1, 4])], outputs: [("y", [1, 4])], nodes: nodes), "chain.onnx")
    let run = try kerf(megabytes: 1500, "compile", path, "-o", folder.path + "/chain.kerf", "--json")
    #expect(run.status == 0, "\(run.errors)")
    #expect(try run.json()["layers"] as? Int ?? 0 > count / 10)
    #expect(try kerf(megabytes: 1500, "run", folder.path + "/chain.kerf", "--quiet").status == 0)
  }

  /// A million nodes in a row are accepted or refused, in memory that follows from the file's size.
  @Test func aMillionNodes() throws {
    #if DEBUG
      let count = 100_000
    #else
      let count = 1_000_000
    #endif
    let nodes = (0..<count).map { index in
      ("Identity", [index == 0 ? "x" : "v\(index)"], [index == count - 1 ? "y" : "v\(index + 1)"])
    }
    let bytes = TinyModel.model(inputs: [("x", [1, 4])], outputs: [("y", [1, 4])], nodes: nodes)
    let path = try folder.write(bytes, "chain.onnx")
    let run = try kerf(
      megabytes: 128 + 12 * bytes.count >> 20, "compile", path, "-o", folder.path + "/chain.kerf", "--json")
    #expect(run.status == 0, "\(run.errors)")
    #expect(try run.json()["peak_rss_bytes"] as? Int ?? .max < 128 << 20 + 12 * bytes.count)
  }

  /// Equal nodes that one node reads become one, which has more names than a bundle has room for.
  @Test func equalNodesReadByOne() throws {
    #if DEBUG
      let count = 10_000
    #else
      let count = 20_000
    #endif
    let parts = (0..<count).map { "p\($0)" }
    let nodes = parts.map { ("Relu", ["x"], [$0]) } + [("Sum", parts, ["y"])]
    let path = try folder.write(
      TinyModel.model(inputs: [("x", [1, 4])], outputs: [("y", [1, 4])], nodes: nodes, numbered: true),
      "wide.onnx")
    let run = try kerf(megabytes: 256, "compile", path, "-o", folder.path + "/wide.kerf", "--quiet")
    #expect(run.status == 0, "\(run.errors)")
    #expect(try kerf(megabytes: 256, "run", folder.path + "/wide.kerf", "--quiet").status == 0)
  }

  // MARK: Nesting

  @Test(arguments: [20, 100, 2000]) func subgraphsInsideEachOther(_ depth: Int) throws {
    let path = try folder.write(TinyModel.nestedConditionals(depth), "nested.onnx")
    let run = try CommandLineRun(["compile", path, "-o", folder.path + "/nested.kerf", "--quiet"])
    #expect(!run.wasKilled)
    // Each takes three messages of the 64 that a file may nest.
    #expect(run.status == (depth <= 20 ? 0 : 1), "\(run.errors)")
    if depth > 20 { #expect(run.firstErrorLine.hasSuffix("messages are nested deeper than 64")) }
  }

  @Test func functionsInsideEachOther() throws {
    let path = try folder.write(TinyModel.nestedFunctions(3000), "functions.onnx")
    let run = try CommandLineRun(["compile", path, "-o", folder.path + "/functions.kerf", "--quiet"])
    #expect(run.status == 0 && !run.wasKilled, "\(run.errors)")
  }
}
