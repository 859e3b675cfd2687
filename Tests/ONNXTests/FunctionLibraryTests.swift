import COnnx
import IR
import TestSupport
import Testing

@testable import ONNX

/// A node on `x` (f32[2,3]) and the constants it reads besides.
private struct Case: CustomTestStringConvertible {
  var op: String
  var opset: Int64
  var attributes: [[UInt8]] = []
  /// Names of further inputs; empty for an absent one.
  var more: [String] = []
  var testDescription: String { "\(op) \(opset) \(more)" }
}

private let constants = [
  Proto.floats("low", [], [-0.5]), Proto.floats("high", [], [0.75]), Proto.floats("scale", [3], [1, 2, -0.5]),
  Proto.floats("bias", [3], [0.25, -1, 3]), Proto.floats("slope", [3], [0.1, 0.2, 0.3]),
  Proto.tensor("crop", 7, [2], Wire.bytes(9, Wire.raw([Int64(1), 5]))),
]

private let cases: [Case] = [
  Case(op: "Relu", opset: 14), Case(op: "Selu", opset: 6), Case(op: "Softplus", opset: 1),
  Case(op: "Softsign", opset: 22),
  Case(op: "Elu", opset: 6, attributes: [Proto.attribute("alpha", float: 2)]), Case(op: "HardSigmoid", opset: 22),
  Case(op: "HardSwish", opset: 14), Case(op: "Mish", opset: 18), Case(op: "Swish", opset: 24),
  Case(op: "LeakyRelu", opset: 16, attributes: [Proto.attribute("alpha", float: 0.3)]),
  Case(op: "PRelu", opset: 16, more: ["slope"]), Case(op: "ThresholdedRelu", opset: 10),
  Case(op: "Shrink", opset: 9, attributes: [Proto.attribute("bias", float: 0.1)]),
  Case(op: "Celu", opset: 12, attributes: [Proto.attribute("alpha", float: 3)]), Case(op: "Celu", opset: 28),
  Case(op: "Gelu", opset: 20),
  Case(op: "Gelu", opset: 20, attributes: [Proto.attribute("approximate", string: "tanh")]),
  Case(op: "Clip", opset: 13), Case(op: "Clip", opset: 13, more: ["low"]),
  Case(op: "Clip", opset: 13, more: ["", "high"]),
  Case(op: "Clip", opset: 13, more: ["low", "high"]), Case(op: "Softmax", opset: 13),
  Case(op: "Softmax", opset: 13, attributes: [Proto.attribute("axis", int: 0)]),
  Case(op: "LogSoftmax", opset: 13, attributes: [Proto.attribute("axis", int: -2)]),
  Case(op: "ReduceL1", opset: 18), Case(op: "ReduceL2", opset: 18, attributes: [Proto.attribute("keepdims", int: 0)]),
  Case(op: "ReduceLogSumExp", opset: 18), Case(op: "ReduceSumSquare", opset: 18),
  Case(op: "MeanVarianceNormalization", opset: 13, attributes: [Proto.attribute("axes", ints: [1])]),
  Case(op: "LayerNormalization", opset: 17, more: ["scale"]),
  Case(op: "LayerNormalization", opset: 17, attributes: [Proto.attribute("axis", int: 1)], more: ["scale", "bias"]),
  Case(op: "RMSNormalization", opset: 23, attributes: [Proto.attribute("epsilon", float: 0.1)], more: ["scale"]),
  Case(op: "CenterCropPad", opset: 18, more: ["crop"]), Case(op: "GreaterOrEqual", opset: 16, more: ["scale"]),
  Case(op: "LessOrEqual", opset: 12, more: ["scale"]), Case(op: "CastLike", opset: 19, more: ["crop"]),
]

@Suite struct FunctionLibraryTests {
  @Test func theFileIsWhole() throws {
    let bytes = kx_function_bodies()
    let file = MappedFile(builtIn: UnsafeRawBufferPointer(start: bytes.data, count: bytes.count))
    let library = try FunctionLibrary(file)
    #expect(library.operators.count == 44)
    #expect(library.has("Softmax", domain: "") && !library.has("Conv", domain: ""))
    #expect(library.operators.contains { $0.name == "SwiGLU" && $0.opsets == 28...28 })
  }

  /// Expanded from its definition an operator gives what its own form gives.
  @Test(arguments: cases)
  private func definitionsMeanTheSame(_ item: Case) throws {
    let node = Proto.node(item.op, ["x"] + item.more, ["y"], item.attributes, name: "node")
    let output = Proto.value("y", item.op == "CastLike" ? 7 : item.op.hasSuffix("OrEqual") ? 9 : 1)
    let graph = Proto.graph(
      [node], inputs: [Proto.value("x", 1, [2, 3])], outputs: [output], initializers: constants)
    let bytes = Proto.model(graph, opset: item.opset)
    var options = ImportOptions()
    options.expandedOperators = [item.op]
    let own = try importBytes(bytes)
    let expanded = try importBytes(bytes, options)
    try expanded.graph.verify()
    #expect(own.graph.orderedNodes.contains { type(of: $0.op).name == item.op })
    #expect(!expanded.graph.orderedNodes.contains { type(of: $0.op).name == item.op })
    #expect(expanded.graph.orderedNodes.allSatisfy { $0.names.first?.string.hasPrefix("node/") ?? false })
    let x = Tensor([-2.5, -0.75, 0.5, 0.25, 1.5, 4] as [Float], shape: [2, 3])
    let context = EvaluationContext(outputCount: 1)
    let a = try #require(try own.graph.evaluate([.tensor(x)], context).first?.tensor)
    let b = try #require(try expanded.graph.evaluate([.tensor(x)], context).first?.tensor)
    #expect(a.type == b.type && a.shape == b.shape)
    for (p, q) in zip(a.wide(Double.self), b.wide(Double.self)) { #expect(abs(p - q) <= 1e-5 * max(1, abs(p))) }
  }

  @Test func nodesWithoutADefinitionKeepTheirForm() throws {
    var options = ImportOptions()
    options.expandedOperators = ["all"]
    // ONNX had no definition of Softmax before opset 13.
    let graph = try importBytes(Proto.simple([Proto.node("Softmax", ["x"], ["y"])], opset: 12), options).graph
    #expect(graph.orderedNodes.contains { type(of: $0.op).name == "Softmax" })
  }

  @Test func termsAreReadAndJudged() {
    #expect(FunctionLibrary.Term("in2") == .input(2, isPresent: true))
    #expect(FunctionLibrary.Term("!in1") == .input(1, isPresent: false))
    #expect(FunctionLibrary.Term("interleaved=1") == .compare("interleaved", .equals, "1"))
    #expect(FunctionLibrary.Term("axis>=0") == .compare("axis", .atLeast, "0"))
    #expect(FunctionLibrary.Term("scale!=0") == .compare("scale", .differs, "0"))
    #expect(FunctionLibrary.Term("rank0=4") == .rank(0, 4))
    #expect(FunctionLibrary.Term("type1=10") == .element(1, 10))
    #expect(FunctionLibrary.Term("!axes") == .attribute("axes", isPresent: false))
    #expect(FunctionLibrary.Term("") == nil)
  }
}
