import Foundation
import IR
import TestSupport
import Testing

private func close(_ a: [Float], _ b: [Float]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { ($0 - $1).magnitude <= 1e-5 }
}

@Suite struct SignalTests {
  @Test func fourierTransforms() throws {
    let x = Tensor([Float(1), 0, 0, 0], shape: [1, 4, 1])
    #expect(close(try run(DFT(), [x])[0].floats, [1, 0, 1, 0, 1, 0, 1, 0]))
    var half = DFT()
    half.onesided = true
    let ramp = Tensor([Float(1), 2, 3, 4, 5], shape: [1, 5, 1])
    let spectrum = try run(half, [ramp])[0]
    #expect(spectrum.shape == [1, 3, 2])
    half.inverse = true
    #expect(close(try run(half, [spectrum, longs([5], [])])[0].floats, [1, 2, 3, 4, 5]))
    var inverse = DFT()
    inverse.inverse = true
    #expect(close(try run(inverse, [try run(DFT(), [ramp])[0]])[0].floats, [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]))
    #expect(throws: Diagnostic.self) { try run(DFT(), [x, nil, longs([2], [])]) }
    #expect(throws: Diagnostic.self) { try run(DFT(), [x, longs([0], [])]) }
    #expect(throws: Diagnostic.self) { try run(DFT(), [x, longs([1 << 60], [])]) }
  }

  /// numpy's results element by element: forward rounded once from double, inverse computed in single precision.
  @Test func floatTransformsRoundLikeNumpy() throws {
    var inverse = DFT()
    inverse.inverse = true
    let tens = Tensor((0..<10).map { Float(10 * $0) }, shape: [1, 10, 1])
    let sines: [Float] = [
      0, -15.388419, -6.8819098, -3.6327133, -1.6245981, 1.9073487e-07, 1.6245981, 3.6327126, 6.8819098, 15.388419,
    ]
    let y = try run(inverse, [tens])[0].floats
    #expect(parts(y, 1) == sines)
    let cosines: [Float] = [45, -5, -5, -5, -5.0000005, -5, -5.0000005, -5, -5, -5]
    #expect(parts(y, 0) == cosines)
    let dozen = try run(DFT(), [Tensor((1...12).map { Float($0) }, shape: [1, 12, 1])])[0].floats
    let six: [Float] = [0, 22.392305, 10.392304, 6, 3.4641016, 1.6076951]
    #expect(Array(parts(dozen, 1).prefix(6)) == six)
    let fifteen = try run(DFT(), [Tensor((1...15).map { Float($0) }, shape: [1, 15, 1])])[0].floats
    let eight: [Float] = [0, 35.284725, 16.845276, 10.322865, 6.7530303, 4.3301272, 2.4368978, 0.78828174]
    #expect(Array(parts(fifteen, 1).prefix(8)) == eight)
  }

