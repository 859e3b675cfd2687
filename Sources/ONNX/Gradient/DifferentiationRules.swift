import IR

/// Turns the gradient of a node's first output into those of its inputs; nil for inputs that have none.
typealias DifferentiationRule = @Sendable (inout Differentiation, Node, ValueID) throws(Diagnostic) -> [ValueID?]

enum DifferentiationRules {
  private static let rules: [String: DifferentiationRule] = [arithmetic, functions, products, movement, reductions]
    .reduce(into: [:]) { all, table in all.merge(table) { _, new in new } }

  static func find(_ name: String) -> DifferentiationRule? { rules[name] }
  /// Operators with a rule, sorted.
  static let names = rules.keys.sorted()

  // MARK: Arithmetic, broadcast

  private static let arithmetic: [String: DifferentiationRule] = [
    "Add": { (d, node, g) throws(Diagnostic) in try spread(&d, node, [g, g]) },
    "Sub": { (d, node, g) throws(Diagnostic) in
      try spread(&d, node, [g, d.wants(node, 1) ? d.add(Neg(), g) : nil])
    },
    "Mul": { (d, node, g) throws(Diagnostic) in
      try spread(
        &d, node,
        [
          d.wants(node, 0) ? d.add(Mul(), g, node.inputs[1]) : nil,
          d.wants(node, 1) ? d.add(Mul(), g, node.inputs[0]) : nil,
        ])
    },
    // d(a / b) = da / b − (a / b) · db / b
    "Div": { (d, node, g) throws(Diagnostic) in
      let a = try d.add(Div(), g, node.inputs[1])
      let b = d.wants(node, 1) ? try d.add(Neg(), d.add(Mul(), a, node.outputs[0])) : nil
      return try spread(&d, node, [a, b])
    },
    "Pow": power,
    "Sum": { (d, node, g) throws(Diagnostic) in try spread(&d, node, node.inputs.map { _ in g }) },
    "Where": { (d, node, g) throws(Diagnostic) in
      let zero = d.scalar(0, like: g)
      return try spread(
        &d, node, [nil, d.add(Where(), node.inputs[0], g, zero), d.add(Where(), node.inputs[0], zero, g)])
    },
  ]

  /// d(aᵇ) = b · aᵇ⁻¹ · da + aᵇ · ln a · db
  private static let power: DifferentiationRule = { (d, node, g) throws(Diagnostic) in
    guard let a = node.inputs[0], let b = node.inputs[1], d.element(a) == d.element(b) else {
      throw .unsupported("the gradient of a power whose exponent has another type than the base")
    }
    let less = try d.add(Sub(), b, d.scalar(1, like: b))
    let base = try d.add(Mul(), g, d.add(Mul(), b, d.add(Pow(), a, less)))
    let exponent = d.wants(node, 1) ? try d.add(Mul(), g, d.add(Mul(), node.outputs[0], d.add(Log(), a))) : nil
    return try spread(&d, node, [base, exponent])
  }

  /// Each part in the shape of its input.
  private static func spread(
    _ d: inout Differentiation, _ node: Node, _ parts: [ValueID?]
  ) throws(Diagnostic) -> [ValueID?] {
    var results: [ValueID?] = []
    for (index, (input, part)) in zip(node.inputs, parts).enumerated() {
      guard let input, let part, d.wants(node, index) else {
        results.append(nil)
        continue
      }
      results.append(try d.reduced(part, like: input))
    }
    return results
  }

  // MARK: Functions of one input

