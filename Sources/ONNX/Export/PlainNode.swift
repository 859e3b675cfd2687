import IR

/// A node in standard ONNX, its values by name. Absent inputs are empty names.
struct PlainNode {
  var name: String
  var domain = ""
  var inputs: [Name]
  var outputs: [Name]
  var attributes: [(name: String, value: AttributeValue)] = []
}

/// Writes a node that Kerf's passes have fused something into as the standard nodes it stands for.
struct NodeExpansion {
  private(set) var nodes: [PlainNode] = []
  /// Constants made on the way.
  private(set) var constants: [(name: Name, tensor: Tensor)] = []
  private let output: Name
  private let element: ElementType
  private var made = 0

  /// `inputs` and `outputs`: names of the node's values. `ranks`: of its inputs, where known.
  init(_ node: Node, inputs: [Name], outputs: [Name], ranks: [Int?], element: ElementType) throws(Diagnostic) {
    output = outputs.first ?? Name("")
    self.element = element
    let activation = (node.op as? any FusesActivation)?.activation ?? .none
    var plain = PlainNode(
      name: type(of: node.op).name, domain: type(of: node.op).domain, inputs: inputs, outputs: outputs)
    plain.attributes = node.op.attributeValues.filter { field in !NodeExpansion.internalNames.contains(field.name) }
    let (residual, isLast) = NodeExpansion.residual(node, inputs)
    if let product = node.op as? MatMul {
      // Flags of MatMul that Gemm has as attributes of ONNX.
      plain.attributes = []
      try expand(product, plain, inputs, ranks)
    } else {
      if residual != nil { plain.inputs = Array(inputs.prefix(3)) }
      while let last = plain.inputs.last, last.isEmpty { plain.inputs.removeLast() }
      nodes.append(plain)
    }
    if let residual, !isLast { append("Add", [residual]) }
    try apply(activation)
    if let residual, isLast { append("Add", [residual]) }
    finish(outputs)
  }

  private static let internalNames = [
    "activation", "activation_alpha", "activation_beta", "residual_after_activation", "captures",
    "coded",
  ]

  private static func residual(_ node: Node, _ inputs: [Name]) -> (name: Name?, isLast: Bool) {
    guard inputs.count > 3, !inputs[3].isEmpty else { return (nil, false) }
    switch node.op {
    case let op as Conv: return (inputs[3], op.residualAfterActivation)
    case let op as MatMul: return (inputs[3], op.residualAfterActivation)
    case let op as Gemm: return (inputs[3], op.residualAfterActivation)
    default: return (nil, false)
    }
  }

  // MARK: Products

  private mutating func expand(
    _ op: MatMul, _ plain: PlainNode, _ inputs: [Name], _ ranks: [Int?]
  ) throws(Diagnostic) {
    var product = plain
    product.inputs = [
      op.transposesA ? try transposed(inputs[0], ranks[0]) : inputs[0],
      op.transposesB ? try transposed(inputs[1], ranks[1]) : inputs[1],
    ]
    nodes.append(product)
    if op.alpha != 1 { append("Mul", [scalar(op.alpha)]) }
    if inputs.count > 2, !inputs[2].isEmpty { append("Add", [inputs[2]]) }
  }

  private mutating func transposed(_ input: Name, _ rank: Int?) throws(Diagnostic) -> Name {
    guard let rank, rank >= 2 else { throw .unsupported("a product transposes a value of unknown rank") }
    var axes = (0..<Int64(rank)).map { $0 }
    axes.swapAt(rank - 1, rank - 2)
    let result = temporary()
    nodes.append(PlainNode(name: "Transpose", inputs: [input], outputs: [result], attributes: [("perm", .ints(axes))]))
    return result
  }

  // MARK: Activations

  private mutating func apply(_ activation: Activation) throws(Diagnostic) {
    let (alpha, beta) = (activation.alpha, activation.beta)
    switch activation.function {
    case .none: return
    case .clip: append("Clip", [scalar(alpha), scalar(beta)])
    case .silu:
      let x = pinned()
      if alpha != 1 { append("Mul", [scalar(alpha)]) }
      append("Sigmoid")
      append("Mul", [x])
    case .affine:
      append("Mul", [scalar(alpha)])
      append("Add", [scalar(beta)])
    case .square: append("Mul", [pinned()])
    case .rsqrt:
      append("Sqrt")
      append("Reciprocal")
    case .geluTanh: append("Gelu", attributes: [("approximate", .string(Array("tanh".utf8)))])
    case .leakyRelu, .elu, .celu, .thresholdedRelu:
      append(try name(activation.function), attributes: [("alpha", .float(alpha))])
    case .hardSigmoid: append("HardSigmoid", attributes: [("alpha", .float(alpha)), ("beta", .float(beta))])
    case .selu: append("Selu", attributes: [("alpha", .float(alpha)), ("gamma", .float(beta))])
    case .shrink: append("Shrink", attributes: [("bias", .float(alpha)), ("lambd", .float(beta))])
    default: append(try name(activation.function))
    }
  }

  private func name(_ function: Activation.Function) throws(Diagnostic) -> String {
    let names: [Activation.Function: String] = [
      .relu: "Relu", .leakyRelu: "LeakyRelu", .sigmoid: "Sigmoid", .tanh: "Tanh", .hardSwish: "HardSwish",
      .gelu: "Gelu",
      .elu: "Elu", .celu: "Celu", .softplus: "Softplus", .softsign: "Softsign", .mish: "Mish",
      .thresholdedRelu: "ThresholdedRelu", .abs: "Abs", .neg: "Neg", .sqrt: "Sqrt", .reciprocal: "Reciprocal",
      .exp: "Exp", .log: "Log", .erf: "Erf", .floor: "Floor", .ceil: "Ceil", .round: "Round", .sign: "Sign",
      .sin: "Sin",
      .cos: "Cos", .tan: "Tan", .asin: "Asin", .acos: "Acos", .atan: "Atan", .sinh: "Sinh", .cosh: "Cosh",
      .asinh: "Asinh", .acosh: "Acosh", .atanh: "Atanh",
    ]
    guard let name = names[function] else {
      throw .unsupported("the fused function \(function.rawValue) has no ONNX operator")
    }
    return name
  }

  // MARK: Chains

  /// The last node's result, under a name of its own.
  private mutating func pinned() -> Name {
    guard let last = nodes.last?.outputs.first, last == output else { return nodes.last?.outputs.first ?? output }
    let x = temporary()
    nodes[nodes.count - 1].outputs[0] = x
    return x
  }

  private mutating func temporary() -> Name {
    made += 1
    return Name(output.bytes + Array("/part\(made)".utf8))
  }

  private mutating func scalar(_ value: Float) -> Name {
    let name = temporary()
    constants.append((name, Tensor(wide: [value], element, [])))
    return name
  }

  /// A node on the last node's result.
  private mutating func append(
    _ name: String, _ more: [Name] = [], attributes: [(name: String, value: AttributeValue)] = []
  ) {
    nodes.append(PlainNode(name: name, inputs: [pinned()] + more, outputs: [output], attributes: attributes))
  }

  /// Names of further outputs stay with the first node.
  private mutating func finish(_ outputs: [Name]) {
    guard nodes.count > 1, outputs.count > 1 else { return }
    nodes[0].outputs = [nodes[0].outputs[0]] + outputs.dropFirst()
  }
}
