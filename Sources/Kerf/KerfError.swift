import IR

/// What went wrong, for a user: one line, and notes below it.
public struct KerfError: Error, CustomStringConvertible, Sendable {
  public var message: String
  public var notes: [String]
  /// Whether a run needed more memory than it may have: with less to keep it may pass.
  var isMemoryShortage = false

  public init(_ message: String, notes: [String] = []) {
    self.message = message
    self.notes = notes
  }

  /// A diagnostic of the compiler, about a file.
  init(_ diagnostic: Diagnostic, file: String? = nil) {
    message = (file.map { "\($0): " } ?? "") + diagnostic.message
    notes = diagnostic.notes
  }

  public var description: String { ([message] + notes.map { "note: \($0)" }).joined(separator: "\n") }
}
