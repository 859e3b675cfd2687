import IR

extension ImporterCatalog {
  static let elementwise: [(operators: [String], importer: NodeImporter)] = [
    (["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"], importBinary),
    (["Clip"], importClip), (["PRelu"], importPRelu),
    (
      [
        "Abs", "Ceil", "Elu", "Exp", "Floor", "HardSigmoid", "LeakyRelu", "Log", "Max", "Mean", "Min", "Neg",
        "Reciprocal", "Relu", "Selu", "Sigmoid", "Sqrt", "Sum", "Tanh",
      ], importConsuming
    ),
    (["Dropout"], importDropout), (["Gelu"], { (_, _) throws(Diagnostic) in .node }),
  ]

  /// Before opset 6 operators could say which inputs they overwrite; it never changed the result.
  static func dropConsumedInputs(_ draft: inout Draft) {
    if draft.opset < 6 { _ = draft.take("consumed_inputs") }
  }

  private static func importConsuming(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    dropConsumedInputs(&draft)
    return .node
  }

  /// Binary operators, opsets 1–28. Before opset 7 broadcasting had to be asked for, and aligned the second input at
  /// `axis` of the first (default: at the end).
  private static func importBinary(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    dropConsumedInputs(&draft)
    guard draft.opset < 7 else { return .node }
    let broadcasts = try draft.takeInt("broadcast") ?? 0 != 0
    guard let axis = try draft.takeInt("axis"), broadcasts else { return .node }
    try align(&draft, builder, axis: Int(axis))
    return .node
  }

  /// Appends axes of 1 to the second input so that it stands at `axis` of the first.
  private static func align(_ draft: inout Draft, _ builder: Builder, axis: Int) throws(Diagnostic) {
    guard let a = builder.shape(draft.input(0))?.count, let b = builder.shape(draft.input(1))?.count else {
      throw .unsupported("broadcasting along axis \(axis) with inputs of unknown rank")
    }
    let start = axis < 0 ? axis + a : axis
    guard start >= 0, start <= a, b <= a - start else {
      throw .invalid("attribute 'axis' is \(axis), which does not fit ranks \(a) and \(b)")
    }
    let missing = a - start - b
    guard missing > 0 else { return }
    let axes = builder.constant((b..<(b + missing)).map { Int64($0) }, "axes", for: draft)
    draft.setInput(1, try builder.emit("Unsqueeze", [draft.input(1), axes], for: draft))
  }

  /// ONNX Clip, opsets 1–13: bounds were attributes before opset 11.
  private static func importClip(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    dropConsumedInputs(&draft)
    guard draft.opset < 11 else { return .node }
    guard draft.inputs.count == 1 else { throw .invalid("has \(draft.inputs.count) inputs, accepted are 1") }
    for (index, name) in ["min", "max"].enumerated() {
      if let bound = try draft.takeFloat(name) {
        draft.setInput(index + 1, try builder.scalar(bound, like: draft.input(0), name, for: draft))
      }
    }
    return .node
  }

  /// ONNX PRelu, opsets 1–16: before opset 7 a slope per channel stood at axis 1.
  private static func importPRelu(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    dropConsumedInputs(&draft)
    guard draft.opset < 7, let slope = builder.shape(draft.input(1)), slope.count == 1, slope[0] != 1 else {
      return .node
    }
    try align(&draft, builder, axis: 1)
    return .node
  }

  /// ONNX Dropout, opsets 1–22. Inference: the ratio plays no part unless training mode is an input (opset 12 on).
  private static func importDropout(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    dropConsumedInputs(&draft)
    guard draft.opset < 12 else { return .node }
    _ = try draft.takeInt("is_test")
    if let ratio = try draft.takeFloat("ratio") {
      draft.setInput(
        1, builder.graph.addConstant(Tensor(scalar: ratio), name: Name(draft.nodeName.bytes + Array("/ratio".utf8))))
    }
    return .node
  }
}
