import Bundle
import IR
import Testing

@testable import Lowering

/// Attention between dequantize and quantize.
@Suite struct AttentionTests {
  private func operations(_ graph: Graph) throws -> [String] {
    try lower(graph).program.steps.map { step in
      if case .kernel(let number) = step.kind { Op.name(number) } else { "host" }
    }
  }

  private func scalar<T: TensorElement>(_ graph: inout Graph, _ value: T) -> ValueID {
    graph.addConstant(Tensor(scalar: value))
  }

  /// Quantize(Attention(Dequantize(q), Dequantize(k), v)) by heads of columns, or without the quantize.
  private func quantized(
    _ type: IR.ElementType = .uint8, coded: Bool = true, toCodes: Bool = true, keys: Dim = 9,
    change: (inout Attention) -> Void = { _ in }
  ) throws -> Graph {
    var graph = Graph()
    var floats: [ValueID?] = []
    for (name, length) in [("q", 5), ("k", keys), ("v", keys)] as [(Name, Dim)] {
      guard name != "v" else {
        floats.append(graph.addInput(name, .tensor(.float32, [2, length, 12])))
        continue
      }
      let codes = graph.addInput(name, .tensor(type, [2, length, 12]))
      floats.append(try graph.add(DequantizeLinear(), [codes, scalar(&graph, Float(0.02))])[0])
    }
    var op = Attention()
    (op.queryHeads, op.keyHeads, op.isCoded) = (3, 3, coded)
    change(&op)
    var y = try graph.add(op, floats)
    if toCodes { y = try graph.add(QuantizeLinear(), [y[0], scalar(&graph, Float(0.01)), scalar(&graph, UInt8(3))]) }
    graph.setOutputs(y, names: ["y"])
    return graph
  }

  @Test(arguments: [IR.ElementType.int8, .uint8]) func isOneKernel(_ type: IR.ElementType) throws {
    #expect(try operations(quantized(type)).filter { $0 != "lut_u8" } == ["attention_u8"])
    #expect(try operations(quantized(type, toCodes: false)).filter { $0 != "lut_u8" } == ["attention_u8"])
    #expect(try operations(quantized(type, keys: .symbol("K"))).filter { $0 != "lut_u8" } == ["attention_u8"])
  }

  @Test func staysFloatWhereItsProbabilitiesAre() throws {
    let float = ["dequantize", "dequantize", "attention_f32", "quantize"]
    #expect(try operations(quantized(coded: false)) == float)
    // No kernel on codes: what remains is nearer to float than asked for.
    #expect(try operations(quantized { $0.softcap = 2 }) == float)
    #expect(try operations(quantized(keys: 40_000)) == float)
  }

  /// Movement of heads between products costs no step.
  @Test func ofTurnedHeadsReadsTheCodes() throws {
    var graph = Graph()
    let (scale, zero) = (scalar(&graph, Float(0.02)), scalar(&graph, UInt8(9)))
    let shape = graph.addConstant(Tensor([Int64(2), 5, 3, 4], shape: [4]))
    var turn = Transpose()
    turn.permutation = [0, 2, 1, 3]
    var floats: [ValueID?] = []
    for name in ["q", "k", "v"] as [Name] {
      let x = graph.addInput(name, .tensor(name == "v" ? .float32 : .uint8, [2, 5, 12]))
      let turned = try graph.add(turn, graph.add(Reshape(), [x, shape]))
      floats.append(name == "v" ? turned[0] : try graph.add(DequantizeLinear(), [turned[0], scale, zero])[0])
    }
    var op = Attention()
    op.isCoded = true
    let y = try graph.add(QuantizeLinear(), [graph.add(op, floats)[0], scale, zero])
    graph.setOutputs(try graph.add(turn, y), names: ["y"])
    #expect(try operations(graph).filter { $0 != "copy" } == ["attention_u8"])
  }
}
