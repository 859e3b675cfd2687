import Foundation
import TestSupport
import Testing

/// Recipes, bounds of dimensions, memory, strictness: options of `kerf compile` and what comes of them.
@Suite struct CompileOptionTests {
  let folder: TemporaryFolder
  let model: String
  let output: String

  init() throws {
    folder = try TemporaryFolder()
    model = try folder.write(TinyModel.relu, "relu.onnx")
    output = folder.path + "/relu.kerf"
  }

  func kerf(_ arguments: String...) throws -> CommandLineRun {
    let run = try CommandLineRun(arguments)
    #expect(!run.wasKilled)
    return run
  }

  private func recipe(_ text: String) throws -> String { try folder.write(Array(text.utf8), "recipe.yaml") }

  private func x(_ rows: Int) throws -> String {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), 3), }"
    let padded = header + String(repeating: " ", count: 117 - header.count) + "\n"
    let start: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0]
    return try folder.write(start + Array(padded.utf8) + Array(repeating: 0, count: rows * 12), "x.npy")
  }

  // MARK: What a model file may ask for

  @Test func limitsCanBeSet() throws {
    let refused = try kerf("compile", model, "-o", output, "--import-limit", "nodes=0")
    #expect(refused.status == 1 && refused.errors.contains("0"), "\(refused.errors)")
    #expect(try kerf("compile", model, "-o", output, "--quiet", "--import-limit", "nodes=1").status == 0)
    #expect(try kerf("inspect", model, "--import-limit", "name-bytes=0").status == 1)
    let unknown = try kerf("compile", model, "-o", output, "--import-limit", "edges=4")
    #expect(unknown.status == 64 && unknown.errors.contains("there is no limit 'edges'; limits are file-bytes, depth"))
    let deep = try kerf("compile", model, "-o", output, "--import-limit", "depth=101")
    #expect(deep.status == 64 && deep.errors.contains("depth must be in 0...100"), "\(deep.errors)")
    let text = try kerf("compile", model, "-o", output, "--import-limit", "nodes")
    #expect(text.status == 64 && text.errors.contains("'nodes' is not NAME=NUMBER"))
  }

  /// x + w, with w in the file `w.bin`.
  private func externalModel(_ folder: TemporaryFolder) throws -> String {
    let entry = Wire.bytes(13, Wire.text(1, "location") + Wire.text(2, "w.bin"))
    let weight = Wire.int(1, 3) + Wire.int(2, 1) + Wire.text(8, "w") + entry + Wire.int(14, 1)
    let graph = Wire.text(2, "g") + Wire.bytes(5, weight) + Wire.bytes(12, Wire.text(1, "w"))
    return try folder.write(Wire.int(1, 8) + Wire.bytes(7, graph) + Wire.bytes(8, Wire.int(2, 17)), "external.onnx")
  }

  @Test func externalDataMayLieElsewhere() throws {
    let elsewhere = try TemporaryFolder()
    let model = try externalModel(folder)
    let weights = try elsewhere.write(Wire.raw([1, 2, 3] as [Float]), "w.bin")
    let missing = try kerf("inspect", model)
    #expect(missing.status == 1 && missing.errors.contains("there is no such file"), "\(missing.errors)")
    let found = try kerf("inspect", model, "--external-root", elsewhere.path)
    #expect(found.status == 0 && found.errors.isEmpty, "\(found.errors)")
    try FileManager.default.linkItem(atPath: weights, toPath: elsewhere.path + "/again.bin")
    let linked = try kerf("inspect", model, "--external-root", elsewhere.path)
    #expect(linked.status == 1 && linked.errors.contains("more than one hard link"), "\(linked.errors)")
    #expect(try kerf("inspect", model, "--external-root", elsewhere.path, "--allow-hard-links").status == 0)
  }

  // MARK: Recipes

  @Test func recipesGiveOptions() throws {
    let file = try recipe(
      """
      # every long option is a key
      target: portable
      dim: {N: 1..4}
      verify-each: true
      quiet: false
      disable-pass: [fold-constants]
      report: \(folder.path)/report.json
      """)
    let run = try kerf("compile", model, "-o", output, "--recipe", file, "--quiet")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let data = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/report.json"))
    let report = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(report["target"] as? String == "portable")
    #expect((report["memory"] as? [String: Any])?["dimensions"] as? [String: [Int]] == ["N": [1, 4]])
    let passes = report["passes"] as? [[String: Any]] ?? []
    #expect(!passes.isEmpty && !passes.contains { $0["name"] as? String == "fold-constants" })
  }

  @Test func theCommandLineWins() throws {
    let file = try recipe("target: z80\ndim: [N=1..4, M=7]\noutput: /nonexistent/x\n")
    let run = try kerf(
      "compile", model, "-o", output, "--target=portable", "--dim", "N=2", "--recipe", file, "--report",
      folder.path + "/r.json")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let report = try String(contentsOfFile: folder.path + "/r.json", encoding: .utf8)
    #expect(report.contains("\"portable\""))
  }

  @Test(arguments: [
    ("quantise: int8\n", 64, "has the key 'quantise', which is no option of compile; did you mean 'quantize'?"),
    ("zebra: 1\n", 64, "has the key 'zebra', which is no option of compile"),
    ("recipe: other.yaml\n", 64, "has the key 'recipe', which is no option of compile"),
    ("verify-each: maybe\n", 64, "'verify-each' is true or false"),
    ("target: [native, portable]\n", 64, "'target' takes one value, 2 are given"),
    ("target: {a: {b: 1}}\n", 64, "'target' has a value that is no text or number"),
    ("target:\n", 64, "'target' has a value that is no text or number"),
    ("- target\n", 64, "is no mapping of options to values"),
    ("target: z80\n", 64, "The value 'z80' is invalid for '--target <name>'"),
    ("a: [b\n", 1, "is no YAML"),
  ])
  func wrongRecipes(_ text: String, _ status: Int32, _ message: String) throws {
    let run = try kerf("compile", model, "-o", output, "--recipe", try recipe(text))
    #expect(run.status == status)
    #expect(run.firstErrorLine.hasPrefix("error: ") && run.firstErrorLine.contains(message), "\(run.errors)")
    #expect(!FileManager.default.fileExists(atPath: output))
  }

  @Test func missingRecipes() throws {
    let run = try kerf("compile", model, "-o", output, "--recipe", "/nonexistent/r.yaml")
    #expect(run.status == 1 && run.firstErrorLine == "error: cannot read the recipe '/nonexistent/r.yaml'")
  }

  // MARK: Measuring

  @Test func measuringOptionsWithoutEffectAreNamed() throws {
    let cache = folder.path + "/timings.json"
    let run = try kerf("compile", model, "-o", output, "--timing-cache", cache, "--no-measure")
    #expect(run.status == 0)
    #expect(run.errors.contains("warning: --timing-cache has no effect with --no-measure"))
    #expect(!run.errors.contains("warning: --no-measure"))
    let portable = try kerf("compile", model, "-o", output, "--target", "portable", "--no-measure")
    #expect(portable.errors.contains("warning: --no-measure has no effect without --target native"))
    #expect(!FileManager.default.fileExists(atPath: cache))
    let native = ["--target", "native", "--timing-cache", cache]
    #expect(try CommandLineRun(["compile", model, "-o", output, "--quiet"] + native).errors.isEmpty)
    let foreign = try CommandLineRun(["compile", model, "-o", output, "--target", "native", "--timing-cache", model])
    #expect(foreign.status == 1)
    #expect(foreign.firstErrorLine == "error: '\(model)' is no timing cache")
  }

  // MARK: Bounds and memory

  @Test func boundsAreCheckedAtEveryRun() throws {
    #expect(try kerf("compile", model, "-o", output, "--dim", "N=2..4", "--quiet").status == 0)
    // Generated inputs take the lower bound.
    #expect(try kerf("run", output).output.contains("f32[2,3]"))
    #expect(try kerf("run", output, "--inputs", try x(4), "--outputs", folder.path + "/out").status == 0)
    for rows in [1, 5] {
      let run = try kerf("run", output, "--inputs", try x(rows), "--outputs", folder.path + "/out")
      #expect(run.status == 1)
      #expect(
        run.errors == """
          error: input 'x' (f32[N,3]): dimension N is \(rows), the model was compiled for 2...4
          note: compile it again with --dim N=\(min(rows, 2))..\(max(rows, 4))

          """)
    }
    let report = try kerf("report", output, "--json").json()
    let memory = try #require(report["memory"] as? [String: Any])
    #expect(memory["dimensions"] as? [String: [Int]] == ["N": [2, 4]])
    #expect(memory["arena_bytes"] is Int && memory["weight_bytes"] as? Int == 0)
  }

  @Test func memoryHasALimit() throws {
    let chain = TinyModel.model(
      inputs: [("x", ["N", 1000])], outputs: [("y", ["N", 1000])],
      nodes: [("Softmax", ["x"], ["a"]), ("Sin", ["a"], ["b"]), ("Softmax", ["b"], ["y"])])
    let path = try folder.write(chain, "chain.onnx")
    #expect(try kerf("compile", path, "-o", output, "--max-memory", "1MB", "--quiet").status == 0)
    let run = try kerf("compile", path, "-o", folder.path + "/b.kerf", "--dim", "N=1..1000", "--max-memory", "1MB")
    #expect(run.status == 1)
    #expect(run.firstErrorLine.hasPrefix("error: the compiled model needs "))
    #expect(run.firstErrorLine.hasSuffix(" bytes for its arena and 0 for weights, --max-memory is 1000000"))
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/b.kerf"))
  }

  /// Each says what it lacks: a warning, and an error with --strict.
  @Test(arguments: [
    (["--allow-slower"], "--allow-slower has no effect without --quantize"),
    (["--inputs", "x.npy"], "--inputs has no effect without --samples"),
    (["--samples", "x.npy"], "--samples has no effect without --quantize"),
    (["--disable-pass", "quantize-static"], "--disable-pass quantize-static has no effect without --quantize"),
    (
      ["--disable-pass", "smooth-layers", "--quantize", "int8-weights"],
      "--disable-pass smooth-layers has no effect with --quantize int8-weights and no --samples"
    ),
    (["--print-after", "round-weights"], "--print-after round-weights has no effect without --quantize"),
    (["--expand", "Softmax"], "--expand Softmax has no effect: the model has no node of that operator"),
    (["--quantize", "int8"], "without --samples activations get their ranges in each run"),
  ])
  func optionsThatLackOthersAreNamed(_ options: [String], _ message: String) throws {
    let product = try folder.write(
      TinyModel.model(
        inputs: [("x", [8, 3])], outputs: [("y", [8, 4])], nodes: [("MatMul", ["x", "w"], ["y"])],
        weights: [.init("w", [3, 4], .inFile([UInt8](repeating: 62, count: 48)))]), "product.onnx")
    let lax = try CommandLineRun(["compile", product, "-o", output] + options)
    #expect(lax.status == 0 && lax.errors.contains("warning: \(message)"), "\(lax.errors)")
    let strict = try CommandLineRun(["compile", product, "-o", output, "--strict"] + options)
    #expect(strict.status == 1 && strict.firstErrorLine.hasPrefix("error: --strict: \(message)"), "\(strict.errors)")
  }

  @Test func stoppingNamesTheLastEdit() throws {
    let path = try folder.write(
      TinyModel.model(
        inputs: [("x", [2, 3])], outputs: [("y", [2, 3])],
        nodes: [("Identity", ["x"], ["a"]), ("Identity", ["a"], ["b"]), ("Sin", ["b"], ["y"])]), "identities.onnx")
    let run = try kerf("compile", path, "-o", output, "--stop-after", "1")
    #expect(run.status == 0)
    #expect(run.errors.hasPrefix("warning: rewriting stopped after 1 edits, the last: "), "\(run.errors)")
  }

  @Test func optionsWithoutEffectAreErrorsWhenStrict() throws {
    let lax = try kerf("compile", model, "-o", output, "--dim", "M=3")
    #expect(lax.status == 0)
    #expect(lax.errors == "warning: --dim M has no effect: symbolic dimensions of the inputs are N\n")
    let strict = try kerf("compile", model, "-o", output, "--dim", "M=3", "--strict")
    #expect(strict.status == 1)
    #expect(
      strict.firstErrorLine == "error: --strict: --dim M has no effect: symbolic dimensions of the inputs are N")
  }

  /// What runs by reference evaluation, on every command that takes a model.
  @Test func everyCommandIsStrict() throws {
    let slow = TinyModel.model(
      inputs: [("x", [1, 1, 2, 2])], outputs: [("y", [1, 1, 1, 1])], nodes: [("GlobalLpPool", ["x"], ["y"])])
    let model = try folder.write(slow, "slow.onnx")
    #expect(try kerf("compile", model, "-o", output, "--keep-graph", "--quiet").status == 0)
    for arguments in [
      ["report", output], ["verify", output], ["inspect", output], ["inspect", model], ["run", output],
      ["bench", output], ["profile", output], ["compile", model, "-o", folder.path + "/strict.kerf"],
      ["export", output, "-o", folder.path + "/strict.onnx"],
    ] {
      #expect(try CommandLineRun(arguments + ["--strict"]).status == 1, "\(arguments)")
    }
    #expect(try kerf("inspect", self.model, "--strict").status == 0)
  }

  // MARK: Expansion

  @Test func operatorsExpand() throws {
    let softmax = TinyModel.model(
      inputs: [("x", ["N", 3])], outputs: [("y", ["N", 3])], nodes: [("Softmax", ["x"], ["y"])])
    let path = try folder.write(softmax, "softmax.onnx")
    let run = try kerf("compile", path, "-o", output, "--expand", "Softmax", "--disable-pass", "recover-softmax")
    #expect(run.status == 0, "\(run.errors)")
    #expect(try kerf("inspect", output, "--json").json()["operators"] as? [String: Int] != ["Softmax": 1])
    let compared = try kerf("compare", path, output, "--json").json()
    let first = try #require((compared["outputs"] as? [[String: Any]])?.first)
    #expect((first["max_abs"] as? Double ?? 1) < 1e-6)
    let wrong = try kerf("compile", path, "-o", output, "--expand", "Sofmax")
    #expect(wrong.status == 64)
    #expect(
      wrong.firstErrorLine
        == "error: --expand: ONNX defines no operator 'Sofmax' as a function; did you mean 'Softmax'?")
  }

  // MARK: Interruption

  /// A command that is told to stop ends with status 1 and leaves what was there.
  @Test(arguments: [SIGINT, SIGTERM])
  func interrupted(_ signal: Int32) throws {
    let process = Process()
    process.executableURL = CommandLineRun.executable
    process.arguments = ["bench", model, "--seconds", "60"]
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    try waitUntilCaught(signal, by: process.processIdentifier)
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 1)
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(text == "error: interrupted\n")
  }

  /// Waits until a process has a handler for a signal.
  private func waitUntilCaught(_ signal: Int32, by process: Int32) throws {
    for _ in 0..<3000 {
      let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
      let line = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
      let mask = line.flatMap { UInt64($0.dropFirst(7).drop { $0.isWhitespace }, radix: 16) } ?? 0
      if mask >> UInt64(signal - 1) & 1 == 1 { return }
      usleep(10_000)
    }
    Issue.record("signal \(signal) is not caught")
  }
}
