import IR

/// One recurrent layer and nothing else, to be timed, without initial states and lengths. Sizes that are not known count as 1.
struct RecurrentSample {
  private let op: any Operator
  private let input: [Int]
  /// W and R.
  private let weights: [Tensor]
  private let bias: Tensor?

  /// Nil where it is no LSTM, GRU or RNN by constant weights.
  init?(_ graph: Graph, _ node: Node) {
    guard node.op is any RecurrentOperator, let shape = node.inputs[0].flatMap({ graph.type($0).tensor?.shape }) else {
      return nil
    }
    weights = [1, 2].compactMap { graph.constant(node.inputs[$0]) }.filter { $0.rank == 3 && $0.type == .float32 }
    guard weights.count == 2, shape.count == 3 else { return nil }
    op = node.op
    input = shape.map { $0.value ?? 1 }
    bias = node.inputs.count > 3 ? graph.constant(node.inputs[3]) : nil
  }

  /// All that its time depends on.
  var text: String {
    func list(_ values: [Int]) -> String { values.map(String.init).joined(separator: "x") }
    let values = op.attributeValues.map { "\($0.name) \($0.value)" }.sorted()
    return (["\(op.displayName) \(list(input))", "weights \(list(weights[0].shape))"] + values).joined(separator: ", ")
  }

  /// Multiply-accumulates.
  var macs: Double { Double(input[0]) * Double(input[1]) * Double(weights[0].count + weights[1].count) }

  /// In float32, or with weights as 8-bit codes. Which codes does not matter for the time.
  func graph(coded: Bool) throws(Diagnostic) -> Graph {
    var graph = Graph(name: Name("layer"))
    var operands: [ValueID?] = [graph.addInput("x", .tensor(.float32, input.map { Dim($0) }))]
    for weight in weights { operands.append(try coded ? codes(weight, &graph) : graph.addConstant(weight)) }
    if let bias { operands.append(graph.addConstant(bias)) }
    let y = try graph.add(op, operands)[0]
    graph.setOutputs([y], names: [Name("y")])
    return graph
  }

  private func codes(_ weight: Tensor, _ graph: inout Graph) throws(Diagnostic) -> ValueID {
    let scale = graph.addConstant(Tensor(scalar: Float(0.001)))
    return try graph.add(DequantizeLinear(), [graph.addConstant(Tensor(anyCodes: weight.shape)), scale])[0]
  }
}
