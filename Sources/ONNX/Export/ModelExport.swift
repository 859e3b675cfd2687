import COnnx
import IR

/// Writes a graph as an ONNX model.
///
/// What Kerf's passes fused is written as the standard operators it stands for, so that any runtime reads the file.
/// - Throws: what has no form in ONNX, or that the file would take more than 2 GB.
public func exportModel(_ graph: Graph, producerVersion: String) throws(Diagnostic) -> [UInt8] {
  guard
    let writer = withBytes(
      "kerf",
      { kerf in
        withBytes(producerVersion, { kx_writer_create(ModelExport.irVersion, kerf, $0) })
      })
  else { throw .invalid("no memory for a model") }
  defer { kx_writer_free(writer) }
  let export = ModelExport()
  try export.write(graph.withUnsignedWeights(), to: kx_writer_graph(writer), arguments: [])
  for (domain, version) in export.opsets.sorted(by: { $0.key < $1.key }) {
    withBytes(domain) { kx_writer_import_opset(writer, $0, Int64(version)) }
  }
  let bytes = kx_writer_serialize(writer)
  guard bytes.count > 0, let data = bytes.data else { throw .unsupported("the model would take more than 2 GB") }
  return Array(UnsafeBufferPointer(start: data, count: bytes.count))
}

/// One export: names of values, and of nodes, are unique over the model and its bodies.
private final class ModelExport {
  /// The ONNX file format of opset 21.
  static let irVersion: Int64 = 10
  /// Versions that the operators written so far need. 21 has 4-bit integers and blocked quantization.
  private(set) var opsets = ["": 21]
  private var taken: Set<Name> = []
  private var takenByNodes: Set<Name> = []

  // MARK: Graphs

  /// Writes a graph; `arguments` are the names of outer values that stand for its last inputs.
  func write(_ graph: Graph, to target: OpaquePointer?, arguments: [Name]) throws(Diagnostic) {
    var names: [ValueID: Name] = [:]
    let own = graph.inputs.dropLast(arguments.count)
    for (id, name) in zip(graph.inputs.suffix(arguments.count), arguments) { names[id] = name }
    withBytes(graph.name.isEmpty ? "graph" : graph.name) { kx_out_graph_set_name(target, $0) }
    for id in own {
      // Inputs and outputs keep their names whatever else is called so.
      names[id] = graph[id].name.isEmpty ? unique(graph[id].name) : graph[id].name
      if let name = names[id] { taken.insert(name) }
    }
    for name in graph.outputNames { taken.insert(name) }
    for (id, name) in zip(graph.outputs, graph.outputNames) where names[id] == nil && graph.constant(id) == nil {
      names[id] = name
    }
    for id in own { setType(graph.type(id), bytes(names[id]) { kx_out_graph_add_input(target, $0) }) }
    for node in graph.orderedNodes { try write(node, graph, &names, target) }
    try writeOutputs(graph, &names, target)
  }

  private func writeOutputs(_ graph: Graph, _ names: inout [ValueID: Name], _ target: OpaquePointer?) throws(Diagnostic)
  {
    for (id, name) in zip(graph.outputs, graph.outputNames) {
      if names[id] != name {
        let source = try self.name(of: id, graph, &names, target)
        try add(PlainNode(name: "Identity", inputs: [source], outputs: [name]), "", target, [])
      }
      setType(graph.type(id), withBytes(name) { kx_out_graph_add_output(target, $0) })
    }
  }

  // MARK: Values

  private func unique(_ wanted: Name) -> Name { ModelExport.unique(wanted.isEmpty ? "value" : wanted, &taken) }

  /// A name that is not taken yet: the wanted one, or that with a number.
  private static func unique(_ base: Name, _ taken: inout Set<Name>) -> Name {
    var name = base
    var count = 0
    while !taken.insert(name).inserted {
      count += 1
      name = Name(base.bytes + Array(".\(count)".utf8))
    }
    return name
  }

  /// The name of a value; a constant becomes an initializer when first asked for.
  private func name(
    of id: ValueID, _ graph: Graph, _ names: inout [ValueID: Name], _ target: OpaquePointer?
  ) throws(Diagnostic) -> Name {
    if let name = names[id] { return name }
    let name = unique(graph[id].name)
    names[id] = name
    if let tensor = graph.constant(id) { try set(tensor, name, kx_out_graph_add_initializer(target)) }
    return name
  }

  private func set(_ tensor: Tensor, _ name: Name, _ target: OpaquePointer?) throws(Diagnostic) {
    let dims = tensor.shape.map { Int64($0) }
    let raw = kx_bytes(data: tensor.bytes.bindMemory(to: UInt8.self).baseAddress, count: tensor.bytes.count)
    let isSet = withBytes(name) {
      kx_out_tensor_set(target, $0, Int32(tensor.type.rawValue), dims, dims.count, raw)
    }
    guard isSet else { throw .invalid("no memory for a constant of \(tensor.byteCount) bytes") }
    for text in tensor.strings { withBytes(text) { kx_out_tensor_add_string(target, $0) } }
  }

