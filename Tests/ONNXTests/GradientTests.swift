import IR
import TestSupport
import Testing

@testable import ONNX

@Suite struct GradientTests {
  /// Graphs of x (and w) whose sum is differentiated: the nodes between, and the shapes.
  struct Case: Sendable, CustomTestStringConvertible {
    var body: String
    var shapes: [[Int]]
    var testDescription: String { body }
  }

  static let cases: [Case] = [
    Case(body: "Add(%x, %w)", shapes: [[2, 3], [3]]), Case(body: "Sub(%w, %x)", shapes: [[2, 3], [2, 1]]),
    Case(body: "Mul(%x, %w)", shapes: [[2, 3], [1, 3]]), Case(body: "Div(%x, %w)", shapes: [[2, 3], [3]]),
    Case(body: "Pow(%x, %w)", shapes: [[2, 3], [3]]), Case(body: "MatMul(%x, %w)", shapes: [[2, 2, 3], [3, 4]]),
    Case(body: "MatMul(%x, %w)", shapes: [[3], [3]]), Case(body: "MatMul(%x, %w)", shapes: [[2, 3], [3]]),
    Case(body: "MatMul(%x, %w)", shapes: [[3], [2, 3, 2]]), Case(body: "Gemm(%x, %w)", shapes: [[2, 3], [3, 4]]),
    Case(body: "Gemm(%x, %w) {alpha=0.5, transA=1, transB=1}", shapes: [[3, 2], [4, 3]]),
    Case(body: "Gemm(%x, %x, %w) {beta=2.0, transB=1}", shapes: [[2, 3], [2]]),
    Case(body: "Relu(%x)", shapes: [[4]]), Case(body: "Sigmoid(%x)", shapes: [[4]]),
    Case(body: "Tanh(%x)", shapes: [[4]]), Case(body: "Exp(%x)", shapes: [[4]]), Case(body: "Log(%x)", shapes: [[4]]),
    Case(body: "Sqrt(%x)", shapes: [[4]]), Case(body: "Reciprocal(%x)", shapes: [[4]]),
    Case(body: "Neg(%x)", shapes: [[4]]), Case(body: "Softplus(%x)", shapes: [[4]]),
    Case(body: "Sin(%x)", shapes: [[4]]),
    Case(body: "Cos(%x)", shapes: [[4]]), Case(body: "Softmax(%x)", shapes: [[2, 3]]),
    Case(body: "Softmax(%x) {axis=0}", shapes: [[2, 3]]), Case(body: "LogSoftmax(%x)", shapes: [[2, 3]]),
    Case(body: "Transpose(%x) {perm=[1, 2, 0]}", shapes: [[2, 3, 1]]), Case(body: "Flatten(%x)", shapes: [[2, 3, 2]]),
    Case(body: "ReduceSum(%x)", shapes: [[2, 3]]), Case(body: "ReduceMean(%x)", shapes: [[2, 3]]),
    Case(body: "ReduceMean(%x, %axis) {keepdims=0}", shapes: [[2, 3]]),
    Case(body: "ReduceSum(%x, %axis)", shapes: [[2, 3]]), Case(body: "Unsqueeze(%x, %axis)", shapes: [[2, 3]]),
  ]

  func graph(_ test: Case) throws(Diagnostic) -> Graph {
    let inputs = zip(["x", "w"], test.shapes)
      .map { "%\($0): f32[\($1.map(String.init).joined(separator: ","))]" }.joined(separator: ", ")
    // Squared, so that the gradient of the result is none of ones.
    var graph = try Graph(
      parsing: """
        graph @test(\(inputs)) -> (%y: f32[]) {
          %axis = constant [1] : i64[1]
          %t = \(test.body) : f32[*]
          %s = Mul(%t, %t) : f32[*]
          %y = ReduceSum(%s) {keepdims=0} : f32[]
          return %y
        }

        """)
    graph.refineTypes()
    return graph
  }

  @Test(arguments: cases)
  func derivativesAreDifferences(test: Case) throws {
    let plain = try graph(test)
    var differentiation = Differentiation(plain, names: [])
    let gradients = try differentiation.gradients(of: plain.outputs[0], by: plain.inputs)
    var graph = differentiation.graph
    graph.setOutputs(gradients, names: gradients.indices.map { Name("g\($0)") })
    try graph.verify()
    let values = test.shapes.enumerated().map { input, shape in
      Tensor((0..<shape.reduce(1, *)).map { Float(0.3 + 0.17 * Double($0) + 0.4 * Double(input)) }, shape: shape)
    }
    let results = try graph.evaluate(values.map { .tensor($0) }, EvaluationContext(outputCount: 0))
    for (input, value) in values.enumerated() {
      let found = results[input].tensor
      #expect(found?.shape == value.shape)
      for index in 0..<value.count {
        let difference =
          try (self.value(plain, values, input, index, 1e-3) - self.value(plain, values, input, index, -1e-3)) / 2e-3
        let derivative = Double(found?.floats[index] ?? .nan)
        #expect(abs(derivative - difference) < 2e-2 * max(1, abs(difference)), "input \(input), element \(index)")
      }
    }
  }

  /// y with one element moved.
  func value(_ graph: Graph, _ values: [Tensor], _ input: Int, _ index: Int, _ step: Float) throws -> Double {
    var moved = values
    var elements = values[input].floats
    elements[index] += step
    moved[input] = Tensor(elements, shape: values[input].shape)
    let y = try graph.evaluate(moved.map { .tensor($0) }, EvaluationContext(outputCount: 0))[0]
    return Double(y.tensor?.floats[0] ?? .nan)
  }

  static func strings(_ name: String, _ values: [String]) -> [UInt8] {
    Wire.text(1, name) + values.flatMap { Wire.text(9, $0) } + Wire.int(20, 8)
  }

  func model(_ op: String, at inputs: [String]) -> [UInt8] {
    let attributes = [Self.strings("xs", ["x"]), Proto.attribute("y", string: "t")]
    let gradient = Proto.node(
      "Gradient", inputs, ["y"], attributes, name: "slope", domain: "ai.onnx.preview.training")
    let graph = Proto.graph(
      [Proto.node(op, ["x"], ["t"], name: "curve"), Proto.node("Neg", ["x"], ["z"]), gradient],
      inputs: [Proto.value("x", 1, [2])], outputs: [Proto.value("y")])
    return Proto.model(graph, more: Wire.bytes(8, Proto.opset(1, "ai.onnx.preview.training")))
  }

  @Test func gradientsAreTakenWhereTheInputsSay() throws {
    let x = Tensor([Float(0), 1], shape: [2])
    let e = Float(2.7182817)
    #expect(try evaluate(model("Exp", at: ["x"]), [x])[0].floats == [1, e])
    #expect(try evaluate(model("Exp", at: ["z"]), [x])[0].floats == [1, Float(0.36787945)])
  }

  @Test func operatorsWithoutARuleAreNamed() {
    let text = refusal(model("Erf", at: ["x"]))
    #expect(
      text.contains("Gradient 'slope'") && text.contains("the gradient of Erf 'curve'") && text.contains("MatMul"))
  }
}
