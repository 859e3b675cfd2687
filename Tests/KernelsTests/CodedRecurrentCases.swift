import Kernels

/// Recurrent layers whose weights are codes of 8 bits: rows of inputs and states become codes of 16 bits, so that products
/// are exact integers.
@Sendable func codedLSTMCases() -> [KernelCase] { recurrentCases(gates: 4, seed: 113, coded: true) }
@Sendable func codedGRUCases() -> [KernelCase] { recurrentCases(gates: 3, seed: 114, coded: true) }
@Sendable func codedRNNCases() -> [KernelCase] {
  recurrentCases(gates: 1, seed: 115, coded: true) + [literalCase(), endlessCase()] + exactCases()
}

private let rectified: [TestAttribute] = [1, 0.0, 0.0]

private func layer(
  _ name: String, _ t: Int, _ b: Int, _ x: [Float], _ w: (codes: [Int8], scales: [Float]),
  _ r: (codes: [Int8], scales: [Float]), h0: [Float], y: [Float]
) -> KernelCase {
  let (i, h) = (w.codes.count / w.scales.count, w.scales.count)
  func packed(_ rows: (codes: [Int8], scales: [Float]), _ k: Int) -> TestTensor {
    .packed(kerf_pack_rnn_codes_size(1, 1, Int64(h), Int64(k))) {
      kerf_pack_rnn_codes(1, 1, Int64(h), Int64(k), rows.codes, rows.scales, $0)
    }
  }
  return KernelCase(
    name: name, inputs: [.f32(x, [t, b, i]), packed(w, i), packed(r, h), .none, .f32(h0, [1, b, h]), .none],
    attributes: [.integer(h), .integer(i), 0, 0.0] + rectified, outputs: [.f32(y, [t, 1, b, h]), .none],
    absolute: 0, relative: 0)
}

/// h = relu(x W + h R) in numbers that the codes hold exactly, at both ends of the codes.
private func literalCase() -> KernelCase {
  // W = (−128, 127) · 0.5; R = 2 · 0.25: (32767 · 128 + 32767 · 127) / 2 + 4 / 2, then half of it.
  layer(
    "literal", 2, 1, [-32767, 32767, 0, 0], ([-128, 127], [0.5]), ([2], [0.25]), h0: [4],
    y: [32767 * 127.5 + 2, 2_088_897.25])
}

/// What is not finite makes its row NaN and no other; what is all but zero counts as zero.
private func endlessCase() -> KernelCase {
  let nan = Float.nan
  return layer(
    "not finite", 1, 3, [.infinity, 1, 1e-36, -1e-35, nan, 0], ([1, 1], [1]), ([0], [1]), h0: [1, 1, 1],
    y: [nan, 0, nan])
}

/// Against the definition, operation by operation: all instruction sets give these very bits.
private func exactCases() -> [KernelCase] {
  var random = TestRandom(116)
  let shapes = [
    (1, 1, 1, 1), (3, 1, 17, 16), (2, 2, 31, 15), (4, 3, 9, 65), (2, 5, 40, 33), (3, 7, 1, 80), (2, 1, 600, 130),
    (1, 9, 2000, 48),
  ]
  return shapes.map { t, b, i, h in
    let w = (codes: random.bytes(h * i).map { Int8(bitPattern: $0) }, scales: random.floats(h, 0.001, 0.01))
    let r = (codes: random.bytes(h * h).map { Int8(bitPattern: $0) }, scales: random.floats(h, 0.0001, 0.001))
    let x = random.floats(t * b * i)
    let h0 = random.floats(b * h)
    var y: [Float] = []
    var state = h0
    for step in 0..<t {
      var next: [Float] = []
      for row in 0..<b {
        let inputs = product(Array(x[(step * b + row) * i..<(step * b + row + 1) * i]), w)
        let states = product(Array(state[row * h..<(row + 1) * h]), r)
        next += zip(states, inputs).map { max($0 + $1, 0) }
      }
      state = next
      y += next
    }
    return layer("exact \(t)x\(b)x\(i)>\(h)", t, b, x, w, r, h0: h0, y: y)
  }
}

private func product(_ row: [Float], _ weights: (codes: [Int8], scales: [Float])) -> [Float] {
  let top = row.reduce(0) { max($0, abs($1)) }
  guard top >= 1e-30 else { return weights.scales.map { _ in 0 } }
  let limit = Float(min(32767, Int(Int32.max) / (128 * row.count)))
  let codes = row.map { Int(($0 * (limit / top)).rounded(.toNearestOrEven)) }
  return weights.scales.indices.map { column in
    var sum = 0
    for (k, code) in codes.enumerated() { sum += code * Int(weights.codes[column * row.count + k]) }
    return Float(sum) * (top / limit * weights.scales[column])
  }
}
