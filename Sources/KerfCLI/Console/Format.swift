import Foundation

/// Numbers as people read them.
enum Format {
  static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

  /// Three significant digits or so.
  static func figure(_ value: Double) -> String {
    let size = abs(value)
    if size == 0 { return "0" }
    if size >= 1e6 || size < 1e-4 { return String(format: "%.3g", value) }
    return number(value, size >= 100 ? 1 : size >= 1 ? 3 : 5)
  }

  static func bytes(_ count: Int) -> String {
    for (unit, size) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where Double(count) >= size {
      return number(Double(count) / size, 2) + " " + unit
    }
    return "\(count) B"
  }

  static func count(_ value: Int) -> String {
    for (unit, size) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] where Double(value) >= size * 10 {
      return number(Double(value) / size, 1) + " " + unit
    }
    return "\(value)"
  }

  static func time(_ seconds: Double) -> String {
    if seconds < 1 { return "<1 s" }
    if seconds < 120 { return "\(Int(seconds)) s" }
    return "\(Int(seconds / 60)) min"
  }

  static func milliseconds(_ value: Double) -> String { number(value, value >= 100 ? 1 : value >= 1 ? 2 : 4) + " ms" }

  /// Rows with aligned columns; columns in `right` are numbers.
  static func table(_ rows: [[String]], right: Set<Int> = []) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return right.contains(column) ? space + cell : cell + space
      }
      var line = cells.joined(separator: "  ")
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
