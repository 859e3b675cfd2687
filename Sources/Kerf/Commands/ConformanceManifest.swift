import Foundation

/// Cases that are known to fail, or are not to be run, each with the reason.
///
/// A line is `fail NAME reason` or `skip NAME reason`; a NAME that ends in `*` stands for all that begin so; `#` starts a
/// comment. A listed failure counts as skipped; one that passes is a failure, so that the list stays true.
public struct ConformanceManifest: Sendable {
  private struct Entry: Sendable {
    var isSkip: Bool
    var name: String
    var reason: String

    func matches(_ other: String) -> Bool {
      name.hasSuffix("*") ? other.hasPrefix(name.dropLast()) : other == name
    }
  }
  private var entries: [Entry] = []

  public init() {}

  public init(path: String) throws {
    let text = String(decoding: try NumpyFile.mapped(path), as: UTF8.self)
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let words = line.split(separator: " ", maxSplits: 2).map(String.init)
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      guard words.count == 3, first == "fail" || first == "skip" else {
        throw KerfError("\(printable(path)):\(number + 1): expected `fail NAME reason` or `skip NAME reason`")
      }
      entries.append(
        Entry(isSkip: first == "skip", name: words[1], reason: words[2].trimmingCharacters(in: .whitespaces)))
    }
  }

  /// Why a case is not to be run, or nil.
  public func skipReason(_ name: String) -> String? { entries.first { $0.isSkip && $0.matches(name) }?.reason }

  /// A result as the manifest sees it.
  public func judge(_ result: ConformanceResult) -> ConformanceResult {
    guard let entry = entries.first(where: { !$0.isSkip && $0.matches(result.name) }) else { return result }
    switch result.status {
    case .failed: return ConformanceResult(result.name, .skipped, "known: \(entry.reason) (\(result.reason))")
    case .passed where !entry.name.hasSuffix("*"):
      return ConformanceResult(result.name, .failed, "it passes, but the manifest lists it as failing: \(entry.reason)")
    default: return result
    }
  }
}