  private static let functions: [String: DifferentiationRule] = [
    "Identity": { (_, _, g) throws(Diagnostic) in [g] },
    "Neg": { (d, _, g) throws(Diagnostic) in [try d.add(Neg(), g)] },
    "Exp": { (d, node, g) throws(Diagnostic) in [try d.add(Mul(), g, node.outputs[0])] },
    "Log": { (d, node, g) throws(Diagnostic) in [try d.add(Div(), g, node.inputs[0])] },
    "Sqrt": { (d, node, g) throws(Diagnostic) in
      [try d.add(Div(), g, d.add(Mul(), node.outputs[0], d.scalar(2, like: g)))]
    },
    "Reciprocal": { (d, node, g) throws(Diagnostic) in
      [try d.add(Neg(), d.add(Mul(), g, d.add(Mul(), node.outputs[0], node.outputs[0])))]
    },
    "Abs": { (d, node, g) throws(Diagnostic) in [try d.add(Mul(), g, d.add(Sign(), node.inputs[0]))] },
    "Sin": { (d, node, g) throws(Diagnostic) in [try d.add(Mul(), g, d.add(Cos(), node.inputs[0]))] },
    "Cos": { (d, node, g) throws(Diagnostic) in
      [try d.add(Neg(), d.add(Mul(), g, d.add(Sin(), node.inputs[0])))]
    },
    // 1 above zero, 0 elsewhere.
    "Relu": { (d, node, g) throws(Diagnostic) in
      let zero = d.scalar(0, like: g)
      return [try d.add(Where(), d.add(Greater(), node.inputs[0], zero), g, zero)]
    },
    "Sigmoid": { (d, node, g) throws(Diagnostic) in
      let y = node.outputs[0]
      return [try d.add(Mul(), g, d.add(Mul(), y, d.add(Sub(), d.scalar(1, like: g), y)))]
    },
    "Tanh": { (d, node, g) throws(Diagnostic) in
      let y = node.outputs[0]
      return [try d.add(Mul(), g, d.add(Sub(), d.scalar(1, like: g), d.add(Mul(), y, y)))]
    },
    "Softplus": { (d, node, g) throws(Diagnostic) in [try d.add(Mul(), g, d.add(Sigmoid(), node.inputs[0]))] },
    // dx = y · (g − Σ g·y)
    "Softmax": { (d, node, g) throws(Diagnostic) in
      guard let op = node.op as? Softmax else { return [nil] }
      let y = node.outputs[0]
      let sum = try d.add(ReduceSum(), d.add(Mul(), g, y), d.constant([op.axis]))
      return [try d.add(Mul(), y, d.add(Sub(), g, sum))]
    },
    // dx = g − eʸ · Σ g
    "LogSoftmax": { (d, node, g) throws(Diagnostic) in
      guard let op = node.op as? LogSoftmax else { return [nil] }
      let sum = try d.add(ReduceSum(), g, d.constant([op.axis]))
      return [try d.add(Sub(), g, d.add(Mul(), d.add(Exp(), node.outputs[0]), sum))]
    },
    "Cast": { (d, node, g) throws(Diagnostic) in
      guard let x = node.inputs[0], floatTypes.contains(d.element(x)) else { return [nil] }
      return [try d.add(Cast(to: d.element(x)), g)]
    },
  ]

  // MARK: Products

  private static let products: [String: DifferentiationRule] = ["MatMul": matMul, "Gemm": gemm]

  /// dA = g · Bᵀ, dB = Aᵀ · g; vectors stand as a row and a column.
  private static let matMul: DifferentiationRule = { (d, node, g) throws(Diagnostic) in
    guard var a = node.inputs[0], var b = node.inputs[1] else { return [nil, nil] }
    let (left, right) = (a, b)
    var g = g
    if try d.shape(a).count == 1 {
      a = try d.add(Unsqueeze(), a, d.constant([0]))
      g = try d.add(Unsqueeze(), g, d.constant([try d.shape(b).count == 1 ? 0 : -2]))
    }
    if try d.shape(b).count == 1 {
      b = try d.add(Unsqueeze(), b, d.constant([1]))
      g = try d.add(Unsqueeze(), g, d.constant([-1]))
    }
    var results: [ValueID?] = [nil, nil]
    if d.wants(node, 0) {
      let part = try d.add(MatMul(), g, transposed(&d, b))
      results[0] = try d.reshaped(d.reduced(part, like: a), like: left)
    }
    if d.wants(node, 1) {
      let part = try d.add(MatMul(), transposed(&d, a), g)
      results[1] = try d.reshaped(d.reduced(part, like: b), like: right)
    }
    return results
  }

