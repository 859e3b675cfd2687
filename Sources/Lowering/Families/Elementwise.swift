import Bundle
import IR
import Kernels

/// Operators that work element by element.
extension LoweringCatalog {
  /// Every operator that the IR can express as an activation.
  static let activations: [String: LoweringRule] = OperatorCatalog.all.reduce(into: [:]) { rules, type in
    if type is any ActivationOperator.Type { rules[type.qualifiedName] = unary }
  }

  static let unaryMath: [String: LoweringRule] = [
    "Not": integerUnary(KERF_UNARY_NOT), "BitwiseNot": integerUnary(KERF_UNARY_NOT),
    "IsNaN": { (l, node) throws(Diagnostic) in try floatClass(l, node, 0) },
    "IsInf": { (l, node) throws(Diagnostic) in
      guard let op = node.op as? IsInf, op.detectPositive || op.detectNegative else { return false }
      return try floatClass(l, node, op.detectPositive ? (op.detectNegative ? 1 : 2) : 3)
    },
    "Cast": cast, "CastLike": cast, "Clip": clip,
  ]

  static let arithmetic: [String: LoweringRule] = [
    "Add": binary(KERF_BINARY_ADD), "Sub": binary(KERF_BINARY_SUB), "Mul": binary(KERF_BINARY_MUL),
    "Div": binary(KERF_BINARY_DIV), "Pow": binary(KERF_BINARY_POW), "PRelu": binary(KERF_BINARY_PRELU),
    "Min": chain(KERF_BINARY_MIN), "Max": chain(KERF_BINARY_MAX), "Sum": chain(KERF_BINARY_ADD),
    "Mean": chain(KERF_BINARY_ADD),
    "Mod": { (l, node) throws(Diagnostic) in
      guard let op = node.op as? Mod else { return false }
      return try binary(op.fmod ? KERF_BINARY_FMOD : KERF_BINARY_MOD)(l, node)
    },
    "BitwiseAnd": binary(KERF_BINARY_AND), "BitwiseOr": binary(KERF_BINARY_OR), "BitwiseXor": binary(KERF_BINARY_XOR),
    "BitShift": { (l, node) throws(Diagnostic) in
      guard let op = node.op as? BitShift else { return false }
      return try binary(op.direction == .left ? KERF_BINARY_SHIFT_LEFT : KERF_BINARY_SHIFT_RIGHT)(l, node)
    },
  ]

  static let comparisons: [String: LoweringRule] = [
    "Equal": compare(KERF_COMPARE_EQUAL), "Less": compare(KERF_COMPARE_LESS),
    "LessOrEqual": compare(KERF_COMPARE_LESS_OR_EQUAL), "Greater": compare(KERF_COMPARE_GREATER),
    "GreaterOrEqual": compare(KERF_COMPARE_GREATER_OR_EQUAL), "And": logical(KERF_BINARY_AND),
    "Or": logical(KERF_BINARY_OR), "Xor": logical(KERF_BINARY_XOR), "Where": select,
  ]

  // MARK: Unary

