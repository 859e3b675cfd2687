import Foundation
import IR
import Testing

@testable import ONNX

/// Every family of operators stands on conformance cases, and every operator that a case names can be imported.
@Suite struct CompletenessTests {
  /// What the cases name: Tests/Conformance/operators.txt, which `scripts/case_operators.py` writes.
  static let named: Set<String> = {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Conformance/operators.txt")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return Set(text.split(separator: "\n").map(String.init))
  }()

  /// Families of which ONNX's suite has no case; the suites named test them by literal values.
  static let untested = [
    "FeatureMaps": "ClassicalTests", "LinearModels": "ClassicalTests", "SupportVectors": "ClassicalTests",
  ]

  @Test func everyFamilyHasACase() {
    #expect(Self.named.count > 200)
    for (family, operators) in OperatorCatalog.families where Self.untested[family] == nil {
      #expect(operators.contains { Self.named.contains($0.qualifiedName) }, "\(family)")
    }
    for family in Self.untested.keys {
      let operators = OperatorCatalog.families.first { $0.name == family }?.operators ?? []
      #expect(!operators.isEmpty && !operators.contains { Self.named.contains($0.qualifiedName) }, "\(family)")
    }
  }

  @Test func everyNamedOperatorIsKnown() {
    let own = Set(OperatorCatalog.all.map { $0.qualifiedName })
    let expanded = expandedOperators.map { $0.domain.isEmpty ? $0.name : "\($0.domain).\($0.name)" }
    let functions = functionOperators().map { $0.domain.isEmpty ? $0.name : "\($0.domain).\($0.name)" }
    #expect(Self.named.subtracting(own).subtracting(expanded).subtracting(functions).sorted() == [])
  }

  @Test func expandedOperatorsHaveImporters() {
    for op in expandedOperators {
      #expect(ImporterCatalog.find(op.name, domain: Name(op.domain)) != nil, "\(op.domain) \(op.name)")
    }
  }
}
