import IR

/// One attention and nothing else, to be timed, without mask. Sizes that are not known count as 1.
struct AttentionSample {
  private let op: Attention
  private let operands: [[Int]]
  /// Batch times heads times queries times keys.
  let scores: Double
  /// Multiply-accumulates.
  let macs: Double

  init?(_ graph: Graph, _ node: Node) {
    guard var op = node.op as? Attention else { return nil }
    let shapes: [[Int]] = node.inputs.prefix(3).map { input in
      let shape = input.flatMap { graph.type($0).tensor?.shape } ?? []
      return shape.map { $0.value ?? 1 }
    }
    guard shapes.count == 3 else { return nil }
    let rank = shapes[0].count
    guard (3...4).contains(rank), shapes.allSatisfy({ $0.count == rank }) else { return nil }
    let heads = rank == 4 ? shapes[0][1] : op.queryHeads ?? 1
    let (queries, keys) = (Double(shapes[0][rank - 2]), Double(shapes[1][rank - 2]))
    scores = Double(shapes[0][0]) * Double(heads) * queries * keys
    let columns = Double(shapes[0][rank - 1] + shapes[2][rank - 1])
    macs = rank == 4 ? scores * columns : scores * columns / Double(max(heads, 1))
    op.isCoded = false
    (self.op, operands) = (op, shapes)
  }

  /// All that its time depends on.
  var text: String {
    let sizes = operands.map { $0.map(String.init).joined(separator: "x") }.joined(separator: " by ")
    let values = op.attributeValues.map { "\($0.name) \($0.value)" }.sorted()
    return (["\(op.displayName) \(sizes)"] + values).joined(separator: ", ")
  }

  /// In float32, or on codes of queries, keys and result. Which codes does not matter for the time.
  func graph(coded: Bool) throws(Diagnostic) -> Graph {
    var graph = Graph(name: Name("layer"))
    let scale = graph.addConstant(Tensor(scalar: Float(0.02)))
    let zero = graph.addConstant(Tensor(scalar: UInt8(128)))
    var inputs: [ValueID?] = []
    for (index, dims) in operands.enumerated() {
      let hasCodes = coded && index < 2
      let x = graph.addInput(Name("x\(index)"), .tensor(hasCodes ? .uint8 : .float32, dims.map { Dim($0) }))
      inputs.append(try hasCodes ? graph.add(DequantizeLinear(), [x, scale, zero])[0] : x)
    }
    var op = op
    op.isCoded = coded
    let y = try graph.add(op, inputs)[0]
    graph.setOutputs([try coded ? graph.add(QuantizeLinear(), [y, scale, zero])[0] : y], names: [Name("y")])
    return graph
  }
}
