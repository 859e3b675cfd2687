/// The opset in which an operator first appeared, for tables of what is supported.
package func firstOpsetVersion(of name: String, domain: String) -> Int {
  OperatorVersions.first(name, domain: domain)
}

/// Operators that ONNX defines as functions, with the opsets of which the definition is at hand.
package func functionOperators() -> [(name: String, domain: String, opsets: ClosedRange<Int>)] {
  FunctionLibrary.standard.operators.map { ($0.name.string, $0.domain.string, $0.opsets) }
}
