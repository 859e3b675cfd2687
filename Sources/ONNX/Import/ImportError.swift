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
  private(set) var count = 0
  private var diagnostics: [Diagnostic] = []
  /// Nodes whose operator is not supported, by operator in order of appearance.
  private var unsupported: [(name: String, nodes: [Name], count: Int)] = []

  /// Findings listed one by one; more are only counted.
  private static let listed = 50
  /// Nodes listed per operator that is not supported.
  private static let listedNodes = 3

  var isEmpty: Bool { count == 0 }

  mutating func add(_ diagnostic: Diagnostic) {
    count += 1
    if diagnostics.count < Self.listed { diagnostics.append(diagnostic) }
  }

  /// An operator that the catalog does not have: all of them make one message.
  mutating func addUnsupported(operator name: String, node: Name) {
    count += 1
    guard let index = unsupported.firstIndex(where: { $0.name == name }) else {
      unsupported.append((name, [node], 1))
      return
    }
    unsupported[index].count += 1
    if unsupported[index].nodes.count < Self.listedNodes { unsupported[index].nodes.append(node) }
  }

  var error: ImportError {
    var all = unsupported.isEmpty ? diagnostics : [unsupportedDiagnostic] + diagnostics
    let hidden = count - unsupported.reduce(0) { $0 + $1.count } - diagnostics.count
    if hidden > 0 { all.append(.invalid("\(hidden) more errors")) }
    return ImportError(all)
  }

  private var unsupportedDiagnostic: Diagnostic {
    let total = unsupported.reduce(0) { $0 + $1.count }
    let parts = unsupported.prefix(Self.listed).map { entry in
      let names = entry.nodes.map { "'\($0)'" }.joined(separator: ", ")
      let more = entry.count - entry.nodes.count
      return "\(entry.name) \(names)" + (more > 0 ? " and \(more) more" : "")
    }
    let hidden = unsupported.count - parts.count
    let kinds = hidden > 0 ? "; and \(hidden) more kinds" : ""
    let subject = total == 1 ? "1 operator is" : "\(total) operators are"
    return .unsupported(
      "\(subject) not supported: \(parts.joined(separator: "; "))\(kinds)", notes: alternatives)
  }

  /// What can be done instead, operator by operator, and for all of them.
  private var alternatives: [String] {
    let near = unsupported.prefix(Self.listed).compactMap { entry -> String? in
      Self.alternative(to: entry.name).map { "\(entry.name): \($0)" }
    }
    return near + [
      "give an operator as a custom operator (--custom-operators LIBRARY, or CustomOperators.register in Swift), "
        + "or define it as a function inside the model"
    ]
  }

  /// The same name in another domain, or a name that is near.
  private static func alternative(to label: String) -> String? {
    let parts = label.split(separator: ".").map(String.init)
    let name = parts.last ?? label
    let domain = parts.dropLast().joined(separator: ".")
    let others = OperatorCatalog.all.filter { $0.name == name }.map { $0.domain.isEmpty ? "ai.onnx" : $0.domain }
    if !others.isEmpty { return "domain \(others.joined(separator: ", ")) has an operator of that name" }
    let own = OperatorCatalog.all.filter { $0.domain == domain }.map { $0.name }
    let all = own.isEmpty ? OperatorCatalog.all.map { $0.name } : own
    return all.nearest(to: name).map { "did you mean '\($0)'?" }
  }
}
