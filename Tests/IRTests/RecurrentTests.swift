import IR
import TestSupport
import Testing

@Suite struct RecurrentTests {
  /// One unit, weights one, no bias.
  func ones(_ gates: Int) -> Tensor { Tensor([Float](repeating: 1, count: gates), shape: [1, gates, 1]) }

  @Test func plainNetworkAddsUp() throws {
    var op = RNN()
    op.recurrence.activations = [Array("Affine".utf8)]
    let x = counting([3, 1, 1], from: 1)
    let results = try run(op, [x, ones(1), ones(1)], outputs: 2)
    #expect(results[0] == Tensor([Float(1), 3, 6], shape: [3, 1, 1, 1]))
    #expect(results[1] == Tensor([Float(6)], shape: [1, 1, 1]))
    op.recurrence.direction = .reverse
    #expect(try run(op, [x, ones(1), ones(1)], outputs: 1)[0].floats == [6, 5, 3])
    op.recurrence.clip = 4
    #expect(try run(op, [x, ones(1), ones(1)], outputs: 1)[0].floats == [4, 4, 3])
  }

  @Test func lengthsAndLayout() throws {
    var op = RNN()
    op.recurrence.activations = [Array("Relu".utf8), Array("Relu".utf8)]
    op.recurrence.direction = .bidirectional
    let both = Tensor([Float(1), 1], shape: [2, 1, 1])
    // Two entries: 1, 2, 3 of which 2 count; and 10, 20, 30.
    let x = Tensor([Float(1), 10, 2, 20, 3, 30], shape: [3, 2, 1])
    let lengths = Tensor([Int32(2), 3])
    let results = try run(op, [x, both, both, nil, lengths], outputs: 2)
    #expect(results[0].floats == [1, 10, 3, 60, 3, 30, 2, 50, 0, 60, 0, 30])
    #expect(results[1].floats == [3, 60, 3, 60])
    op.recurrence.isBatchFirst = true
    let turned = Tensor([Float(1), 2, 3, 10, 20, 30], shape: [2, 3, 1])
    let batchFirst = try run(op, [turned, both, both, nil, lengths], outputs: 2)
    #expect(batchFirst[0].shape == [2, 3, 2, 1])
    #expect(batchFirst[1] == Tensor([Float(3), 3, 60, 60], shape: [2, 2, 1]))
    #expect(
      message { _ = try run(op, [turned, both, both, nil, Tensor([Int32(4), 0])], outputs: 1) }
        == "sequence length 4 is out of range 0...3")
  }

  @Test func memoryCellWithZeroGates() throws {
    let zeros = Tensor([Float](repeating: 0, count: 4), shape: [1, 4, 1])
    let x = counting([1, 1, 1], from: 1)
    let c = Tensor([Float(2)], shape: [1, 1, 1])
    let results = try run(LSTM(), [x, zeros, zeros, nil, nil, nil, c], outputs: 3)
    // Every gate is ½, the candidate 0: c = ½ · 2, h = ½ · tanh 1.
    #expect(results[2].floats == [1])
    #expect(abs(results[1].floats[0] - 0.38079708) < 1e-6)
    var coupled = LSTM()
    coupled.couplesForget = true
    #expect(try run(coupled, [x, zeros, zeros, nil, nil, nil, c], outputs: 3)[2].floats == [1])
  }

  @Test func gatedUnitKeepsHalf() throws {
    let zeros = Tensor([Float](repeating: 0, count: 3), shape: [1, 3, 1])
    let h = Tensor([Float(2)], shape: [1, 1, 1])
    for linear in [false, true] {
      var op = GRU()
      op.isLinearBeforeReset = linear
      #expect(try run(op, [counting([2, 1, 1]), zeros, zeros, nil, nil, h], outputs: 2)[1].floats == [0.5])
    }
  }

  @Test func refusesWhatDoesNotFit() {
    let x = counting([1, 1, 2])
    #expect(message { _ = try run(RNN(), [x, ones(1), ones(1)], outputs: 1) } == "W is [1,1,1], expected [1,1,2]")
    var op = LSTM()
    op.recurrence.activations = [Array("Tanh".utf8)]
    #expect(
      message { _ = try run(op, [counting([1, 1, 1]), ones(4), ones(4)], outputs: 1) }
        == "attribute 'activations' has 1 elements, expected 3")
    op.recurrence.activations = ["Nope", "Tanh", "Tanh"].map { Array($0.utf8) }
    #expect(message { _ = try run(op, [counting([1, 1, 1]), ones(4), ones(4)], outputs: 1) } == "activation 'Nope'")
  }

  @Test func attentionWeighsValues() throws {
    // One query that both keys match equally.
    let q = Tensor([Float(1), 0], shape: [1, 1, 1, 2])
    let k = Tensor([Float(1), 0, 1, 0], shape: [1, 1, 2, 2])
    let v = Tensor([Float(2), 4, 6, 8], shape: [1, 1, 2, 2])
    #expect(try run(Attention(), [q, k, v])[0].floats == [4, 6])
    #expect(try run(Attention(), [q, k, v, Tensor([true, false], shape: [1, 2])])[0].floats == [2, 4])
    var causal = Attention()
    causal.isCausal = true
    #expect(try run(causal, [q, k, v])[0].floats == [2, 4])
    let none = try run(Attention(), [q, k, v, Tensor([false, false], shape: [1, 2])])
    #expect(none[0].floats == [0, 0])
    // The second key is 64 steps, half a probability, below the first: codes 255 and 128 (127.5 rounded up). Of values
    // 0.4, 0.4 and 127 the first is code 0, what it lacks makes the second 1.
    var coded = Attention()
    (coded.isCoded, coded.scale) = (true, 1)
    let half = Tensor([Float(1), 0, 1 - 0.6931472, 0], shape: [1, 1, 2, 2])
    let weighted = try run(coded, [q, half, Tensor([Float(383), 0, 0, 766], shape: [1, 1, 2, 2])])
    #expect(weighted[0].floats.map { ($0 * 1000).rounded() } == [255_000, 256_000])
    let three = Tensor([Float(1), 0, 1, 0, 1, 0], shape: [1, 1, 3, 2])
    let carried = try run(coded, [q, three, Tensor([Float(0.4), 0, 0.4, 0, 127, 0], shape: [1, 1, 3, 2])])
    #expect(abs(carried[0].floats[0] - 128 / 3) < 1e-4)
    #expect(try run(coded, [q, k, v, Tensor([false, false], shape: [1, 2])])[0].floats == [0, 0])
    let cached = try run(causal, [q, k, v, nil, k, v], outputs: 3)
    #expect(cached[0].floats.map { ($0 * 3).rounded() } == [10, 16])
    #expect(cached[1].shape == [1, 1, 4, 2])
    #expect(
      message { _ = try run(Attention(), [counting([1, 1, 6]), counting([1, 1, 6]), counting([1, 1, 6])]) }
        == "attributes 'q_num_heads' and 'kv_num_heads' are needed for rank 3")
  }

  @Test func rotaryTurnsPairs() throws {
    let x = Tensor([Float(1), 2, 3, 4], shape: [1, 1, 1, 4])
    let (cos, sin) = (Tensor([Float(0), 0], shape: [1, 1, 2]), Tensor([Float(1), 1], shape: [1, 1, 2]))
    #expect(try run(RotaryEmbedding(), [x, cos, sin])[0].floats == [-3, -4, 1, 2])
    var interleaved = RotaryEmbedding()
    interleaved.isInterleaved = true
    #expect(try run(interleaved, [x, cos, sin])[0].floats == [-2, 1, -4, 3])
  }
}
