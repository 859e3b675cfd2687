/// An error that a user can act on: something wrong with the model, or something Kerf does not support.
///
/// Operator files state only the fact ("input has 3 channels but weight expects 4"); the graph puts the node in front.
public struct Diagnostic: Error, Hashable, Sendable {
  public enum Kind: Hashable, Sendable { case invalid, unsupported }

  public var kind: Kind
  public var message: String
  /// Printed below, one line each.
  public var notes: [String]

  public init(_ kind: Kind, _ message: String, notes: [String] = []) {
    self.kind = kind
    self.message = message
    self.notes = notes
  }

  public static func invalid(_ message: String, notes: [String] = []) -> Diagnostic {
    .init(.invalid, message, notes: notes)
  }
  public static func unsupported(_ message: String, notes: [String] = []) -> Diagnostic {
    .init(.unsupported, message, notes: notes)
  }

  /// The same with what it is about in front: `Conv 'stem/conv1': …`.
  public func about(_ subject: String) -> Diagnostic { .init(kind, "\(subject): \(message)", notes: notes) }
}

extension Diagnostic: CustomStringConvertible {
  public var description: String { ([message] + notes.map { "note: \($0)" }).joined(separator: "\n") }
}
