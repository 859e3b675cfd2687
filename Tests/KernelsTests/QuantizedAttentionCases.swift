import Kernels

/// Lengths around the blocks of queries (2 … 14) and keys (16, 32, 64), sizes around fours and 32 columns.
@Sendable func codedAttentionCases() -> [KernelCase] {
  let cases = [
    AttentionCase(length: 1, total: 1, size: 1, valueSize: 1),
    AttentionCase(heads: 2, keyHeads: 2, length: 5, total: 17, size: 7, valueSize: 3),
    AttentionCase(
      batch: 2, heads: 3, keyHeads: 3, length: 13, total: 13, size: 16, valueSize: 16, mask: [2, 1, 1]),
    AttentionCase(
      heads: 4, keyHeads: 2, length: 31, total: 32, size: 20, valueSize: 33, causal: 2, isByHead: true),
    AttentionCase(heads: 2, keyHeads: 1, length: 85, total: 85, size: 8, valueSize: 17, causal: 1, spread: 4),
    AttentionCase(length: 9, total: 256, size: 5, valueSize: 40, mask: [9], isBool: true, spread: 3),
    AttentionCase(
      length: 14, total: 257, size: 4, valueSize: 16, mask: [1, 1, 14], isFloat: true, isByHead: true),
    AttentionCase(heads: 2, keyHeads: 2, length: 29, total: 130, size: 64, valueSize: 64, spread: 6),
    AttentionCase(
      heads: 2, keyHeads: 2, length: 43, total: 63, size: 32, valueSize: 32, causal: 2, mask: [2, 43]),
    AttentionCase(length: 40, total: 20, size: 12, valueSize: 12, causal: 2),
    AttentionCase(length: 40, total: 20, size: 12, valueSize: 12, causal: 2, mask: [], isFloat: true),
    AttentionCase(length: 3, total: 40, size: 64, valueSize: 64, mask: [], spread: 9),
    AttentionCase(length: 2, total: 65, size: 129, valueSize: 70, isExtreme: true),
    AttentionCase(length: 15, total: 600, size: 33, valueSize: 31, mask: [15], isExtreme: true, isFloat: true),
    AttentionCase(batch: 0, length: 3, total: 4, size: 2, valueSize: 2),
    AttentionCase(heads: 2, keyHeads: 2, length: 3, total: 0, size: 2, valueSize: 2),
    AttentionCase(heads: 2, keyHeads: 2, length: 3, total: 0, size: 2, valueSize: 2, isFloat: true),
    AttentionCase(length: 0, total: 4, size: 2, valueSize: 2),
  ]
  var random = TestRandom(131)
  return cases.enumerated().map { index, c in kernelCase(c, index, &random) } + [knownCase()]
}

/// One query, four keys, by hand: scores 4·10, 4·6, 4·2, 4·(−100) of one step each are 0, 16, 32 and 440 steps below the
/// top: probabilities 255, round(255·2^(−1/4)) = 214, 180, round(255·2^(−6.875)) = 2. Values, in steps of
/// 0.5: 5.4 is 5 and leaves 0.4, 5.4 + 0.4 is 6 and leaves −0.2, −7 − 0.2 is −7, 127 − 0.2 is 127:
/// 5·255 + 6·214 − 7·180 + 127·2 = 1553 of 651.
private func knownCase() -> KernelCase {
  let step = 0.69314718055994530942 / 64
  return KernelCase(
    name: "known",
    inputs: [
      .u8([5, 1], [1, 1, 2]), .u8([138, 128, 134, 128, 130, 128, 28, 128], [1, 4, 2]),
      .f32([2.7, 2.7, -3.5, 63.5], [1, 4, 1]), .none,
    ],
    attributes: [1, 1, 2, 1, 0, 0, 0, .double(step), 0.0, 0, 1, .double(20), 100],
    outputs: [.u8([100 + 24], [1, 1, 1])])  // 1553 · 0.5 / 651 · 20 = 23.86
}

private func kernelCase(_ c: AttentionCase, _ index: Int, _ random: inout TestRandom) -> KernelCase {
  let first = c.firstColumns(index)
  let q = Codes(c, heads: c.heads, length: c.length, size: c.size, first: first[0], &random)
  let k = Codes(c, heads: c.keyHeads, length: c.total, size: c.size, first: first[1], &random)
  let v = Codes(c, heads: c.keyHeads, length: c.total, size: c.valueSize, first: first[2], isFloat: true, &random)
  let mask = c.mask(&random)
  var work = CodedWork(c, q, k, v, mask.added)
  (work.queryZero, work.zero) = (random.int(0...255), random.int(0...255))
  let sizes = [c.heads, c.keyHeads, c.size, c.valueSize] + first
  let attributes: [TestAttribute] =
    sizes.map { .integer($0) } + [
      .double(Double(work.scale)), 0.0, .integer(c.causal), .integer(work.queryZero),
      .double(Double(work.factor)), .integer(work.zero),
    ]
  return KernelCase(
    name: "\(c)", inputs: [q.tensor, k.tensor, v.tensor, mask.tensor], attributes: attributes, outputs: [work.result()],
    absolute: 0, relative: 0)
}

