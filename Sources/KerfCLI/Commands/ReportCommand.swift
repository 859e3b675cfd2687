import ArgumentParser
import Kerf

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Show what every pass did when a bundle was made, and what it refused to do.",
    discussion: """
        kerf report model.kerf
        kerf report model.kerf --format html -o report.html

      The report is stored in the bundle.
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument { case text, json, html }

  @Argument(help: "A bundle.", completion: .file(extensions: ["kerf"]))
  var bundle: String

  @Option(name: .long, help: "How to print it.")
  var format: Format?

  @Option(
    name: [.short, .customLong("output")], help: ArgumentHelp("Write to this file.", valueName: "file"),
    completion: .file())
  var output: String?

  @OptionGroup var json: JSONOption
  @OptionGroup var strictness: StrictOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if json.json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) exclude each other")
    }
  }

  func run() throws {
    try strictness.check(bundle)
    let report = try verbosity.step("read \(bundle)") { _ in try BundleContents.report(path: bundle) }
    let text =
      switch json.json ? .json : format ?? .text {
      case .text: report.text()
      case .json: String(decoding: try report.encoded(pretty: output != nil), as: UTF8.self) + "\n"
      case .html: try report.html()
      }
    guard let output else { return try Console.result(text) }
    try verbosity.step("write \(output)") { _ in try OutputFiles.write(Array(text.utf8), to: output) }
  }
}
