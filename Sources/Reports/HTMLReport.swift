import Foundation
import Mustache

extension CompileReport {
  /// The report as one HTML page without scripts or outside resources. Throws only where the template is broken.
  public func html() throws -> String {
    try MustacheTemplate(string: HTMLPage.template).render(HTMLPage(self))
  }
}

/// What the template (HTMLTemplate.swift) shows; names are those of its tags. All text is plain: the template escapes it.
struct HTMLPage {
  struct Cell {
    var text: String
    var isNumber = false
    /// Percent of the cell's width that is filled.
    var share: String?
  }
  struct Row { var cells: [Cell] }
  struct Table {
    var title: String?
    var head: [Cell]
    var rows: [Row]
  }

  let file: String
  let opset: Int
  let target: String
  let version: String
  let sha256: String
  let memory: String?
  let warnings: [String]
  let tables: [Table]

  init(_ report: CompileReport) {
    file = clean(report.source.file)
    opset = report.source.opset
    target = clean(report.target)
    version = clean(report.kerfVersion)
    sha256 = clean(report.source.sha256)
    memory = report.memory.map { memory in
      let arena = memory.arenaBytes.map { "arena \(size($0))" } ?? "arena by dimensions without bounds"
      return "\(size(memory.weightBytes)) of weights, \(arena)\(memory.boundsText)"
    }
    warnings = report.warnings.map(clean)
    tables =
      [Self.totals(report.totals), Self.passes(report.passes)] + [Self.rejections(report.passes)].compactMap(\.self)
      + [Self.layers(report.layers)]
      + [Self.choices(report.choices ?? []), Self.hostCalls(report.hostCalls)].compactMap(\.self)
  }

  /// A table whose columns from `numbersFrom` on are numbers.
  private static func table(_ title: String?, _ head: [String], numbersFrom: Int, _ rows: [[String]]) -> Table {
    func cells(_ texts: [String]) -> [Cell] {
      texts.enumerated().map { Cell(text: clean($1), isNumber: $0 >= numbersFrom) }
    }
    return Table(title: title, head: cells(head), rows: rows.map { Row(cells: cells($0)) })
  }

  private static func totals(_ totals: PassTotals) -> Table {
    func ratio(_ before: Int, _ after: Int) -> String {
      before > 0 ? percent(Double(after) / Double(before)) : ""
    }
    return table(
      nil, ["", "before", "after", "ratio"], numbersFrom: 1,
      [
        ["nodes", "\(totals.nodesBefore)", "\(totals.nodesAfter)", percent(totals.nodeRatio)],
        [
          "weights", size(totals.weightBytesBefore), size(totals.weightBytesAfter),
          ratio(totals.weightBytesBefore, totals.weightBytesAfter),
        ],
        [
          "multiply-accumulates", figure(totals.macsBefore), figure(totals.macsAfter),
          ratio(totals.macsBefore, totals.macsAfter),
        ],
      ])
  }

  private static func passes(_ passes: [PassReport]) -> Table {
    table(
      "Passes", ["pass", "edits", "nodes before", "nodes after", "weights after", "MACs after", "rejected"],
      numbersFrom: 1,
      passes.map { pass in
        [
          pass.name, "\(pass.edits)", "\(pass.nodesBefore)", "\(pass.nodesAfter)", size(pass.weightBytesAfter),
          figure(pass.macsAfter), "\(pass.rejected.count + pass.omittedRejections)",
        ]
      })
  }

  private static func rejections(_ passes: [PassReport]) -> Table? {
    let rows = passes.flatMap { pass in
      pass.rejected.map { [pass.name, $0.node, $0.reason] }
        + (pass.omittedRejections > 0 ? [[pass.name, "", "and \(pass.omittedRejections) more"]] : [])
    }
    return rows.isEmpty ? nil : table("Left alone, and why", ["pass", "node", "reason"], numbersFrom: 3, rows)
  }

  private static func layers(_ layers: [LayerReport]) -> Table {
    let largest = layers.map(\.weightBytes).max() ?? 0
    var result = table(
      "Layers", ["layer", "operator", "kernel", "type", "weights", "bits", "sparsity", "SQNR dB"], numbersFrom: 4,
      layers.map { layer in
        [
          layer.name, layer.operator, layer.kernel, layer.precision,
          layer.weightBytes > 0 ? size(layer.weightBytes) : "",
          layer.bits > 0 ? "\(layer.bits)" : "", layer.sparsity > 0 ? percent(layer.sparsity) : "",
          layer.sqnrDB.map { String(format: "%.1f", $0) } ?? "",
        ]
      })
    guard largest > 0 else { return result }
    for (index, layer) in layers.enumerated() {
      result.rows[index].cells[0].share = String(format: "%.1f", Double(layer.weightBytes) / Double(largest) * 100)
    }
    return result
  }

  private static func choices(_ choices: [ChoiceReport]) -> Table? {
    choices.isEmpty
      ? nil
      : table(
        "Kernels chosen", ["layer", "shape", "winner", "others", "by"], numbersFrom: 5,
        choices.map { [$0.layer, $0.shape] + $0.columns })
  }

  private static func hostCalls(_ calls: [CompileReport.Rejection]) -> Table? {
    calls.isEmpty
      ? nil
      : table("Evaluated by the host", ["node", "reason"], numbersFrom: 2, calls.map { [$0.node, $0.reason] })
  }
}
