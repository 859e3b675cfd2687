import IR
import TestSupport
import Testing

@Suite struct RecurrentAttentionTests {
  /// One head with keys and values of one element, over time.
  func series(_ values: [Float]) -> Tensor { Tensor(values, shape: [1, values.count, 1]) }

  func linear(_ rule: LinearAttention.UpdateRule, _ more: [Tensor?] = []) throws(Diagnostic) -> [Tensor] {
    var op = LinearAttention()
    op.rule = rule
    op.scale = 1
    return try run(op, [series([1, 2]), series([1, 1]), series([3, 4])] + more, outputs: 2)
  }

  @Test func statesAddUp() throws {
    let plain = try linear(.linear)
    #expect(plain[0].floats == [3, 14] && plain[1] == Tensor([Float(7)], shape: [1, 1, 1, 1]))
    let continued = try linear(.linear, [Tensor([Float(10)], shape: [1, 1, 1, 1])])
    #expect(continued[0].floats == [13, 34] && continued[1].floats == [17])
  }

  @Test func statesDecayAndAreCorrected() throws {
    let half = Float(-0.6931472)
    let gated = try linear(.gated, [nil, series([half, half])])
    #expect(zip(gated[0].floats, [3, 11]).allSatisfy { abs($0 - $1) < 1e-5 })
    let delta = try linear(.delta, [nil, nil, series([0.5, 0.5])])
    #expect(delta[0].floats == [1.5, 5.5] && delta[1].floats == [2.75])
    #expect(message { _ = try linear(.gated) } == "update rule 'gated' needs input 'decay'")
  }

  @Test func convolutionsSeeThePast() throws {
    let x = Tensor([Float(1), 2, 3], shape: [1, 1, 3])
    let w = Tensor([Float(10), 1], shape: [1, 1, 2])
    let first = try run(CausalConvWithState(), [x, w], outputs: 2)
    #expect(first[0].floats == [1, 12, 23] && first[1] == Tensor([Float(3)], shape: [1, 1, 1]))
    let next = try run(CausalConvWithState(), [x, w, Tensor([Float(100)]), first[1]])
    #expect(next[0].floats == [131, 112, 123])
  }

  @Test func bodiesChangeScores() throws {
    let q = Tensor([Float(1), 0], shape: [1, 1, 1, 2])
    let k = Tensor([Float(1), 0, 1, 0], shape: [1, 1, 2, 2])
    let v = Tensor([Float(2), 4, 6, 8], shape: [1, 1, 2, 2])
    var op = FlexAttention()
    #expect(try run(op, [q, k, v])[0].floats == [4, 6])
    op.scoreBody = try Graph(
      parsing: """
        graph @first(%s: f32[A,B,C,D]) -> (%r: f32[A,B,C,D]) {
          %mask = constant [0.0, -1000.0] : f32[2]
          %r = Add(%s, %mask) : f32[A,B,C,D]
          return %r
        }

        """)
    #expect(try run(op, [q, k, v])[0].floats == [2, 4])
  }
}
