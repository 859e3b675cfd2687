import IR

extension ImporterCatalog {
  static let constants: [(operators: [String], importer: NodeImporter)] = [
    (["Constant"], importConstant)
  ]

  /// ONNX Constant, opsets 1–25: exactly one of the value attributes becomes a constant of the graph.
  private static func importConstant(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.inputs.isEmpty else { throw .invalid("has \(draft.inputs.count) inputs, accepted are 0") }
    guard draft.outputCount == 1 else { throw .invalid("has \(draft.outputCount) outputs, accepted are 1") }
    guard draft.attributes.count == 1, draft.graphs.isEmpty, let attribute = draft.attributes.first else {
      throw .invalid("has \(draft.attributes.count + draft.graphs.count) value attributes, expected one")
    }
    let tensor = try tensor(attribute.name, attribute.value)
    return .values([builder.graph.addConstant(tensor, name: draft.outputNames.first ?? "")])
  }

  private static func tensor(_ name: String, _ value: AttributeValue) throws(Diagnostic) -> Tensor {
    switch (name, value) {
    case ("value", .tensor(let tensor)), ("sparse_value", .tensor(let tensor)): return tensor
    case ("value_float", .float(let number)): return Tensor(scalar: number)
    case ("value_int", .int(let number)): return Tensor(scalar: number)
    case ("value_string", .string(let bytes)): return Tensor(strings: [bytes], shape: [])
    case ("value_floats", .floats(let numbers)): return Tensor(numbers)
    case ("value_ints", .ints(let numbers)): return Tensor(numbers)
    case ("value_strings", .strings(let list)): return Tensor(strings: list, shape: [list.count])
    default: throw .invalid("attribute '\(name)' of kind \(value.kindName) is no constant")
    }
  }
}

extension GraphBuilder {
  /// A one-dimensional int64 constant, named after the node and what it is.
  func constant(_ numbers: [Int64], _ what: String, for draft: NodeDraft) -> ValueID {
    graph.addConstant(Tensor(numbers), name: Name(draft.nodeName.bytes + Array("/\(what)".utf8)))
  }

  /// A scalar constant in the element type of a value (numbers and bool).
  func scalar(_ number: Float, like id: ValueID?, _ what: String, for draft: NodeDraft) throws(Diagnostic) -> ValueID {
    guard let type = id.flatMap({ graph.type($0).tensor })?.element, type != .string else {
      throw .invalid("\(what) needs an input that is a tensor of numbers")
    }
    let name = Name(draft.nodeName.bytes + Array("/\(what)".utf8))
    return graph.addConstant(Tensor(wide: [number], type, []), name: name)
  }

  /// The shape of a tensor value, nil where its rank is not known.
  func shape(_ id: ValueID?) -> Shape? { id.flatMap { graph.type($0).tensor?.shape } }
}
