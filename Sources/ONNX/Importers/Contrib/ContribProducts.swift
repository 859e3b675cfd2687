import IR

extension ContribCatalog {
  /// Matrix products and convolutions with what onnxruntime fuses into them.
  static let products: [ContribOperator] = [
    ContribOperator("FusedMatMul", inputs: 2...2, expandFusedMatMul),
    ContribOperator("TransposeMatMul", inputs: 2...2, expandFusedMatMul),
    ContribOperator("SparseToDenseMatMul", inputs: 2...2, expandFusedMatMul),
    ContribOperator("FusedGemm", inputs: 2...3, expandFusedGemm),
    ContribOperator("GemmFastGelu", inputs: 2...3) { (e) throws(Diagnostic) in
      let product = try e.node("MatMul", [try e.input(0), try e.input(1)])
      return [try fastGelu(e, try e.sum(product, e.optional(2)))]
    },
    ContribOperator("FusedConv", inputs: 2...4, expandFusedConv),
    ContribOperator("MatMulInteger16", inputs: 2...2) { (e) throws(Diagnostic) in
      [try e.node("MatMul", [try e.cast(try e.input(0), .int32), try e.cast(try e.input(1), .int32)])]
    },
  ]

  /// alpha · A · B with operands transposed in their last two axes, or before that in the first axis and the batch axes.
  private static func expandFusedMatMul(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let a = try operand(e, try e.input(0), isBatchFirst: try e.flag("transBatchA"))
    let b = try operand(e, try e.input(1), isBatchFirst: try e.flag("transBatchB"))
    let hints: Expansion.Attributes = [
      ("transA", .int(try e.flag("transA") && e.shape(a)?.count != 1 ? 1 : 0)),
      ("transB", .int(try e.flag("transB") && e.shape(b)?.count != 1 ? 1 : 0)),
      ("alpha", .float(try e.float("alpha") ?? 1)),
    ]
    return [try e.node("MatMul", [a, b], hints: hints)]
  }

  /// [rows, batch…, columns] as [batch…, rows, columns].
  private static func operand(_ e: Expansion, _ x: ValueID, isBatchFirst: Bool) throws(Diagnostic) -> ValueID {
    guard isBatchFirst else { return x }
    let rank = try e.knownShape(x, "an operand with transposed batch axes").count
    guard rank > 2 else { return x }
    return try e.transpose(x, Array(1..<(rank - 1)) + [0, rank - 1])
  }

  private static func expandFusedGemm(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let name = try e.string("activation")
    var parameters: [Float] = []
    for key in ["activation_alpha", "activation_beta", "activation_gamma"] {
      if let number = try e.float(key) { parameters.append(number) }
    }
    let inputs = [try e.input(0), try e.input(1), e.optional(2)]
    let product = try e.node("Gemm", inputs, e.pass("alpha", "beta", "transA", "transB"))
    return [try activation(e, product, name, parameters)]
  }

  /// activation(conv(X, W) + B + Z).
  private static func expandFusedConv(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let name = try e.string("activation")
    let parameters = try e.floats("activation_params") ?? []
    let attributes = e.pass("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
    let conv = try e.node("Conv", [try e.input(0), try e.input(1), e.optional(2)], attributes)
    return [try activation(e, try e.sum(conv, e.optional(3)), name, parameters)]
  }
}
