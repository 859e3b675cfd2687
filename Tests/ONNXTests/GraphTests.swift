import IR
import TestSupport
import Testing

@testable import ONNX

private func relu(_ input: String, _ output: String) -> [UInt8] { Proto.node("Relu", [input], [output]) }

@Suite struct GraphTests {
  @Test func importsASmallModel() throws {
    let bytes = Proto.simple(
      [Proto.node("Relu", ["x"], ["t"], name: "first"), Proto.node("Add", ["t", "w"], ["y"], name: "second")],
      initializers: [Proto.floats("w", [3], [1, 2, 3])])
    let model = try importBytes(bytes)
    #expect(model.opset == 17)
    #expect(model.graph.orderedNodes.map(\.label) == ["Relu 'first'", "Add 'second'"])
    let x = Tensor([-1, 1, -1, 1, -1, 1] as [Float], shape: [2, 3])
    #expect(try evaluate(bytes, [x]) == [Tensor([1, 3, 3, 2, 2, 4] as [Float], shape: [2, 3])])
  }

  @Test func takesInitializedInputsAsConstants() throws {
    let graph = Proto.graph(
      [Proto.node("Add", ["x", "w"], ["y"])], inputs: [Proto.value("x", 1, [2]), Proto.value("w", 1, [1])],
      outputs: [Proto.value("y")], initializers: [Proto.floats("w", [1], [4])])
    #expect(try importBytes(Proto.model(graph)).graph.inputs.count == 1)
  }

  @Test func keepsNamesApartThatAreEqualAsText() throws {
    let bytes = Proto.simple(
      [
        relu("x", "caf\u{e9}"), Proto.node("Neg", ["x"], ["cafe\u{301}"]),
        Proto.node("Sub", ["caf\u{e9}", "cafe\u{301}"], ["y"]),
      ])
    let x = Tensor([-1, 1, 0, 0, 0, 0] as [Float], shape: [2, 3])
    #expect(try evaluate(bytes, [x]) == [Tensor([-1, 2, 0, 0, 0, 0] as [Float], shape: [2, 3])])
  }

  @Test func setsShapesAndDimensionsThatAreOpen() throws {
    let input =
      Wire.text(1, "x") + Wire.bytes(2, Wire.bytes(1, Wire.int(1, 1) + Wire.bytes(2, Wire.bytes(1, Wire.text(2, "N")))))
    let bytes = Proto.simple([relu("x", "y")], input: input)
    func type(_ options: ImportOptions) throws -> String {
      let graph = try importBytes(bytes, options).graph
      return graph.outputs.map { graph.type($0).description }.joined()
    }
    var options = ImportOptions()
    #expect(try type(options) == "f32[N]")
    options.dimensions = [("N", 5)]
    #expect(try type(options) == "f32[5]")
    options.inputShapes = [("x", [5])]
    #expect(try type(options) == "f32[5]")
    options.inputShapes = [("x", [6])]
    #expect(refusal(bytes, options) == "graph input 'x': shape [6] was asked for, but it is f32[N]")
    options.inputShapes = [("z", [6])]
    #expect(refusal(bytes, options) == "a shape was given for input 'z', but the model's inputs are 'x'")
  }

  @Test(
    arguments: [
      ([relu("x", "a"), relu("ghost", "y")], "Relu 'y': input 0, 'ghost', is made by no earlier node"),
      ([Proto.node("Add", ["x", "y"], ["y"])], "Add 'y': input 1, 'y', is made by no earlier node"),
      ([relu("x", "z")], "graph output 'y' is made by no node"),
      ([relu("x", "y"), relu("x", "y")], "Relu 'y' defines 'y', which is already defined"),
      ([relu("x", "x"), relu("x", "y")], "Relu 'x' defines 'x', which is already defined"),
      ([Proto.node("Nope", ["x"], ["y"])], "1 operator is not supported: Nope 'y'"),
      ([Proto.node("Relu", ["x"], ["y"], domain: "no.such")], "1 operator is not supported: no.such.Relu 'y'"),
      ([Proto.node("", ["x"], ["y"])], "1 operator is not supported: (no operator) 'y'"),
      (
        [Proto.node("Relu", ["x"], ["y"], [Proto.attribute("bogus", int: 1)])],
        "Relu 'y': there is no attribute 'bogus'"
      ),
      (
        [Proto.node("LeakyRelu", ["x"], ["y"], [Proto.attribute("alpha", int: 1)])],
        "LeakyRelu 'y': attribute 'alpha' is of kind int, expected float"
      ),
      (
        [
          Proto.node(
            "LeakyRelu", ["x"], ["y"], [Proto.attribute("alpha", float: 1), Proto.attribute("alpha", float: 2)])
        ],
        "LeakyRelu 'y': attribute 'alpha' is given twice"
      ),
      (
        [Proto.node("LeakyRelu", ["x"], ["y"], [Wire.text(1, "alpha") + Wire.int(3, 1) + Wire.int(20, 4)])],
        "LeakyRelu 'y': attribute 'alpha' is declared as a tensor but holds an int"
      ),
      (
        [Proto.node("LeakyRelu", ["x"], ["y"], [Proto.attribute("alpha", reference: "a", type: 1)])],
        "LeakyRelu 'y': attribute 'alpha' refers to parameter 'a' outside a function"
      ),
      ([Proto.node("Add", ["x", ""], ["y"])], "Add 'y': has 1 inputs, accepted are 2"),
      ([Proto.node("Relu", ["x", "x"], ["y"])], "Relu 'y': has 2 inputs, accepted are 1"),
      ([Proto.node("Relu", ["x"], ["y", "z"])], "Relu 'y': has 2 outputs, accepted are 1"),
      ([Proto.node("Constant", [], ["y"])], "Constant 'y': has 0 value attributes, expected one"),
      (
        [Proto.node("Constant", [], ["y"], [Proto.attribute("value", tensor: Proto.tensor("", 1, [4], []))])],
        "Constant 'y': attribute 'value': raw_data has 0 elements, dims [4] ask for 4"
      ),
    ] as [([[UInt8]], String)])
  func refusesBrokenNodes(_ nodes: [[UInt8]], _ message: String) {
    #expect(refusal(Proto.simple(nodes)).split(separator: "\n").first.map(String.init) == message)
  }

