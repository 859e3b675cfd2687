import ArgumentParser
import Kerf

struct OperatorsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operators",
    abstract: "List the operators and kernels of this build.",
    discussion: """
        kerf operators
        kerf operators --json
        kerf operators --markdown > docs/operators.md

      Per operator: opsets, element types of the first input, and whether it has kernels, runs by reference evaluation, or \
      is expanded into others. Per kernel: the instruction sets it is written for.
      """)

  @Flag(name: .long, help: "Print the table as Markdown, without what depends on this machine.")
  var markdown = false

  @OptionGroup var json: JSONOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if markdown, json.json { throw ValidationError("--markdown and --json exclude each other") }
  }

  func run() throws {
    let table = verbosity.step("collect operators and kernels") { _ in OperatorTable.make() }
    if markdown { return try Console.result(table.markdown()) }
    if json.json { return try Console.json(table) }
    var rows = [["operator", "opsets", "runs by", "element types"]]
    for entry in table.operators {
      rows.append([
        entry.qualifiedName, entry.opsets.map(String.init).joined(separator: "-"), entry.runs.rawValue,
        entry.types.joined(separator: " "),
      ])
    }
    try Console.result(Format.table(rows) + "\n")
    try Console.result(
      Format.table(
        [["kernel", "instruction sets"]] + table.kernels.map { [$0.operation, $0.isas.joined(separator: " ")] }))
    let lowered = table.operators.count { $0.lowered }
    try Console.result(
      "\n\(table.operators.count) operators, \(lowered) with kernels; this processor: \(table.isas.joined(separator: " "))"
    )
  }
}
