/// What a case of attention is about, in float or on codes.
struct AttentionCase {
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
  /// On codes: scores of which many are far from the top, or the extremes that need all 32 bits; a result in float.
  var spread = 1.0
  var isExtreme = false
  var isFloat = false
  /// [B,heads,length,size] instead of columns.
  var isByHead = false

  /// Columns of q, k and v before those that are read.
  func firstColumns(_ index: Int) -> [Int] { isByHead ? [0, 0, 0] : [index % 3, index % 2, 2] }

  var outputDims: [Int] {
    isByHead ? [batch, heads, length, valueSize] : [batch, length, heads * valueSize]
  }

  /// Where the row of query i of a head begins in the output.
  func outputPlace(_ b: Int, _ h: Int, _ i: Int) -> Int {
    isByHead ? ((b * heads + h) * length + i) * valueSize : ((b * length + i) * heads + h) * valueSize
  }

  /// A mask, and what it adds to the score of key j of query i.
  func mask(_ random: inout TestRandom) -> (tensor: TestTensor, added: (Int, Int, Int, Int) -> Float) {
    guard let leading = mask else { return (.none, { _, _, _, _ in 0 }) }
    let dims = leading + [total]
    let seen = (0..<dims.reduce(1, *)).map { _ in random.floats(1)[0] < 0.4 }
    let numbers = seen.map { $0 ? random.floats(1)[0] : -Float.infinity }
    return (
      isBool ? .bool(seen, dims) : .f32(numbers, dims),
      { [isBool, total] b, h, i, j in
        var at = 0
        for (place, dim) in zip([b, h, i].suffix(leading.count), leading) { at = at * dim + (dim == 1 ? 0 : place) }
        at = at * total + j
        return isBool ? (seen[at] ? 0 : -.infinity) : numbers[at]
      }
    )
  }
}

/// Where the rows of an operand lie: by head, or with other columns around its own.
struct AttentionRows {
  let dims: [Int]
  private let (heads, length, size, first): (Int, Int, Int, Int)
  private let isByHead: Bool

  init(_ c: AttentionCase, heads: Int, length: Int, size: Int, first: Int) {
    (self.heads, self.length, self.size, self.first, isByHead) = (heads, length, size, first, c.isByHead)
    dims = isByHead ? [c.batch, heads, length, size] : [c.batch, length, heads * size + first + 1]
  }

  func row(_ b: Int, _ h: Int, _ i: Int) -> Range<Int> {
    let start =
      isByHead ? ((b * heads + h) * length + i) * size : (b * length + i) * dims[2] + first + h * size
    return start..<start + size
  }
}