  private func setType(_ type: ValueType, _ target: OpaquePointer?) {
    switch type {
    case .tensor(let tensor):
      kx_out_type_set_tensor(target, Int32(tensor.element.rawValue))
      guard let shape = tensor.shape else { return }
      kx_out_type_set_rank_known(target)
      for dim in shape {
        if let value = dim.value {
          kx_out_type_add_size(target, Int64(value))
        } else {
          let symbol = dim.symbolName.flatMap { $0.hasPrefix("?") ? nil : $0 } ?? ""
          withBytes(symbol) { kx_out_type_add_symbol(target, $0) }
        }
      }
    case .sequence(let element): setType(element, kx_out_type_sequence(target))
    case .optional(let element): setType(element, kx_out_type_optional(target))
    case .map(let key, let value): setType(value, kx_out_type_map(target, Int32(key.rawValue)))
    }
  }

  // MARK: Nodes

  private func write(
    _ node: Node, _ graph: Graph, _ names: inout [ValueID: Name], _ target: OpaquePointer?
  ) throws(Diagnostic) {
    var inputs: [Name] = []
    for input in node.inputs {
      inputs.append(try input.map { (id) throws(Diagnostic) in try name(of: id, graph, &names, target) } ?? "")
    }
    // Where an operator has any number of outputs, how many there are is part of its meaning.
    let arity = Swift.type(of: node.op).outputs
    let needed = arity.maximum > 8 ? node.outputs.count : max(1, arity.minimum)
    var outputs: [Name] = []
    for output in node.outputs {
      let isNamed = outputs.count < needed || graph.useCount(output) > 0
      outputs.append(isNamed ? try name(of: output, graph, &names, target) : "")
    }
    while outputs.count > 1, outputs.last?.isEmpty ?? false { outputs.removeLast() }
    let captured = (node.op as? any BodyOperator)?.captures ?? 0
    let captures = Array(inputs.suffix(captured))
    let ranks = node.inputs.map { $0.flatMap { graph.type($0).tensor?.shape?.count } }
    let element = graph.type(node.outputs[0]).tensor?.element ?? .float32
    let expansion: NodeExpansion
    do throws(Diagnostic) {
      expansion = try NodeExpansion(
        node, inputs: Array(inputs.dropLast(captured)), outputs: outputs, ranks: ranks, element: element)
    } catch { throw error.about(node.label) }
    for (name, tensor) in expansion.constants { try set(tensor, name, kx_out_graph_add_initializer(target)) }
    for (index, plain) in expansion.nodes.enumerated() {
      let label = node.names.first.map { index == 0 ? $0 : Name($0.bytes + Array("/part\(index)".utf8)) } ?? ""
      let name = label.isEmpty ? label : ModelExport.unique(label, &takenByNodes)
      try add(plain, name, target, captures)
    }
  }

  private func add(
    _ plain: PlainNode, _ label: Name, _ target: OpaquePointer?, _ captures: [Name]
  ) throws(Diagnostic) {
    let version = OperatorVersions.first(plain.name, domain: plain.domain)
    opsets[plain.domain] = max(opsets[plain.domain] ?? 1, version)
    let made = withBytes(plain.name) { name in
      withBytes(plain.domain) { domain in withBytes(label) { kx_out_graph_add_node(target, name, domain, $0) } }
    }
    for input in plain.inputs { withBytes(input) { kx_out_node_add_input(made, $0) } }
    for output in plain.outputs { withBytes(output) { kx_out_node_add_output(made, $0) } }
    for (name, value) in plain.attributes { try set(name, value, made, captures) }
  }

  /// Kinds as AttributeProto.AttributeType numbers them.
  private func kind(_ value: AttributeValue) -> Int32 {
    switch value {
    case .float: 1
    case .int: 2
    case .string: 3
    case .tensor: 4
    case .graph: 5
    case .floats: 6
    case .ints: 7
    case .strings: 8
    case .tensors: 9
    case .type: 13
    }
  }

  private func set(
    _ name: String, _ value: AttributeValue, _ node: OpaquePointer?, _ captures: [Name]
  ) throws(Diagnostic) {
    let target = withBytes(name) { kx_out_node_add_attribute(node, $0, kind(value)) }
    switch value {
    case .int(let number): kx_out_attribute_set_int(target, number)
    case .float(let number): kx_out_attribute_set_float(target, number)
    case .string(let text): withBytes(text) { kx_out_attribute_set_string(target, $0) }
    case .ints(let numbers): for number in numbers { kx_out_attribute_add_int(target, number) }
    case .floats(let numbers): for number in numbers { kx_out_attribute_add_float(target, number) }
    case .strings(let texts): for text in texts { withBytes(text) { kx_out_attribute_add_string(target, $0) } }
    case .tensor(let tensor): try set(tensor, "", kx_out_attribute_tensor(target))
    case .tensors(let tensors):
      for tensor in tensors { try set(tensor, "", kx_out_attribute_add_tensor(target)) }
    case .graph(let body): try write(body, to: kx_out_attribute_graph(target), arguments: captures)
    case .type(let type): setType(type, kx_out_attribute_type(target))
    }
  }

  private func bytes<Result>(_ name: Name?, _ body: (kx_bytes) -> Result) -> Result { withBytes(name ?? "", body) }
}

private func withBytes<Result>(_ bytes: [UInt8], _ body: (kx_bytes) -> Result) -> Result {
  bytes.withUnsafeBufferPointer { body(kx_bytes(data: $0.baseAddress, count: $0.count)) }
}
private func withBytes<Result>(_ text: String, _ body: (kx_bytes) -> Result) -> Result {
  withBytes(Array(text.utf8), body)
}
private func withBytes<Result>(_ name: Name, _ body: (kx_bytes) -> Result) -> Result { withBytes(name.bytes, body) }
