import IR

extension ImporterCatalog {
  static let gradients: [(operators: [String], importer: NodeImporter)] = [
    (["ai.onnx.preview.training.Gradient"], importGradient)
  ]

  /// ONNX ai.onnx.preview.training Gradient, opset 1: becomes the nodes that compute the derivatives of `y` by the `xs`.
  /// The inputs are the values of `xs`, then `zs`, at which they are computed.
  private static func importGradient(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    let names = try draft.takeStrings("xs") ?? []
    let others = try draft.takeStrings("zs") ?? []
    guard let target = draft.take("y"), case .string(let y) = target, !names.isEmpty else {
      throw .invalid("the required attributes 'xs' and 'y' are missing")
    }
    guard draft.attributes.isEmpty else { throw .invalid("there is no attribute '\(draft.attributes[0].name)'") }
    guard draft.inputs.count == names.count + others.count, draft.outputCount <= names.count else {
      throw .invalid(
        "has \(draft.inputs.count) inputs and \(draft.outputCount) outputs, "
          + "expected \(names.count + others.count) and at most \(names.count)")
    }
    var variables: [ValueID] = []
    for name in names + others { variables.append(try value(Name(name), builder)) }
    var result = try value(Name(y), builder)
    var differentiation = Differentiation(builder.graph, names: draft.nodeName.isEmpty ? [] : [draft.nodeName])
    try differentiation.move(&variables, &result, to: draft.inputs)
    let gradients = try differentiation.gradients(
      of: result, by: Array(variables.prefix(names.count)), frozen: Set(variables.dropFirst(names.count)))
    builder.graph = differentiation.graph
    return .values(gradients)
  }

  private static func value(_ name: Name, _ builder: Builder) throws(Diagnostic) -> ValueID {
    guard case .value(let id)? = builder.binding(name) else {
      throw .invalid("'\(name)', which is to be differentiated, is made by no earlier node")
    }
    return id
  }
}

extension Differentiation {
  /// Computes `y` again where the variables are given other values than those it was computed with.
  fileprivate mutating func move(
    _ variables: inout [ValueID], _ y: inout ValueID, to given: [ValueID?]
  ) throws(Diagnostic) {
    var moved: [ValueID: ValueID] = [:]
    for (index, variable) in variables.enumerated() {
      guard let value = given[index] else { throw .invalid("input \(index) is missing") }
      guard graph.type(value).isCompatible(with: graph.type(variable)) else {
        throw .invalid(
          "input \(index) is \(graph.type(value)), but '\(graph[variable].name)' is \(graph.type(variable))")
      }
      if value != variable { moved[variable] = value }
    }
    guard !moved.isEmpty else { return }
    for node in dependencies(of: y, until: Set(variables)) {
      guard node.inputs.contains(where: { $0.map { moved[$0] != nil } ?? false }) else { continue }
      let inputs = node.inputs.map { input in input.map { moved[$0] ?? $0 } }
      let copies = try graph.add(node.op, inputs, outputs: node.outputs.count, names: names)
      for (old, new) in zip(node.outputs, copies) { moved[old] = new }
    }
    variables = variables.map { moved[$0] ?? $0 }
    y = moved[y] ?? y
  }
}
