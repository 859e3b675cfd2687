import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Lengths around the tiles of queries (6, 10, 14, 84) and keys (16, 256).
@Sendable func attentionCases() -> [KernelCase] {
  let cases = [
    AttentionCase(length: 1, total: 1, size: 1, valueSize: 1),
    AttentionCase(heads: 2, keyHeads: 2, length: 5, total: 17, size: 7, valueSize: 3),
    AttentionCase(batch: 2, heads: 3, keyHeads: 3, length: 13, total: 13, size: 16, valueSize: 16, mask: [2, 1, 1]),
    AttentionCase(heads: 4, keyHeads: 2, length: 31, total: 32, size: 20, valueSize: 33, causal: 2, isByHead: true),
    AttentionCase(heads: 2, keyHeads: 1, length: 85, total: 85, size: 8, valueSize: 17, causal: 1),
    AttentionCase(length: 9, total: 256, size: 5, valueSize: 40, mask: [9], isBool: true),
    AttentionCase(length: 14, total: 257, size: 4, valueSize: 16, mask: [1, 1, 14], isByHead: true),
    AttentionCase(heads: 2, keyHeads: 2, length: 170, total: 530, size: 3, valueSize: 5, causal: 2, softcap: 1.5),
    AttentionCase(length: 40, total: 20, size: 12, valueSize: 12, causal: 2),
    AttentionCase(length: 3, total: 40, size: 64, valueSize: 64, mask: [], softcap: 5),
    AttentionCase(batch: 0, length: 3, total: 4, size: 2, valueSize: 2),
    AttentionCase(heads: 2, keyHeads: 2, length: 3, total: 0, size: 2, valueSize: 2),
    AttentionCase(length: 0, total: 4, size: 2, valueSize: 2),
  ]
  var random = TestRandom(31)
  return cases.enumerated().map { index, c in kernelCase(c, index, &random) }
}

private func kernelCase(_ c: AttentionCase, _ index: Int, _ random: inout TestRandom) -> KernelCase {
  let first = c.firstColumns(index)
  let q = Heads(c, heads: c.heads, length: c.length, size: c.size, first: first[0], &random)
  let k = Heads(c, heads: c.keyHeads, length: c.total, size: c.size, first: first[1], &random)
  let v = Heads(c, heads: c.keyHeads, length: c.total, size: c.valueSize, first: first[2], &random)
  let mask = c.mask(&random)
  let y = expected(c, q, k, v) { Double(mask.added($0, $1, $2, $3)) }
  let attributes: [TestAttribute] =
    [c.heads, c.keyHeads, c.size, c.valueSize].map { .integer($0) } + first.map { .integer($0) } + [
      .double(attentionScale), .double(c.softcap), .integer(c.causal),
    ]
  return KernelCase(
    name: "\(c)", inputs: [q.tensor, k.tensor, v.tensor, mask.tensor], attributes: attributes, outputs: [y],
    absolute: 2e-6, relative: 1e-5)
}

private let attentionScale = 0.625

/// An operand.
private struct Heads {
  let tensor: TestTensor
  private let values: [Float]
  private let rows: AttentionRows

  init(_ c: AttentionCase, heads: Int, length: Int, size: Int, first: Int, _ random: inout TestRandom) {
    rows = AttentionRows(c, heads: heads, length: length, size: size, first: first)
    values = random.floats(rows.dims.reduce(1, *), -2, 2)
    tensor = .f32(values, rows.dims)
  }

  func row(_ b: Int, _ h: Int, _ i: Int) -> [Double] { values[rows.row(b, h, i)].map(Double.init) }
}

private func expected(
  _ c: AttentionCase, _ q: Heads, _ k: Heads, _ v: Heads, mask: (Int, Int, Int, Int) -> Double
) -> TestTensor {
  var y = [Float](repeating: 0, count: c.outputDims.reduce(1, *))
  for b in 0..<c.batch {
    for h in 0..<c.heads {
      let source = h / (c.heads / c.keyHeads)
      for i in 0..<c.length {
        let query = q.row(b, h, i)
        let scores = (0..<c.total).map { j in
          let product = zip(query, k.row(b, source, j)).reduce(0) { $0 + $1.0 * $1.1 } * attentionScale
          let capped = c.softcap > 0 ? c.softcap * tanh(product / c.softcap) : product
          let ahead = c.causal == 2 ? c.total - c.length : 0
          return c.causal > 0 && j > i + ahead ? -.infinity : capped + mask(b, h, i, j)
        }
        let top = scores.max() ?? -.infinity
        if top == -.infinity { continue }
        let powers = scores.map { exp($0 - top) }
        let sum = powers.reduce(0, +)
        var row = [Double](repeating: 0, count: c.valueSize)
        for j in 0..<c.total where powers[j] > 0 {
          for (d, x) in v.row(b, source, j).enumerated() { row[d] += powers[j] / sum * x }
        }
        let at = c.outputPlace(b, h, i)
        for d in 0..<c.valueSize { y[at + d] = Float(row[d]) }
      }
    }
  }
  return .f32(y, c.outputDims)
}