  @Test func reportsEverythingTogether() {
    let nodes = [
      Proto.node("Nope", ["x"], ["a"], name: "n1"), Proto.node("Nope", ["a"], ["b"], name: "n2"),
      Proto.node("Other", ["b"], ["c"], name: "n3"),
      Proto.node("LeakyRelu", ["c"], ["d"], [Proto.attribute("alpha", int: 1)]),
      Proto.node("Relu", ["x"], ["e"], [Proto.attribute("bogus", int: 1)], name: "n5"),
    ]
    #expect(
      refusal(Proto.simple(nodes)) == """
        3 operators are not supported: Nope 'n1', 'n2'; Other 'n3'
        Relu 'n5': there is no attribute 'bogus'
        graph output 'y' is made by no node
        """)
  }

  @Test func refusesOperatorsNewerThanTheOpset() {
    let bytes = Proto.simple([Proto.node("Gelu", ["x"], ["y"])], opset: 13)
    #expect(refusal(bytes).hasPrefix("Gelu 'y': the operator exists from opset 20 on, the model imports 13"))
  }

  @Test func checksDeclaredTypes() {
    func model(_ output: [UInt8], _ more: [UInt8] = []) -> [UInt8] {
      Proto.model(
        Proto.graph(
          [relu("x", "t"), relu("t", "y")], inputs: [Proto.value("x", 1, [2])], outputs: [output], more: more))
    }
    #expect(refusal(model(Proto.value("y", 7))) == "graph output 'y': it is f32[2], but is declared as i64[*]")
    #expect(refusal(model(Proto.value("y", 1, [7]))) == "graph output 'y': it is f32[2], but is declared as f32[7]")
    let hint = Wire.bytes(13, Proto.value("t", 1, [9, 9]))
    #expect(refusal(model(Proto.value("y"), hint)) == "value 't': it is f32[2], but the file notes it as f32[9,9]")
  }

  @Test(
    arguments: [
      (Proto.value("x", 0, [1]), "graph input 'x': element type 0 does not exist"),
      (Proto.value("x", 1, [-5]), "graph input 'x': dimension 0 is -5, accepted range is 0...140737488355328"),
      (
        Proto.value("x", 1, [1 << 32, 1 << 32]),
        "graph input 'x': a value of shape [4294967296,4294967296] is too large, the limit is 8589934592 bytes"
      ),
      (Wire.text(1, "x"), "graph input 'x': it has no type"),
    ] as [([UInt8], String)])
  func refusesBadInputs(_ input: [UInt8], _ message: String) {
    #expect(refusal(Proto.simple([relu("x", "y")], input: input)) == message)
  }

  @Test func checksDefaultsOfInputs() {
    func model(_ input: [UInt8]) -> [UInt8] {
      Proto.model(
        Proto.graph(
          [Proto.node("Add", ["x", "w"], ["y"])], inputs: [Proto.value("x", 1, [2]), input],
          outputs: [Proto.value("y")],
          initializers: [Proto.floats("w", [1], [4])]))
    }
    let message = "initializer 'w': it is f32[1], but the input of that name is declared as "
    #expect(refusal(model(Proto.value("w", 1, [5]))) == message + "f32[5]")
    #expect(refusal(model(Proto.value("w", 7, [1]))) == message + "i64[1]")
  }
}

@Suite struct ModelTests {
  private let graph = Proto.graph([relu("x", "y")], inputs: [Proto.value("x", 1, [2])], outputs: [Proto.value("y")])

  @Test func acceptsEveryVersionThatExists() throws {
    for version in 1...14 as ClosedRange<Int64> {
      #expect(try importBytes(Proto.model(graph, ir: version)).irVersion == Int(version))
    }
    #expect(try importBytes(Proto.model(graph, opset: 28)).opset == 28)
    let old = Wire.int(1, 2) + Wire.bytes(7, graph)
    #expect(try importBytes(old).opset == 1)
  }

  @Test func refusesOtherVersions() {
    for version in [0, -1, 15, .max] as [Int64] {
      #expect(refusal(Proto.model(graph, ir: version)) == "ir_version is \(version), accepted range is 1...14")
    }
    for version in [0, -1, 29, .min] as [Int64] {
      #expect(refusal(Proto.model(graph, opset: version)) == "opset is \(version), accepted range is 1...28")
    }
    #expect(refusal(Wire.int(1, 8) + Wire.bytes(7, graph)) == "the model imports no opset")
    #expect(refusal(Wire.int(1, 8) + Wire.bytes(8, Proto.opset(17))) == "the model has no graph")
    #expect(
      refusal(Proto.model(graph, more: Wire.bytes(8, Proto.opset(9))))
        == "domain '' is imported with two versions, 17 and 9")
    #expect(
      refusal(Proto.model(Proto.graph([relu("x", "y")], inputs: [Proto.value("x")]))) == "the graph has no outputs")
  }
}
