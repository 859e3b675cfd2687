import Bundle
import IR
import Testing

@testable import Lowering

/// Recurrent layers whose weights are stored as codes.
@Suite struct RecurrentTests {
  /// The kernel of an RNN on W and R as DequantizeLinear of these constants.
  private func kernel(_ codes: Tensor, scale: Tensor, zero: Tensor? = nil, axis: Int = 1, block: Int = 0) throws
    -> String
  {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, [4, 1, 2]))
    var dequantize = DequantizeLinear()
    (dequantize.granularity.axis, dequantize.granularity.blockSize) = (axis, block)
    let parameters = [scale, zero].compactMap { $0.map { graph.addConstant($0) } }
    let weights = try graph.add(dequantize, [graph.addConstant(codes)] + parameters)[0]
    var rnn = RNN()
    rnn.recurrence.direction = codes.shape[0] == 2 ? .bidirectional : .forward
    graph.setOutputs([try graph.add(rnn, [x, weights, weights], outputs: 1)[0]], names: ["y"])
    let steps = try lower(graph).program.steps
    let names: [String] = steps.map { if case .kernel(let number) = $0.kind { Op.name(number) } else { "host" } }
    return names.first { $0.hasPrefix("rnn") } ?? names.joined(separator: " ")
  }

  @Test func codesStayCodes() throws {
    let one = Tensor([Int8(1), 2, 3, 4], shape: [1, 2, 2])
    #expect(try kernel(one, scale: Tensor(scalar: Float(0.5))) == "rnn_f32_codes")
    #expect(try kernel(one, scale: Tensor([Float(0.5), 1])) == "rnn_f32_codes")
    let unsigned = Tensor([UInt8(128), 129, 255, 0], shape: [1, 2, 2])
    #expect(
      try kernel(unsigned, scale: Tensor(scalar: Float(1)), zero: Tensor(scalar: UInt8(128))) == "rnn_f32_codes")
    let two = Tensor([Int8](repeating: 1, count: 8), shape: [2, 2, 2])
    let rows = Tensor([Float](repeating: 1, count: 4), shape: [2, 2, 1])
    #expect(try kernel(two, scale: rows, axis: 2, block: 2) == "rnn_f32_codes")
  }

  @Test func othersBecomeFloats() throws {
    let one = Tensor([Int8(1), 2, 3, 4], shape: [1, 2, 2])
    // Scales along the inputs, and a zero point that takes the codes out of 8 bits.
    #expect(try kernel(one, scale: Tensor([Float(0.5), 1]), axis: 2) == "rnn_f32")
    let unsigned = Tensor([UInt8(128), 129, 255, 0], shape: [1, 2, 2])
    #expect(try kernel(unsigned, scale: Tensor(scalar: Float(1)), zero: Tensor(scalar: UInt8(3))) == "rnn_f32")
  }
}
