import Foundation
import Kerf

/// Where text goes: results to standard output, everything else to standard error.
enum Console {
  /// Bytes one line of a message may take.
  static let longestLine = 1000

  /// A result. Throws where standard output cannot take it.
  static func result(_ text: String) throws {
    let whole = text.hasSuffix("\n") || text.isEmpty ? text : text + "\n"
    guard write(whole, to: 1) else {
      throw KerfError("cannot write to standard output: \(String(cString: strerror(errno)))")
    }
  }

  /// A result as one JSON object on one line.
  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try result(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  static func error(_ error: KerfError) {
    line("error: " + printable(error.message, limit: longestLine - 20))
    for note in error.notes { self.note(note) }
  }

  static func warning(_ text: String) { line("warning: " + printable(text, limit: longestLine - 20)) }

  static func note(_ text: String) { line("note: " + printable(text, limit: longestLine - 20)) }

  /// A line on standard error, as it is.
  static func line(_ text: String) {
    Progress.clear()
    _ = write(text + "\n", to: 2)
  }

  static func raw(_ text: String) { _ = write(text, to: 2) }

  private static func write(_ text: String, to descriptor: Int32) -> Bool {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      bytes = bytes.dropFirst(count)
    }
    return true
  }
}
