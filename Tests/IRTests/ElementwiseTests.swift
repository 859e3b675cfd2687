import IR
import TestSupport
import Testing

private func f32(_ values: [Float], _ shape: [Int]? = nil) -> Tensor { Tensor(values, shape: shape ?? [values.count]) }
private func bools(_ values: [Bool]) -> Tensor { Tensor(values) }

@Suite struct ElementwiseTests {
  struct Unary: Sendable, CustomTestStringConvertible {
    var op: any Operator
    var input: [Float]
    var output: [Float]
    var testDescription: String { type(of: op).name }
    init(_ op: any Operator, _ input: [Float], _ output: [Float]) {
      self.op = op
      self.input = input
      self.output = output
    }
  }

  static let unary: [Unary] = [
    Unary(Abs(), [-1.5, 0, 2], [1.5, 0, 2]), Unary(Neg(), [-1, 2], [1, -2]),
    Unary(Sign(), [-3, 0, .nan, 2], [-1, 0, .nan, 1]), Unary(Floor(), [-1.5, 1.5], [-2, 1]),
    Unary(Ceil(), [-1.5, 1.5], [-1, 2]), Unary(Round(), [0.5, 1.5, 2.5, -0.5], [0, 2, 2, 0]),
    Unary(Sqrt(), [4, -1], [2, .nan]), Unary(Reciprocal(), [4, 0], [0.25, .infinity]),
    Unary(Exp(), [0, -.infinity], [1, 0]), Unary(Log(), [1, 0], [0, -.infinity]), Unary(Erf(), [0, 9], [0, 1]),
    Unary(Relu(), [-1, .nan, 2], [0, .nan, 2]), Unary(LeakyRelu(), [-100, 2], [-1, 2]),
    Unary(Sigmoid(), [0, -1000, 1000], [0.5, 0, 1]), Unary(HardSigmoid(), [-9, 0, 9], [0, 0.5, 1]),
    Unary(HardSwish(), [-3, 3, 0], [0, 3, 0]), Unary(Softplus(), [1000, -1000], [1000, 0]),
    Unary(Softsign(), [1, -3], [0.5, -0.75]), Unary(Gelu(), [0, 20, -20], [0, 20, 0]),
    Unary(Elu(), [3, -1000], [3, -1]), Unary(Celu(), [3, -1000], [3, -1]),
    Unary(ThresholdedRelu(), [0.5, 1, 1.5], [0, 0, 1.5]), Unary(Swish(), [0, 100], [0, 100]),
    Unary(Selu(), [1, -1000], [1.050701, -1.7580993]), Unary(Sin(), [0, 0.5235988], [0, 0.5]),
    Unary(Cos(), [0, 1.0471976], [1, 0.5]), Unary(Tanh(), [0, 0.5493061, -1000], [0, 0.5, -1]),
    Unary(Tan(), [0, 0.7853982], [0, 1]), Unary(Atan(), [0, 1], [0, 0.7853982]),
    Unary(Asin(), [0, 1], [0, 1.5707964]), Unary(Acos(), [1, 0], [0, 1.5707964]),
    Unary(Sinh(), [0, 1], [0, 1.1752012]), Unary(Cosh(), [0, 1], [1, 1.5430806]),
    Unary(Asinh(), [0, 1], [0, 0.8813736]), Unary(Acosh(), [1, 2], [0, 1.3169579]),
    Unary(Atanh(), [0, 0.5], [0, 0.54930615]),
    Unary(Shrink(), [-1, 0.2, 1], [-1, 0, 1]), Unary(Mish(), [0, 100], [0, 100]),
  ]

  @Test(arguments: unary) func unaryFunctions(_ example: Unary) throws {
    let result = try run(example.op, [f32(example.input)])[0].floats
    for (actual, expected) in zip(result, example.output) {
      #expect(actual.isNaN ? expected.isNaN : (actual - expected).magnitude < 1e-6 || actual == expected)
    }
    #expect(try run(example.op, [f32([], [0, 3])])[0].shape == [0, 3])
    #expect(try run(example.op, [Tensor(scalar: Float(1))])[0].shape == [])
    #expect(throws: Diagnostic.self) { try run(example.op, [Tensor(strings: [[]], shape: [1])]) }
    // In half precision the same function, rounded once.
    let half = try run(example.op, [Tensor(wide: example.input, .float16, [example.input.count])])[0]
    #expect(half.type == .float16 && half.count == result.count)
  }

