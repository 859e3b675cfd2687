import IR

/// The operators that nodes name, each looked up once.
final class OperatorTable {
  struct Key: Hashable {
    let domain: Name
    let name: Name
  }
  struct Entry {
    let key: Key
    /// The same as text.
    let name: String
    let domain: String
    /// Nil for operators that only importers know.
    let type: (any Operator.Type)?
    /// The opset in which it first appeared.
    let first: Int
  }
  private var entries: [Key: Entry?] = [:]

  /// What a node's operator is; nil where it is not supported.
  func find(_ node: ProtoNode) -> Entry? {
    let key = Key(domain: OpsetTable.normalized(node.domain), name: node.operatorName)
    if let known = entries[key] { return known }
    let entry = Self.entry(key)
    // A file could name a million.
    if entries.count < 4096 { entries[key] = .some(entry) }
    return entry
  }

  private static func entry(_ key: Key) -> Entry? {
    guard let name = SupportScan.ascii(key.name) else { return nil }
    let domain = key.domain.string
    let type = OperatorCatalog.find(name, domain: domain)
    guard type != nil || ImporterCatalog.expands(name, domain: key.domain) else { return nil }
    return Entry(
      key: key, name: name, domain: domain, type: type, first: OperatorVersions.first(name, domain: domain))
  }
}
