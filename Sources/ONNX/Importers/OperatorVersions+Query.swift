/// The opset in which an operator first appeared, for tables of what is supported.
package func firstOpsetVersion(of name: String, domain: String) -> Int {
  OperatorVersions.first(name, domain: domain)
}