/// An operand: codes, or quarters of them less 100 as floats.
private struct Codes {
  let tensor: TestTensor
  private let values: [UInt8]
  private let rows: AttentionRows

  init(
    _ c: AttentionCase, heads: Int, length: Int, size: Int, first: Int, isFloat: Bool = false,
    _ random: inout TestRandom
  ) {
    rows = AttentionRows(c, heads: heads, length: length, size: size, first: first)
    let bytes = random.bytes(rows.dims.reduce(1, *))
    values = c.isExtreme ? bytes.map { $0 < 100 ? 0 : 255 } : bytes
    tensor = isFloat ? .f32(values.map { (Float($0) - 100) / 4 }, rows.dims) : .u8(values, rows.dims)
  }

  func row(_ b: Int, _ h: Int, _ i: Int) -> [Int] { values[rows.row(b, h, i)].map(Int.init) }
}

/// The definition (attention_u8.h), in the same operations of float.
private struct CodedWork {
  let c: AttentionCase
  let q: Codes
  let k: Codes
  let v: Codes
  let mask: (Int, Int, Int, Int) -> Float
  var (queryZero, zero) = (0, 0)
  let scale: Float
  let factor: Float
  /// Codes and scales of the values of a head, by columns.
  private let values: [[(codes: [Int], scale: Float)]]
  /// 65280 · 2^(−i / 64), as the kernels have it written out.
  private let halves = (0..<64).map { i in Int((65280 / root(i)).rounded()) }

  init(_ c: AttentionCase, _ q: Codes, _ k: Codes, _ v: Codes, _ mask: @escaping (Int, Int, Int, Int) -> Float) {
    (self.c, self.q, self.k, self.v, self.mask) = (c, q, k, v, mask)
    scale = Float(c.spread / (75 * 75 * Double(c.size).squareRoot()))
    factor = 1.75
    values = (0..<c.batch * c.keyHeads).map { head in
      let rows = (0..<c.total).map { v.row(head / c.keyHeads, head % c.keyHeads, $0) }
      return (0..<c.valueSize).map { column in CodedWork.coded(rows.map { (Float($0[column]) - 100) / 4 }) }
    }
  }

  private static func coded(_ column: [Float]) -> (codes: [Int], scale: Float) {
    let greatest = column.map(\.magnitude).max() ?? 0
    let steps = greatest > 0 ? 127 / greatest : 0
    var carry = Float(0)
    let codes = column.map { value in
      let step = value * steps
      let wanted = step + carry
      let code = min(max(wanted, -127), 127).rounded(.toNearestOrEven)
      carry = wanted - code
      return Int(code)
    }
    return (codes, greatest / 127)
  }

  func result() -> TestTensor {
    var y = [Float](repeating: 0, count: c.outputDims.reduce(1, *))
    for b in 0..<c.batch {
      for h in 0..<c.heads {
        for i in 0..<c.length {
          let at = c.outputPlace(b, h, i)
          for (d, value) in row(b, h, i).enumerated() { y[at + d] = value }
        }
      }
    }
    if c.isFloat { return .f32(y, c.outputDims) }
    let codes = y.map { UInt8(min(max(Int($0.rounded(.toNearestOrEven)) + zero, 0), 255)) }
    return .u8(codes, c.outputDims)
  }

  private func row(_ b: Int, _ h: Int, _ i: Int) -> [Float] {
    let source = h / (c.heads / c.keyHeads)
    let query = q.row(b, h, i)
    let ahead = c.causal == 2 ? c.total - c.length : 0
    let count = c.causal > 0 ? min(max(i + ahead + 1, 0), c.total) : c.total
    let sums = (0..<count).map { j in
      zip(query, k.row(b, source, j)).reduce(0) { $0 + ($1.0 - queryZero) * ($1.1 - 128) }
    }
    let octave = 64 / 0.69314718055994530942
    var steps: [Float] = []
    if c.mask != nil {
      let scores = sums.enumerated().map { j, sum in Float(sum) * scale + mask(b, h, i, j) }
      let top = scores.max() ?? -.infinity
      steps = scores.map { top == -.infinity ? .infinity : (top - $0) * Float(octave) }
    } else {
      let top = sums.max() ?? 0
      steps = sums.map { Float(top - $0) * Float(octave * Double(scale)) }
    }
    let powers = steps.map { step in
      let bits = Int(min(step, 65535).rounded(.toNearestOrEven))
      return (halves[bits % 64] >> (bits / 64) + 128) >> 8
    }
    let sum = powers.reduce(0, +)
    if sum == 0 { return [Float](repeating: 0, count: c.valueSize) }
    return values[b * c.keyHeads + source].map { column in
      let product = zip(powers, column.codes).reduce(0) { $0 + $1.0 * $1.1 }
      return Float(product) * column.scale * (factor / Float(sum))
    }
  }
}

/// 2^(i / 64) by square roots.
private func root(_ i: Int) -> Double {
  var (power, factor) = (1.0, 2.0)
  for bit in (0..<6).reversed() {
    factor = factor.squareRoot()
    if i >> bit & 1 == 1 { power *= factor }
  }
  return power
}
