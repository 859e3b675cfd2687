import IR

/// Finds every node of the file whose operator is not supported, in subgraphs and functions too, before anything is
/// built: building stops at the first node of a chain, this does not.
struct SupportScan {
  let functions: FunctionTable
  let operators: OperatorTable
  var findings: Findings

  mutating func visit(_ graph: ProtoGraph, prefix: [UInt8] = []) {
    for index in 0..<graph.nodeCount { visit(graph.node(index), prefix) }
  }

  mutating func visit(_ function: LocalFunction) {
    for index in 0..<function.proto.nodeCount { visit(function.proto.node(index), function.proto.name.bytes) }
  }

  private mutating func visit(_ node: ProtoNode, _ prefix: [UInt8]) {
    for graph in node.subgraphs { visit(graph, prefix: prefix) }
    guard functions.function(node) == nil, operators.find(node) == nil, !Self.isCustom(node), !Self.hasDefinition(node)
    else { return }
    let own = node.name.isEmpty ? node.outputs.first { !$0.isEmpty } ?? "" : node.name
    let name = prefix.isEmpty ? own : Name(prefix + [UInt8(ascii: "/")] + own.bytes)
    findings.addUnsupported(operator: Self.operatorLabel(node), node: name)
  }

  /// Whether a user has registered the operator.
  static func isCustom(_ node: ProtoNode) -> Bool {
    guard let name = ascii(node.operatorName), !node.domain.isEmpty else { return false }
    return CustomOperators.find(name, domain: node.domain.string) != nil
  }

  /// Whether ONNX has a definition to expand the operator from.
  private static func hasDefinition(_ node: ProtoNode) -> Bool {
    FunctionLibrary.standard.has(node.operatorName, domain: OpsetTable.normalized(node.domain))
  }

  /// Operator and domain as messages put them.
  static func operatorLabel(_ node: ProtoNode) -> String {
    let domain = OpsetTable.normalized(node.domain)
    let name = node.operatorName.isEmpty ? "(no operator)" : node.operatorName.description
    return domain.isEmpty ? name : "\(domain).\(name)"
  }

  /// A name as text where it is plain ASCII, as all operators and attributes are.
  static func ascii(_ name: Name) -> String? {
    name.bytes.allSatisfy { $0 < 0x80 } && !name.isEmpty ? name.string : nil
  }
}
