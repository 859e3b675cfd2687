import IR

/// Internal attribute of the control-flow operators: how many of the node's last inputs are outer values that the
/// bodies read. Every body takes these as its last inputs, in the same order.
let captureCountAttribute = "captures"

extension ImporterCatalog {
  static let controlFlow: [(operators: [String], importer: NodeImporter)] = [
    (["If"], importIf), (["Loop"], importLoop), (["Scan"], importScan), (["SequenceMap"], importSequenceMap),
  ]

  /// ONNX If, opsets 1–25. Inputs become: condition, captures.
  private static func importIf(_ draft: inout NodeDraft, _ builder: GraphBuilder) throws(Diagnostic) -> ImportResult {
    let then = try takeGraph(&draft, "then_branch")
    let otherwise = try takeGraph(&draft, "else_branch")
    let captures = try builder.captures(of: [then, otherwise])
    for (name, proto) in [("then_branch", then), ("else_branch", otherwise)] {
      guard proto.inputs.isEmpty else { throw .invalid("'\(name)' has inputs of its own, accepted are 0") }
      guard let body = try builder.body(proto, [], captures) else { return .broken }
      draft.set(name, .graph(body))
    }
    builder.append(captures, to: &draft)
    return .node
  }

  /// ONNX Loop, opsets 1–25. Inputs become: trip count, condition, carried values, captures.
  private static func importLoop(_ draft: inout NodeDraft, _ builder: GraphBuilder) throws(Diagnostic) -> ImportResult {
    let proto = try takeGraph(&draft, "body")
    while draft.inputs.count < 2 { draft.inputs.append(nil) }
    let carried = try types(draft.inputs[2...], builder, first: 2)
    guard proto.inputs.count == 2 + carried.count, proto.outputs.count > carried.count else {
      throw .invalid(
        "'body' has \(proto.inputs.count) inputs and \(proto.outputs.count) outputs, "
          + "expected \(2 + carried.count) and at least \(1 + carried.count)")
    }
    let captures = try builder.captures(of: [proto])
    let fixed: [ValueType] = [.tensor(.int64, []), .tensor(.bool, [])]
    guard let body = try builder.iteratedBody(proto, captures, carried: carried, outputsBefore: 1, formals: { fixed + $0 })
    else { return .broken }
    draft.set("body", .graph(body))
    builder.append(captures, to: &draft)
    return .node
  }

  /// ONNX Scan, opsets 9–25. Inputs become: states, scanned values, captures.
  private static func importScan(_ draft: inout NodeDraft, _ builder: GraphBuilder) throws(Diagnostic) -> ImportResult {
    guard draft.opset >= 9 else { throw .unsupported("Scan of opset 8, with a batch axis; opsets from 9 on are") }
    let proto = try takeGraph(&draft, "body")
    let all = try types(draft.inputs[...], builder, first: 0)
    guard case .int(let count)? = draft.attributes.first(where: { $0.name == "num_scan_inputs" })?.value, count >= 1,
      count <= Int64(all.count)
    else { throw .invalid("attribute 'num_scan_inputs' must be in 1...\(all.count)") }
    let states = all.count - Int(count)
    guard proto.inputs.count == all.count, proto.outputs.count >= states else {
      throw .invalid(
        "'body' has \(proto.inputs.count) inputs and \(proto.outputs.count) outputs, "
          + "expected \(all.count) and at least \(states)")
    }
    var axes = [Int](repeating: 0, count: Int(count))
    if case .ints(let given)? = draft.attributes.first(where: { $0.name == "scan_input_axes" })?.value {
      guard given.count == axes.count else { throw .invalid("attribute 'scan_input_axes' has \(given.count) entries, expected \(axes.count)") }
      axes = given.map { Int($0) }
    }
    var slices: [ValueType] = []
    for (type, axis) in zip(all[states...], axes) { slices.append(try slice(type, axis)) }
    let captures = try builder.captures(of: [proto])
    let scanned = slices
    guard let body = try builder.iteratedBody(
      proto, captures, carried: Array(all[..<states]), outputsBefore: 0, formals: { $0 + scanned })
    else { return .broken }
    draft.set("body", .graph(body))
    builder.append(captures, to: &draft)
    return .node
  }

  /// ONNX SequenceMap, opset 17. Inputs become: sequence, further inputs, captures.
  private static func importSequenceMap(
    _ draft: inout NodeDraft, _ builder: GraphBuilder
  ) throws(Diagnostic) -> ImportResult {
    let proto = try takeGraph(&draft, "body")
    let formals = try types(draft.inputs[...], builder, first: 0).map {
      if case .sequence(let element) = $0 { element } else { $0 }
    }
    guard proto.inputs.count == formals.count else {
      throw .invalid("'body' has \(proto.inputs.count) inputs, expected \(formals.count)")
    }
    let captures = try builder.captures(of: [proto])
    guard let body = try builder.body(proto, formals, captures) else { return .broken }
    draft.set("body", .graph(body))
    builder.append(captures, to: &draft)
    return .node
  }

  private static func takeGraph(_ draft: inout NodeDraft, _ name: String) throws(Diagnostic) -> ProtoGraph {
    guard let index = draft.graphs.firstIndex(where: { $0.name == name }) else {
      throw .invalid("the required attribute '\(name)' is missing")
    }
    guard !draft.has(captureCountAttribute) else { throw .invalid("there is no attribute '\(captureCountAttribute)'") }
    return draft.graphs.remove(at: index).proto
  }

  private static func types(
    _ inputs: ArraySlice<ValueID?>, _ builder: GraphBuilder, first: Int
  ) throws(Diagnostic) -> [ValueType] {
    var result: [ValueType] = []
    for (offset, input) in inputs.enumerated() {
      guard let input else { throw .invalid("input \(first + offset) is missing") }
      result.append(builder.graph.type(input))
    }
    return result
  }

  /// What one step of a scan sees of a value.
  private static func slice(_ type: ValueType, _ axis: Int) throws(Diagnostic) -> ValueType {
    guard let tensor = type.tensor else { throw .invalid("a scanned input is a \(type), expected a tensor") }
    guard var shape = tensor.shape else { return type }
    shape.remove(at: try normalizedAxis(axis, rank: shape.count, "scan axis"))
    return .tensor(tensor.element, shape)
  }
}
