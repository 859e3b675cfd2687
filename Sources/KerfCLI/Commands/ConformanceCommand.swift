import ArgumentParser
import Foundation
import Kerf

/// How one case is run: options of the command that it passes on to its workers.
struct CaseOptions: ParsableArguments {
  @Flag(name: .long, help: "Evaluate the imported graphs by reference instead of compiling them.")
  var reference = false

  @Option(name: .long, help: ArgumentHelp("Time one case may take.", valueName: "s"))
  var timeout = 60.0

  @Option(
    name: .customLong("expand"),
    help: ArgumentHelp("As for `kerf compile`: expand this operator from its ONNX definition.", valueName: "operator"))
  var expandedOperators: [String] = []

  @Flag(name: .long, help: "Fail cases of which a part has no kernel and runs by reference evaluation.")
  var strict = false

  func validate() throws {
    guard timeout > 0, timeout <= 86400 else { throw ValidationError("--timeout is \(timeout), must be in 0...86400") }
    try ExpandOption.check(expandedOperators)
  }

  /// The same as arguments of a worker.
  var arguments: [String] {
    ["--timeout", "\(timeout)"] + (reference ? ["--reference"] : []) + (strict ? ["--strict"] : [])
      + expandedOperators.flatMap { ["--expand", $0] }
  }
}

struct ConformanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conformance",
    abstract: "Run folders in the layout of the ONNX backend tests.",
    discussion: """
      A case is a folder with model.onnx and test_data_set_*/input_*.pb, output_*.pb; DIR is one, or a tree of them.

        kerf conformance onnx/backend/test/data/node
        kerf conformance cases --manifest known.txt --json
        kerf conformance cases --only test_conv --reference
        kerf conformance cases --mode all

      Cases run in processes of their own, so that one that crashes or hangs is a failure and no more. A manifest lists \
      what is known: lines `fail NAME reason` and `skip NAME reason`, NAME with a `*` at its end for all that begin so, \
      `fail:symbolic` and the like for one mode; and `random NAME bernoulli|complement|dropout reason` for outputs that are \
      drawn, of which type, shape and distribution are checked. Exit status 1 when a case fails that is not listed, or a \
      listed one passes.
      """)

  @Argument(help: "Folders of cases.", completion: .directory)
  var folders: [String]

  @Option(
    name: .long,
    help: ArgumentHelp(
      "With the shapes of the file, with no dimension of an input known before the run, with the inputs as constants for "
        + "folding to compute, or each of these.", valueName: "static|symbolic|constant|all"))
  var mode = "static"

  @OptionGroup var work: CaseOptions

  @Option(name: .long, help: ArgumentHelp("File of known failures.", valueName: "file"), completion: .file())
  var manifest: String?

  @Option(name: .long, help: ArgumentHelp("Only cases whose name contains this.", valueName: "text"))
  var only: String?

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if folders.isEmpty { throw ValidationError("name at least one folder") }
    guard mode == "all" || ConformanceMode(rawValue: mode) != nil else {
      throw ValidationError("--mode is '\(mode)', must be static, symbolic, constant or all")
    }
  }

  func run() throws {
    let known = try manifest.map { try ConformanceManifest(path: $0) } ?? ConformanceManifest()
    let cases = try cases(known)
    let skipped = cases.compactMap { item in known.skipReason(item).map { ConformanceResult(item, .skipped, $0) } }
    let runnable = cases.filter { known.skipReason($0) == nil }
    let progress = Progress("conformance", quiet: verbosity.quiet)
    let isVerbose = verbosity.verbose
    let pool = WorkerPool(
      workers: min(threads.count, max(1, runnable.count)), timeout: work.timeout, arguments: work.arguments)
    let results = pool.run(runnable) { result, done in
      if isVerbose { Console.line("\(result.label): \(result.status.rawValue) \(result.reason)") }
      progress.show(done, of: runnable.count)
    }
    progress.finish()
    let all = (results.map(known.judge) + skipped).sorted { ($0.name, $0.label) < ($1.name, $1.label) }
    let summary = ConformanceSummary(all)
    try print(summary)
    if summary.failed > 0 { throw KerfError("\(summary.failed) of \(all.count) cases failed") }
  }

  /// The cases asked for, in each of the modes asked for.
  private func cases(_ known: ConformanceManifest) throws -> [ConformanceCase] {
    var found = try folders.flatMap { try ConformanceCase.find(in: $0) }
    if let only { found.removeAll { !$0.name.contains(only) } }
    guard !found.isEmpty else { throw KerfError("no case has a name that contains '\(only ?? "")'") }
    let modes = ConformanceMode(rawValue: mode).map { [$0] } ?? ConformanceMode.allCases
    return found.flatMap { item in
      modes.map { mode in
        var item = item
        item.mode = mode
        item.random = known.random(item)
        return item
      }
    }
  }

  private func print(_ summary: ConformanceSummary) throws {
    if json.json { return try Console.json(summary) }
    for result in summary.results where result.status != .passed {
      try Console.result("\(result.status.rawValue)  \(result.label): \(printable(result.reason, limit: 600))")
    }
    if let found = summary.inference {
      try Console.result(
        "symbolic: \(found.outputs) tensor outputs, rank of \(found.unranked.count) unknown; "
          + "\(found.dimensions) dimensions, \(found.unknownDimensions) not derived from those of the inputs")
    }
    try Console.result("\(summary.passed) passed, \(summary.failed) failed, \(summary.skipped) skipped")
  }
}

/// Runs cases that it reads from standard input, one JSON object per line, and answers each with a line.
struct ConformanceWorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conformance-worker", abstract: "Runs conformance cases for another process.", shouldDisplay: false)

  @OptionGroup var work: CaseOptions

  func run() throws {
    var runner = ConformanceRun(usesReference: work.reference, seconds: work.timeout)
    runner.options.expandedOperators = work.expandedOperators
    runner.options.strict = work.strict
    let encoder = JSONEncoder()
    while let line = readLine(strippingNewline: true) {
      guard let item = try? JSONDecoder().decode(ConformanceCase.self, from: Data(line.utf8)) else {
        throw KerfError("conformance-worker reads one JSON object per line")
      }
      try Console.result(String(decoding: try encoder.encode(runner.run(item)), as: UTF8.self))
    }
  }
}
