import Bundle
import IR
import Kernels

/// Element by element on 8-bit codes: sums and products in integers, functions of one value by table.
extension LoweringCatalog {
  static let quantizedElementwise: [String: LoweringRule] = OperatorCatalog.all.reduce(
    into: ["Add": quantizedAdd, "Mul": quantizedMul, "Clip": quantizedFunction]
  ) { rules, type in
    if type is any ActivationOperator.Type { rules[type.qualifiedName] = quantizedFunction }
  }

  private static let quantizedAdd: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let a = l.dequantized(node.inputs[0]), let b = l.dequantized(node.inputs[1]), let y = l.quantizedReader(node)
    else {
      return false
    }
    let activation = (node.op as? any FusesActivation)?.activation ?? .none
    guard l.shape(a.source) == l.shape(b.source), let range = l.codeRange(activation, y.parameters) else {
      return false
    }
    let (fa, fb) = (a.parameters.scale / y.parameters.scale, b.parameters.scale / y.parameters.scale)
    guard let larger = FixedPoint(max(fa, fb)) else { return false }
    // 15 bits are exact enough for sums of two bytes, and let the kernel multiply in 16.
    let isAtTheEnd = larger.multiplier >> 16 == 0x7fff
    let shift = larger.shift > 17 ? larger.shift - (isAtTheEnd ? 17 : 16) : larger.shift
    let unit = Double(sign: .plus, exponent: Int(shift), significand: 1)
    let attributes: [Step.Attribute] = [
      .int(a.parameters.zero), .int(Int((fa * unit).rounded())), .int(b.parameters.zero),
      .int(Int((fb * unit).rounded())),
      .int(shift), .int(y.parameters.zero), .int(range.low), .int(range.high),
    ]
    let layout = try l.commonLayout([a.source, b.source], rank: l.rank(a.source))
    let inputs = [try l.codes(a.source, layout), try l.codes(b.source, layout)]
    l.emit(Op.addU8, inputs, [try l.result(y.node.outputs[0], layout, type: .uint8)], attributes, node, inPlace: 0)
    l.covered.insert(y.node.id)
    return true
  }

  private static let quantizedMul: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let a = l.dequantized(node.inputs[0]), let b = l.dequantized(node.inputs[1]), let y = l.quantizedReader(node)
    else {
      return false
    }
    let activation = (node.op as? any FusesActivation)?.activation ?? .none
    guard let range = l.codeRange(activation, y.parameters) else { return false }
    guard let factor = FixedPoint(a.parameters.scale * b.parameters.scale / y.parameters.scale) else { return false }
    let layout = try l.commonLayout([a.source, b.source], rank: l.rank(y.node.outputs[0]))
    let inputs = [try l.operand(a.source, layout, type: .uint8), try l.operand(b.source, layout, type: .uint8)]
    let attributes: [Step.Attribute] = [
      .int(a.parameters.zero), .int(b.parameters.zero), .int(factor.multiplier), .int(factor.shift),
      .int(y.parameters.zero),
      .int(range.low), .int(range.high),
    ]
    l.emit(Op.mulU8, inputs, [try l.result(y.node.outputs[0], layout, type: .uint8)], attributes, node)
    l.covered.insert(y.node.id)
    return true
  }

  /// A function of one value: a table of 256 results.
  private static let quantizedFunction: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = l.dequantized(node.inputs[0]), let y = l.quantizedReader(node), let f = function(l, node) else {
      return false
    }
    try emitTable(l, node, x.source, y.node.outputs[0]) { y.parameters.code(f(x.parameters.value($0))) }
    l.covered.insert(y.node.id)
    return true
  }

  private static func function(_ l: GraphLowering, _ node: Node) -> ((Double) -> Double)? {
    if let activation = (node.op as? any ActivationOperator)?.asActivation { return { activation.apply($0) } }
    guard Swift.type(of: node.op).name == "Clip" else { return nil }
    var bounds = [-Double.infinity, Double.infinity]
    for index in 0..<2 where node.inputs.count > index + 1 {
      guard let input = node.inputs[index + 1] else { continue }
      guard let value = l.weights(input)?.wide(Double.self).first else { return nil }
      bounds[index] = value
    }
    return { min(max($0, bounds[0]), bounds[1]) }
  }

  static func emitTable(
    _ l: GraphLowering, _ node: Node, _ x: ValueID, _ y: ValueID, _ code: (Int) -> Int
  ) throws(Diagnostic) {
    let layout = try l.commonLayout([x], rank: l.rank(x))
    let table = l.builder.weight(Tensor((0..<256).map { UInt8(code($0)) }))
    l.emit(Op.lutU8, [try l.codes(x, layout), table], [try l.result(y, layout, type: .uint8)], [], node, inPlace: 0)
  }
}