  /// The last two axes exchanged.
  private static func transposed(_ d: inout Differentiation, _ x: ValueID) throws(Diagnostic) -> ValueID {
    let rank = try d.shape(x).count
    var op = Transpose()
    op.permutation = Array(0..<(rank - 2)) + [rank - 1, rank - 2]
    return try d.add(op, x)
  }

  /// Y = α·A'·B' + β·C with A' and B' transposed where the attributes say so.
  private static let gemm: DifferentiationRule = { (d, node, g) throws(Diagnostic) in
    guard let op = node.op as? Gemm, op.activation.isNone, node.inputs.count <= 3 else { return [] }
    func product(_ transposesA: Bool, _ transposesB: Bool) -> Gemm {
      var product = Gemm()
      (product.alpha, product.transposesA, product.transposesB) = (op.alpha, transposesA, transposesB)
      return product
    }
    let (a, b) = (node.inputs[0], node.inputs[1])
    var results: [ValueID?] = [nil, nil, nil]
    if d.wants(node, 0) {
      results[0] =
        op.transposesA
        ? try d.add(product(op.transposesB, true), b, g) : try d.add(product(false, !op.transposesB), g, b)
    }
    if d.wants(node, 1) {
      results[1] =
        op.transposesB
        ? try d.add(product(true, op.transposesA), g, a) : try d.add(product(!op.transposesA, false), a, g)
    }
    if d.wants(node, 2), let c = node.inputs[2] {
      results[2] = try d.reduced(d.add(Mul(), g, d.scalar(op.beta, like: g)), like: c)
    }
    return results
  }

  // MARK: Movement

  private static let movement: [String: DifferentiationRule] = [
    "Reshape": backToShape, "Flatten": backToShape, "Squeeze": backToShape, "Unsqueeze": backToShape,
    "Transpose": { (d, node, g) throws(Diagnostic) in
      guard let op = node.op as? Transpose, let x = node.inputs[0] else { return [nil] }
      let permutation = try op.permutation(rank: d.shape(x).count)
      var inverse = Transpose()
      inverse.permutation = permutation.indices.map { permutation.firstIndex(of: $0) ?? $0 }
      return [try d.add(inverse, g)]
    },
    "Expand": { (d, node, g) throws(Diagnostic) in
      guard let x = node.inputs[0] else { return [nil] }
      return [try d.reduced(g, like: x)]
    },
  ]

  private static let backToShape: DifferentiationRule = { (d, node, g) throws(Diagnostic) in
    guard let x = node.inputs[0] else { return [nil] }
    return [try d.reshaped(g, like: x)]
  }

  // MARK: Reductions

  private static let reductions: [String: DifferentiationRule] = [
    "ReduceSum": { (d, node, g) throws(Diagnostic) in
      guard let x = node.inputs[0] else { return [nil] }
      return [try d.add(Expand(), keptAxes(&d, node, g), d.shapeVector(x))]
    },
    // The sum's, divided by how many elements each mean is of.
    "ReduceMean": { (d, node, g) throws(Diagnostic) in
      guard let x = node.inputs[0] else { return [nil] }
      let ratio = try d.add(Div(), d.add(SizeOf(), x), d.add(SizeOf(), node.outputs[0]))
      let scaled = try d.add(Div(), g, d.add(Cast(to: d.element(g)), ratio))
      return [try d.add(Expand(), keptAxes(&d, node, scaled), d.shapeVector(x))]
    },
  ]

  /// The gradient with the reduced axes back, of size 1.
  private static func keptAxes(
    _ d: inout Differentiation, _ node: Node, _ g: ValueID
  ) throws(Diagnostic) -> ValueID {
    guard let op = node.op as? any ReduceOperator, !op.keepdims, try d.shape(g).count > 0,
      let axes = node.inputs.count > 1 ? node.inputs[1] : nil
    else { return g }
    return try d.add(Unsqueeze(), g, axes)
  }
}
