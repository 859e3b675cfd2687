import IR
import TestSupport
import Testing

@Suite struct QuantizationTests {
  let half = Tensor(scalar: Float(0.5))

  @Test func roundsHalvesToEvenAndSaturates() throws {
    let x = Tensor([Float(0.25), 0.75, 1.25, -1, 1000, -1000, .nan])
    #expect(
      try run(QuantizeLinear(), [x, half, Tensor(scalar: UInt8(128))])[0]
        == Tensor([UInt8(128), 130, 130, 126, 255, 0, 128]))
    #expect(
      try run(QuantizeLinear(), [x, half, Tensor(scalar: Int8(1))])[0] == Tensor([Int8(1), 3, 3, -1, 127, -128, 1]))
    #expect(try run(QuantizeLinear(), [x, half])[0].type == .uint8)
  }

  @Test func perAxisAndBlocks() throws {
    let x = Tensor([Float(1), 2, 3, 4], shape: [2, 2])
    let scale = Tensor([Float(1), 2])
    var op = QuantizeLinear()
    #expect(try run(op, [x, scale, Tensor([UInt8(0), 10])])[0].integers == [1, 11, 3, 12])
    op.granularity.axis = 0
    #expect(try run(op, [x, scale])[0].integers == [1, 2, 2, 2])
    let wide = Tensor([Float(2), 2, 2, 2, 2], shape: [1, 5])
    var blocked = QuantizeLinear()
    blocked.granularity.blockSize = 2
    #expect(try run(blocked, [wide, Tensor([Float(1), 2, 0.5], shape: [1, 3])])[0].integers == [2, 2, 1, 1, 4])
    #expect(throws: Diagnostic.self) { try run(blocked, [wide, Tensor([Float(1), 2], shape: [1, 2])]) }
    op.granularity.axis = 2
    #expect(throws: Diagnostic.self) { try run(op, [x, scale]) }
    #expect(throws: Diagnostic.self) { try run(QuantizeLinear(), [x, Tensor([Float(1), 2, 3])]) }
  }

  @Test(arguments: [ElementType.int4, .uint4, .int2, .uint2, .int16, .float8e4m3fn, .float8e5m2, .float4e2m1])
  func everyTypeComesBack(_ type: ElementType) throws {
    let x = Tensor([Float(0), 0.5, -0.5, 1])
    let zero = Tensor(wide: [Double(0)], type, [])
    let quantized = try run(QuantizeLinear(), [x, half, zero])[0]
    #expect(quantized.type == type)
    let back = try run(DequantizeLinear(), [quantized, half, zero])[0].floats
    #expect(back[0] == 0 && back[1] == 0.5)
  }

  @Test func dynamic() throws {
    let outputs = try run(DynamicQuantizeLinear(), [Tensor([Float(-1), 0, 1.55])], outputs: 3)
    #expect(outputs[0] == Tensor([UInt8(0), 100, 255]) && outputs[2] == Tensor(scalar: UInt8(100)))
    #expect(try run(DynamicQuantizeLinear(), [Tensor([Float]())], outputs: 3)[2] == Tensor(scalar: UInt8(0)))
  }

  @Test func integerProducts() throws {
    let a = Tensor([UInt8(1), 2, 3, 4], shape: [2, 2])
    let b = Tensor([Int8(1), -1, 2, 0], shape: [2, 2])
    #expect(try run(MatMulInteger(), [a, b])[0] == Tensor([Int32(5), -1, 11, -3], shape: [2, 2]))
    let rows = Tensor([UInt8(1), 3])
    #expect(try run(MatMulInteger(), [a, b, rows])[0] == Tensor([Int32(2), 0, 2, 0], shape: [2, 2]))
    #expect(throws: Diagnostic.self) { try run(MatMulInteger(), [a, b, Tensor([Int8(1)])]) }
    let x = Tensor([UInt8(1), 2, 3], shape: [1, 1, 3])
    let w = Tensor([UInt8(1), 1], shape: [1, 1, 2])
    var conv = ConvInteger()
    conv.window.pads = [1, 0]
    #expect(try run(conv, [x, w, Tensor(scalar: UInt8(1))])[0] == Tensor([Int32(0), 1, 3], shape: [1, 1, 3]))
  }

  @Test func quantizedProducts() throws {
    let one = Tensor(scalar: Float(1))
    let zero = Tensor(scalar: UInt8(0))
    let a = Tensor([UInt8(1), 2], shape: [1, 2])
    let b = Tensor([UInt8(3), 4], shape: [2, 1])
    let y = try run(QLinearMatMul(), [a, half, zero, b, one, zero, one, Tensor(scalar: UInt8(7))])[0]
    #expect(y == Tensor([UInt8(13)], shape: [1, 1]))
    let x = Tensor([UInt8(2), 4], shape: [1, 1, 2])
    let w = Tensor([Int8(1), -1], shape: [2, 1, 1])
    let convolved = try run(
      QLinearConv(),
      [
        x, half, zero, w, Tensor([Float(1), 2]), Tensor([Int8(0), 0]), one, Tensor(scalar: Int8(0)),
        Tensor([Int32(2), 0]),
      ])[0]
    #expect(convolved == Tensor([Int8(2), 3, -2, -4], shape: [1, 2, 2]))
  }
}
