import IR
import TestSupport
import Testing

@testable import Passes

@Suite struct QuantizeRecurrentTests {
  private func quantized(_ text: String, keepFloat: [String] = []) throws -> (graph: Graph, PassReport) {
    var graph = try Graph(parsing: text)
    var options = PassOptions()
    options.verifiesEachEdit = true
    let plan = QuantizationPlan(graph, keepFloat: keepFloat)
    let report = try Pipeline([QuantizeRecurrent(plan), QuantizeStatic(plan, ranges: [:])]).run(on: &graph, options)
    return (graph, report.passes[0])
  }

  @Test func rowsOfOneDirectionHaveAScaleEach() throws {
    let (graph, report) = try quantized(
      """
      graph @g(%x: f32[3,1,1]) -> (%y: f32[3,1,1,2]) {
        %w = constant [127, -2] : f32[1,2,1]
        %r = constant [0.5, -1, 0, 254] : f32[1,2,2]
        %y, %h = RNN(%x, %w, %r) : f32[3,1,1,2], f32[1,1,2] from "rnn"
        return %y
      }
      """)
    #expect(report.edits == 1)
    #expect(
      graph.text == """
        graph @g(%x: f32[3,1,1]) -> (%y: f32[3,1,1,2]) {
          %w.int8 = constant [127, -127] : i8[1,2,1]
          %w.scale = constant [1.0, 0.015748031] : f32[2]
          %0 = DequantizeLinear(%w.int8, %w.scale) : f32[1,2,1] from "rnn"
          %r.int8 = constant [64, -127, 0, 127] : i8[1,2,2]
          %r.scale = constant [0.007874016, 2.0] : f32[2]
          %1 = DequantizeLinear(%r.int8, %r.scale) : f32[1,2,2] from "rnn"
          %y, %h = RNN(%x, %0, %1) : f32[3,1,1,2], f32[1,1,2] from "rnn"
          return %y
        }

        """)
  }

  @Test func rowsOfTwoDirectionsAreBlocks() throws {
    let (graph, _) = try quantized(
      """
      graph @g(%x: f32[3,1,2]) -> (%y: f32[3,2,1,1]) {
        %w = constant [127, 1, 254, 2] : f32[2,1,2]
        %r = constant [127, -254] : f32[2,1,1]
        %y, %h = RNN(%x, %w, %r) {direction = "bidirectional"} : f32[3,2,1,1], f32[2,1,1] from "rnn"
        return %y
      }
      """)
    #expect(
      graph.text == """
        graph @g(%x: f32[3,1,2]) -> (%y: f32[3,2,1,1]) {
          %w.int8 = constant [127, 1, 127, 1] : i8[2,1,2]
          %w.scale = constant [1.0, 2.0] : f32[2,1,1]
          %0 = DequantizeLinear(%w.int8, %w.scale) {axis=2, block_size=2} : f32[2,1,2] from "rnn"
          %r.int8 = constant [127, -127] : i8[2,1,1]
          %r.scale = constant [1.0, 2.0] : f32[2,1,1]
          %1 = DequantizeLinear(%r.int8, %r.scale) {axis=2, block_size=1} : f32[2,1,1] from "rnn"
          %y, %h = RNN(%x, %0, %1) {direction="bidirectional"} : f32[3,2,1,1], f32[2,1,1] from "rnn"
          return %y
        }

        """)
  }

  @Test func otherLayersStay() throws {
    let text = """
      graph @g(%x: f32[3,1,1], %r: f32[1,2,2]) -> (%y: f32[3,1,1,2]) {
        %w = constant [127.0, -2.0] : f32[1,2,1]
        %y, %h = RNN(%x, %w, %r) : f32[3,1,1,2], f32[1,1,2] from "rnn"
        return %y
      }

      """
    let (graph, report) = try quantized(text)
    #expect(report.edits == 0 && graph.text == text)
    #expect(QuantizationPlan(graph).rejected.map(\.reason) == ["its weights are not constant"])
    let kept = try quantized(
      text.replacing(", %r: f32[1,2,2]", with: "").replacing("%w, %r", with: "%w, %w2").replacing(
        "  %y, %h", with: "  %w2 = constant [1.0, 0.0, 0.0, 1.0] : f32[1,2,2]\n  %y, %h"), keepFloat: ["rnn"])
    #expect(kept.1.edits == 0)
  }
}
