import IR

extension ContribCatalog {
  /// Activations, alone and behind a bias.
  static let activations: [ContribOperator] = [
    ContribOperator("Gelu", inputs: 1...1) { (e) throws(Diagnostic) in [try e.node("Gelu", [try e.input(0)])] },
    ContribOperator("FastGelu", inputs: 1...2, expandFastGelu),
    ContribOperator("BiasGelu", inputs: 2...2) { (e) throws(Diagnostic) in
      [try e.node("Gelu", [try e.node("Add", [try e.input(0), try e.input(1)])])]
    },
    ContribOperator("QuickGelu", inputs: 1...1) { (e) throws(Diagnostic) in
      [try e.node("Swish", [try e.input(0)], [("alpha", .float(try e.float("alpha") ?? 1.702))])]
    },
    ContribOperator("ScaledSiLU", inputs: 1...2, expandScaledSiLU),
    ContribOperator("BiasSplitGelu", inputs: 2...2, expandBiasSplitGelu),
    ContribOperator("BiasAdd", inputs: 3...3) { (e) throws(Diagnostic) in
      [try e.node("Add", [try e.node("Add", [try e.input(0), try e.input(1)]), try e.input(2)])]
    },
    ContribOperator("BiasSoftmax", inputs: 2...2, expandBiasSoftmax),
    ContribOperator("BiasDropout", inputs: 2...5, outputs: 1...2, expandBiasDropout),
  ]

  /// gelu(X + bias) by the hyperbolic tangent.
  private static func expandFastGelu(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    [try fastGelu(e, try e.sum(try e.input(0), e.optional(1)))]
  }

  static func fastGelu(_ e: Expansion, _ x: ValueID) throws(Diagnostic) -> ValueID {
    try e.node("Gelu", [x], [("approximate", .string(Array("tanh".utf8)))])
  }

  /// z · sigmoid(z) with z = scale · X.
  private static func expandScaledSiLU(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let x = try e.input(0)
    let alpha = try e.float("alpha") ?? 1
    var scaled = x
    if let scale = e.optional(1) {
      scaled = try e.node("Mul", [x, try e.cast(try e.reshape(scale, []), try e.element(x))])
    } else if alpha != 1 {
      scaled = try e.node("Mul", [x, try e.scalar(alpha, like: x)])
    }
    return [try e.node("Swish", [scaled])]
  }

  /// The left half of the last axis of X + bias, times the gelu of the right half.
  private static func expandBiasSplitGelu(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let sum = try e.node("Add", [try e.input(0), try e.input(1)])
    let halves = try e.nodes("Split", [sum], [("axis", .int(-1)), ("num_outputs", .int(2))], outputs: 2)
    return [try e.node("Mul", [halves[0], try e.node("Gelu", [halves[1]])])]
  }

  /// Softmax of data + bias over all axes from `axis` on together.
  private static func expandBiasSoftmax(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    e.ignore("is_inner_broadcast")
    let sum = try e.node("Add", [try e.input(0), try e.input(1)])
    return [try coercedSoftmax(e, sum, axis: try e.int("axis") ?? 1)]
  }

  /// Softmax over all axes from `axis` on together, as opsets before 13 defined it.
  static func coercedSoftmax(_ e: Expansion, _ x: ValueID, axis: Int) throws(Diagnostic) -> ValueID {
    let rank = try e.knownShape(x, "an input").count
    let first = try normalizedAxis(axis, rank: rank)
    if first == rank - 1 { return try e.node("Softmax", [x], [("axis", .int(-1))]) }
    let flat = try e.reshape(x, Array(repeating: 0, count: first) + [-1])
    let result = try e.node("Softmax", [flat], [("axis", .int(-1))])
    return try e.node("Reshape", [result, try e.node("Shape", [x])])
  }

  /// Dropout of data + bias, plus residual. Without training the dropout changes nothing.
  private static func expandBiasDropout(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let sum = try e.node("Add", [try e.input(0), try e.input(1)])
    let seed = e.pass("seed")
    let dropped = try e.nodes("Dropout", [sum, e.optional(3), e.optional(4)], seed, outputs: e.outputCount)
    return [try e.sum(dropped[0], e.optional(2))] + dropped.dropFirst()
  }

  /// The activation that onnxruntime names in a fused operator, with its parameters in the order of `activation_params`.
  static func activation(
    _ e: Expansion, _ x: ValueID, _ name: String?, _ parameters: [Float]
  ) throws(Diagnostic) -> ValueID {
    guard let name, !name.isEmpty else { return x }
    let (alpha, beta) = (parameters.first, parameters.dropFirst().first)
    var attributes: Expansion.Attributes = []
    if let alpha { attributes.append(("alpha", .float(alpha))) }
    switch name {
    case "Relu", "Tanh", "Sigmoid", "Softplus", "Softsign": return try e.node(name, [x])
    case "LeakyRelu", "Elu", "Celu", "ThresholdedRelu": return try e.node(name, [x], attributes)
    case "HardSigmoid":
      if let beta { attributes.append(("beta", .float(beta))) }
      return try e.node(name, [x], attributes)
    case "Clip":
      guard let alpha, let beta else { throw .invalid("the activation Clip needs two parameters") }
      return try e.node(name, [x, try e.scalar(alpha, like: x), try e.scalar(beta, like: x)])
    default: throw .unsupported("the activation '\(name)'")
    }
  }
}
