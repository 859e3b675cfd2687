import ArgumentParser
import Kerf

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check a bundle's structure, checksums and signature without running it.",
    discussion: """
        kerf verify model.kerf

      Exit status 1 and the reason when anything is wrong with it.
      """)

  @Argument(help: "A bundle.", completion: .file(extensions: ["kerf"]))
  var bundle: String

  @OptionGroup var json: JSONOption
  @OptionGroup var strictness: StrictOption
  @OptionGroup var verbosity: VerbosityOptions

  func run() throws {
    try strictness.check(bundle)
    let result = try verbosity.step("verify \(bundle)") { _ in try BundleVerificationResult.verify(path: bundle) }
    if json.json { return try Console.json(result) }
    guard !verbosity.quiet else { return }
    try Console.result(
      "\(bundle): valid, format \(result.format), \(Format.bytes(result.bytes)), \(result.steps) steps")
    try Console.result("build \(result.buildID), \(result.signed ? "signed" : "not signed")")
    try Console.result("instruction sets: \(result.isas.isEmpty ? "any" : result.isas.joined(separator: ", "))")
    try Console.result(
      Format.table(result.sections.map { [$0.name, Format.bytes($0.bytes), String($0.sha256.prefix(16))] }, right: [1]))
  }
}
