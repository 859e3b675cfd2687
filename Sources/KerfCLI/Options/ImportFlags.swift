import ArgumentParser
import Kerf

/// What a model file may reach and ask for.
struct ImportFlags: ParsableArguments {
  @Option(
    name: .customLong("external-root"),
    help: ArgumentHelp(
      "Folder that external data is looked for in and confined to. Default: that of the model.", valueName: "folder"),
    completion: .directory)
  var externalRoot: String?

  @Flag(
    name: .customLong("allow-hard-links"),
    help: "Read external data from files with more than one hard link, as stores without duplicates have.")
  var allowHardLinks = false

  @Option(
    name: .customLong("import-limit"),
    help: ArgumentHelp(
      "What a model file may ask for at most, as nodes=5000000. Limits: "
        + Compiler.importLimitNames.joined(separator: ", ") + ". Repeatable.", valueName: "name=number"),
    transform: ImportLimit.init(argument:))
  var limits: [ImportLimit] = []

  func apply(to options: inout CompileOptions) {
    options.externalRoot = externalRoot
    options.allowsHardLinks = allowHardLinks
    options.importLimits = limits.map { ($0.name, $0.value) }
  }
}

/// `NAME=NUMBER`.
struct ImportLimit: Equatable {
  var name: String
  var value: Int

  init(argument: String) throws {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let number = Int(parts[1]) else {
      throw ValidationError("'\(argument)' is not NAME=NUMBER")
    }
    name = String(parts[0])
    value = number
    if let problem = Compiler.problem(withLimit: name, value) { throw ValidationError("--import-limit: \(problem)") }
  }
}
