import ArgumentParser
import Kerf

struct OperatorsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operators",
    abstract: "List the operators and kernels of this build.",
    discussion: """
        kerf operators
        kerf operators --json

      Per operator: opsets, element types of the first input, and whether it has kernels or runs by reference evaluation. \
      Per kernel: the instruction sets it is written for.
      """)

  @OptionGroup var json: JSONOption

  func run() throws {
    let table = OperatorTable.make()
    if json.json { return try Console.json(table) }
    var rows = [["operator", "opsets", "runs by", "element types"]]
    for entry in table.operators {
      let name = entry.domain == "ai.onnx" ? entry.name : "\(entry.domain).\(entry.name)"
      rows.append([
        name, entry.opsets.map(String.init).joined(separator: "-"), entry.lowered ? "kernel" : "reference",
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
