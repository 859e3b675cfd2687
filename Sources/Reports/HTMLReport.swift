import Foundation

extension CompileReport {
  /// The report as one HTML page without scripts or outside resources.
  public func html() -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(escaped(source.file)) – Kerf report</title>
    <style>\(HTMLStyle.sheet)</style>
    </head>
    <body>
    <h1>\(escaped(source.file))</h1>
    \(summary())
    \(totalsTable())
    \(warningList())
    <h2>Passes</h2>
    \(passesTable())
    \(rejectionsTable())
    <h2>Layers</h2>
    \(layersTable())
    \(hostTable())
    </body>
    </html>

    """
  }

  private func summary() -> String {
    "<p>opset \(source.opset) · target \(escaped(target)) · kerf \(escaped(kerfVersion))<br>"
      + "<code>sha256 \(escaped(source.sha256))</code></p>"
  }

  private func totalsTable() -> String {
    HTMLTable(["", "before", "after", "ratio"]).rendered([
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

  private func warningList() -> String {
    guard !warnings.isEmpty else { return "" }
    return "<h2>Warnings</h2><ul>" + warnings.map { "<li>\(escaped($0))</li>" }.joined() + "</ul>"
  }

  private func passesTable() -> String {
    HTMLTable(["pass", "edits", "nodes before", "nodes after", "weights after", "MACs after", "rejected"]).rendered(
      passes.map { pass in
        [
          pass.name, "\(pass.edits)", "\(pass.nodesBefore)", "\(pass.nodesAfter)", size(pass.weightBytesAfter),
          figure(pass.macsAfter), "\(pass.rejected.count)",
        ]
      })
  }

  private func rejectionsTable() -> String {
    let rows = passes.flatMap { pass in pass.rejected.map { [pass.name, $0.node, $0.reason] } }
    guard !rows.isEmpty else { return "" }
    return "<h2>Left alone, and why</h2>" + HTMLTable(["pass", "node", "reason"], numbersFrom: 3).rendered(rows)
  }

  private func layersTable() -> String {
    let largest = layers.map(\.weightBytes).max() ?? 0
    let rows = layers.map { layer in
      [
        layer.name, layer.operator, layer.kernel, layer.precision, layer.weightBytes > 0 ? size(layer.weightBytes) : "",
        layer.bits > 0 ? "\(layer.bits)" : "", layer.sparsity > 0 ? percent(layer.sparsity) : "",
        layer.sqnrDB.map { String(format: "%.1f", $0) } ?? "",
      ]
    }
    let bars = layers.map { largest > 0 ? Double($0.weightBytes) / Double(largest) : 0 }
    return HTMLTable(["layer", "operator", "kernel", "type", "weights", "bits", "sparsity", "SQNR dB"], numbersFrom: 4)
      .rendered(rows, bars: bars)
  }

  private func hostTable() -> String {
    guard !hostCalls.isEmpty else { return "" }
    return "<h2>Without a kernel, evaluated by reference</h2>"
      + HTMLTable(["node", "reason"], numbersFrom: 2).rendered(hostCalls.map { [$0.node, $0.reason] })
  }

  private func ratio(_ before: Int, _ after: Int) -> String {
    before > 0 ? percent(Double(after) / Double(before)) : ""
  }
}

/// Text for HTML: control characters escaped, markup too.
func escaped(_ text: String) -> String {
  clean(text).replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
    .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
}

private struct HTMLTable {
  let head: [String]
  let numbersFrom: Int

  init(_ head: [String], numbersFrom: Int = 1) {
    self.head = head
    self.numbersFrom = numbersFrom
  }

  /// Cells are plain text. `bars` (0…1) are drawn behind the first column.
  func rendered(_ rows: [[String]], bars: [Double] = []) -> String {
    var text = "<div class=\"scroll\"><table><thead><tr>"
    for (index, cell) in head.enumerated() { text += "<th\(number(index))>\(escaped(cell))</th>" }
    text += "</tr></thead><tbody>\n"
    for (row, cells) in rows.enumerated() {
      text += "<tr>"
      for (index, cell) in cells.enumerated() {
        let bar =
          index == 0 && row < bars.count
          ? " style=\"--share:\(String(format: "%.1f", bars[row] * 100))%\" class=\"bar\"" : number(index)
        text += "<td\(bar)>\(escaped(cell))</td>"
      }
      text += "</tr>\n"
    }
    return text + "</tbody></table></div>"
  }

  private func number(_ index: Int) -> String { index >= numbersFrom ? " class=\"number\"" : "" }
}

private enum HTMLStyle {
  static let sheet = """
    :root { color-scheme: light dark; --line: #8884; --bar: #4a90d933; }
    body { font: 15px/1.45 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
    h1 { margin-bottom: .2rem; overflow-wrap: anywhere; } h2 { margin-top: 2rem; font-size: 1.15rem; }
    code { font-size: .8rem; overflow-wrap: anywhere; } .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: .9rem; }
    th, td { text-align: left; padding: .25rem .8rem .25rem .3rem; border-bottom: 1px solid var(--line); vertical-align: top; }
    td { overflow-wrap: anywhere; } .number { text-align: right; white-space: nowrap; }
    .bar { background: linear-gradient(to right, var(--bar) var(--share), transparent var(--share)); }
    """
}
