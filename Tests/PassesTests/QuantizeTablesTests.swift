import IR
import Testing

@testable import Passes

@Suite struct QuantizeTablesTests {
  /// 256 rows of 64: 64 KiB. Row r holds 0, r, 2r, …, 63r.
  private static let table = Tensor(
    (0..<256 * 64).map { index -> Float in
      let (row, column) = (index / 64, index % 64)
      return Float(row * column)
    }, shape: [256, 64])
  private static let constants = ["t": table, "u": Tensor([Float](repeating: 1, count: 255 * 64), shape: [255, 64])]

  private func quantized(_ text: String, keepFloat: [String] = []) throws -> (graph: Graph, report: PipelineReport) {
    var graph = try Graph(parsing: text, constants: Self.constants)
    var options = PassOptions()
    options.verifiesEachEdit = true
    let plan = QuantizationPlan(graph, keepFloat: keepFloat, weightsOnly: true)
    let passes = Pipelines.weightCodes(plan, LayerWeights.all(plan, graph))
    let report = try passes.run(on: &graph, options)
    return (graph, report)
  }

  @Test func rowsHaveAScaleEachAndReadersShareThem() throws {
    let (graph, report) = try quantized(
      """
      graph @g(%i: i64[4], %j: i64[2]) -> (%y: f32[4,64], %z: f32[2,64]) {
        %t = constant @t : f32[256,64]
        %y = Gather(%t, %i) : f32[4,64] from "words"
        %z = Gather(%t, %j) : f32[2,64] from "places"
        return %y, %z
      }
      """)
    #expect(report.edits == 1)
    #expect(
      graph.text == """
        graph @g(%i: i64[4], %j: i64[2]) -> (%y: f32[4,64], %z: f32[2,64]) {
          %t.int8 = constant @t.int8 : i8[256,64]
          %t.scale = constant @t.scale : f32[256]
          %0 = DequantizeLinear(%t.int8, %t.scale) {axis=0} : f32[256,64] from "words"
          %y = Gather(%0, %i) : f32[4,64] from "words"
          %z = Gather(%0, %j) : f32[2,64] from "places"
          return %y, %z
        }

        """)
    let node = try #require(graph.orderedNodes.first { $0.op is DequantizeLinear })
    let scales = try #require(graph.constant(node.input(1))?.elements(Float.self))
    #expect(scales[0] == 1 && scales[2] == 126 / 127 && scales[255] == 255 * 63 / 127)
    let codes = try #require(graph.constant(node.input(0))?.elements(Int8.self))
    #expect(Array(codes[128..<132]) == [0, 2, 4, 6] && codes[191] == 127)
  }

  @Test(arguments: [
    // Too small, columns rather than rows, not constant.
    "%y = Gather(%u, %i) : f32[4,64]", "%y = Gather(%t, %i) {axis=1} : f32[256,4]",
    "%y = Gather(%x, %i) : f32[4,64]",
  ])
  func othersStay(_ line: String) throws {
    let type = line.split(separator: " : ")[1]
    let (graph, report) = try quantized(
      """
      graph @g(%i: i64[4], %x: f32[256,64]) -> (%y: \(type)) {
        %t = constant @t : f32[256,64]
        %u = constant @u : f32[255,64]
        \(line) from "g"
        return %y
      }
      """)
    #expect(report.edits == 0 && Array(graph.orderedNodes).count == 1)
  }

  static let shared = """
    graph @g(%i: i64[4], %x: f32[1,64]) -> (%y: f32[4,64], %z: f32[1,256]) {
      %t = constant @t : f32[256,64]
      %y = Gather(%t, %i) : f32[4,64] from "words"
      %z = MatMul(%x, %t) {transB=1} : f32[1,256] from "scores"
      return %y, %z
    }
    """

  /// A product and a lookup of one table: both on codes or neither.
  @Test func sharedTablesAreCodesForAllReaders() throws {
    let (graph, report) = try quantized(Self.shared)
    #expect(report.edits == 2)
    let readers = graph.orderedNodes.filter { $0.op is Gather || $0.op is MatMul }
    #expect(
      readers.allSatisfy { node in
        (0...1).contains { graph.producer(node.input($0))?.op is DequantizeLinear }
      })
    let (float, other) = try quantized(Self.shared, keepFloat: ["scores"])
    #expect(other.edits == 0 && Array(float.orderedNodes).count == 2)
    #expect(
      other.passes[1].rejected.map(\.reason) == ["kept float on request", "MatMul 'scores' reads its table in float"])
    let (_, kept) = try quantized(Self.shared, keepFloat: ["words"])
    #expect(kept.edits == 1 && kept.passes[1].rejected.map(\.reason) == ["kept float on request"])
  }

  /// What a plan left to a product that then stayed float stays float as well.
  @Test func readersThatStayedFloatKeepTheTable() throws {
    var graph = try Graph(parsing: Self.shared, constants: Self.constants)
    let plan = QuantizationPlan(graph, weightsOnly: true)
    let report = try Pipeline([QuantizeTables(plan)]).run(on: &graph, PassOptions()).passes[0]
    #expect(report.edits == 0 && report.rejected.map(\.reason) == ["MatMul 'scores' reads its table in float"])
  }

  @Test func exceptionsKeepATable() throws {
    let graph = try Graph(parsing: Self.shared, constants: Self.constants)
    let node = try #require(graph.orderedNodes.first { $0.op is Gather })
    let plan = QuantizationPlan(graph, exceptions: [node.id: .init(.float, "too noisy")])
    #expect(plan.tables.isEmpty && plan.rejected.map(\.reason) == ["too noisy"])
    #expect(QuantizationPlan(graph).revertible.contains(node.id))
  }
}
