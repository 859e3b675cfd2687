import Testing

@testable import IR

/// The verifier finds what our own code could get wrong.
@Suite struct VerifierTests {
  func sample() throws -> Graph {
    var graph = Graph(name: "g")
    let x = graph.addInput("x", .tensor(.float32, [2]))
    let a = try graph.add(Neg(), [x], names: ["a"])[0]
    let b = try graph.add(Add(), [a, x], names: ["b"])[0]
    graph.setOutputs([b], names: ["y"])
    try graph.verify()
    return graph
  }

  func message(_ damage: (inout Graph) throws -> Void) throws -> String? {
    var graph = try sample()
    try damage(&graph)
    do throws(Diagnostic) {
      try graph.verify()
      return nil
    } catch {
      return error.message
    }
  }

  @Test func findsWrongUses() throws {
    #expect(try message { $0.unlist(0, at: ValueID(0)) } == "the readers of value 'x' are recorded wrongly")
  }

  @Test func findsAReaderBeforeTheDefinition() throws {
    let text = try message { graph in
      let last = graph.nodes.count - 1
      guard let node = graph.nodes[last] else { return }
      graph.unlink(NodeID(last))
      graph.nodes.removeLast()
      graph.kinds.removeLast()
      graph.next.removeLast()
      graph.previous.removeLast()
      graph.link(node, before: graph.firstNode)
    }
    #expect(text == "Add 'b' reads input 0, '', which no earlier node defines")
  }

  @Test func findsATypeThatIsNotInferred() throws {
    let text = try message { graph in graph.values[graph.outputs[0].index].type = .tensor(.int64, [2]) }
    #expect(text == "Add 'b': output 0 is i64[2] but inferred as f32[2]")
  }

  @Test func findsAnUndefinedOutput() throws {
    let text = try message { graph in
      let stray = graph.newValue("stray", .tensor(.float32, [2]), .node(NodeID(0), output: 1))
      graph.setOutputs([stray], names: ["y"])
    }
    #expect(text == "output 'y' is not defined")
  }

  @Test func findsAWrongDefinition() throws {
    let text = try message { graph in
      graph.values[graph.outputs[0].index].definition = .node(NodeID(0), output: 0)
    }
    #expect(text == "Add 'b': output 0 is defined elsewhere")
  }
}
