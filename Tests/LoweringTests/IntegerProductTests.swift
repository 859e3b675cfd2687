import Bundle
import IR
import Testing

@testable import Lowering

/// Products of two 8-bit operands that are both made while running.
@Suite struct IntegerProductTests {
  /// Names of the operations of a lowered graph, `host` for a host call.
  private func operations(_ graph: Graph) throws -> [String] {
    try lower(graph).program.steps.map { step in
      if case .kernel(let number) = step.kind { Op.name(number) } else { "host" }
    }
  }

  private func scalar<T: TensorElement>(_ graph: inout Graph, _ value: T) -> ValueID {
    graph.addConstant(Tensor(scalar: value))
  }

  /// Quantize(MatMul(Dequantize(a), Dequantize(b))).
  private func quantized(_ op: MatMul, _ type: IR.ElementType, toCodes: Bool) throws -> Graph {
    var graph = Graph()
    var floats: [ValueID] = []
    for shape in [[2, 3, 5, 8], [3, 8, 6]] as [IR.Shape] {
      let codes = graph.addInput(floats.isEmpty ? "a" : "b", .tensor(type, shape))
      floats += try graph.add(DequantizeLinear(), [codes, scalar(&graph, Float(0.1))])
    }
    var y = try graph.add(op, floats)
    if toCodes { y = try graph.add(QuantizeLinear(), [y[0], scalar(&graph, Float(0.2)), scalar(&graph, UInt8(3))]) }
    graph.setOutputs(y, names: ["y"])
    return graph
  }

  @Test(arguments: [IR.ElementType.int8, .uint8]) func betweenDequantizeAndQuantizeAreOneKernel(_ type: IR.ElementType)
    throws
  {
    let steps = try operations(quantized(MatMul(), type, toCodes: true))
    #expect(steps.filter { $0 != "lut_u8" } == ["matmul_int_u8"])
  }

  @Test func withoutQuantizeGiveFloats() throws {
    #expect(try operations(quantized(MatMul(), .uint8, toCodes: false)) == ["matmul_int_f32"])
  }

  @Test func withAnActivationThatDoesMoreThanLimitGiveFloats() throws {
    var op = MatMul()
    op.activation = Activation(.sigmoid)
    #expect(try operations(quantized(op, .uint8, toCodes: true)) == ["matmul_int_f32", "quantize"])
  }

  @Test func withAFactorThatIsNotPositiveStayFloat() throws {
    var op = MatMul()
    op.alpha = -1
    let steps = try operations(quantized(op, .uint8, toCodes: true))
    #expect(steps == ["dequantize", "dequantize", "matmul_f32", "quantize"])
  }

  @Test func ofTransposedOperandsReadTheCodes() throws {
    var graph = Graph()
    let codes = graph.addInput("a", .tensor(.uint8, [2, 5, 8]))
    let a = try graph.add(DequantizeLinear(), [codes, scalar(&graph, Float(0.1))])
    var transpose = Transpose()
    transpose.permutation = [0, 2, 1]
    let turned = try graph.add(transpose, a)
    var op = MatMul()
    op.transposesA = true
    op.transposesB = true
    let y = try graph.add(op, [turned[0], a[0]])
    graph.setOutputs(y, names: ["y"])
    #expect(try operations(graph) == ["matmul_int_f32"])
  }

  private func qlinear(zeroOfA: IR.Shape) throws -> Graph {
    var graph = Graph()
    let shapes: [(IR.ElementType, IR.Shape)] = [
      (.int8, [2, 4, 5]), (.float32, []), (.int8, zeroOfA), (.uint8, [5, 3]), (.float32, [3]), (.uint8, [3]),
      (.float32, []), (.int8, []),
    ]
    let inputs = shapes.map { graph.addInput("x", .tensor($0.0, $0.1)) }
    graph.setOutputs(try graph.add(QLinearMatMul(), inputs), names: ["y"])
    return graph
  }

  @Test func ofParametersThatAreInputsAreOneKernel() throws {
    #expect(try operations(qlinear(zeroOfA: [])) == ["matmul_int_u8"])
    #expect(try operations(qlinear(zeroOfA: [4])) == ["matmul_int_u8"])
  }

  @Test func ofParametersOfEachMatrixRunByReference() throws {
    #expect(try operations(qlinear(zeroOfA: [2, 4, 1])) == ["host"])
  }

  @Test func ofIntegersWithACastAndAScaleGiveFloats() throws {
    var graph = Graph()
    let a = graph.addInput("a", .tensor(.uint8, [2, 4, 5]))
    let b = graph.addInput("b", .tensor(.int8, [2, 5, 3]))
    let scale = graph.addInput("scale", .tensor(.float32, [3]))
    let sums = try graph.add(MatMulInteger(), [a, b])
    let floats = try graph.add(Cast(to: .float32), sums)
    let y = try graph.add(Mul(), [floats[0], scale])
    graph.setOutputs(y, names: ["y"])
    #expect(try operations(graph) == ["matmul_int_f32"])
  }
}
