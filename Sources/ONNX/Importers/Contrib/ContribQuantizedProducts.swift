import IR

extension ContribCatalog {
  /// Products of 8-bit codes.
  static let quantizedProducts: [ContribOperator] = [
    ContribOperator("QLinearConv", inputs: 8...9, expandConvolution),
    ContribOperator("QGemm", inputs: 6...9, expandGemm),
    ContribOperator("MatMulIntegerToFloat", inputs: 4...7) { (e) throws(Diagnostic) in
      let a = Codes(values: try e.input(0), scale: try e.input(2), zero: e.optional(4))
      let b = Codes(values: try e.input(1), scale: try e.input(3), zero: e.optional(5))
      return [try e.sum(try product(e, a, b), e.optional(6))]
    },
    ContribOperator("DynamicQuantizeMatMul", inputs: 3...5) { (e) throws(Diagnostic) in
      let b = Codes(values: try e.input(1), scale: try e.input(2), zero: e.optional(3))
      return [try e.sum(try product(e, try dynamicCodes(e, try e.input(0)), b), e.optional(4))]
    },
  ]

  /// A tensor of codes with what they stand for.
  struct Codes {
    var values: ValueID
    var scale: ValueID
    var zero: ValueID?
  }

  /// The codes of floats, by the range that they have now.
  static func dynamicCodes(_ e: Expansion, _ x: ValueID) throws(Diagnostic) -> Codes {
    let all = try e.nodes("DynamicQuantizeLinear", [x], outputs: 3)
    return Codes(values: all[0], scale: all[1], zero: all[2])
  }

  /// The product of two matrices of codes as floats. Scales and zero points of B may be one for each column.
  static func product(_ e: Expansion, _ a: Codes, _ b: Codes) throws(Diagnostic) -> ValueID {
    let sums = try e.node("MatMulInteger", [a.values, b.values, try scalar(e, a.zero), try scalar(e, b.zero)])
    let scale = try e.node("Mul", [try scalar(e, a.scale) ?? a.scale, try scalar(e, b.scale) ?? b.scale])
    return try e.node("Mul", [try e.cast(sums, .float32), scale])
  }

  /// A parameter of one element as a scalar.
  private static func scalar(_ e: Expansion, _ x: ValueID?) throws(Diagnostic) -> ValueID? {
    guard let x, let shape = e.shape(x), !shape.isEmpty, shape.allSatisfy({ $0 == 1 }) else { return x }
    return try e.reshape(x, [])
  }

  /// Weights dequantized along an axis. Unsigned codes around 128 become signed ones around 0, which kernels take.
  static func weights(_ e: Expansion, _ codes: Codes, axis: Int) throws(Diagnostic) -> ValueID {
    var values = codes.values
    var zero = codes.zero
    if let tensor = e.constant(values), tensor.type == .uint8, let zeros = e.constant(zero),
      zeros.bytes.allSatisfy({ $0 == 128 })
    {
      let shifted = tensor.elements(UInt8.self)?.map { Int8(bitPattern: $0 ^ 128) } ?? []
      values = e.constant(Tensor(shifted, shape: tensor.shape))
      zero = nil
    }
    return try dequantize(e, values, codes.scale, zero, axis: axis)
  }

  // MARK: Convolution

  /// QLinearConv as onnxruntime has it: channels may stand last. Where all parameters are constants it becomes a
  /// convolution between dequantize and quantize; elsewhere it stays ONNX's operator.
  private static func expandConvolution(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let isLast = try e.flag("channels_last")
    let x = try e.input(0)
    let image = try isLast ? channelsFirst(e, x) : x
    let y = try convolution(e, image)
    return [try isLast ? channelsLast(e, y) : y]
  }

  static func convolution(_ e: Expansion, _ image: ValueID) throws(Diagnostic) -> ValueID {
    let attributes = e.pass("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
    let parameters = [1, 2, 4, 5, 6, 7]
    guard parameters.allSatisfy({ e.constant(e.optional($0)) != nil }), e.constant(e.optional(3)) != nil else {
      let inputs = [image] + (1...8).map { e.optional($0) }
      return try e.node("QLinearConv", inputs, attributes)
    }
    let weights = try weights(
      e, Codes(values: try e.input(3), scale: try e.input(4), zero: e.optional(5)), axis: 0)
    let data = try dequantize(e, image, try e.input(1), e.optional(2))
    var bias: ValueID?
    if let codes = e.optional(8) {
      bias = try dequantize(e, codes, try biasScale(e, try e.input(1), try e.input(4)), nil, axis: 0)
    }
    let result = try e.node("Conv", [data, weights, bias], attributes)
    return try quantize(e, result, try e.input(6), e.optional(7), try e.element(image))
  }

  /// The scale of an int32 bias: that of the data times that of the weights, in the shape of the latter.
  static func biasScale(_ e: Expansion, _ data: ValueID, _ weights: ValueID) throws(Diagnostic) -> ValueID {
    guard let a = e.constant(data)?.wide(Float.self).first, let w = e.constant(weights) else {
      return try e.node("Mul", [try scalar(e, data) ?? data, weights])
    }
    let scales = w.wide(Float.self).map { $0 * a }
    return e.constant(Tensor(scales, shape: scales.count == 1 ? [] : [scales.count]))
  }

  // MARK: Products

  /// QLinearMatMul of ONNX where all parameters are constants: a product between dequantize and quantize. Nil elsewhere.
  static func expandMatMul(_ e: Expansion) throws(Diagnostic) -> [ValueID]? {
    let parameters = [1, 2, 3, 4, 5, 6, 7].map { e.constant(e.optional($0)) }
    let scalars = [0, 1, 5, 6].allSatisfy { parameters[$0]?.count == 1 }
    guard scalars, let b = parameters[2], b.rank == 2, let scale = parameters[3], scale.rank <= 1,
      [.int8, .uint8].contains(b.type), scale.type == .float32
    else { return nil }
    let weights = try weights(e, Codes(values: try e.input(3), scale: try e.input(4), zero: e.optional(5)), axis: 1)
    let data = try dequantize(e, try e.input(0), try e.input(1), e.optional(2))
    let result = try e.node("MatMul", [data, weights])
    return [try quantize(e, result, try e.input(6), e.optional(7), try e.element(try e.input(7)))]
  }

  /// alpha · A · B + C on codes; C is int32 in steps of alpha · scale of A · scale of B.
  private static func expandGemm(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let alpha = try e.float("alpha") ?? 1
    let isTransposed = try e.flag("transB")
    let flags = e.pass("transA") + [("transB", AttributeValue.int(isTransposed ? 1 : 0)), ("alpha", .float(alpha))]
    let a = try dequantize(e, try e.input(0), try e.input(1), e.optional(2))
    let codes = Codes(values: try e.input(3), scale: try e.input(4), zero: e.optional(5))
    let b = try weights(e, codes, axis: isTransposed ? 0 : 1)
    var c: ValueID?
    if let bias = e.optional(6) {
      let step = try biasScale(e, try e.input(1), try e.input(4))
      let scaled = try alpha == 1 ? step : e.node("Mul", [step, e.constant(Tensor(scalar: alpha))])
      c = try e.node("Mul", [try e.cast(bias, .float32), scaled])
    }
    let result = try e.node("Gemm", [a, b, c], flags)
    guard let scale = e.optional(7) else { return [result] }
    return [try quantize(e, result, scale, e.optional(8), try e.element(try e.input(0)))]
  }
}
