import IR
import Passes
import Runtime
import Testing

@testable import Calibration

/// Second moments of layers' inputs against naive sums.
@Suite struct MomentMeterTests {
  func graph(_ layer: String, input: String, output: String, weights: String, count: Int) throws -> Graph {
    let values = (0..<count).map { "\($0 % 5)" }.joined(separator: ", ")
    return try Graph(
      parsing: """
        graph @g(%x: \(input)) -> (%y: \(output)) {
          %w = constant [\(values)] : \(weights)
          %y = \(layer) : \(output) from "layer"
          return %y
        }
        """)
  }

  /// Moments after some samples, as covariances about zero; few rows shrink what is off the diagonal.
  func measure(_ graph: Graph, _ samples: [[Float]], _ dims: [Int]) throws -> (rows: Int, values: [Float]) {
    let node = try #require(graph.orderedNodes.first { $0.op is Conv || $0.op is MatMul })
    let meter = try MomentMeter(graph, [node.id], samples: samples.count, threads: 1, provider: HostProvider())
    for sample in samples {
      try sample.withUnsafeBytes { bytes in
        try meter.add([.tensor(TensorView(type: 1, dims: dims, data: bytes.baseAddress))])
      }
    }
    let moments = try #require(try meter.finish()[node.id])
    return (moments.rows, moments.covariances(meanShare: 0))
  }

  @Test func rowsOfProducts() throws {
    let graph = try graph("MatMul(%x, %w)", input: "f32[2,2]", output: "f32[2,3]", weights: "f32[2,3]", count: 6)
    let (rows, values) = try measure(graph, [[1, 2, 3, 4], [5, 6, 7, 8]], [2, 2])
    #expect(rows == 4)
    // (1 + 9 + 25 + 49) / 4, (2 + 12 + 30 + 56) / 4 · 4/6, (4 + 16 + 36 + 64) / 4.
    let expected: [Float] = [21, 25 * 2 / 3, 25 * 2 / 3, 30]
    #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test func windowsOfConvolutions() throws {
    // One row of four pixels and two channels, filters of three with padding: windows 0ab, abc, bcd, cd0.
    let graph = try graph(
      "Conv(%x, %w) {pads=[1,1]}", input: "f32[1,2,4]", output: "f32[1,1,4]", weights: "f32[1,2,3]", count: 6)
    let (rows, values) = try measure(graph, [[1, 2, 3, 4, 10, 20, 30, 40]], [1, 2, 4])
    #expect(rows == 4)
    let windows: [[Float]] = [
      [0, 1, 2, 0, 10, 20], [1, 2, 3, 10, 20, 30], [2, 3, 4, 20, 30, 40], [3, 4, 0, 30, 40, 0],
    ]
    for i in 0..<6 {
      for j in 0..<6 {
        let sum = windows.reduce(Float(0)) { $0 + $1[i] * $1[j] } / 4 * (i == j ? 1 : 0.4)
        #expect(abs(values[i * 6 + j] - sum) < 1e-3)
      }
    }
  }

  @Test func groupsAndStrides() throws {
    let graph = try graph(
      "Conv(%x, %w) {strides=[2,2], group=2}", input: "f32[1,2,2,2]", output: "f32[1,2,1,1]", weights: "f32[2,1,1,1]",
      count: 2)
    let (rows, values) = try measure(graph, [[3, 9, 9, 9, 5, 9, 9, 9]], [1, 2, 2, 2])
    #expect(rows == 1)
    #expect(values == [9, 25])
  }

  @Test func bytesGrowWithTheSquareOfTheInputs() throws {
    let graph = try graph("MatMul(%x, %w)", input: "f32[2,2]", output: "f32[2,3]", weights: "f32[2,3]", count: 6)
    let node = try #require(graph.orderedNodes.first { $0.op is Conv || $0.op is MatMul })
    // 2 × 2 sums and as many of a product, 512 rows twice.
    #expect(MomentMeter.bytes(of: node, in: graph) == 2 * 16 + 2 * 512 * 2 * 4)
    let wide = try self.graph(
      "MatMul(%x, %w)", input: "f32[2,4096]", output: "f32[2,1]", weights: "f32[4096,1]", count: 4096)
    let layer = try #require(wide.orderedNodes.first { $0.op is MatMul })
    #expect(MomentMeter.bytes(of: layer, in: wide) == 2 * 4096 * 4096 * 4 + 2 * 512 * 4096 * 4)
  }

  /// A layer's moments are the same whatever else is measured.
  @Test func otherLayersDoNotMatter() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, [1, 3000, 2]))
    let small = graph.addConstant(Tensor([Float](repeating: 1, count: 2), shape: [2, 1]))
    let y = try graph.add(MatMul(), [x, small], names: ["small"])[0]
    let row = graph.addInput("z", .tensor(.float32, [1, 1000]))
    let large = graph.addConstant(Tensor([Float](repeating: 1, count: 1000), shape: [1000, 1]))
    let z = try graph.add(MatMul(), [row, large], names: ["large"])[0]
    graph.setOutputs([y, z], names: ["y", "z"])
    let ids = graph.orderedNodes.map(\.id)
    let first = (0..<6000).map { Float($0 % 17) }
    let second = [Float](repeating: 1, count: 1000)
    func rows(_ ids: [NodeID]) throws -> Int? {
      let meter = try MomentMeter(graph, ids, samples: 1, threads: 1, provider: HostProvider())
      try first.withUnsafeBytes { first in
        try second.withUnsafeBytes { second in
          try meter.add([
            .tensor(TensorView(type: 1, dims: [1, 3000, 2], data: first.baseAddress)),
            .tensor(TensorView(type: 1, dims: [1, 1000], data: second.baseAddress)),
          ])
        }
      }
      return try meter.finish()[ids[0]]?.rows
    }
    #expect(try rows([ids[0]]) == 2048)
    #expect(try rows(ids) == 2048)
  }
}
