import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a case of attention is about. Lengths around the tiles of queries (6, 14, 84) and keys (16, 256).
private struct AttentionCase {
  var batch = 1
  var heads = 1
  var keyHeads = 1
  var length: Int
  var total: Int
  var size: Int
  var valueSize: Int
  var causal = 0
  /// Leading dimensions of the mask, nil for none.
  var mask: [Int]?
  var isBool = false
  var softcap = 0.0
  /// [B,heads,length,size] instead of columns.
  var isByHead = false
}

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
  // Columns before and behind those that are read.
  let first = c.isByHead ? [0, 0, 0] : [index % 3, index % 2, 2]
  let q = Heads(c, heads: c.heads, length: c.length, size: c.size, first: first[0], &random)
  let k = Heads(c, heads: c.keyHeads, length: c.total, size: c.size, first: first[1], &random)
  let v = Heads(c, heads: c.keyHeads, length: c.total, size: c.valueSize, first: first[2], &random)
  let maskDims = c.mask.map { $0 + [c.total] }
  let seen = (0..<(maskDims?.reduce(1, *) ?? 0)).map { _ in random.floats(1)[0] < 0.4 }
  let added = seen.map { $0 ? random.floats(1)[0] : -Float.infinity }
  let mask: TestTensor =
    maskDims.map { c.isBool ? .bool(seen, $0) : .f32(added, $0) } ?? .none
  let y = expected(c, q, k, v) { b, h, i, j in
    guard let dims = c.mask else { return 0 }
    var at = 0
    let place = [b, h, i].suffix(dims.count)
    for (position, dim) in zip(place, dims) { at = at * dim + (dim == 1 ? 0 : position) }
    at = at * c.total + j
    return c.isBool ? (seen[at] ? 0 : -.infinity) : Double(added[at])
  }
  let attributes: [TestAttribute] =
    [c.heads, c.keyHeads, c.size, c.valueSize].map { .integer($0) } + first.map { .integer($0) } + [
      .double(attentionScale), .double(c.softcap), .integer(c.causal),
    ]
  return KernelCase(
    name: "\(c)", inputs: [q.tensor, k.tensor, v.tensor, mask], attributes: attributes, outputs: [y],
    absolute: 2e-6, relative: 1e-5)
}

private let attentionScale = 0.625

/// An operand, by head or with other columns around its own.
private struct Heads {
  let tensor: TestTensor
  private let values: [Float]
  private let (heads, length, size, columns, first): (Int, Int, Int, Int, Int)
  private let isByHead: Bool

  init(_ c: AttentionCase, heads: Int, length: Int, size: Int, first: Int, _ random: inout TestRandom) {
    (self.heads, self.length, self.size, self.first, isByHead) = (heads, length, size, first, c.isByHead)
    columns = c.isByHead ? size : heads * size + first + 1
    let dims = c.isByHead ? [c.batch, heads, length, size] : [c.batch, length, columns]
    values = random.floats(dims.reduce(1, *), -2, 2)
    tensor = .f32(values, dims)
  }

  func row(_ b: Int, _ h: Int, _ i: Int) -> [Double] {
    let start = isByHead ? ((b * heads + h) * length + i) * size : (b * length + i) * columns + first + h * size
    return values[start..<start + size].map(Double.init)
  }
}

private func expected(
  _ c: AttentionCase, _ q: Heads, _ k: Heads, _ v: Heads, mask: (Int, Int, Int, Int) -> Double
) -> TestTensor {
  let columns = c.heads * c.valueSize
  var y = [Float](repeating: 0, count: c.batch * c.length * columns)
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
        let at =
          c.isByHead
          ? ((b * c.heads + h) * c.length + i) * c.valueSize : (b * c.length + i) * columns + h * c.valueSize
        for d in 0..<c.valueSize { y[at + d] = Float(row[d]) }
      }
    }
  }
  let dims = c.isByHead ? [c.batch, c.heads, c.length, c.valueSize] : [c.batch, c.length, columns]
  return .f32(y, dims)
}
