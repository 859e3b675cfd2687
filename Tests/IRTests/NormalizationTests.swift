import IR
import TestSupport
import Testing

private func close(_ a: [Float], _ b: [Float], _ tolerance: Float = 1e-5) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { ($0 - $1).magnitude <= tolerance }
}

@Suite struct NormalizationTests {
  let ones = Tensor([Float(1), 1])
  let zeros = Tensor([Float(0), 0])

  @Test func batch() throws {
    let x = counting([2, 2, 2])
    var op = BatchNormalization()
    op.epsilon = 0
    let parameters = [Tensor([Float(2), 1]), Tensor([Float(1), 0]), Tensor([Float(1), 2]), Tensor([Float(4), 1])]
    let y = try run(op, [x] + parameters)[0]
    #expect(close(y.floats, [0, 1, 0, 1, 4, 5, 4, 5]))
    op.trainingMode = true
    op.momentum = 0.5
    let trained = try run(op, [x, ones, zeros, zeros, ones], outputs: 3)
    #expect(close(trained[1].floats, [1.25, 2.25]) && close(trained[2].floats, [2.625, 2.625]))
    op.trainingMode = false
    #expect(throws: Diagnostic.self) { try run(op, [x, ones, zeros, zeros, ones], outputs: 3) }
    #expect(throws: Diagnostic.self) { try run(op, [x, Tensor([Float(1)]), zeros, zeros, ones]) }
  }

  @Test func channelsAndGroups() throws {
    let x = Tensor([Float(1), 3, 10, 30], shape: [1, 2, 2])
    #expect(close(try run(InstanceNormalization(), [x, ones, zeros])[0].floats, [-1, 1, -1, 1], 1e-4))
    var group = GroupNormalization()
    group.numGroups = 2
    #expect(close(try run(group, [x, ones, zeros])[0].floats, [-1, 1, -1, 1], 1e-4))
    group.activation = .relu
    #expect(close(try run(group, [x, ones, zeros])[0].floats, [0, 1, 0, 1], 1e-4))
    group.numGroups = 3
    #expect(throws: Diagnostic.self) { try run(group, [x, ones, zeros]) }
    #expect(throws: Diagnostic.self) { try group.setAttribute("num_groups", .int(0)) }
  }

  @Test func layers() throws {
    let x = Tensor([Float(1), 3, -2, 2], shape: [2, 2])
    let layer = try run(LayerNormalization(), [x, ones, Tensor([Float(0), 10])], outputs: 3)
    #expect(close(layer[0].floats, [-1, 11, -1, 11], 1e-4))
    #expect(layer[1].shape == [2, 1] && layer[1].floats == [2, 0] && close(layer[2].floats, [1, 0.5], 1e-4))
    #expect(close(try run(RMSNormalization(), [x, ones])[0].floats, [0.4472, 1.3416, -1, 1], 1e-4))
    #expect(throws: Diagnostic.self) { try run(RMSNormalization(), [x, Tensor([Float(1), 1, 1])]) }
    let none = Tensor([Float](), shape: [2, 0])
    let empty = try run(LayerNormalization(), [none, Tensor([Float](), shape: [0])], outputs: 2)
    #expect(empty[0].shape == [2, 0] && empty[1].shape == [2, 1])
  }

  @Test func neighbours() throws {
    var op = LRN()
    op.size = 3
    op.alpha = 3
    op.beta = 1
    #expect(
      close(try run(op, [Tensor([Float(1), 2, 3], shape: [1, 3, 1])])[0].floats, [1.0 / 6, 2.0 / 15, 3.0 / 14]))
    op.size = Int(Int32.max)
    #expect(try run(op, [counting([1, 2, 1])])[0].count == 2)
    #expect(
      close(try run(LpNormalization(), [Tensor([Float(3), 4, 0, 0], shape: [2, 2])])[0].floats, [0.6, 0.8, 0, 0]))
    let mvn = try run(MeanVarianceNormalization(), [Tensor([Float(1), 3], shape: [1, 1, 1, 2])])[0].floats
    #expect(close(mvn, [-1, 1]))
    #expect(throws: Diagnostic.self) { try run(MeanVarianceNormalization(), [counting([2, 2])]) }
  }

  @Test func losses() throws {
    let logs = Tensor([Float(-1), -2, -3, -4], shape: [2, 2])
    var op = NegativeLogLikelihoodLoss()
    #expect(try run(op, [logs, longs([0, 1])])[0] == Tensor(scalar: Float(2.5)))
    #expect(try run(op, [logs, longs([0, 1]), Tensor([Float(1), 3])])[0] == Tensor(scalar: Float(3.25)))
    op.reduction = .none
    op.ignoreIndex = 7
    #expect(try run(op, [logs, longs([7, 1])])[0].floats == [0, 4])
    #expect(throws: Diagnostic.self) { try run(op, [logs, longs([2, 0])]) }
    let both = try run(SoftmaxCrossEntropyLoss(), [Tensor([Float(0), 0], shape: [1, 2]), longs([1])], outputs: 2)
    #expect(close(both[0].floats, [0.6931472]) && close(both[1].floats, [-0.6931472, -0.6931472]))
  }
}
