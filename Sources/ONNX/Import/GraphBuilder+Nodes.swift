import IR

extension GraphBuilder {
  /// Imports one node of the current frame: expands a function call, or adds what it stands for.
  func importNode(_ node: ProtoNode) {
    do throws(Diagnostic) {
      if let function = try function(node) { return expand(function, node) }
      let outputs = node.outputs
      guard let draft = try draft(node, outputs) else { return breakOutputs(node) }
      guard let results = try place(draft) else { return breakOutputs(node) }
      for id in results { try checkSize(graph.type(id)) }
      bindOutputs(outputs, results, node)
    } catch {
      let label = label(node)
      report(error.message.hasPrefix(label) ? error : error.about(label))
      breakOutputs(node)
    }
  }

  /// `Conv 'stem/conv1'`; nodes without a name are called after their first output.
  func label(_ node: ProtoNode) -> String {
    let name = nodeName(node)
    return SupportScan.operatorLabel(node) + (name.isEmpty ? "" : " '\(name)'")
  }

  func nodeName(_ node: ProtoNode) -> Name { nodeName(node, node.outputs) }

  private func nodeName(_ node: ProtoNode, _ outputs: [Name]) -> Name {
    let name = node.name
    return qualified(name.isEmpty ? outputs.first { !$0.isEmpty } ?? "" : name)
  }

  func breakOutputs(_ node: ProtoNode) {
    for output in node.outputs where !output.isEmpty { bind(output, .broken, label(node)) }
  }

  private func bindOutputs(_ outputs: [Name], _ results: [ValueID], _ node: ProtoNode) {
    for (output, id) in zip(outputs, results) where !output.isEmpty {
      bind(output, .value(id), label(node))
      checkHint(output, id)
    }
  }

  // MARK: Reading

  /// The node as the file has it; nil when an input is broken (attributes are checked all the same), or when the
  /// operator is not supported, which the scan before has reported.
  private func draft(_ node: ProtoNode, _ outputs: [Name]) throws(Diagnostic) -> NodeDraft? {
    guard let known = importer.operators.find(node) else {
      return SupportScan.isCustom(node) ? try customDraft(node, outputs) : nil
    }
    guard let opset = frames[frames.count - 1].opsets.version(of: known.key.domain) else {
      throw .invalid("the model imports no opset for domain '\(known.domain)'")
    }
    guard opset >= known.first else {
      throw .invalid(
        "the operator exists from opset \(known.first) on, the model imports \(opset)",
        notes: ["export the model with opset \(known.first) or newer"])
    }
    if let op = known.type, !op.opsets.contains(opset) {
      throw .unsupported(
        "opset \(opset) has no such operator, it exists in \(op.opsets.lowerBound)...\(op.opsets.upperBound)")
    }
    var isBroken = false
    let inputs = try inputs(node, &isBroken)
    var draft = NodeDraft(
      name: known.name, domain: known.domain, opset: opset, inputs: inputs, attributes: [], graphs: [],
      outputCount: outputCount(outputs), nodeName: nodeName(node, outputs), outputNames: outputs.map(qualified))
    try readAttributes(node, &draft)
    guard isBroken else { return draft }
    // What is wrong with the attributes is said all the same, where they are taken as they stand.
    if ImporterCatalog.find(draft.name, domain: Name(draft.domain)) == nil {
      _ = try operation(draft.name, domain: draft.domain, draft.attributes)
    }
    return nil
  }

  /// A node of a custom operator; its domain need not be imported.
  private func customDraft(_ node: ProtoNode, _ outputs: [Name]) throws(Diagnostic) -> NodeDraft? {
    var isBroken = false
    let domain = OpsetTable.normalized(node.domain)
    var draft = NodeDraft(
      name: node.operatorName.string, domain: domain.string,
      opset: frames[frames.count - 1].opsets.version(of: domain) ?? 1,
      inputs: try inputs(node, &isBroken), attributes: [], graphs: [], outputCount: outputCount(outputs),
      nodeName: nodeName(node, outputs), outputNames: outputs.map(qualified))
    try readAttributes(node, &draft)
    draft.isCustom = true
    return isBroken ? nil : draft
  }

  /// Outputs up to the last that has a name.
  private func outputCount(_ outputs: [Name]) -> Int {
    let last = outputs.lastIndex { !$0.isEmpty } ?? 0
    return min(outputs.count, last + 1)
  }

  private func inputs(_ node: ProtoNode, _ isBroken: inout Bool) throws(Diagnostic) -> [ValueID?] {
    var result: [ValueID?] = []
    for index in 0..<node.inputCount {
      let name = node.input(index)
      switch name.isEmpty ? .absent : binding(name) {
      case .value(let id): result.append(id)
      case .absent: result.append(nil)
      case .broken:
        isBroken = true
        result.append(nil)
      case nil: throw .invalid("input \(index), '\(name)', is made by no earlier node")
      }
    }
    return result
  }

