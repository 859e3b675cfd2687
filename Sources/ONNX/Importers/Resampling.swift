import IR

extension ImporterCatalog {
  static let resampling: [(operators: [String], importer: NodeImporter)] = [
    (["Upsample"], importUpsample), (["Resize"], importResize), (["GridSample"], importGridSample),
  ]

  private static func text(_ string: String) -> AttributeValue { .string(Array(string.utf8)) }

  /// What Upsample and Resize before opset 11 computed, in the terms of Resize.
  private static func setOldSampling(_ draft: inout Draft) {
    draft.set("coordinate_transformation_mode", text("asymmetric"))
    draft.set("nearest_mode", text("floor"))
  }

  /// ONNX Upsample, opsets 1–9: Resize by factors, coordinates asymmetric and rounded down.
  private static func importUpsample(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 10 else { throw .invalid("opset \(draft.opset) has no Upsample, Resize took its place") }
    var scales = draft.input(1)
    if draft.opset < 9 {
      guard draft.inputs.count == 1 else { throw .invalid("has \(draft.inputs.count) inputs, accepted are 1") }
      let name = Name(draft.nodeName.bytes + Array("/scales".utf8))
      scales = builder.graph.addConstant(Tensor(try factors(&draft)), name: name)
    }
    guard let scales else { throw .invalid("input 1 is missing") }
    if try draft.takeString("mode") ?? "nearest" != "nearest" {
      // Opset 1 says bilinear, later ones linear.
      draft.set("mode", text("linear"))
    }
    setOldSampling(&draft)
    draft.name = "Resize"
    draft.inputs = [draft.input(0), nil, scales]
    return .node
  }

  private static func factors(_ draft: inout Draft) throws(Diagnostic) -> [Float] {
    if draft.opset < 7 {
      guard let height = try draft.takeFloat("height_scale"), let width = try draft.takeFloat("width_scale") else {
        throw .invalid("the required attributes 'height_scale' and 'width_scale' are missing")
      }
      return [1, 1, height, width]
    }
    guard let scales = try draft.takeFloats("scales") else {
      throw .invalid("the required attribute 'scales' is missing")
    }
    return scales
  }

  /// ONNX Resize, opsets 10–19: opset 10 has only factors, as input 1; from 11 on inputs that do not apply may be
  /// empty tensors instead of absent.
  private static func importResize(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset >= 11 else {
      setOldSampling(&draft)
      draft.inputs = [draft.input(0), nil, draft.input(1)]
      return .node
    }
    for index in 1..<max(draft.inputs.count, 1) where index < draft.inputs.count {
      if let tensor = builder.graph.constant(draft.inputs[index]), tensor.count == 0 { draft.inputs[index] = nil }
    }
    return .node
  }

  /// ONNX GridSample, opsets 16–22: modes were called bilinear and bicubic before opset 20.
  private static func importGridSample(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 20, let mode = try draft.takeString("mode") else { return .node }
    let names = ["bilinear": "linear", "bicubic": "cubic", "nearest": "nearest"]
    guard let name = names[mode] else {
      throw .invalid("attribute 'mode' is '\(Name(mode))', accepted are 'bilinear', 'nearest', 'bicubic'")
    }
    draft.set("mode", text(name))
    return .node
  }
}
