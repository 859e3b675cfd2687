import IR

extension ContribCatalog {
  /// Operators with a state that goes from step to step.
  static let recurrent: [ContribOperator] = [
    ContribOperator("DynamicQuantizeLSTM", inputs: 12...12, outputs: 1...3, expandLSTM),
    ContribOperator("LinearAttention", inputs: 3...6, outputs: 1...2) { (e) throws(Diagnostic) in
      try refuse(e, [("state_window", 0)])
      let attributes = e.pass("q_num_heads", "kv_num_heads", "scale", "update_rule", "chunk_size")
      return try e.nodes("LinearAttention", (0..<6).map { e.optional($0) }, attributes, outputs: e.outputCount)
    },
    ContribOperator("CausalConvWithState", inputs: 2...4, outputs: 1...2) { (e) throws(Diagnostic) in
      try refuse(
        e,
        [
          ("ndim", 1), ("dilation", 1), ("channels_last", 0), ("state_window", 0), ("state_update_capacity", 0),
          ("state_channels_last", -1), ("state_length", 0), ("input_channel_offset", 0), ("input_channels", 0),
        ])
      let inputs = (0..<4).map { e.optional($0) }
      return try e.nodes("CausalConvWithState", inputs, e.pass("activation"), outputs: e.outputCount)
    },
  ]

  /// Throws where an attribute is another than the one value that ONNX's operator has.
  private static func refuse(_ e: Expansion, _ attributes: [(name: String, value: Int)]) throws(Diagnostic) {
    for (name, value) in attributes {
      if let given = try e.int(name), given != value { throw .unsupported("attribute '\(name)' of \(given)") }
    }
  }

  /// LSTM with 8-bit weights [directions, in, 4 · hidden]. onnxruntime rounds inputs and states to 8 bits too, to multiply
  /// faster; here inputs and states keep 16, and results are nearer to those of the weights.
  private static func expandLSTM(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let w = try gates(e, try e.input(1), scale: try e.input(8), zero: try e.input(9))
    let r = try gates(e, try e.input(2), scale: try e.input(10), zero: try e.input(11))
    let attributes = e.pass(
      "activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget")
    return try e.nodes(
      "LSTM", [try e.input(0), w, r] + (3...7).map { e.optional($0) }, attributes, outputs: e.outputCount)
  }

  /// Weights [directions, 4 · hidden, in] that stay codes. Parameters are one for each direction, or one for each of its
  /// columns.
  private static func gates(
    _ e: Expansion, _ codes: ValueID, scale: ValueID, zero: ValueID
  ) throws(Diagnostic) -> ValueID {
    let sizes = e.shape(codes)?.compactMap(\.value) ?? []
    guard sizes.count == 3 else { throw .unsupported("weights of unknown shape") }
    func spread(_ x: ValueID) throws(Diagnostic) -> ValueID {
      try e.node("Expand", [try e.reshape(x, [sizes[0], -1, 1]), e.constant([sizes[0], sizes[2], 1])])
    }
    return try e.node(
      "DequantizeLinear", [try e.transpose(codes, [0, 2, 1]), try spread(scale), try spread(zero)],
      [("axis", .int(2)), ("block_size", .int(Int64(sizes[1])))])
  }
}
