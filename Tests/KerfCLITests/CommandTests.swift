import Foundation
import TestSupport
import Testing

/// What every command promises: exit status, where text goes, error texts, JSON keys.
@Suite struct CommandTests {
  let folder: TemporaryFolder
  let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = try folder.write(TinyModel.relu, "relu.onnx")
  }

  func kerf(_ arguments: String...) throws -> CommandLineRun {
    let run = try CommandLineRun(arguments)
    #expect(!run.wasKilled)
    return run
  }

  func bundle() throws -> String {
    let path = folder.path + "/relu.kerf"
    let run = try kerf("compile", model, "-o", path, "--quiet")
    #expect(run.status == 0 && run.output.isEmpty && run.errors.isEmpty)
    return path
  }

  // MARK: Wrong usage

  @Test(arguments: [
    (["nonsense"], "error: Unexpected argument 'nonsense'"),
    (["run"], "error: Missing expected argument '<model>'"),
    (["compile", "a.onnx"], "error: Missing expected argument '--output <out.kerf>'"),
    (["compile", "a.onnx", "-o", "a.onnx"], "error: the output must be another file than the model"),
    (
      ["compile", "a.onnx", "-o", "b", "--quantize", "int9"],
      "error: The value 'int9' is invalid for '--quantize <kind>'. Please provide one of 'int8', 'int8-dynamic', "
        + "'int8-weights' or 'int4-weights'."
    ),
    (
      ["compile", "a.onnx", "-o", "b", "--max-drop", "200%"],
      "error: The value '200%' is invalid for '--max-drop <share>'"
    ),
    (["debug", "a.onnx"], "error: debug needs --samples"),
    (["compile", "a.onnx", "-o", "b", "--stop-after", "-1"], "error: Missing value for '--stop-after <n>'"),
    (
      ["compile", "a.onnx", "-o", "b", "--input-shape", "x1x3"],
      "error: The value 'x1x3' is invalid for '--input-shape <name:shape>': 'x1x3' is not NAME:SHAPE, as x:1x3x224x224"
    ),
    (
      ["compile", "a.onnx", "-o", "b", "--dim", "N=5..2"],
      "error: The value 'N=5..2' is invalid for '--dim <name=value>': 'N=5..2' is not NAME=VALUE or NAME=MIN..MAX"
    ),
    (
      ["compile", "a.onnx", "-o", "b", "--target", "z80"],
      "error: The value 'z80' is invalid for '--target <name>'. Please provide one of the following: native, portable, x86-64-v2, "
        + "x86-64-v3, x86-64-v4, aarch64, aarch64-dotprod, aarch64-i8mm"
    ),
    (["run", "a.kerf", "--carry", "a=b"], "error: --carry needs --samples"),
    (["bench", "a.kerf", "--threads", "0"], "error: --threads is 0, must be in 1...1024"),
    (["bench", "a.kerf", "--seconds", "x"], "error: The value 'x' is invalid for '--seconds <s>'"),
    (["bench", "a.kerf", "--quiet", "--verbose"], "error: --quiet and --verbose exclude each other"),
    (["report", "a.kerf", "--json", "--format", "html"], "error: --json and --format html exclude each other"),
    (["evaluate", "a.kerf", "--labels", "y.npy"], "error: evaluate needs --samples"),
    (["run", "a\u{1B}[31m\n.kerf", "x"], "error: Unexpected argument 'x'"),
    (["run", "a.kerf", "--bad\u{1B}[31m"], "error: Unknown option '--bad\\x1b[31m'"),
  ])
  func wrongUsage(_ arguments: [String], _ line: String) throws {
    let run = try CommandLineRun(arguments)
    #expect(run.status == 64 && !run.wasKilled)
    #expect(run.firstErrorLine == line)
    #expect(run.output.isEmpty)
  }

  // MARK: Failures

  /// The variable names the strongest instruction set that kernels may use.
  @Test func instructionSetsOfTheEnvironment() throws {
    let plain = try CommandLineRun(["operators", "--json"], environment: ["KERF_ISA": "portable"])
    #expect(try plain.json()["isas"] as? [String] == ["portable"])
    let wrong = try CommandLineRun(["operators"], environment: ["KERF_ISA": "avx3"])
    #expect(wrong.status == 1 && wrong.output.isEmpty)
    #expect(wrong.firstErrorLine == "error: the environment variable KERF_ISA is 'avx3', which is no instruction set")
  }

  @Test func missingFiles() throws {
    for command in ["verify", "report"] {
      let run = try kerf(command, "/nonexistent/a.kerf")
      #expect(run.status == 1 && run.output.isEmpty)
      #expect(run.firstErrorLine.hasPrefix("error: '/nonexistent/a.kerf': cannot open '/nonexistent/a.kerf'"))
    }
    let run = try kerf("run", "/nonexistent/a.onnx")
    #expect(run.status == 1)
    #expect(run.firstErrorLine == "error: /nonexistent/a.onnx: cannot open the file: No such file or directory")
  }

  @Test func brokenModelsAreRefusedAndLeaveNothing() throws {
    let broken = try folder.write(Array("not a model".utf8), "broken.onnx")
    let run = try kerf("compile", broken, "-o", folder.path + "/broken.kerf")
    #expect(run.status == 1 && run.output.isEmpty)
    #expect(run.firstErrorLine.hasPrefix("error: \(broken): "))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["broken.onnx", "relu.onnx"])
  }

  @Test func wrongInputsAreNamed() throws {
    let file = try folder.write([1, 2, 3], "x.npy")
    let run = try kerf("run", model, "--inputs", file)
    #expect(run.status == 1)
    #expect(run.firstErrorLine == "error: '\(file)' is no usable .npy file: it does not start with NumPy's mark")
    let named = try kerf("run", model, "--inputs", "z=\(file)")
    #expect(named.errors == "error: the model has no input 'z'\nnote: its inputs are 'x' (f32[N,3])\n")
  }

  @Test func damagedBundlesAreRefused() throws {
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: bundle())))
    bytes[bytes.count / 2] ^= 1
    let damaged = try folder.write(bytes, "damaged.kerf")
    for command in ["verify", "run", "inspect"] {
      let run = try kerf(command, damaged)
      #expect(run.status == 1 && run.firstErrorLine.hasPrefix("error: "))
    }
  }

  @Test func longNamesDoNotFloodTheTerminal() throws {
    let run = try kerf("run", String(repeating: "x", count: 5000) + ".onnx")
    #expect(run.status == 1)
    #expect(run.errors.split(separator: "\n").allSatisfy { $0.utf8.count <= 1024 })
  }

  // MARK: Results

  @Test func theWholeWay() throws {
    let bundle = try bundle()
    #expect(try kerf("verify", bundle).status == 0)
    let out = folder.path + "/out"
    let run = try kerf("run", bundle, "--outputs", out, "--threads", "1")
    #expect(run.status == 0 && run.output.isEmpty && run.errors.isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: out) == ["output_0.npy"])
    let again = folder.path + "/again.kerf"
    #expect(try kerf("compile", model, "-o", again, "--quiet", "--report", folder.path + "/r.json").status == 0)
    #expect(try Data(contentsOf: URL(fileURLWithPath: again)) == Data(contentsOf: URL(fileURLWithPath: bundle)))
    #expect(FileManager.default.fileExists(atPath: folder.path + "/r.json"))
    #expect(try kerf("report", bundle, "--format", "html").output.hasPrefix("<!DOCTYPE html>"))
    #expect(try kerf("inspect", model, "--ir").output.contains("Relu("))
  }

  /// A bundle is measured in kerf-run: the runtime alone, without what this program holds.
  @Test func benchMeasuresTheRuntimeAlone() throws {
    let bundle = try bundle()
    let runtime = try kerf("bench", bundle, "--seconds", "0.01", "--json").json()["peak_rss_bytes"] as? Int
    let whole = try kerf("bench", model, "--seconds", "0.01", "--json").json()["peak_rss_bytes"] as? Int
    #expect(try #require(runtime) < (try #require(whole)) / 2)
  }

  @Test func keysOfJSON() throws {
    let bundle = try bundle()
    let expected: [(arguments: [String], keys: [String])] = [
      (
        ["bench", bundle, "--seconds", "0.01", "--threads", "1"],
        [
          "arena_bytes", "first_ms", "isa", "load_ms", "median_ms", "min_ms", "model", "p90_ms", "p99_ms",
          "peak_rss_bytes",
          "runs", "threads", "weights_bytes",
        ]
      ),
      (["compare", model, bundle], ["outputs", "samples"]),
      (
        ["inspect", bundle],
        [
          "arena_lower_bound_bytes", "inputs", "macs", "nodes", "operators", "outputs", "parameters",
          "peak_activation_bytes", "weight_bytes",
        ]
      ),
      (
        ["report", bundle],
        ["host_calls", "kerf_version", "layers", "memory", "passes", "source", "target", "totals", "warnings"]
      ),
      (["operators"], ["isas", "kernels", "operators"]),
      (["profile", bundle, "--runs", "1"], ["model", "peak_gflops", "runs", "steps", "threads", "total_ms"]),
    ]
    for (arguments, keys) in expected {
      let run = try CommandLineRun(arguments + ["--json"])
      #expect(run.status == 0, "\(arguments): \(run.errors)")
      #expect(try run.json().keys.sorted() == keys)
    }
  }

  /// `--quiet` leaves standard error empty, `--verbose` names the steps there, neither changes the result.
  @Test func quietAndVerbose() throws {
    let bundle = try bundle()
    let kept = folder.path + "/kept.kerf"
    #expect(try kerf("compile", model, "-o", kept, "--keep-graph", "--quiet").status == 0)
    let cases: [(arguments: [String], steps: [String])] = [
      (["compile", model, "-o", folder.path + "/new.kerf"], ["compile \(model)", "write \(folder.path)/new.kerf"]),
      (["run", bundle, "--outputs", folder.path + "/out"], ["open \(bundle)", "run", "write to \(folder.path)/out"]),
      (["bench", bundle, "--seconds", "0.01"], ["open \(bundle)", "measure for 0.01000 s"]),
      (["profile", bundle, "--runs", "3"], ["open \(bundle)", "profile 3 runs"]),
      (["report", bundle, "-o", folder.path + "/r.txt"], ["read \(bundle)", "write \(folder.path)/r.txt"]),
      (["inspect", model, "--ir"], ["inspect \(model)"]),
      (["compare", bundle, kept], ["open \(bundle)", "open \(kept)", "compare on one sample"]),
      (["export", kept, "-o", folder.path + "/e.onnx"], ["read \(kept)", "write \(folder.path)/e.onnx"]),
      (["verify", bundle], ["verify \(bundle)"]),
      (["operators"], ["collect operators and kernels"]),
    ]
    for (arguments, steps) in cases {
      let quiet = try CommandLineRun(arguments + ["--quiet"])
      #expect(quiet.status == 0 && quiet.errors.isEmpty, "\(arguments)")
      let verbose = try CommandLineRun(arguments + ["--verbose"])
      #expect(verbose.status == 0)
      let lines = verbose.errors.split(separator: "\n").filter { $0.contains(": ") && $0.hasSuffix(" ms") }
      let said = lines.map { $0[..<($0.range(of: ": ", options: .backwards)?.lowerBound ?? $0.endIndex)] }
      #expect(said.filter { steps.contains(String($0)) }.map(String.init) == steps, "\(arguments): \(verbose.errors)")
    }
  }

  @Test func conformanceExitStatus() throws {
    for (name, last) in [("good", Float(3)), ("bad", 4)] {
      try folder.write(TinyModel.relu, "cases/\(name)/model.onnx")
      try folder.write(TinyModel.tensor([-1, 2, 3], shape: [1, 3]), "cases/\(name)/test_data_set_0/input_0.pb")
      try folder.write(TinyModel.tensor([0, 2, last], shape: [1, 3]), "cases/\(name)/test_data_set_0/output_0.pb")
    }
    let run = try kerf("conformance", folder.path + "/cases", "--json")
    #expect(run.status == 1 && run.firstErrorLine == "error: 1 of 2 cases failed")
    let json = try run.json()
    #expect(json["passed"] as? Int == 1 && json["failed"] as? Int == 1 && json["skipped"] as? Int == 0)
    let manifest = try folder.write(Array("fail bad it is\n".utf8), "known.txt")
    #expect(try kerf("conformance", folder.path + "/cases", "--manifest", manifest).status == 0)
  }

  // MARK: Help

  @Test func helpTextsArePinned() throws {
    let texts = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Help")
    let commands = [
      "compile", "run", "bench", "profile", "report", "inspect", "compare", "evaluate", "verify", "operators",
      "conformance", "debug", "export",
    ]
    for command in [""] + commands {
      let run = try CommandLineRun(command.isEmpty ? ["--help"] : ["help", command])
      #expect(run.status == 0 && run.errors.isEmpty)
      let file = texts.appendingPathComponent((command.isEmpty ? "kerf" : command) + ".txt")
      if ProcessInfo.processInfo.environment["KERF_UPDATE_HELP"] != nil {
        try Data(run.output.utf8).write(to: file)
      }
      let pinned = try String(contentsOf: file, encoding: .utf8)
      #expect(run.output == pinned, "help of '\(command)' changed; KERF_UPDATE_HELP=1 accepts it")
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completions(_ shell: String) throws {
    let run = try kerf("--generate-completion-script", shell)
    #expect(run.status == 0 && run.output.contains("compile"))
  }
}
