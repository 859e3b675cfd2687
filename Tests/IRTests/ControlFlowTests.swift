import IR
import TestSupport
import Testing

@Suite struct ControlFlowTests {
  /// A body that returns one of its inputs' sums: inputs of these types, outputs as built.
  func body(_ types: [ValueType], _ build: (inout Graph, [ValueID]) throws -> [ValueID]) throws -> Graph {
    var graph = Graph(name: "body")
    let inputs = types.enumerated().map { graph.addInput(Name("i\($0.offset)"), $0.element) }
    let outputs = try build(&graph, inputs)
    graph.setOutputs(outputs, names: outputs.indices.map { Name("o\($0)") })
    return graph
  }
  let scalar = ValueType.tensor(.float32, [])

  @Test func ifRunsOneBranch() throws {
    var op = If()
    op.captures = 1
    op.thenBranch = try body([.tensor(.float32, [2])]) { _, i in [i[0]] }
    op.elseBranch = try body([.tensor(.float32, [2])]) { graph, _ in [graph.addConstant(counting([3]))] }
    let x = Tensor([Float(7), 8])
    let types = try op.inferTypes(
      InferenceContext(
        inputs: [.init(type: .tensor(.bool, [])), .init(type: .tensor(x.tensorType))], outputCount: 1))
    #expect(types.map(\.description) == ["f32[?]"])
    #expect(try run(op, [Tensor(scalar: true), x])[0] == x)
    #expect(try run(op, [Tensor(scalar: false), x])[0] == counting([3]))
    #expect(message { _ = try run(op, [Tensor([true, false]), x]) } == "the condition is bool[2], expected one bool")
    op.captures = 0
    #expect(message { _ = try run(op, [Tensor(scalar: true), x]) } == "has 1 captures, expected 0")
  }

  @Test func loopCarriesAndCollects() throws {
    var op = Loop()
    op.captures = 1
    op.body = try body([.tensor(.int64, []), .tensor(.bool, []), scalar, scalar]) { graph, i in
      let sum = try graph.add(Add(), [i[2], i[3]])[0]
      return [i[1], sum, sum]
    }
    let trips = Tensor(scalar: Int64(3))
    let results = try run(op, [trips, nil, Tensor(scalar: Float(1)), Tensor(scalar: Float(2))], outputs: 2)
    #expect(results[0] == Tensor(scalar: Float(7)))
    #expect(results[1] == Tensor([Float(3), 5, 7]))
    let none = try run(
      op, [trips, Tensor(scalar: false), Tensor(scalar: Float(1)), Tensor(scalar: Float(2))], outputs: 2)
    #expect(none[0].floats == [1])
    #expect(none[1].shape == [0])
    var graph = Graph()
    let count = graph.addConstant(trips)
    let start = graph.addInput("x", scalar)
    let outputs = try graph.add(op, [count, nil, start, start], outputs: 2)
    #expect(graph.type(outputs[1]).description == "f32[3]")
  }

  @Test func loopIsBounded() throws {
    var op = Loop()
    op.body = try body([.tensor(.int64, []), .tensor(.bool, []), .tensor(.float32, [100])]) { _, i in
      [i[1], i[2], i[2]]
    }
    let inputs: [Datum?] = [nil, nil, .tensor(counting([100]))]
    #expect(throws: Diagnostic.self) {
      try op.evaluate(inputs, EvaluationContext(outputCount: 2, maximumBytes: 10_000))
    }
    var still = op
    still.body = try body([.tensor(.int64, []), .tensor(.bool, []), .tensor(.float32, [100])]) { _, i in [i[1], i[2]] }
    let deadline = EvaluationContext.deadline(seconds: 0.05)
    #expect(throws: Diagnostic.self) {
      try still.evaluate(inputs, EvaluationContext(outputCount: 1, deadline: deadline))
    }
  }

  @Test func loopRefusesChangedTypes() throws {
    var op = Loop()
    op.body = try body([.tensor(.int64, []), .tensor(.bool, []), scalar]) { _, i in [i[1], i[0]] }
    #expect(
      message { _ = try run(op, [nil, nil, Tensor(scalar: Float(0))]) }
        == "carried value 0 is f32[], but 'body' returns i64[]")
  }

  @Test func scanRunsOverSlices() throws {
    var op = Scan()
    op.scannedCount = 1
    op.inputAxes = [1]
    op.outputDirections = [1]
    op.body = try body([.tensor(.float32, [2]), .tensor(.float32, [2])]) { graph, i in
      let sum = try graph.add(Add(), [i[0], i[1]])[0]
      return [sum, sum]
    }
    let results = try run(op, [Tensor([Float(0), 0]), counting([2, 3])], outputs: 2)
    #expect(results[0].floats == [3, 12])
    #expect(results[1] == Tensor([Float(3), 12, 1, 7, 0, 3], shape: [3, 2]))
  }

  @Test func sequencesOfTensors() throws {
    let items: [Datum] = [.tensor(counting([1])), .tensor(counting([2]))]
    let list = Datum.sequence(items, of: .tensor(.float32, [.unknown]))
    var op = SequenceMap()
    op.body = try body([.tensor(.float32, [.unknown])]) { graph, i in [try graph.add(Add(), [i[0], i[0]])[0]] }
    guard case .sequence(let doubled, _) = try runValues(op, [list])[0] else { return }
    #expect(doubled.map { $0.tensor?.floats } == [[0], [0, 2]])
    #expect(try runValues(SequenceLength(), [list])[0].tensor?.integers == [2])
    #expect(try runValues(SequenceAt(), [list, .tensor(Tensor(scalar: Int64(-1)))])[0] == items[1])
    #expect(
      message { _ = try runValues(SequenceAt(), [list, .tensor(Tensor(scalar: Int64(2)))]) }
        == "position 2 is out of range for a sequence of 2")
    let longer = try runValues(SequenceInsert(), [list, items[1], .tensor(Tensor(scalar: Int64(0)))])[0]
    #expect(longer == .sequence([items[1]] + items, of: .tensor(.float32, [.unknown])))
    #expect(try runValues(SequenceErase(), [longer, .tensor(Tensor(scalar: Int64(0)))])[0] == list)
    #expect(try runValues(SequenceConstruct(), items)[0] == .sequence(items, of: .tensor(.float32, [.unknown])))
    #expect(throws: Diagnostic.self) { try runValues(SequenceConstruct(), [items[0], .tensor(longs([1]))]) }
    #expect(try runValues(SequenceEmpty(), [])[0] == .sequence([], of: .tensor(.float32, nil)))
    var empty = SequenceEmpty()
    empty.type = .string
    #expect(try runValues(empty, [])[0] == .sequence([], of: .tensor(.string, nil)))
    #expect(try runValues(ConcatFromSequence(), [list])[0].tensor?.floats == [0, 0, 1])
    guard
      case .sequence(let parts, _) = try runValues(
        SplitToSequence(), [.tensor(counting([3])), .tensor(Tensor(scalar: Int64(2)))])[0]
    else { return }
    #expect(parts.map { $0.tensor?.floats } == [[0, 1], [2]])
    let some = try runValues(OptionalOf(), [items[0]])[0]
    #expect(try runValues(OptionalGetElement(), [some])[0] == items[0])
    #expect(try runValues(OptionalHasElement(), [.optional(nil, of: scalar)])[0] == .tensor(Tensor(scalar: false)))
    #expect(
      message { _ = try runValues(OptionalGetElement(), [.optional(nil, of: scalar)]) } == "the optional is empty")
  }
}
