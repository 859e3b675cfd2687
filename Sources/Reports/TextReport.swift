import Foundation

extension CompileReport {
  /// The report for a terminal.
  public func text() -> String {
    var parts = [heading()]
    if !passes.isEmpty { parts.append(passTable()) }
    let refused = rejections()
    if !refused.isEmpty { parts.append(refused) }
    if !layers.isEmpty { parts.append(layerTable()) }
    if let choices, !choices.isEmpty { parts.append(choiceTable(choices)) }
    if !hostCalls.isEmpty {
      let lines = hostCalls.map { "  \(clean($0.node)): \(clean($0.reason))" }
      parts.append((["Without a kernel, evaluated by reference (slow):"] + lines).joined(separator: "\n"))
    }
    if !warnings.isEmpty {
      parts.append((["Warnings:"] + warnings.map { "  " + clean($0) }).joined(separator: "\n"))
    }
    return parts.joined(separator: "\n\n") + "\n"
  }

  private func heading() -> String {
    var rows = [
      ["source", "\(clean(source.file)), opset \(source.opset)"],
      ["sha256", source.sha256],
      ["target", target],
      ["kerf", kerfVersion],
      ["nodes", "\(totals.nodesBefore) -> \(totals.nodesAfter) (\(percent(totals.nodeRatio)))"],
      ["weights", "\(size(totals.weightBytesBefore)) -> \(size(totals.weightBytesAfter))"],
      ["MACs", "\(figure(totals.macsBefore)) -> \(figure(totals.macsAfter))"],
    ]
    if let memory {
      let arena = memory.arenaBytes.map { size($0) } ?? "depends on dimensions without bounds (--dim N=MIN..MAX)"
      rows.append(["memory", "\(size(memory.weightBytes)) of weights, arena \(arena)\(memory.boundsText)"])
    }
    return TextTable.render(rows, right: [])
  }

  private func passTable() -> String {
    let hasTimes = passes.contains { $0.milliseconds > 0 }
    var rows = [["pass", "edits", "nodes", "weights", "MACs", "rejected"] + (hasTimes ? ["ms"] : [])]
    let shown = passes.filter { $0.edits > 0 || !$0.rejected.isEmpty }
    for pass in shown {
      rows.append(
        [
          pass.name, "\(pass.edits)", change(pass.nodesBefore, pass.nodesAfter) { "\($0)" },
          change(pass.weightBytesBefore, pass.weightBytesAfter, size), change(pass.macsBefore, pass.macsAfter, figure),
          pass.rejected.isEmpty ? "" : "\(pass.rejected.count + pass.omittedRejections)",
        ] + (hasTimes ? [String(format: "%.1f", pass.milliseconds)] : []))
    }
    let others = passes.count - shown.count
    let end = others > 0 ? "\(others) of \(passes.count) passes found nothing to do" : ""
    return [shown.isEmpty ? "" : TextTable.render(rows, right: [1, 5, 6]), end].filter { !$0.isEmpty }.joined(
      separator: "\n")
  }

  private func rejections() -> String {
    let lines = passes.flatMap { pass in
      pass.rejected.map { "  \(pass.name): \(clean($0.node)): \(clean($0.reason))" }
        + (pass.omittedRejections > 0 ? ["  \(pass.name): and \(pass.omittedRejections) more"] : [])
    }
    return lines.isEmpty ? "" : (["Left alone, and why:"] + lines).joined(separator: "\n")
  }

  private func layerTable() -> String {
    let hasNoise = layers.contains { $0.sqnrDB != nil }
    var rows = [["layer", "operator", "kernel", "type", "weights", "bits", "sparsity"] + (hasNoise ? ["SQNR dB"] : [])]
    for layer in layers {
      rows.append(
        [
          shortened(clean(layer.name)), layer.operator, layer.kernel, layer.precision,
          layer.weightBytes > 0 ? size(layer.weightBytes) : "", layer.bits > 0 ? "\(layer.bits)" : "",
          layer.sparsity > 0 ? percent(layer.sparsity) : "",
        ] + (hasNoise ? [layer.sqnrDB.map { String(format: "%.1f", $0) } ?? ""] : []))
    }
    return TextTable.render(rows, right: [4, 5, 6, 7])
  }

  private func choiceTable(_ choices: [ChoiceReport]) -> String {
    let head = ["kernel chosen for", "winner", "others", "by"]
    return TextTable.render([head] + choices.map { [shortened(clean($0.layer))] + $0.columns }, right: [])
  }

  private func change(_ before: Int, _ after: Int, _ text: (Int) -> String) -> String {
    before == after ? text(after) : "\(text(before)) -> \(text(after))"
  }

  private func shortened(_ text: String) -> String { text.count > 48 ? String(text.prefix(47)) + "…" : text }
}

extension MemoryReport {
  /// ` for N 1...8, T 1...512`, or nothing.
  var boundsText: String {
    let list = dimensions.sorted { $0.key < $1.key }.filter { $0.value.count == 2 }
      .map { "\(clean($0.key)) \($0.value[0])...\($0.value[1])" }
    return list.isEmpty ? "" : " for " + list.joined(separator: ", ")
  }
}

func percent(_ ratio: Double) -> String { String(format: "%.1f %%", ratio * 100) }

/// Bytes as people read them.
func size(_ bytes: Int) -> String {
  for (unit, scale) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where Double(bytes) >= scale {
    return String(format: "%.2f ", Double(bytes) / scale) + unit
  }
  return "\(bytes) B"
}

/// A count as people read it.
func figure(_ count: Int) -> String {
  for (unit, scale) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] where Double(count) >= scale {
    return String(format: "%.2f ", Double(count) / scale) + unit
  }
  return "\(count)"
}

/// A stranger's text on one line: control characters escaped.
func clean(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    if scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) {
      result += "\\x" + String(scalar.value, radix: 16)
    } else {
      result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// Rows with aligned columns.
enum TextTable {
  /// - Parameter right: columns of numbers.
  static func render(_ rows: [[String]], right: Set<Int>) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      var line = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return right.contains(column) ? space + cell : cell + space
      }.joined(separator: "  ")
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
