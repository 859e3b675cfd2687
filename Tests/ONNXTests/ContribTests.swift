import IR
import TestSupport
import Testing

@testable import ONNX

/// Operators of onnxruntime's domain: what importing makes of them. Their values are compared with onnxruntime's by
/// Tests/Conformance/contrib.
@Suite struct ContribTests {
  private func model(
    _ op: String, _ inputs: [String], _ attributes: [[UInt8]] = [], outputs: [String] = ["y"],
    initializers: [[UInt8]] = [], input: [UInt8]? = nil, output element: Int64 = 1, domain: String = "com.microsoft"
  ) -> [UInt8] {
    let node = Proto.node(op, inputs, outputs, attributes, name: "n", domain: domain)
    let graph = Proto.graph(
      [node], inputs: [input ?? Proto.value("x", 1, [2, 3])], outputs: [Proto.value("y", element)],
      initializers: initializers)
    return Proto.model(graph, more: Wire.bytes(8, Proto.opset(1, "com.microsoft")))
  }

  private func operators(_ bytes: [UInt8]) throws -> [String] {
    let graph = try importBytes(bytes).graph
    try graph.verify()
    return graph.orderedNodes.map { type(of: $0.op).qualifiedName }
  }

  private func bytes(_ name: String, _ dims: [Int64], _ values: [UInt8], element: Int64 = 2) -> [UInt8] {
    Proto.tensor(name, element, dims, Wire.bytes(9, values))
  }

  private func scale(_ name: String, _ value: Float) -> [UInt8] { Proto.floats(name, [], [value]) }

  @Test func everyNodeKeepsTheName() throws {
    let graph = try importBytes(model("BiasGelu", ["x", "b"], initializers: [Proto.floats("b", [3], [1, 2, 3])])).graph
    #expect(graph.orderedNodes.map(\.label) == ["Add 'n'", "Gelu 'n'"])
    #expect(graph.outputNames == ["y"])
  }

  @Test func productsTakeTransposesAndFactors() throws {
    let attributes = [Proto.attribute("transB", int: 1), Proto.attribute("alpha", float: 0.5)]
    let b = Proto.floats("b", [1, 3], [2, 2, 2])
    let bytes = model("FusedMatMul", ["x", "b"], attributes, initializers: [b])
    #expect(try operators(bytes) == ["MatMul"])
    let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    #expect(try evaluate(bytes, [x]) == [Tensor([6, 15] as [Float], shape: [2, 1])])
  }

  @Test func convolutionsOnCodesBecomeDequantizeAndQuantize() throws {
    let image = Proto.value("x", 2, [1, 2, 2, 1])
    let weights = bytes("w", [1, 1, 1, 1], [130])
    let parameters = [
      scale("s", 0.5), bytes("z", [], [128]), scale("ws", 1), bytes("wz", [], [128]), scale("ys", 0.5),
      bytes("yz", [], [3]),
    ]
    let inputs = ["x", "s", "z", "w", "ws", "wz", "ys", "yz"]
    let last = model(
      "QLinearConv", inputs, [Proto.attribute("channels_last", int: 1)], initializers: [weights] + parameters,
      input: image, output: 2)
    #expect(
      try operators(last) == [
        "Transpose", "DequantizeLinear", "DequantizeLinear", "Conv", "QuantizeLinear", "Transpose",
      ])
    let x = Tensor([127, 128, 129, 130] as [UInt8], shape: [1, 2, 2, 1])
    #expect(try evaluate(last, [x]) == [Tensor([1, 3, 5, 7] as [UInt8], shape: [1, 2, 2, 1])])
  }

  @Test func productsOnCodesStayWithoutConstants() throws {
    let inputs = ["x", "s", "z", "w", "ws", "z", "s", "z"]
    let constants = [scale("s", 0.5), bytes("z", [], [0]), bytes("w", [3, 1], [1, 2, 3])]
    let known = model(
      "QLinearMatMul", inputs, initializers: constants + [scale("ws", 1)], input: Proto.value("x", 2, [2, 3]),
      output: 2, domain: "")
    #expect(try operators(known) == ["DequantizeLinear", "DequantizeLinear", "MatMul", "QuantizeLinear"])
    let two = Proto.model(
      Proto.graph(
        [Proto.node("QLinearMatMul", inputs, ["y"])],
        inputs: [Proto.value("x", 2, [2, 3]), Proto.value("ws", 1, [])], outputs: [Proto.value("y", 2)],
        initializers: constants))
    #expect(try operators(two) == ["QLinearMatMul"])
  }

  @Test func weightsOfFewBitsAreUnpacked() throws {
    let attributes = [("K", 3), ("N", 1), ("bits", 4), ("block_size", 16)].map { Proto.attribute($0, int: Int64($1)) }
    // Codes 9, 10, 11 around 8; what lies behind K is not read.
    let packed = bytes("b", [1, 1, 8], [0xA9, 0xFB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
    let model = model(
      "MatMulNBits", ["x", "b", "s"], attributes, initializers: [packed, Proto.floats("s", [1, 1], [2])])
    #expect(try operators(model) == ["Reshape", "DequantizeLinear", "MatMul"])
    let x = Tensor([1, 1, 1, 0, 0, 1] as [Float], shape: [2, 3])
    #expect(try evaluate(model, [x]) == [Tensor([12, 6] as [Float], shape: [2, 1])])
  }

  @Test func attentionIsOneNode() throws {
    let heads = Proto.attribute("num_heads", int: 1)
    let three = Proto.value("x", 1, [1, 2, 4])
    let multi = model("MultiHeadAttention", ["x", "x", "x"], [heads], input: three)
    #expect(try operators(multi) == ["Attention"])
    let x = Tensor([0, 0, 0, 0, 0, 0, 0, 0] as [Float], shape: [1, 2, 4])
    #expect(try evaluate(multi, [x]) == [x])
  }

  @Test func statesWhatIsWrong() {
    #expect(refusal(model("BiasGelu", ["x"])) == "com.microsoft.BiasGelu 'n': has 1 inputs, accepted are 2")
    #expect(
      refusal(model("Gelu", ["x"], [Proto.attribute("k", int: 1)]))
        == "com.microsoft.Gelu 'n': there is no attribute 'k'")
    #expect(
      refusal(model("MultiHeadAttention", ["x", "x", "x"]))
        == "com.microsoft.MultiHeadAttention 'n': the required attribute 'num_heads' is missing")
    let huge = [("K", 1 << 30), ("N", 1 << 30), ("block_size", 16)].map { Proto.attribute($0, int: Int64($1)) }
    let packed = bytes("b", [1], [0])
    #expect(
      refusal(model("MatMulNBits", ["x", "b", "s"], huge, initializers: [packed, Proto.floats("s", [1], [2])]))
        .hasPrefix("com.microsoft.MatMulNBits 'n': "))
    #expect(refusal(model("BeamSearch", ["x"])).contains("BeamSearch"))
  }
}
