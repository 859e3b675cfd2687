import IR

/// Everything found wrong with a model file, together.
public struct ImportError: Error, Sendable, CustomStringConvertible {
  public let diagnostics: [Diagnostic]

  public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }
  init(_ diagnostic: Diagnostic) { self.init([diagnostic]) }

  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// Collects findings while import goes on, so that the user sees all of them at once.
struct Findings {
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var count = 0
  private var unsupported: [String] = []
  private var unsupportedCount = 0

  /// Findings listed one by one; more are only counted.
  static let listed = 50

  var isEmpty: Bool { count == 0 }

  mutating func add(_ diagnostic: Diagnostic) {
    count += 1
    if diagnostics.count < Self.listed { diagnostics.append(diagnostic) }
  }

  /// An operator that the catalog does not have: all of them make one message.
  mutating func addUnsupported(operator label: String) {
    count += 1
    unsupportedCount += 1
    if unsupported.count < Self.listed { unsupported.append(label) }
  }

  var error: ImportError {
    var all = diagnostics
    if unsupportedCount > 0 {
      let hidden = unsupportedCount - unsupported.count
      let listed = unsupported.joined(separator: ", ") + (hidden > 0 ? " and \(hidden) more" : "")
      let subject = unsupportedCount == 1 ? "1 operator is" : "\(unsupportedCount) operators are"
      all.insert(.unsupported("\(subject) not supported: \(listed)"), at: 0)
    }
    let hidden = count - unsupportedCount - diagnostics.count
    if hidden > 0 { all.append(.invalid("\(hidden) more errors")) }
    return ImportError(all)
  }
}