  /// The real (0) or imaginary (1) parts.
  func parts(_ values: [Float], _ part: Int) -> [Float] {
    stride(from: part, to: values.count, by: 2).map { values[$0] }
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 16, 20, 21, 35, 64, 97])
  func transformsMatchTheDefinition(length: Int) throws {
    let x = (0..<length).map { Float(($0 * 7 + 3) % 11) - 5 }
    let y = try run(DFT(), [Tensor(x, shape: [1, length, 1])])[0].floats
    for k in 0..<length {
      var (re, im) = (0.0, 0.0)
      for (n, value) in x.enumerated() {
        let angle = -2 * Double.pi * Double(k * n % length) / Double(length)
        re += Double(value) * cos(angle)
        im += Double(value) * sin(angle)
      }
      #expect(abs(Double(y[2 * k]) - re) < 1e-4 && abs(Double(y[2 * k + 1]) - im) < 1e-4)
    }
  }

  @Test func frames() throws {
    let signal = Tensor([Float(1), 1, 1, 1, 1], shape: [1, 5, 1])
    let y = try run(STFT(), [signal, longs([2], []), Tensor([Float(1), 2])])[0]
    #expect(y.shape == [1, 2, 2, 2] && close(y.floats, [3, 0, -1, 0, 3, 0, -1, 0]))
    #expect(throws: Diagnostic.self) { try run(STFT(), [signal, longs([0], []), Tensor([Float(1)])]) }
    #expect(throws: Diagnostic.self) { try run(STFT(), [signal, longs([1], []), nil, longs([6], [])]) }
  }

  @Test func windows() throws {
    var symmetric = HannWindow()
    symmetric.periodic = false
    #expect(close(try run(symmetric, [longs([3], [])])[0].floats, [0, 1, 0]))
    #expect(close(try run(HannWindow(), [longs([4], [])])[0].floats, [0, 0.5, 1, 0.5]))
    #expect(close(try run(BlackmanWindow(), [longs([2], [])])[0].floats, [0, 1]))
    #expect(close(try run(HammingWindow(), [longs([2], [])])[0].floats, [4.0 / 46, 1]))
    #expect(try run(symmetric, [longs([1], [])])[0].floats == [1])
    #expect(try run(symmetric, [longs([0], [])])[0].shape == [0])
    #expect(throws: Diagnostic.self) { try run(symmetric, [longs([-1], [])]) }
    let mel = [
      longs([3], []), longs([8], []), longs([16000], []), Tensor(scalar: Float(0)), Tensor(scalar: Float(8000)),
    ]
    #expect(try run(MelWeightMatrix(), mel)[0].shape == [5, 3])
    #expect(throws: Diagnostic.self) { try run(MelWeightMatrix(), mel[..<2] + [longs([0], [])] + mel[3...]) }
  }

  struct Sum: Sendable {
    var equation: String
    var shapes: [[Int]]
    var expected: [Float]
    var shape: [Int]
  }

  static let sums: [Sum] = [
    Sum(equation: "ij,jk->ik", shapes: [[2, 2], [2, 2]], expected: [2, 3, 6, 11], shape: [2, 2]),
    Sum(equation: "ii->i", shapes: [[2, 2]], expected: [0, 3], shape: [2]),
    Sum(equation: "ii", shapes: [[2, 2]], expected: [3], shape: []),
    Sum(equation: "...i -> ...", shapes: [[2, 3]], expected: [3, 12], shape: [2]),
    Sum(equation: "ba", shapes: [[2, 3]], expected: [0, 3, 1, 4, 2, 5], shape: [3, 2]),
    Sum(equation: "i,i,i->", shapes: [[3], [3], [3]], expected: [9], shape: []),
    Sum(equation: "ab,cd->", shapes: [[2, 2], [2, 2]], expected: [36], shape: []),
    Sum(equation: "...ij,...jk->...ik", shapes: [[2, 1, 2], [2, 1]], expected: [1, 3], shape: [2, 1, 1]),
  ]

  @Test(arguments: sums) func einstein(_ sum: Sum) throws {
    var op = Einsum()
    try op.setAttribute("equation", .string(Array(sum.equation.utf8)))
    let result = try run(op, sum.shapes.map { counting($0) })[0]
    #expect(result.shape == sum.shape && result.floats == sum.expected)
    #expect(try run(op, sum.shapes.map { try run(Cast(to: .int32), [counting($0)])[0] })[0].type == .int32)
  }

  @Test(arguments: ["ij", "i,j->", "i->j", "i->ii", "i..->", "i.j.->", "1->1", ",", "->ij"])
  func equationsThatDoNotFit(_ equation: String) throws {
    var op = Einsum()
    try op.setAttribute("equation", .string(Array(equation.utf8)))
    #expect(throws: Diagnostic.self) { try run(op, [counting([3])]) }
  }

  @Test func determinants() throws {
    #expect(try run(Det(), [Tensor([Float(1), 2, 3, 4, 0, 0, 0, 1], shape: [2, 2, 2])])[0].floats == [-2, 0])
    #expect(try run(Det(), [Tensor([Float](), shape: [0, 0])])[0] == Tensor(scalar: Float(1)))
    #expect(throws: Diagnostic.self) { try run(Det(), [counting([2, 3])]) }
  }

  @Test func randomNumbersFollowTheSeed() throws {
    var op = RandomNormal()
    op.shape = [1000]
    op.seed = 3
    let numbers = try op.evaluate([], EvaluationContext(outputCount: 1))[0].tensor
    #expect(numbers == (try op.evaluate([], EvaluationContext(outputCount: 1))[0].tensor))
    let mean = (numbers?.floats.reduce(0, +) ?? 0) / 1000
    #expect(mean.magnitude < 0.2 && !RandomNormal.isDeterministic)
    op.shape = [1 << 46]
    #expect(throws: Diagnostic.self) { try op.evaluate([], EvaluationContext(outputCount: 1)) }
    #expect(try run(Dropout(), [counting([4])], outputs: 2)[0] == counting([4]))
  }

  @Test func numbersWithoutChance() throws {
    var normal = RandomNormalLike()
    (normal.mean, normal.scale) = (2, 0)
    #expect(try run(normal, [counting([3])])[0].floats == [2, 2, 2])
    var uniform = RandomUniformLike()
    (uniform.low, uniform.high) = (3, 3)
    #expect(try run(uniform, [counting([2, 1])])[0] == Tensor([Float(3), 3], shape: [2, 1]))
    #expect(try run(Bernoulli(), [Tensor([Float(0), 1, 1])])[0].floats == [0, 1, 1])
    var draws = Multinomial()
    draws.sampleSize = 4
    #expect(
      try run(draws, [Tensor([Float(-1000), 0], shape: [1, 2])])[0] == Tensor([Int32(1), 1, 1, 1], shape: [1, 4]))
    var flat = RandomUniform()
    (flat.shape, flat.low, flat.high, flat.seed) = ([1000], 2, 3, 5)
    let numbers = try run(flat, [])[0].floats
    #expect(numbers.allSatisfy { (2...3).contains($0) } && abs(numbers.reduce(0, +) / 1000 - 2.5) < 0.1)
  }
}
