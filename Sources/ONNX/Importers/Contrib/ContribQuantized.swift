import IR

extension ContribCatalog {
  /// Operators on 8-bit codes with their own scales: dequantize, the operator, quantize. Lowering makes one kernel of it.
  static let quantized: [ContribOperator] = [
    ContribOperator("QuantizeLinear", inputs: 2...3) { (e) throws(Diagnostic) in
      [try e.node("QuantizeLinear", [try e.input(0), try e.input(1), e.optional(2)], e.pass("axis"))]
    },
    ContribOperator("DequantizeLinear", inputs: 2...3) { (e) throws(Diagnostic) in
      [try e.node("DequantizeLinear", [try e.input(0), try e.input(1), e.optional(2)], e.pass("axis"))]
    },
    ContribOperator("QLinearAdd", inputs: 7...8) { (e) throws(Diagnostic) in try binary(e, "Add") },
    ContribOperator("QLinearMul", inputs: 7...8) { (e) throws(Diagnostic) in try binary(e, "Mul") },
    ContribOperator("QLinearSigmoid", inputs: 4...5) { (e) throws(Diagnostic) in
      try unary(e) { (x) throws(Diagnostic) in try e.node("Sigmoid", [x]) }
    },
    ContribOperator("QLinearLeakyRelu", inputs: 4...5) { (e) throws(Diagnostic) in
      let alpha = e.pass("alpha")
      return try unary(e) { (x) throws(Diagnostic) in try e.node("LeakyRelu", [x], alpha) }
    },
    ContribOperator("QLinearSoftmax", inputs: 5...5, expandSoftmax),
    ContribOperator("QLinearReduceMean", inputs: 4...5, expandReduceMean),
    ContribOperator("QLinearAveragePool", inputs: 4...5, expandAveragePool),
    ContribOperator("QLinearGlobalAveragePool", inputs: 5...5) { (e) throws(Diagnostic) in
      let isLast = try e.flag("channels_last")
      return try pooled(e, isLast) { (x) throws(Diagnostic) in try e.node("GlobalAveragePool", [x]) }
    },
    ContribOperator("QLinearConcat", inputs: 5...Int(Int32.max), expandConcat),
    ContribOperator("QLinearWhere", inputs: 9...9, expandWhere),
    ContribOperator("NhwcMaxPool", inputs: 1...1, expandMaxPool),
  ]

  // MARK: Codes and numbers

  static func dequantize(
    _ e: Expansion, _ x: ValueID, _ scale: ValueID, _ zero: ValueID?, axis: Int = 1
  ) throws(Diagnostic) -> ValueID {
    try e.node("DequantizeLinear", [x, scale, zero], [("axis", .int(Int64(axis)))])
  }

  /// Quantizes to an element type; the zero point is 0 of that type where there is none.
  static func quantize(
    _ e: Expansion, _ x: ValueID, _ scale: ValueID, _ zero: ValueID?, _ type: ElementType
  ) throws(Diagnostic) -> ValueID {
    let none =
      zero == nil ? Tensor(wide: [Float(0)], type, try e.knownShape(scale, "a scale").map { $0.value ?? 1 }) : nil
    return try e.node("QuantizeLinear", [x, scale, zero ?? none.map { e.constant($0) }])
  }

  // MARK: Elementwise

  /// Inputs A, scale, zero point?, B, scale, zero point?, scale and zero point? of the result.
  private static func binary(_ e: Expansion, _ name: String) throws(Diagnostic) -> [ValueID] {
    let a = try e.input(0)
    let left = try dequantize(e, a, try e.input(1), e.optional(2))
    let right = try dequantize(e, try e.input(3), try e.input(4), e.optional(5))
    let result = try e.node(name, [left, right])
    return [try quantize(e, result, try e.input(6), e.optional(7), try e.element(a))]
  }

