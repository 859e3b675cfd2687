import IR
import Passes
import Testing

/// Passes take time in proportion to the graph, also on shapes of graphs that invite more.
@Suite struct ScalingTests {
  func chain(_ count: Int) throws -> Graph {
    var graph = Graph(name: "chain")
    var x = graph.addInput("x", .tensor(.float32, [.symbol("N"), 4] as Shape))
    let c = graph.addConstant(Tensor([1, 2, 3, 4] as [Float]))
    for i in 0..<count {
      let ops: [any Operator] = [Add(), Relu(), Transpose(), Transpose(), Mul()]
      let op = ops[i % ops.count]
      x = try graph.add(op, op is any BinaryNumberOperator ? [x, c] : [x], names: [Name("n\(i)")])[0]
    }
    graph.setOutputs([x], names: ["y"])
    return graph
  }

  /// One value that everything reads.
  func fan(_ count: Int) throws -> Graph {
    var graph = Graph(name: "fan")
    let x = graph.addInput("x", .tensor(.float32, [4]))
    let y = try graph.add(Neg(), [x], names: ["neg"])[0]
    let parts = try (0..<count).map { i in
      try graph.add(Add(), [y, graph.addConstant(Tensor(scalar: Float(i)))], names: [Name("n\(i)")])[0]
    }
    graph.setOutputs(try graph.add(Sum(), parts, names: ["sum"]), names: ["y"])
    return graph
  }

  func seconds(_ graph: Graph) throws -> Double {
    var graph = graph
    let clock = ContinuousClock()
    return try clock.measure { _ = try Pipelines.lossless().run(on: &graph) } / .seconds(1)
  }

  @Test func timeGrowsWithTheGraphOnly() throws {
    for make in [chain, fan] {
      let small = try seconds(try make(300))
      let large = try seconds(try make(2400))
      print("300 nodes \(small) s, 2400 nodes \(large) s")
      // 8 times the nodes; quadratic would be 64 times.
      #expect(large < 30 * max(small, 0.02))
    }
  }
}