  private func readAttributes(_ node: ProtoNode, _ draft: inout NodeDraft) throws(Diagnostic) {
    var seen: Set<Name> = []
    for proto in node.attributes {
      let name = proto.name
      guard seen.insert(name).inserted else { throw .invalid("attribute '\(name)' is given twice") }
      guard let text = SupportScan.ascii(name) else { throw .invalid("there is no attribute '\(name)'") }
      guard let value = try resolve(proto) else { continue }
      if try value.attribute.kind() == 5 {
        draft.graphs.append((text, value.attribute.graph))
      } else {
        draft.attributes.append((text, try value.value()))
      }
    }
  }

  /// The attribute itself, or the argument it stands for; nil where the function's caller gave none.
  func resolve(_ attribute: ProtoAttribute) throws(Diagnostic) -> Argument? {
    let reference = attribute.reference
    guard !reference.isEmpty else {
      return Argument(attribute: attribute, tensors: frames[frames.count - 1].tensors)
    }
    guard let arguments = frames[frames.count - 1].arguments else {
      throw .invalid("attribute '\(attribute.name)' refers to parameter '\(reference)' outside a function")
    }
    guard attribute.fields == 0 else {
      throw .invalid("attribute '\(attribute.name)' both refers to parameter '\(reference)' and holds a value")
    }
    guard let argument = arguments[reference] else { return nil }
    if attribute.type != 0, try argument.attribute.kind() != attribute.type {
      throw .invalid("attribute '\(attribute.name)' refers to parameter '\(reference)', which has another type")
    }
    return argument
  }

  // MARK: Placing

  /// Applies the family's importer, then adds the node. Nil when a body was already found wrong.
  private func place(_ draft: NodeDraft) throws(Diagnostic) -> [ValueID]? {
    var draft = draft
    if !draft.isCustom, let adapt = ImporterCatalog.find(draft.name, domain: Name(draft.domain)) {
      switch try adapt(&draft, self) {
      case .node: break
      case .values(let results): return results
      case .broken: return nil
      }
    }
    guard draft.graphs.isEmpty else { throw .invalid("there is no graph attribute '\(draft.graphs[0].name)'") }
    return try add(draft)
  }

  /// Adds the node a draft describes.
  func add(_ draft: NodeDraft) throws(Diagnostic) -> [ValueID] {
    let op =
      try draft.isCustom
      ? CustomCall("\(draft.domain).\(draft.name)", tensors(draft.attributes))
      : operation(draft.name, domain: draft.domain, draft.attributes, hints: draft.hints)
    return try graph.add(
      op, draft.inputs, outputs: draft.outputCount, names: draft.nodeName.isEmpty ? [] : [draft.nodeName],
      outputNames: draft.outputNames)
  }

  /// Attributes of a custom operator as the tensors it gets.
  private func tensors(
    _ attributes: [(name: String, value: AttributeValue)]
  ) throws(Diagnostic) -> [(name: String, value: Tensor)] {
    var result: [(name: String, value: Tensor)] = []
    for (name, value) in attributes {
      switch value {
      case .int(let number): result.append((name, Tensor(scalar: number)))
      case .float(let number): result.append((name, Tensor(scalar: number)))
      case .string(let bytes): result.append((name, Tensor(strings: [bytes], shape: [])))
      case .ints(let numbers): result.append((name, Tensor(numbers)))
      case .floats(let numbers): result.append((name, Tensor(numbers)))
      case .strings(let list): result.append((name, Tensor(strings: list, shape: [list.count])))
      case .tensor(let tensor): result.append((name, tensor))
      case .graph, .type, .tensors:
        throw .unsupported("attribute '\(name)' of a custom operator is of kind \(value.kindName)")
      }
    }
    return result
  }

  /// Adds a further node on behalf of a draft, with one output.
  func emit(
    _ name: String, _ inputs: [ValueID?], _ attributes: [(name: String, value: AttributeValue)] = [],
    for draft: NodeDraft,
    isFinal: Bool = false
  ) throws(Diagnostic) -> ValueID {
    let op = try operation(name, domain: "", attributes)
    let results = try graph.add(
      op, inputs, outputs: 1, names: draft.nodeName.isEmpty ? [] : [draft.nodeName],
      outputNames: isFinal ? draft.outputNames : [])
    guard let result = results.first else { throw .invalid("has no output") }
    return result
  }

  /// The operator of that name with its attributes set; throws on wrong, unknown or missing ones.
  func operation(
    _ name: String, domain: String, _ attributes: [(name: String, value: AttributeValue)],
    hints: [(name: String, value: AttributeValue)] = []
  ) throws(Diagnostic) -> any Operator {
    guard let type = OperatorCatalog.find(name, domain: domain) else {
      throw .unsupported("needs the operator \(name), which is not supported")
    }
    return try make(type, attributes, hints)
  }

  private func make<Op: Operator>(
    _ type: Op.Type, _ attributes: [(name: String, value: AttributeValue)],
    _ hints: [(name: String, value: AttributeValue)]
  ) throws(Diagnostic) -> any Operator {
    var op = type.init()
    for (name, value) in attributes { try op.setAttribute(name, value, fromModel: true) }
    for (name, value) in hints where Op.attributes.contains(where: { $0.name == name }) {
      try op.setAttribute(name, value)
    }
    for field in Op.attributes where field.isRequired && !field.isInternal {
      guard attributes.contains(where: { $0.name == field.name }) else {
        throw .invalid("the required attribute '\(field.name)' is missing")
      }
    }
    return op
  }
}
