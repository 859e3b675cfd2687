import IR
import TestSupport
import Testing

@Suite struct CastTests {
  struct Example: Sendable {
    var from: [Double]
    var type: ElementType
    var to: ElementType
    var expected: [Double]
  }

  static let examples: [Example] = [
    Example(from: [-1.9, 300, .nan, .infinity], type: .float32, to: .int8, expected: [-1, 127, 0, 127]),
    Example(from: [-1.9, 300, .nan], type: .float32, to: .uint8, expected: [0, 255, 0]),
    Example(from: [200, -129], type: .int16, to: .int8, expected: [-56, 127]),
    Example(from: [0, -0.0, 0.5, .nan], type: .float32, to: .bool, expected: [0, 0, 1, 1]),
    Example(from: [1e6, 65504], type: .float32, to: .float16, expected: [.infinity, 65504]),
    Example(from: [1.00390625, 1.01171875], type: .float64, to: .bfloat16, expected: [1, 1.015625]),
    Example(from: [1e30, 464, -0.0], type: .float32, to: .float8e4m3fn, expected: [448, 448, 0]),
    Example(from: [7.5, -9, 17], type: .float32, to: .int4, expected: [7, 7, 1]),
    Example(from: [2.5, 5, 100], type: .float32, to: .float4e2m1, expected: [2, 4, 6]),
    Example(from: [3, 0.75, 1], type: .float32, to: .float8e8m0, expected: [4, 1, 1]),
  ]

  @Test(arguments: examples) func numbers(_ example: Example) throws {
    let x = Tensor(wide: example.from, example.type, [example.from.count])
    let y = try run(Cast(to: example.to), [x])[0]
    #expect(y.type == example.to)
    let like = try run(CastLike(), [x, Tensor(wide: [Double](), example.to, [0])])[0]
    #expect(like == y)
    for (actual, expected) in zip(y.wide(Double.self), example.expected) { #expect(actual == expected) }
  }

  @Test func unsaturatedFloat8() throws {
    var cast = Cast(to: .float8e5m2)
    cast.conversion.saturate = false
    let y = try run(cast, [Tensor([Float(1e9), -1e9])])[0]
    #expect(y.floats == [.infinity, -.infinity])
    cast.to = .float8e4m3fn
    #expect(try run(cast, [Tensor([Float(1e9)])])[0].floats[0].isNaN)
  }

  @Test func strings() throws {
    let words = ["3.5", " -INF", "nan", "1e2"].map { Array($0.utf8) }
    let numbers = try run(Cast(to: .float32), [Tensor(strings: words, shape: [4])])[0].floats
    #expect(numbers[0] == 3.5 && numbers[1] == -.infinity && numbers[2].isNaN && numbers[3] == 100)
    let big = Array("9007199254740993".utf8)
    #expect(try run(Cast(to: .int64), [Tensor(strings: [big], shape: [1])])[0] == longs([9_007_199_254_740_993]))
    #expect(message { _ = try run(Cast(to: .float32), [Tensor(strings: [[0x78]], shape: [1])]) } == "'x' is no number")
    #expect(throws: Diagnostic.self) {
      try run(Cast(to: .float32), [Tensor(strings: [Array("0x10".utf8)], shape: [1])])
    }
    let printed = try run(Cast(to: .string), [Tensor([Float(0.1), 1])])[0].strings
    #expect(printed == [Array("0.1".utf8), Array("1.0".utf8)])
  }

  @Test func bits() throws {
    var cast = BitCast()
    cast.to = .int32
    #expect(try run(cast, [Tensor([Float(1)])])[0] == Tensor([Int32(0x3F80_0000)]))
    #expect(throws: Diagnostic.self) { try run(cast, [Tensor([UInt8(1)])]) }
  }

  @Test func targetIsChecked() {
    #expect(throws: Diagnostic.self) { try run(Cast(), [Tensor([Float(1)])]) }
    #expect(throws: Diagnostic.self) { try run(Cast(to: .complex64), [Tensor([Float(1)])]) }
    var cast = Cast()
    #expect(throws: Diagnostic.self) { try cast.setAttribute("to", .int(1 << 32)) }
    #expect(throws: Diagnostic.self) { try cast.setAttribute("round_mode", .string(Array("sideways".utf8))) }
  }
}
