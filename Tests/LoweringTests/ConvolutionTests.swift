import Bundle
import IR
import Testing

@testable import Lowering

/// Convolutions whose weights are an input of the graph.
@Suite struct ConvolutionTests {
  /// Names of the operations of a lowered convolution, `host` for a host call.
  private func operations(_ op: any Operator, _ x: IR.Shape, _ w: IR.Shape, type: IR.ElementType = .float32) throws
    -> [String]
  {
    var graph = Graph()
    let inputs = [graph.addInput("x", .tensor(type, x)), graph.addInput("w", .tensor(type, w))]
    graph.setOutputs(try graph.add(op, inputs), names: ["y"])
    return try lower(graph).program.steps.map { step in
      if case .kernel(let number) = step.kind { Op.name(number) } else { "host" }
    }
  }

  @Test func packTheirWeightsWhileRunning() throws {
    #expect(try operations(Conv(), [1, 1, 5, 5], [4, 1, 3, 3]).contains("conv2d_f32"))
    #expect(try operations(ConvTranspose(), [1, 2, 5, 5], [2, 3, 3, 3]).contains("conv_transpose2d_f32"))
  }

  @Test func ofSignalsAndHalfPrecisionAsWell() throws {
    let signal = try operations(Conv(), [1, 2, 9], [4, 2, 3])
    #expect(signal.contains("conv2d_f32") && !signal.contains("host"))
    let half = try operations(Conv(), [.symbol("N"), 2, 5, 5], [4, 2, 3, 3], type: .float16)
    #expect(half.contains("conv2d_f32") && !half.contains("host"))
  }

  @Test func ofUnknownSizeRunByReference() throws {
    #expect(try operations(Conv(), [1, 2, 5, 5], [4, 2, .symbol("kh"), 3]) == ["host"])
  }

  @Test func ofThreeAxesRunByReference() throws {
    #expect(try operations(Conv(), [1, 2, 5, 5, 5], [4, 2, 3, 3, 3]) == ["host"])
  }
}
