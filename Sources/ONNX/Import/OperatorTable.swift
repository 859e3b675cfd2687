import IR

/// The operators that nodes name, each looked up once.
final class OperatorTable {
  struct Key: Hashable {
    let domain: Name
    let name: Name
  }
  final class Entry {
    let key: Key
    /// The same as text.
    let name: String
    let domain: String
    /// Nil for operators that only importers know.
    let type: (any Operator.Type)?
    /// The opset in which it first appeared.
    let first: Int

    init(_ key: Key, name: String, domain: String, type: (any Operator.Type)?) {
      self.key = key
      self.name = name
      self.domain = domain
      self.type = type
      first = OperatorVersions.first(name, domain: domain)
    }
  }
  private var entries: [Key: Entry?] = [:]
  /// The newest that were found, looked at first: neighbours are of few kinds.
  private var recent: [Entry] = []

  /// What a node's operator is; nil where it is not supported.
  func find(_ node: ProtoNode) -> Entry? {
    for entry in recent where node.isCalled(entry.key.name, domain: entry.key.domain) { return entry }
    guard let entry = look(up: node) else { return nil }
    if recent.count == 8 { recent.removeFirst() }
    recent.append(entry)
    return entry
  }

  private func look(up node: ProtoNode) -> Entry? {
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
    return Entry(key, name: name, domain: domain, type: type)
  }
}
