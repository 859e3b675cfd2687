extension OperatorTable {
  /// The table as docs/operators.md: the same on every machine.
  public func markdown() -> String {
    var lines = [OperatorTable.introduction]
    for domain in Set(operators.map(\.domain)).sorted() {
      lines += ["## \(domain)", "", "| operator | opsets | runs by | definition | element types |"]
      lines.append("|---|---|---|---|---|")
      for entry in operators where entry.domain == domain {
        let cells = [
          entry.name, entry.opsets.map(String.init).joined(separator: "–"), entry.runs.rawValue,
          entry.expandable ? "yes" : "", entry.types.joined(separator: " "),
        ]
        lines.append("| " + cells.joined(separator: " | ") + " |")
      }
      lines.append("")
    }
    return lines.joined(separator: "\n")
  }

  private static let introduction = """
    # Operators

    Written by `kerf operators --markdown`; the tests check that it is current.

    | runs by | means |
    |---|---|
    | kernel | on kernels (`kerf operators` lists them); by reference evaluation where its element types or attributes fit none: the report names such nodes, `--strict` refuses them |
    | reference | always by reference evaluation, slow |
    | expanded | by other operators and constants, which importing puts in its place: those of its ONNX definition, or what Kerf writes for it |

    *Definition*: ONNX defines the operator as a function, which `--expand` takes instead of Kerf's own form. Element types are those
    that its first input can have; none are listed where that depends on more.

    """
}
