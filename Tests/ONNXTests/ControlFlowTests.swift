import IR
import TestSupport
import Testing

@testable import ONNX

private let flag = Proto.value("c", 9, [])
private let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])

private func branch(_ op: String, _ input: String) -> [UInt8] {
  Proto.graph([Proto.node(op, [input], ["o"])], outputs: [Proto.value("o")])
}

private func conditional(_ then: [UInt8], _ otherwise: [UInt8], condition: [UInt8] = flag) -> [UInt8] {
  let attributes = [Proto.attribute("then_branch", graph: then), Proto.attribute("else_branch", graph: otherwise)]
  return Proto.model(
    Proto.graph(
      [Proto.node("Neg", ["x"], ["t"]), Proto.node("If", ["c"], ["y"], attributes)],
      inputs: [Proto.value("x", 1, [2, 3]), condition], outputs: [Proto.value("y")]))
}

/// A loop of three trips over one carried value.
private func loop(_ nodes: [[UInt8]], carried: [UInt8]) -> [UInt8] {
  let body = Proto.graph(
    [Proto.node("Identity", ["ci"], ["co"])] + nodes,
    inputs: [Proto.value("i", 7, []), Proto.value("ci", 9, []), Proto.value("v")],
    outputs: [Proto.value("co", 9), Wire.text(1, "vo")])
  return Proto.model(
    Proto.graph(
      [Proto.node("Loop", ["m", "", "x"], ["y"], [Proto.attribute("body", graph: body)])], inputs: [carried],
      outputs: [Proto.value("y")], initializers: [Proto.tensor("m", 7, [], Wire.bytes(9, Wire.raw([3] as [Int64])))]))
}

@Suite struct ControlFlowTests {
  @Test func passesCapturedValuesExplicitly() throws {
    let bytes = conditional(branch("Abs", "t"), branch("Relu", "x"))
    let graph = try importBytes(bytes).graph
    let node = try #require(graph.orderedNodes.first { $0.label == "If 'y'" })
    #expect(node.inputs.compactMap { $0.map { graph[$0].name } } == ["c", "t", "x"])
    #expect(node.op.subgraphs.map { body in body.inputs.map { body[$0].name } } == [["t", "x"], ["t", "x"]])
    #expect(try evaluate(bytes, [x, Tensor(scalar: true)]) == [x])
    #expect(try evaluate(bytes, [x, Tensor(scalar: false)]) == [x])
  }

  @Test func leavesCarriedDimensionsOpenThatChange() throws {
    let grow = Proto.node("Concat", ["v", "v"], ["vo"], [Proto.attribute("axis", int: 0)])
    let bytes = loop([grow], carried: Proto.value("x", 1, [1]))
    let graph = try importBytes(bytes).graph
    #expect(graph.outputs.allSatisfy { graph.type($0).tensor?.knownShape == nil && graph.type($0).tensor?.rank == 1 })
    #expect(try evaluate(bytes, [Tensor([2] as [Float])]) == [Tensor([Float](repeating: 2, count: 8))])
  }

  @Test func keepsCarriedDimensionsThatStay() throws {
    let graph = try importBytes(loop([Proto.node("Neg", ["v"], ["vo"])], carried: Proto.value("x", 1, [4]))).graph
    #expect(graph.outputs.map { graph.type($0).description } == ["f32[4]"])
  }

  @Test func refusesBrokenBodies() {
    let same = branch("Abs", "t")
    #expect(
      refusal(conditional(same, branch("Relu", "y"))).hasPrefix(
        "If 'y': a body reads 'y', which is made by no earlier node"))
    #expect(
      refusal(conditional(same, same, condition: Proto.value("c", 9, [2]))).hasPrefix(
        "If 'y': the condition is bool[2], expected one element"))
    let own = Proto.graph(
      [Proto.node("Relu", ["q"], ["o"])], inputs: [Proto.value("q", 1, [1])], outputs: [Proto.value("o")])
    #expect(refusal(conditional(same, own)).hasPrefix("If 'y': 'else_branch' has inputs of its own, accepted are 0"))
    let cast = Proto.node("Cast", ["v"], ["vo"], [Proto.attribute("to", int: 7)])
    #expect(
      refusal(loop([cast], carried: Proto.value("x", 1, [1]))).hasPrefix(
        "Loop 'y': carried value 0 is f32[1] but the body returns i64[1]"))
    #expect(
      refusal(conditional(same, branch("Nope", "t"))).hasPrefix("1 operator is not supported: Nope 'o'"))
  }
}
