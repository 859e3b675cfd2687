import IR

/// Operators whose kernels take bias, residual and activation along: Conv, MatMul, Gemm.
struct EpilogueTarget {
  var op: any FusesActivation
  var node: Node
  let isMatMul: Bool

  init?(_ node: Node?) {
    guard let node, node.op is Conv || node.op is MatMul || node.op is Gemm, let op = node.op as? any FusesActivation
    else {
      return nil
    }
    self.node = node
    self.op = op
    isMatMul = op is MatMul
  }

  var output: ValueID { node.outputs[0] }
  var bias: ValueID? { node.input(2) }
  var residual: ValueID? { node.input(3) }

  /// The axis of the output along which the bias lies.
  func channelAxis(_ graph: Graph) -> Int? {
    op is Conv ? 1 : graph.rank(output).map { $0 - 1 }
  }

  /// Number of channels, where known.
  func channels(_ graph: Graph) -> Int? {
    guard let shape = graph.shape(output), let axis = channelAxis(graph), axis >= 0, axis < shape.count else {
      return nil
    }
    return shape[axis].value
  }

  /// Inputs with some replaced, padded with absent ones.
  func inputs(bias: Patch.Operand? = nil, residual: Patch.Operand? = nil) -> [Patch.Operand?] {
    var inputs: [Patch.Operand?] = (0..<4).map { node.input($0).map { .existing($0) } }
    if let bias { inputs[2] = bias }
    if let residual { inputs[3] = residual }
    return inputs
  }
}

extension Graph {
  /// The elements of a constant operand that is the same for all positions but those of one axis: `count` of them, in double.
  /// Shapes: one element, or all dimensions 1 except that of the axis.
  func perChannel(_ id: ValueID?, axis: Int, rank: Int, count: Int) -> [Double]? {
    guard let tensor = constant(id), tensor.type.isFloat, tensor.rank <= rank else { return nil }
    if tensor.count == 1 { return [Double](repeating: tensor.wide(Double.self)[0], count: count) }
    let place = axis - (rank - tensor.rank)
    guard place >= 0, tensor.count == count, tensor.shape[place] == count else { return nil }
    return tensor.wide(Double.self)
  }

  /// The constant operand of a node of two inputs, and the other one.
  func constantOperand(_ node: Node) -> (other: ValueID, constant: ValueID)? {
    guard node.inputs.count == 2, let a = node.inputs[0], let b = node.inputs[1] else { return nil }
    if constant(b) != nil, constant(a) == nil { return (a, b) }
    if constant(a) != nil, constant(b) == nil { return (b, a) }
    return nil
  }
}
