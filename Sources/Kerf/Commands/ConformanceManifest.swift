import Foundation

/// Cases that are known to fail, are not to be run, or draw their outputs, each with the reason.
///
/// A line is `fail NAME reason`, `skip NAME reason` or `random NAME DISTRIBUTION reason`; `fail:MODE` and `skip:MODE` hold
/// in one mode only. A NAME that ends in `*` stands for all that begin so; `#` starts a comment. A listed failure counts as
/// skipped; one that passes is a failure, so that the list stays true.
public struct ConformanceManifest: Sendable {
  private enum Kind: Equatable, Sendable {
    case fail
    case skip
    case random(RandomOutputs)
  }
  private struct Entry: Sendable {
    var kind: Kind
    var mode: ConformanceMode?
    var name: String
    var reason: String

    func matches(_ other: String, _ mode: ConformanceMode) -> Bool {
      (self.mode ?? mode) == mode && (name.hasSuffix("*") ? other.hasPrefix(name.dropLast()) : other == name)
    }
  }
  private var entries: [Entry] = []

  public init() {}

  public init(path: String) throws {
    let text = String(decoding: try NumpyFile.mapped(path), as: UTF8.self)
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let words = line.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      guard let entry = Self.entry(words) else {
        throw KerfError(
          "\(printable(path)):\(number + 1): expected `fail NAME reason`, `skip NAME reason` or "
            + "`random NAME \(RandomOutputs.allCases.map(\.rawValue).joined(separator: "|")) reason`")
      }
      entries.append(entry)
    }
  }

  private static func entry(_ words: [String]) -> Entry? {
    let parts = words[0].split(separator: ":", maxSplits: 1).map(String.init)
    guard words.count >= 3, let keyword = parts.first else { return nil }
    let mode = parts.count > 1 ? ConformanceMode(rawValue: parts[1]) : nil
    guard parts.count == 1 || mode != nil else { return nil }
    func entry(_ kind: Kind, _ reason: some Sequence<String>) -> Entry {
      Entry(kind: kind, mode: mode, name: words[1], reason: reason.joined(separator: " "))
    }
    switch keyword {
    case "fail": return entry(.fail, words.dropFirst(2))
    case "skip": return entry(.skip, words.dropFirst(2))
    case "random":
      guard words.count >= 4, let outputs = RandomOutputs(rawValue: words[2]) else { return nil }
      return entry(.random(outputs), words.dropFirst(3))
    default: return nil
    }
  }

  /// Why a case is not to be run, or nil.
  public func skipReason(_ item: ConformanceCase) -> String? {
    entries.first { $0.kind == .skip && $0.matches(item.name, item.mode) }?.reason
  }

  /// The distribution of a case's outputs, where they are drawn.
  public func random(_ item: ConformanceCase) -> RandomOutputs? {
    for entry in entries where entry.matches(item.name, item.mode) {
      if case .random(let outputs) = entry.kind { return outputs }
    }
    return nil
  }

  /// A result as the manifest sees it.
  public func judge(_ result: ConformanceResult) -> ConformanceResult {
    let mode = result.mode ?? .static
    guard let entry = entries.first(where: { $0.kind == .fail && $0.matches(result.name, mode) }) else { return result }
    var judged = result
    switch result.status {
    case .failed: (judged.status, judged.reason) = (.skipped, "known: \(entry.reason) (\(result.reason))")
    case .passed where !entry.name.hasSuffix("*"):
      (judged.status, judged.reason) = (.failed, "it passes, but the manifest lists it as failing: \(entry.reason)")
    default: break
    }
    return judged
  }
}
