import IR

extension ImporterCatalog {
  static let controlFlow: [(operators: [String], importer: NodeImporter)] = [
    (["If"], importIf), (["Loop"], importLoop), (["Scan"], importScan), (["SequenceMap"], importSequenceMap),
  ]

  /// ONNX If, opsets 1–25. Inputs become: condition, captures.
  private static func importIf(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    let then = try takeGraph(&draft, "then_branch")
    let otherwise = try takeGraph(&draft, "else_branch")
    try builder.setOutputCount(then.outputs.count, of: &draft)
    try checkSingle(draft.input(0), builder, "the condition")
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
  private static func importLoop(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    let proto = try takeGraph(&draft, "body")
    while draft.inputs.count < 2 { draft.inputs.append(nil) }
    try checkSingle(draft.input(0), builder, "the trip count")
    try checkSingle(draft.input(1), builder, "the condition")
    let carried = try types(draft.inputs[2...], builder, first: 2)
    guard proto.inputs.count == 2 + carried.count, proto.outputs.count > carried.count else {
      throw .invalid(
        "'body' has \(proto.inputs.count) inputs and \(proto.outputs.count) outputs, "
          + "expected \(2 + carried.count) and at least \(1 + carried.count)")
    }
    try builder.setOutputCount(proto.outputs.count - 1, of: &draft)
    let captures = try builder.captures(of: [proto])
    let fixed: [ValueType] = [.tensor(.int64, []), .tensor(.bool, [])]
    guard
      let body = try builder.iteratedBody(proto, captures, carried: carried, outputsBefore: 1, formals: { fixed + $0 })
    else { return .broken }
    draft.set("body", .graph(body))
    builder.append(captures, to: &draft)
    return .node
  }

  /// ONNX Scan, opsets 9–25. Inputs become: states, scanned values, captures.
  private static func importScan(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
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
      guard given.count == axes.count else {
        throw .invalid("attribute 'scan_input_axes' has \(given.count) entries, expected \(axes.count)")
      }
      axes = given.map { Int($0) }
    }
    var slices: [ValueType] = []
    for (type, axis) in zip(all[states...], axes) { slices.append(try slice(type, axis)) }
    try builder.setOutputCount(proto.outputs.count, of: &draft)
    let captures = try builder.captures(of: [proto])
    let scanned = slices
    guard
      let body = try builder.iteratedBody(
        proto, captures, carried: Array(all[..<states]), outputsBefore: 0, formals: { $0 + scanned })
    else { return .broken }
    draft.set("body", .graph(body))
    builder.append(captures, to: &draft)
    return .node
  }

  /// ONNX SequenceMap, opset 17. Inputs become: sequence, further inputs, captures.
  private static func importSequenceMap(
    _ draft: inout Draft, _ builder: Builder
  ) throws(Diagnostic) -> ImportResult {
    let proto = try takeGraph(&draft, "body")
    let formals = try types(draft.inputs[...], builder, first: 0).map {
      if case .sequence(let element) = $0 { element } else { $0 }
    }
    guard proto.inputs.count == formals.count else {
      throw .invalid("'body' has \(proto.inputs.count) inputs, expected \(formals.count)")
    }
    try builder.setOutputCount(proto.outputs.count, of: &draft)
    let captures = try builder.captures(of: [proto])
    guard let body = try builder.body(proto, formals, captures) else { return .broken }
    draft.set("body", .graph(body))
    builder.append(captures, to: &draft)
    return .node
  }

  private static func takeGraph(_ draft: inout Draft, _ name: String) throws(Diagnostic) -> ProtoGraph {
    guard let index = draft.graphs.firstIndex(where: { $0.name == name }) else {
      throw .invalid("the required attribute '\(name)' is missing")
    }
    return draft.graphs.remove(at: index).proto
  }

  /// Throws where an input is known to have another number of elements than one.
  private static func checkSingle(_ id: ValueID?, _ builder: Builder, _ what: String) throws(Diagnostic) {
    guard let id, let shape = builder.shape(id) else { return }
    if shape.contains(where: { $0.value ?? 1 != 1 }) {
      throw .invalid("\(what) is \(builder.graph.type(id)), expected one element")
    }
  }

  private static func types(
    _ inputs: ArraySlice<ValueID?>, _ builder: Builder, first: Int
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