  @Test func everyActivationIsAnOperator() throws {
    for example in Self.unary {
      guard let activation = (example.op as? any ActivationOperator)?.asActivation else { continue }
      let fused = activation.apply(f32(example.input)).floats
      let alone = try run(example.op, [f32(example.input)])[0].floats
      for (x, y) in zip(fused, alone) { #expect(x == y || x.isNaN && y.isNaN) }
    }
  }

  @Test func integersWrap() throws {
    let low = Tensor([Int8.min, 7])
    #expect(try run(Abs(), [low])[0] == Tensor([Int8.min, 7]))
    #expect(try run(Neg(), [low])[0] == Tensor([Int8.min, -7]))
    #expect(try run(Add(), [Tensor([Int32.max]), Tensor([Int32(1)])])[0] == Tensor([Int32.min]))
    #expect(try run(Mul(), [Tensor([Int64.max]), Tensor([Int64(2)])])[0] == Tensor([Int64(-2)]))
    #expect(try run(Sub(), [Tensor([UInt8(1)]), Tensor([UInt8(2)])])[0] == Tensor([UInt8(255)]))
    #expect(try run(BitwiseNot(), [Tensor([UInt16(1)])])[0] == Tensor([UInt16(0xFFFE)]))
  }

  @Test func divisionNeverTraps() throws {
    let a = Tensor([Int64.min, -7, 7, 5])
    let b = Tensor([Int64(-1), 2, -2, 0])
    #expect(try run(Div(), [a, b])[0] == Tensor([Int64.min, -3, -3, 0]))
    #expect(try run(Mod(), [a, b])[0] == Tensor([Int64(0), 1, -1, 0]))
    var fmod = Mod()
    fmod.fmod = true
    #expect(try run(fmod, [a, b])[0] == Tensor([Int64(0), -1, 1, 0]))
    let floats = try run(Mod(), [f32([-7, 7, 0, 1, 5]), f32([3, -3, -2, .infinity, 0])])[0].floats
    #expect(Array(floats[..<4]) == [2, -2, 0, 1] && floats[2].sign == .minus && floats[4].isNaN)
  }

  @Test func operandsBroadcast() throws {
    let sum = try run(Add(), [f32([1, 2], [2, 1]), f32([10, 20, 30])])[0]
    #expect(sum.shape == [2, 3] && sum.floats == [11, 21, 31, 12, 22, 32])
    #expect(try run(Add(), [Tensor(scalar: Float(1)), f32([], [0])])[0].shape == [0])
    #expect(message { _ = try run(Add(), [f32([1, 2]), f32([1, 2, 3])]) }?.contains("do not broadcast") == true)
    #expect(message { _ = try run(Add(), [f32([1]), longs([1])]) }?.contains("element type") == true)
    #expect(try run(Sum(), [f32([1, 2]), f32([1]), f32([3], [1, 1])])[0].floats == [5, 6])
    #expect(try run(Mean(), [f32([1, 2]), f32([3, 4])])[0].floats == [2, 3])
    #expect(try run(Max(), [f32([1, .nan]), f32([3, 4])])[0].floats[1].isNaN)
    #expect(try run(Min(), [longs([1, 9]), longs([5])])[0] == longs([1, 5]))
  }

  @Test func activationsFuse() throws {
    var add = Add()
    add.activation = .clip(0, 6)
    #expect(try run(add, [f32([-1, 3]), f32([0, 4])])[0].floats == [0, 6])
    #expect(throws: Diagnostic.self) { try run(add, [longs([1]), longs([1])]) }
    #expect(add.attributeValues.map(\.name) == ["activation", "activation_beta"])
    #expect(Clip.asActivation(minimum: Tensor(scalar: Float(0)), maximum: nil) == .relu)
    #expect(Clip.asActivation(minimum: longs([0]), maximum: nil) == nil)
  }

  @Test func powers() throws {
    #expect(try run(Pow(), [longs([2, 0, -1, 3]), longs([10, 0, -3, -1])])[0] == longs([1024, 1, -1, 0]))
    #expect(try run(Pow(), [f32([4, 2]), longs([2, -1])])[0].floats == [16, 0.5])
  }

  @Test func comparisonsAndLogic() throws {
    let (a, b) = (f32([1, .nan, 3]), f32([1, .nan, 2]))
    #expect(try run(Equal(), [a, b])[0] == bools([true, false, false]))
    #expect(try run(Less(), [b, a])[0] == bools([false, false, true]))
    #expect(try run(GreaterOrEqual(), [a, b])[0] == bools([true, false, true]))
    #expect(try run(Greater(), [a, b])[0] == bools([false, false, true]))
    #expect(try run(LessOrEqual(), [b, a])[0] == bools([true, false, true]))
    #expect(
      try run(Equal(), [Tensor(strings: [[1], [2]], shape: [2]), Tensor(strings: [[1]], shape: [1])])[0]
        == bools([true, false]))
    #expect(try run(Xor(), [bools([true, false]), bools([true])])[0] == bools([false, true]))
    #expect(try run(And(), [bools([true, false]), bools([true])])[0] == bools([true, false]))
    #expect(try run(Or(), [bools([true, false]), bools([false])])[0] == bools([true, false]))
    let (m, n) = (Tensor([UInt8(12), 10]), Tensor([UInt8(10)]))
    #expect(try run(BitwiseAnd(), [m, n])[0] == Tensor([UInt8(8), 10]))
    #expect(try run(BitwiseOr(), [m, n])[0] == Tensor([UInt8(14), 10]))
    #expect(try run(BitwiseXor(), [m, n])[0] == Tensor([UInt8(6), 0]))
    #expect(try run(Not(), [bools([true, false])])[0] == bools([false, true]))
    #expect(try run(IsNaN(), [a])[0] == bools([false, true, false]))
    var positive = IsInf()
    positive.detectNegative = false
    #expect(try run(positive, [f32([.infinity, -.infinity, 1])])[0] == bools([true, false, false]))
  }

