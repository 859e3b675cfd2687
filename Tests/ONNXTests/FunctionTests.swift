import IR
import TestSupport
import Testing

@testable import ONNX

private func call(_ function: String, _ inputs: [String], _ outputs: [String], _ attributes: [[UInt8]] = []) -> [UInt8]
{
  Proto.node(function, inputs, outputs, attributes, name: "call", domain: "my")
}

private func model(_ nodes: [[UInt8]], _ functions: [[UInt8]]) -> [UInt8] {
  Proto.simple(nodes, more: Wire.bytes(8, Proto.opset(1, "my")) + functions.flatMap { $0 })
}

private let negate = Proto.function("F", [Proto.node("Neg", ["a"], ["b"], name: "inner")])

@Suite struct FunctionTests {
  @Test func inlinesCalls() throws {
    let twice = Proto.function("G", [call("F", ["a"], ["t"]), call("F", ["t"], ["b"])])
    let bytes = model([call("G", ["x"], ["t"]), call("F", ["t"], ["y"])], [negate, twice])
    let graph = try importBytes(bytes).graph
    #expect(graph.orderedNodes.map(\.label) == ["Neg 'call/call/inner'", "Neg 'call/call/inner'", "Neg 'call/inner'"])
    let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    #expect(try evaluate(bytes, [x]) == [Tensor([-1, -2, -3, -4, -5, -6] as [Float], shape: [2, 3])])
  }

  @Test func passesArguments() throws {
    let leaky = Proto.node("LeakyRelu", ["a"], ["b"], [Proto.attribute("alpha", reference: "slope", type: 1)])
    let plain = Proto.function("F", [leaky], parameters: ["slope"])
    let defaulted = Proto.function("F", [leaky], defaults: [Proto.attribute("slope", float: 4)])
    let x = Tensor([-1, -1, -1, -1, -1, -1] as [Float], shape: [2, 3])
    func first(_ bytes: [UInt8]) throws -> Float? { try evaluate(bytes, [x]).first?.elements(Float.self)?.first }
    let given = [Proto.attribute("slope", float: 2)]
    #expect(try first(model([call("F", ["x"], ["y"], given)], [plain])) == -2)
    #expect(try first(model([call("F", ["x"], ["y"])], [plain])) == -0.01)
    #expect(try first(model([call("F", ["x"], ["y"], given)], [defaulted])) == -2)
    #expect(try first(model([call("F", ["x"], ["y"])], [defaulted])) == -4)
  }

  @Test func inlinesDeepChains() throws {
    var functions = [Proto.function("F0", [Proto.node("Neg", ["a"], ["b"])])]
    for index in 1..<3000 { functions.append(Proto.function("F\(index)", [call("F\(index - 1)", ["a"], ["b"])])) }
    #expect(try importBytes(model([call("F2999", ["x"], ["y"])], functions)).graph.nodeCount == 1)
  }

  @Test func refusesWhatGrowsWithoutEnd() {
    var functions = [negate]
    for index in 1..<40 {
      let callee = index == 1 ? "F" : "F\(index - 1)"
      functions.append(Proto.function("F\(index)", [call(callee, ["a"], ["t"]), call(callee, ["t"], ["b"])]))
    }
    #expect(
      refusal(model([call("F39", ["x"], ["y"])], functions))
        == "with its functions inlined the model has more than 2000000 nodes")
  }

  @Test func refusesBrokenFunctions() {
    let selfCall = Proto.function("F", [call("F", ["a"], ["b"])])
    #expect(refusal(model([call("F", ["x"], ["y"])], [selfCall])) == "function 'F' calls itself")
    let g = Proto.function("G", [call("F", ["a"], ["b"])])
    let f = Proto.function("F", [call("G", ["a"], ["b"])])
    #expect(refusal(model([call("F", ["x"], ["y"])], [f, g])) == "function 'F' calls itself")
    #expect(refusal(model([call("F", ["x"], ["y"])], [negate, negate])) == "function 'F' is defined twice")
    #expect(
      refusal(model([call("F", ["x", "x"], ["y"])], [negate]))
        == "my.F 'call': is called with 2 inputs and 1 outputs, the function has 1 and 1")
    let unmade = Proto.function("F", [Proto.node("Neg", ["a"], ["q"])])
    #expect(refusal(model([call("F", ["x"], ["y"])], [unmade])) == "function 'F' never makes its output 'b'")
    #expect(
      refusal(model([call("F", ["x"], ["y"], [Proto.attribute("k", int: 1)])], [negate]))
        == "my.F 'call': the function has no parameter 'k'")
  }
}