  static let unary: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = node.inputs.first ?? nil else { return false }
    if l.computeType(x) != .float32 { return try integerActivation(l, node, x) }
    guard let activation = (node.op as? any ActivationOperator)?.asActivation else { return false }
    return try emitUnary(l, node, x, activation)
  }

  private static func emitUnary(_ l: GraphLowering, _ node: Node, _ x: ValueID, _ activation: Activation)
    throws(Diagnostic) -> Bool
  {
    guard activation.kernelCode != nil else { return false }
    let layout = try l.commonLayout([x], rank: l.rank(x))
    let source = try l.slot(x, layout)
    l.emit(Op.unary, [source], [try l.result(node.outputs[0], layout)], activation.attributes, node, inPlace: 0)
    return true
  }

  private static func integerActivation(_ l: GraphLowering, _ node: Node, _ x: ValueID) throws(Diagnostic) -> Bool {
    let codes = ["Abs": KERF_UNARY_ABS, "Neg": KERF_UNARY_NEG, "Sign": KERF_UNARY_SIGN]
    guard let code = codes[Swift.type(of: node.op).name], l.element(x).isInteger else { return false }
    return try integerUnary(code)(l, node)
  }

  private static func integerUnary<T: BinaryInteger & Sendable>(_ code: T) -> LoweringRule {
    { (l, node) throws(Diagnostic) in
      guard let x = node.inputs[0], l.element(x).isInteger || l.element(x) == .bool else { return false }
      let layout = try l.commonLayout([x], rank: l.rank(x))
      let source = try l.slot(x, layout)
      l.emit(Op.unaryInt, [source], [try l.result(node.outputs[0], layout)], [.int(Int(code))], node, inPlace: 0)
      return true
    }
  }

  private static func floatClass(_ l: GraphLowering, _ node: Node, _ code: Int) throws(Diagnostic) -> Bool {
    guard let x = node.inputs[0], l.computeType(x) == .float32 else { return false }
    let layout = try l.commonLayout([x], rank: l.rank(x))
    l.emit(Op.floatClass, [try l.slot(x, layout)], [try l.result(node.outputs[0], layout)], [.int(code)], node)
    return true
  }

  private static let cast: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = node.inputs[0] else { return false }
    let output = node.outputs[0]
    let layout = try l.commonLayout([x], rank: l.rank(x))
    if l.element(x) == l.element(output) {
      try l.alias(output, l.slot(x, layout), layout)
      return true
    }
    let target = l.element(output)
    l.emit(Op.cast, [try l.slot(x, layout)], [try l.result(output, layout, type: target)], [], node)
    return true
  }

  private static let clip: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = node.inputs[0] else { return false }
    let minimum = node.inputs.count > 1 ? node.inputs[1] : nil
    let maximum = node.inputs.count > 2 ? node.inputs[2] : nil
    if l.computeType(x) == .float32, minimum == nil || l.graph.constant(minimum) != nil,
      maximum == nil || l.graph.constant(maximum) != nil
    {
      let low = l.graph.constant(minimum)?.wide(Float.self).first ?? -.infinity
      let high = l.graph.constant(maximum)?.wide(Float.self).first ?? .infinity
      return try emitUnary(l, node, x, .clip(low, high))
    }
    let bounds = [(minimum, KERF_BINARY_MAX), (maximum, KERF_BINARY_MIN)].compactMap { pair in
      pair.0.map { ($0, Int(pair.1)) }
    }
    guard !bounds.isEmpty, let op = binaryOp(l.computeType(x)) else { return false }
    var slot = try l.slot(x)
    for (index, (bound, code)) in bounds.enumerated() {
      let result =
        index == bounds.count - 1
        ? try l.result(node.outputs[0]) : l.builder.resultSlot(l.builder.type(slot), l.builder.dims(slot))
      l.emit(op, [slot, try l.slot(bound)], [result], binaryAttributes(op, code), node)
      slot = result
    }
    return true
  }

  // MARK: Binary

  private static func binaryOp(_ type: ElementType) -> UInt16? {
    type == .float32 ? Op.binary : type.isInteger || type == .float64 ? Op.binaryInt : nil
  }

  private static func binaryAttributes(_ op: UInt16, _ code: Int, _ activation: Activation = .none) -> [Step.Attribute]
  {
    op == Op.binary ? [.int(code)] + activation.attributes : [.int(code)]
  }

  private static func binary<T: BinaryInteger & Sendable>(_ code: T) -> LoweringRule {
    { (l, node) throws(Diagnostic) in
      guard let a = node.inputs[0], let b = node.inputs[1] else { return false }
      let output = node.outputs[0]
      let type = l.computeType(output)
      guard let op = binaryOp(type) else { return false }
      let activation = (node.op as? any FusesActivation)?.activation ?? .none
      guard activation.isNone || op == Op.binary && activation.kernelCode != nil else { return false }
      let layout = try l.commonLayout([a, b], rank: l.rank(output))
      let x = try l.operand(a, layout, type: type)
      let y = try l.operand(b, layout, type: type)
      let inPlace: Int32 = l.shape(a) == l.shape(output) ? 0 : l.shape(b) == l.shape(output) ? 1 : -1
      let result = try l.result(output, layout)
      l.emit(op, [x, y], [result], binaryAttributes(op, Int(code), activation), node, inPlace: inPlace)
      return true
    }
  }

  /// Operators of any number of inputs: one binary step after another.
  private static func chain<T: BinaryInteger & Sendable>(_ code: T) -> LoweringRule {
    { (l, node) throws(Diagnostic) in
      let output = node.outputs[0]
      let inputs = node.inputs.compactMap { $0 }
      guard let op = binaryOp(l.computeType(output)), let first = inputs.first else { return false }
      let isMean = Swift.type(of: node.op).name == "Mean"
      if isMean && op != Op.binary { return false }
      let layout = try l.commonLayout(inputs, rank: l.rank(output))
      var shape = l.shape(first)
      var slot = try l.operand(first, layout)
      for (index, input) in inputs.enumerated().dropFirst() {
        let last = index == inputs.count - 1 && !isMean
        shape = try broadcast(shape, l.shape(input))
        let result: Int32
        if last {
          result = try l.result(output, layout)
        } else {
          let full = Array(repeating: Dim(1), count: layout.rank - shape.count) + shape
          result = l.builder.resultSlot(l.computeType(output).rawValue, try l.dims(layout.physical(full)))
        }
        l.emit(op, [slot, try l.operand(input, layout)], [result], binaryAttributes(op, Int(code)), node)
        slot = result
      }
      if isMean {
        let average = Activation(.affine, alpha: 1 / Float(inputs.count))
        l.emit(Op.unary, [slot], [try l.result(output, layout)], average.attributes, node, inPlace: 0)
      } else if inputs.count == 1 {
        try l.alias(output, slot, layout)
      }
      return true
    }
  }

  private static func compare<T: BinaryInteger & Sendable>(_ code: T) -> LoweringRule {
    { (l, node) throws(Diagnostic) in try two(l, node, Op.compare, Int(code)) }
  }

  private static func logical<T: BinaryInteger & Sendable>(_ code: T) -> LoweringRule {
    { (l, node) throws(Diagnostic) in try two(l, node, Op.logical, Int(code)) }
  }

  private static func two(_ l: GraphLowering, _ node: Node, _ op: UInt16, _ code: Int) throws(Diagnostic) -> Bool {
    guard let a = node.inputs[0], let b = node.inputs[1] else { return false }
    let layout = try l.commonLayout([a, b], rank: l.rank(node.outputs[0]))
    let operands = [try l.operand(a, layout), try l.operand(b, layout)]
    l.emit(op, operands, [try l.result(node.outputs[0], layout)], [.int(code)], node)
    return true
  }

  private static let select: LoweringRule = { (l, node) throws(Diagnostic) in
    let inputs = node.inputs.compactMap { $0 }
    let layout = try l.commonLayout(inputs, rank: l.rank(node.outputs[0]))
    var operands: [Int32] = []
    for input in inputs { operands.append(try l.operand(input, layout)) }
    l.emit(Op.select, operands, [try l.result(node.outputs[0], layout)], [], node)
    return true
  }
}
