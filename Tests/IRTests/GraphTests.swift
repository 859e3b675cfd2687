import Testing

@testable import IR

@Suite struct GraphTests {
  /// x → Neg → Relu, and the handles.
  func chain() throws -> (graph: Graph, x: ValueID, neg: ValueID, relu: ValueID) {
    var graph = Graph(name: "g")
    let x = graph.addInput("x", .tensor(.float32, [.symbol("N"), 3] as Shape))
    let neg = try graph.add(Neg(), [x], names: ["neg"])[0]
    let relu = try graph.add(Relu(), [neg], names: ["relu"])[0]
    graph.setOutputs([relu], names: ["y"])
    return (graph, x, neg, relu)
  }

  @Test func usesAreCounted() throws {
    let (graph, x, neg, relu) = try chain()
    try graph.verify()
    #expect(graph.users(x).count == 1 && graph.useCount(neg) == 1 && graph.isOutput(relu))
    #expect(graph.producer(relu)?.label == "Relu 'relu'")
  }

  @Test func copiesAreIndependent() throws {
    let (graph, x, neg, _) = try chain()
    var copy = graph
    copy.replaceUses(of: neg, with: x)
    #expect(copy.removeDead(from: try #require(copy.producer(neg)?.id)) == 1)
    try copy.verify()
    try graph.verify()
    #expect(copy != graph && graph.nodeCount == 2 && copy.nodeCount == 1)
  }

  @Test func removeRefusesWhatIsRead() throws {
    var (graph, _, neg, _) = try chain()
    let id = try #require(graph.producer(neg)?.id)
    let isRemoved = graph.remove(id)
    #expect(!isRemoved)
    #expect(graph.nodeCount == 2)
  }

  @Test func patchesThatDoNotFitChangeNothing() throws {
    var (graph, x, neg, _) = try chain()
    let before = graph
    let node = try #require(graph.producer(neg))
    var wrongType = Patch(at: node.id, note: "wrong")
    let flag = wrongType.constant(Tensor([true], shape: [1]))
    wrongType.replace(neg, with: flag)
    #expect(throws: Diagnostic.self) { try graph.apply(wrongType) }
    var wrongOperands = Patch(at: node.id, note: "wrong")
    let other = wrongOperands.constant(Tensor([Int64(1)]))
    wrongOperands.replace(neg, with: wrongOperands.add(Add(), [.existing(x), other]))
    #expect(throws: Diagnostic.self) { try graph.apply(wrongOperands) }
    #expect(graph == before)
    try graph.verify()
  }

  @Test func patchesCarryNamesInOrderOfTheData() throws {
    var (graph, x, neg, relu) = try chain()
    let node = try #require(graph.producer(relu))
    var patch = Patch(at: node.id, note: "fused")
    patch.absorbed = [try #require(graph.producer(neg)?.id)]
    patch.replace(relu, with: patch.add(Abs(), [.existing(x)]))
    try graph.apply(patch)
    try graph.verify()
    #expect(graph.nodeCount == 1)
    #expect(graph.orderedNodes.first { _ in true }?.names == ["neg", "relu"])
  }

  @Test func inferenceErrorsNameNodeAndTypes() throws {
    var graph = Graph()
    let a = graph.addInput("a", .tensor(.float32, [2, 3]))
    let b = graph.addInput("b", .tensor(.float32, [4]))
    let error = #expect(throws: Diagnostic.self) { try graph.add(Add(), [a, b], names: ["block/add"]) }
    #expect(error?.message.hasPrefix("Add 'block/add': ") == true)
    #expect(error?.notes == ["input 0 %a : f32[2,3]", "input 1 %b : f32[4]"])
    #expect(graph.nodeCount == 0)
  }

  @Test func unknownDimensionsBecomeSymbolsOfTheirOwn() throws {
    var graph = Graph()
    let a = graph.addInput("a", .tensor(.float32, [.unknown, .unknown] as Shape))
    let shape = try #require(graph.type(a).tensor?.shape)
    #expect(shape[0] != shape[1] && !shape[0].isUnknown)
    #expect(shape[0].isEqual(to: shape[1]) == nil)
  }

  @Test func inputsBecomeConstants() throws {
    let (graph, _, _, _) = try chain()
    let data = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    let closed = try #require(graph.replacingInputs([(0, data)]))
    try closed.verify()
    #expect(closed.inputs.isEmpty)
    #expect(closed.type(closed.outputs[0]) == .tensor(.float32, [2, 3]))
    #expect(graph.replacingInputs([(0, nil)]) == nil)
    #expect(graph.replacingInputs([(0, Tensor([Int64(1)]))]) == nil)
  }
}
