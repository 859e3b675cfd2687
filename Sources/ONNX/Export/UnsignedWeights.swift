import IR

extension Graph {
  /// The graph with the signed 8-bit weights of layers on unsigned codes as unsigned ones with zero point 128: the same
  /// numbers. On processors without a dot product onnxruntime multiplies unsigned by signed bytes in 16 bits that
  /// saturate, unsigned by unsigned ones exactly.
  func withUnsignedWeights() -> Graph {
    var graph = self
    for node in orderedNodes {
      switch node.op {
      case is Conv, is Gemm, is MatMul:
        guard let x = graph.producer(node.inputs[0]), x.op is DequantizeLinear, graph.isUnsigned(x.inputs[0]),
          let weights = graph.producer(node.inputs[1]), let op = weights.op as? DequantizeLinear,
          op.granularity.blockSize == 0
        else { continue }
        let scales = graph.constant(weights.inputs[1])?.shape ?? []
        graph.makeUnsigned(weights, input: 0, zero: 2, zeros: scales)
      case is MatMulInteger, is ConvInteger:
        guard graph.isUnsigned(node.inputs[0]) else { continue }
        graph.makeUnsigned(node, input: 1, zero: 3, zeros: [])
      default: continue
      }
    }
    return graph
  }

  private func isUnsigned(_ value: ValueID?) -> Bool { value.flatMap { type($0).tensor?.element } == .uint8 }

  /// Where a node's input is a constant of int8 without a zero point, or with those of zero.
  private mutating func makeUnsigned(_ node: Node, input: Int, zero: Int, zeros: [Int]) {
    guard let id = node.inputs[input], let codes = constant(id)?.elements(Int8.self), let shape = constant(id)?.shape
    else { return }
    if node.inputs.count > zero, let old = node.inputs[zero] {
      guard let tensor = constant(old), tensor.integers.allSatisfy({ $0 == 0 }) else { return }
    }
    let unsigned = Tensor(codes.map { UInt8(bitPattern: $0) ^ 128 }, shape: shape)
    setInput(node.id, input, addConstant(unsigned, name: self[id].name))
    let count = zeros.reduce(1, *)
    let middle = addConstant(
      Tensor([UInt8](repeating: 128, count: count), shape: zeros), name: Name(self[id].name.bytes + Array(".zero".utf8))
    )
    if node.inputs.count > zero { return setInput(node.id, zero, middle) }
    // The other operand's zero point stands in front.
    for _ in node.inputs.count..<zero { appendInput(node.id, addConstant(Tensor(scalar: UInt8(0)))) }
    appendInput(node.id, middle)
  }
}