  /// Inputs X, scale, zero point?, scale and zero point? of the result.
  private static func unary(
    _ e: Expansion, _ function: (ValueID) throws(Diagnostic) -> ValueID
  ) throws(Diagnostic) -> [ValueID] {
    let x = try e.input(0)
    let result = try function(try dequantize(e, x, try e.input(1), e.optional(2)))
    return [try quantize(e, result, try e.input(3), e.optional(4), try e.element(x))]
  }

  /// The softmax of the opset that the attribute names: before 13 over all axes from `axis` on together.
  private static func expandSoftmax(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let opset = try e.size("opset")
    let axis = try e.int("axis") ?? -1
    return try unary(e) { (x) throws(Diagnostic) in
      if opset < 13 { return try coercedSoftmax(e, x, axis: axis) }
      return try e.node("Softmax", [x], [("axis", .int(Int64(axis)))])
    }
  }

  private static func expandReduceMean(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let axes = try e.ints("axes").map { e.constant(Tensor($0)) }
    let keepsAxes = e.pass("keepdims")
    return try unary(e) { (x) throws(Diagnostic) in try e.node("ReduceMean", [x, axes], keepsAxes) }
  }

  /// Inputs condition, X, scale, zero point, Y, scale, zero point, scale and zero point of the result.
  private static func expandWhere(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let x = try dequantize(e, try e.input(1), try e.input(2), e.optional(3))
    let y = try dequantize(e, try e.input(4), try e.input(5), e.optional(6))
    let result = try e.node("Where", [try e.input(0), x, y])
    return [try quantize(e, result, try e.input(7), e.optional(8), try e.element(try e.input(1)))]
  }

  /// Inputs scale and zero point of the result, then X, scale, zero point of each.
  private static func expandConcat(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    guard e.inputCount % 3 == 2 else {
      throw .invalid("has \(e.inputCount) inputs, expected 2 and 3 for each tensor that is joined")
    }
    var parts: [ValueID] = []
    for first in stride(from: 2, to: e.inputCount, by: 3) {
      parts.append(try dequantize(e, try e.input(first), try e.input(first + 1), e.optional(first + 2)))
    }
    let result = try e.node("Concat", parts, e.pass("axis"))
    return [try quantize(e, result, try e.input(0), e.optional(1), try e.element(try e.input(2)))]
  }

  // MARK: Pools

  private static func expandAveragePool(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let isLast = try e.flag("channels_last")
    let attributes = e.pass("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides")
    return try pooled(e, isLast) { (x) throws(Diagnostic) in try e.node("AveragePool", [x], attributes) }
  }

  /// A pool on codes, whose channels may stand last.
  private static func pooled(
    _ e: Expansion, _ isLast: Bool, _ pool: (ValueID) throws(Diagnostic) -> ValueID
  ) throws(Diagnostic) -> [ValueID] {
    let x = try e.input(0)
    let image = try isLast ? channelsFirst(e, x) : x
    let result = try pool(try dequantize(e, image, try e.input(1), e.optional(2)))
    let codes = try quantize(e, result, try e.input(3), e.optional(4), try e.element(x))
    return [try isLast ? channelsLast(e, codes) : codes]
  }

  private static func expandMaxPool(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let attributes = e.pass("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")
    return [try channelsLast(e, try e.node("MaxPool", [try channelsFirst(e, try e.input(0))], attributes))]
  }

  static func channelsFirst(_ e: Expansion, _ x: ValueID) throws(Diagnostic) -> ValueID {
    let rank = try e.knownShape(x, "an image").count
    guard rank > 2 else { throw .invalid("an image of rank \(rank), expected at least 3") }
    return try e.transpose(x, [0, rank - 1] + Array(1..<(rank - 1)))
  }

  static func channelsLast(_ e: Expansion, _ x: ValueID) throws(Diagnostic) -> ValueID {
    let rank = try e.knownShape(x, "an image").count
    return try e.transpose(x, [0] + Array(2..<rank) + [1])
  }
}
