import Foundation
import IR
import TestSupport
import Testing

@testable import ONNX

/// Graphs written as ONNX models and read back.
@Suite struct ExportTests {
  func roundTrip(_ graph: Graph) throws -> Graph {
    let bytes = try exportModel(graph, producerVersion: "test")
    let path = FileManager.default.temporaryDirectory.appending(path: "export-\(UUID().uuidString).onnx").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(bytes).write(to: URL(filePath: path))
    return try importModel(path: path, options: ImportOptions()).graph
  }

  func check(_ text: String, _ arguments: [Tensor], nodes: [String]) throws {
    let graph = try Graph(parsing: text)
    let again = try roundTrip(graph)
    #expect(again.orderedNodes.map { type(of: $0.op).name } == nodes)
    #expect(again.outputNames == graph.outputNames)
    #expect(again.inputs.map { again[$0].name } == graph.inputs.map { graph[$0].name })
    let context = EvaluationContext(outputCount: graph.outputs.count)
    let data = arguments.map { Datum.tensor($0) }
    for (a, b) in zip(try graph.evaluate(data, context), try again.evaluate(data, context)) {
      let (x, y) = (try #require(a.tensor).wide(Double.self), try #require(b.tensor).wide(Double.self))
      #expect(x.count == y.count)
      for (p, q) in zip(x, y) { #expect(abs(p - q) <= 1e-5 * max(1, abs(p))) }
    }
  }

  let x = Tensor([Float(-3), 0.5, 1, 8], shape: [2, 2])

  @Test func plainOperatorsStayWhatTheyAre() throws {
    try check(
      """
      graph @g(%x: f32[2,2]) -> (%y: f32[2,2]) {
        %b = constant [1, 2] : f32[2]
        %1 = Add(%x, %b) : f32[2,2] from "sum"
        %y = Softmax(%1) {axis=0} : f32[2,2] from "soft"
        return %y
      }
      """, [x], nodes: ["Add", "Softmax"])
  }

  @Test(arguments: [
    ("relu", "", ["Gemm", "Relu"]), ("clip", ", activation_alpha=-1.0, activation_beta=2.0", ["Gemm", "Clip"]),
    ("silu", ", activation_alpha=1.0", ["Gemm", "Sigmoid", "Mul"]),
    ("silu", ", activation_alpha=0.5", ["Gemm", "Mul", "Sigmoid", "Mul"]), ("square", "", ["Gemm", "Mul"]),
    ("affine", ", activation_alpha=2.0, activation_beta=1.0", ["Gemm", "Mul", "Add"]), ("gelu", "", ["Gemm", "Gelu"]),
    ("leaky_relu", ", activation_alpha=0.1", ["Gemm", "LeakyRelu"]),
  ])
  func fusedActivationsBecomeOperators(_ name: String, _ values: String, _ nodes: [String]) throws {
    try check(
      """
      graph @g(%x: f32[2,2]) -> (%y: f32[2,2]) {
        %w = constant [1, 2, 3, 4] : f32[2,2]
        %y = Gemm(%x, %w) {activation="\(name)"\(values)} : f32[2,2] from "fc"
        return %y
      }
      """, [x], nodes: nodes)
  }

  @Test func productsGiveBackWhatWasFused() throws {
    try check(
      """
      graph @g(%x: f32[2,2]) -> (%y: f32[2,2]) {
        %w = constant [1, 2, 3, 4] : f32[2,2]
        %b = constant [1, 2] : f32[2]
        %y = MatMul(%x, %w, %b, %x) {transB=1, alpha=0.5, activation="relu"} : f32[2,2] from "fc"
        return %y
      }
      """, [x], nodes: ["Transpose", "MatMul", "Mul", "Add", "Add", "Relu"])
  }

  @Test func quantizedLayersAreQDQ() throws {
    try check(
      """
      graph @g(%x: f32[2,2]) -> (%y: f32[2,2]) {
        %s = constant 0.1 : f32[]
        %z = constant 100 : u8[]
        %1 = QuantizeLinear(%x, %s, %z) : u8[2,2] from "q"
        %2 = DequantizeLinear(%1, %s, %z) : f32[2,2] from "dq"
        %w = constant [1, 2, 3, 4] : i8[2,2]
        %t = constant [0.5, 0.25] : f32[2]
        %3 = DequantizeLinear(%w, %t) : f32[2,2] from "w"
        %y = Gemm(%2, %3) : f32[2,2] from "fc"
        return %y
      }
      """, [x], nodes: ["QuantizeLinear", "DequantizeLinear", "DequantizeLinear", "Gemm"])
  }

  /// onnxruntime saturates products of unsigned and signed bytes on processors without a dot product.
  @Test func weightsBehindUnsignedCodesAreUnsigned() throws {
    let layer = """
      graph @g(%x: u8[2,2]) -> (%y: f32[2,2]) {
        %s = constant 0.1 : f32[]
        %z = constant ZERO : TYPE[]
        %1 = DequantizeLinear(%x, %s, %z) : f32[2,2]
        %w = constant [-127, 0, 3, 127] : i8[2,2]
        %t = constant [0.5, 0.25] : f32[2]
        %2 = DequantizeLinear(%w, %t) : f32[2,2]
        %y = Gemm(%1, %2) : f32[2,2]
        return %y
      }
      """
    func weights(_ text: String) throws -> (Tensor?, Tensor?) {
      let graph = try roundTrip(try Graph(parsing: text))
      let gemm = try #require(graph.orderedNodes.first { $0.op is Gemm })
      let inputs = graph.producer(gemm.inputs[1])?.inputs ?? []
      return (graph.constant(inputs[0]), inputs.count > 2 ? graph.constant(inputs[2]) : nil)
    }
    let unsigned = try weights(layer.replacing("ZERO", with: "100").replacing("TYPE", with: "u8"))
    #expect(unsigned.0?.elements(UInt8.self) == [1, 128, 131, 255])
    #expect(unsigned.1?.elements(UInt8.self) == [128, 128])
    let signed = try weights(
      layer.replacing("ZERO", with: "0").replacing("TYPE", with: "i8").replacing("%x: u8", with: "%x: i8"))
    #expect(signed.0?.elements(Int8.self) == [-127, 0, 3, 127])
    #expect(signed.1 == nil)
  }

  @Test func dynamicProductsGetUnsignedWeights() throws {
    let graph = try Graph(
      parsing: """
        graph @g(%x: f32[2,2]) -> (%y: i32[2,2]) {
          %1, %2, %3 = DynamicQuantizeLinear(%x) : u8[2,2], f32[], u8[]
          %w = constant [-127, 0, 3, 127] : i8[2,2]
          %y = MatMulInteger(%1, %w, %3) : i32[2,2]
          return %y
        }
        """)
    let again = try roundTrip(graph)
    let product = try #require(again.orderedNodes.first { $0.op is MatMulInteger })
    #expect(again.constant(product.inputs[1])?.elements(UInt8.self) == [1, 128, 131, 255])
    #expect(again.constant(product.inputs[3])?.elements(UInt8.self) == [128])
    let context = EvaluationContext(outputCount: 1)
    let before = try graph.evaluate([.tensor(x)], context)
    #expect(try again.evaluate([.tensor(x)], context) == before)
  }

  /// Passes name what they insert after the layer it is for; other runtimes refuse two nodes of one name.
  @Test func nodeNamesAreUnique() throws {
    let graph = try Graph(
      parsing: """
        graph @g(%x: f32[2,2]) -> (%y: f32[2,2]) {
          %s = constant 0.1 : f32[]
          %z = constant 100 : u8[]
          %1 = QuantizeLinear(%x, %s, %z) : u8[2,2] from "fc"
          %2 = DequantizeLinear(%1, %s, %z) : f32[2,2] from "fc"
          %y = Relu(%2) : f32[2,2] from "fc"
          return %y
        }
        """)
    #expect(try roundTrip(graph).orderedNodes.flatMap(\.names).map(\.string) == ["fc", "fc.1", "fc.2"])
  }

  @Test func outputsThatAreInputsOrConstantsGetNodes() throws {
    try check(
      """
      graph @g(%x: f32[2,2]) -> (%x: f32[2,2], %c: f32[1]) {
        %c = constant [5] : f32[1]
        return %x, %c
      }
      """, [x], nodes: ["Identity"])
  }

  /// Random graphs, and what every pass makes of them, give the same results when read back.
  @Test func randomGraphsSurvive() throws {
    var compared = 0
    for seed in UInt64(1)..<60 {
      let sample = RandomGraph(seed: seed)
      let again: Graph
      do throws(Diagnostic) {
        _ = try exportModel(sample.graph, producerVersion: "test")
      } catch {
        #expect(error.kind == .unsupported, "seed \(seed): \(error)")
        continue
      }
      again = try roundTrip(sample.graph)
      let context = EvaluationContext(outputCount: sample.graph.outputs.count, maximumBytes: 1 << 24)
      let expected = try sample.graph.evaluate(sample.arguments, context)
      let actual = try again.evaluate(sample.arguments, context)
      for (a, b) in zip(expected, actual) { #expect(a.type == b.type, "seed \(seed)") }
      compared += 1
    }
    #expect(compared > 40)
  }
}