  @Test func shiftsBeyondTheWidth() throws {
    var right = BitShift()
    right.direction = .right
    #expect(
      try run(right, [Tensor([Int8(-128), -1, 4]), Tensor([Int8(1), 9, -1])])[0] == Tensor([Int8(-64), -1, 0]))
    #expect(try run(BitShift(), [Tensor([UInt8(3), 3]), Tensor([UInt8(7), 8])])[0] == Tensor([UInt8(128), 0]))
  }

  @Test func whereSelectsAnyType() throws {
    let condition = Tensor([true, false], shape: [2, 1])
    let strings = try run(
      Where(), [condition, Tensor(strings: [[1], [2]], shape: [2]), Tensor(strings: [[9]], shape: [1])])[0]
    #expect(strings.strings == [[1], [2], [9], [9]])
    #expect(try run(Where(), [condition, longs([1, 2]), longs([3])])[0] == longs([1, 2, 3, 3], [2, 2]))
  }

  @Test func clipping() throws {
    #expect(
      try run(Clip(), [f32([-1, .nan, 9]), Tensor(scalar: Float(0)), Tensor(scalar: Float(6))])[0].floats[2] == 6)
    #expect(try run(Clip(), [longs([-5, 5]), nil, longs([2], [])])[0] == longs([-5, 2]))
    #expect(throws: Diagnostic.self) { try run(Clip(), [f32([1]), f32([1, 2])]) }
    #expect(try run(PRelu(), [f32([-1, 2, -3, 4], [2, 2]), f32([10, 100])])[0].floats == [-10, 2, -30, 4])
    #expect(throws: Diagnostic.self) { try run(PRelu(), [f32([1]), f32([1, 2])]) }
  }

  @Test func gatedUnits() throws {
    // Swish with this factor is a step.
    var op = SwiGLU()
    op.alpha = 1000
    #expect(try run(op, [f32([-1, 0, 2]), f32([5, 6, 7])])[0].floats == [0, 0, 14])
    #expect(throws: Diagnostic.self) { try run(op, [f32([1, 2]), f32([1])]) }
    #expect(throws: Diagnostic.self) { try run(op, [f32([1]), Tensor([1.0])]) }
  }
}
