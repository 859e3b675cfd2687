import ArgumentParser
import Foundation
import Kerf

struct ConformanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conformance",
    abstract: "Run folders in the layout of the ONNX backend tests.",
    discussion: """
      A case is a folder with model.onnx and test_data_set_*/input_*.pb, output_*.pb; DIR is one, or a tree of them.

        kerf conformance onnx/backend/test/data/node
        kerf conformance cases --manifest known.txt --json
        kerf conformance cases --only test_conv --reference

      Cases run in processes of their own, so that one that crashes or hangs is a failure and no more. A manifest lists \
      what is known: lines `fail NAME reason` and `skip NAME reason`, NAME with a `*` at its end for all that begin so. \
      Exit status 1 when a case fails that is not listed, or a listed one passes.
      """)

  @Argument(help: "Folders of cases.", completion: .directory)
  var folders: [String]

  @Flag(name: .long, help: "Evaluate the imported graphs by reference instead of compiling them.")
  var reference = false

  @Option(name: .long, help: ArgumentHelp("File of known failures.", valueName: "file"), completion: .file())
  var manifest: String?

  @Option(name: .long, help: ArgumentHelp("Only cases whose name contains this.", valueName: "text"))
  var only: String?

  @Option(name: .long, help: ArgumentHelp("Time one case may take.", valueName: "s"))
  var timeout = 60.0

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if folders.isEmpty { throw ValidationError("name at least one folder") }
    guard timeout > 0, timeout <= 86400 else { throw ValidationError("--timeout is \(timeout), must be in 0...86400") }
  }

  func run() throws {
    var cases = try folders.flatMap { try ConformanceCase.find(in: $0) }
    if let only { cases.removeAll { !$0.name.contains(only) } }
    guard !cases.isEmpty else { throw KerfError("no case has a name that contains '\(only ?? "")'") }
    let known = try manifest.map { try ConformanceManifest(path: $0) } ?? ConformanceManifest()
    let skipped = cases.compactMap { item in
      known.skipReason(item.name).map { ConformanceResult(item.name, .skipped, $0) }
    }
    let runnable = cases.filter { known.skipReason($0.name) == nil }
    let progress = Progress("conformance", quiet: verbosity.quiet)
    let isVerbose = verbosity.verbose
    let pool = WorkerPool(
      workers: min(threads.count, max(1, runnable.count)), usesReference: reference, timeout: timeout)
    let results = pool.run(runnable) { result, done in
      if isVerbose { Console.line("\(result.name): \(result.status.rawValue) \(result.reason)") }
      progress.show(done, of: runnable.count)
    }
    progress.finish()
    let all = (results.map(known.judge) + skipped).sorted { $0.name < $1.name }
    let summary = ConformanceSummary(all)
    try print(summary)
    if summary.failed > 0 { throw KerfError("\(summary.failed) of \(all.count) cases failed") }
  }

  private func print(_ summary: ConformanceSummary) throws {
    if json.json { return try Console.json(summary) }
    for result in summary.results where result.status != .passed {
      try Console.result("\(result.status.rawValue)  \(result.name): \(printable(result.reason, limit: 600))")
    }
    try Console.result("\(summary.passed) passed, \(summary.failed) failed, \(summary.skipped) skipped")
  }
}

/// Runs cases that it reads from standard input, one JSON object per line, and answers each with a line.
struct ConformanceWorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conformance-worker", abstract: "Runs conformance cases for another process.", shouldDisplay: false)

  @Flag(name: .long) var reference = false
  @Option(name: .long) var timeout = 60.0

  func run() throws {
    let runner = ConformanceRun(usesReference: reference, seconds: timeout)
    let encoder = JSONEncoder()
    while let line = readLine(strippingNewline: true) {
      guard let item = try? JSONDecoder().decode(ConformanceCase.self, from: Data(line.utf8)) else {
        throw KerfError("conformance-worker reads one JSON object per line")
      }
      try Console.result(String(decoding: try encoder.encode(runner.run(item)), as: UTF8.self))
    }
  }
}
