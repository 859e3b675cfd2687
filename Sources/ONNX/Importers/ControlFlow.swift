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
    let proto = try takeGraph(&draft, "body")
    if draft.opset < 9 { return try importBatchedScan(&draft, builder, proto) }
    let all = try types(draft.inputs[...], builder, first: 0)
    let count = try scannedCount(draft, all.count, proto)
    let states = all.count - count
    var axes = [Int](repeating: 0, count: count)
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

  /// How many inputs are scanned; throws where the attribute or the body's inputs and outputs do not fit.
  private static func scannedCount(_ draft: Draft, _ inputs: Int, _ proto: ProtoGraph) throws(Diagnostic) -> Int {
    guard case .int(let count)? = draft.attributes.first(where: { $0.name == "num_scan_inputs" })?.value, count >= 1,
      count <= Int64(inputs)
    else { throw .invalid("attribute 'num_scan_inputs' must be in 1...\(inputs)") }
    let states = inputs - Int(count)
    guard proto.inputs.count == inputs, proto.outputs.count >= states else {
      throw .invalid(
        "'body' has \(proto.inputs.count) inputs and \(proto.outputs.count) outputs, "
          + "expected \(inputs) and at least \(states)")
    }
    return Int(count)
  }

  /// ONNX Scan, opset 8: every value has a batch axis in front. Becomes a scan over the batch whose body is the scan of
  /// one member. Lengths of single members (input 0) are not supported.
  private static func importBatchedScan(
    _ draft: inout Draft, _ builder: Builder, _ proto: ProtoGraph
  ) throws(Diagnostic) -> ImportResult {
    guard draft.input(0) == nil else { throw .unsupported("sequence lengths of Scan in opset 8") }
    draft.inputs.removeFirst()
    var members: [ValueType] = []
    for type in try types(draft.inputs[...], builder, first: 1) { members.append(try slice(type, 0)) }
    let count = try scannedCount(draft, members.count, proto)
    let states = members.count - count
    var scanned: [ValueType] = []
    for type in members[states...] { scanned.append(try slice(type, 0)) }
    try builder.setOutputCount(proto.outputs.count, of: &draft)
    let captures = try builder.captures(of: [proto])
    let slices = scanned
    guard
      let body = try builder.iteratedBody(
        proto, captures, carried: Array(members[..<states]), outputsBefore: 0, formals: { $0 + slices })
    else { return .broken }
    let directions = try draft.takeInts("directions")
    var inner = draft
    inner.set("body", .graph(body))
    if let directions { inner.set("scan_input_directions", .ints(directions)) }
    draft.set("body", .graph(try builder.wrapped(inner, proto, members, captures)))
    draft.set("num_scan_inputs", .int(Int64(members.count)))
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
