import Foundation
import IR
import Passes
import Testing

/// Before and after of every pass, as text. A file holds the cases of the pass it is named after:
///
///     == folds a chain
///     graph … (before)
///     -->
///     graph … (after)
///     rejected 'node': reason
///
/// The passes of quantization get the numbers of `QuantizationSamples`.
///
/// `KERF_UPDATE_GOLDEN=1 swift test --filter GoldenTests` writes what the passes do now; a person reviews the difference.
@Suite struct GoldenTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
  static let files: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".txt") }.sorted()
  }()

  struct Case {
    var title: String
    var before: String
    var after: String
  }

  static func cases(_ text: String) -> [Case] {
    text.components(separatedBy: "== ").dropFirst().map { block in
      let lines = block.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
      let parts = (lines.count > 1 ? String(lines[1]) : "").components(separatedBy: "-->\n")
      return Case(title: String(lines[0]), before: parts[0], after: parts.count > 1 ? parts[1] : "")
    }
  }

  static func run(_ name: String, _ text: String) throws -> String {
    var graph = try Graph(parsing: text, constants: QuantizationSamples.constants)
    try graph.verify()
    let passes = try #require(
      Pipelines.pass(named: name).map { [$0] } ?? QuantizationSamples.passes(named: name, graph),
      "no pass is called \(name)")
    var options = PassOptions()
    options.verifiesEachEdit = true
    let report = try Pipeline(passes).run(on: &graph, options)
    let rejected = (report.passes.last?.rejected ?? []).map { "rejected '\($0.node)': \($0.reason)\n" }
    return graph.text + rejected.joined()
  }

  @Test(arguments: files)
  func passDoesWhatTheFileSays(_ file: String) throws {
    let url = Self.folder.appending(path: file)
    let name = String(file.dropLast(4))
    let cases = Self.cases(try String(contentsOf: url, encoding: .utf8))
    #expect(!cases.isEmpty)
    var rewritten = ""
    for golden in cases {
      let after = try Self.run(name, golden.before)
      rewritten += "== \(golden.title)\n\(golden.before)-->\n\(after)\n"
      if ProcessInfo.processInfo.environment["KERF_UPDATE_GOLDEN"] == nil {
        #expect(after.trimmingSuffix("\n") == golden.after.trimmingSuffix("\n"), "\(name): \(golden.title)")
      }
    }
    if ProcessInfo.processInfo.environment["KERF_UPDATE_GOLDEN"] != nil {
      try (rewritten.trimmingSuffix("\n") + "\n").write(to: url, atomically: true, encoding: .utf8)
    }
  }

  @Test func everyPassHasAFile() {
    for name in Pipelines.allPasses.map(\.name) + QuantizationSamples.names where !Self.files.contains(name + ".txt") {
      Issue.record("Golden/\(name).txt is missing")
    }
  }
}

extension String {
  func trimmingSuffix(_ end: Character) -> String {
    var text = self
    while text.last == end { text.removeLast() }
    return text
  }
}
