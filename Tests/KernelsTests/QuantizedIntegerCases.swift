import Kernels

/// Bytes read as u8 or i8.
private func values(_ bytes: [UInt8], signed: Bool) -> [Int64] {
  bytes.map { signed ? Int64(Int8(bitPattern: $0)) : Int64($0) }
}

private func byteTensor(_ bytes: [UInt8], _ dims: [Int], signed: Bool) -> TestTensor {
  TestTensor(type: signed ? KERF_I8 : KERF_U8, dims: dims, bytes: bytes)
}

/// No zero point, one, or one for each of n.
private func zeroPoint(_ kind: Int, _ n: Int, signed: Bool, _ random: inout TestRandom) -> (TestTensor, [Int64]) {
  let bytes = random.bytes(kind == 0 ? 0 : kind == 1 ? 1 : n)
  let all = values(bytes, signed: signed)
  if kind == 0 { return (.none, [Int64](repeating: 0, count: n)) }
  if kind == 1 { return (byteTensor(bytes, [], signed: signed), [Int64](repeating: all[0], count: n)) }
  return (byteTensor(bytes, [n], signed: signed), all)
}

private let batches: [([Int], [Int])] = [([], []), ([2], []), ([], [3]), ([2, 1], [3]), ([0], [])]
private let integerProducts: [(Int, Int, Int)] = [
  (1, 1, 1), (3, 4, 5), (17, 33, 16), (15, 70, 31), (2, 0, 3), (1, 64, 100),
  (7, 600, 48), (30, 48, 16),
]

/// Operands, zero points and exact sums of a product of two 8-bit matrices.
private struct IntegerProduct {
  let name: String
  let m: Int
  let n: Int
  /// a, b, a_zero?, b_zero?.
  let inputs: [TestTensor]
  /// [batch, m, n].
  let sums: [Int64]
  let dims: [Int]
  let transposed: Bool

  init(_ index: Int, _ batches: ([Int], [Int]), _ size: (Int, Int, Int), transposed: Bool, _ random: inout TestRandom) {
    let (m, k, n) = size
    let signedA = index % 2 == 0
    let signedB = index / 2 % 2 == 0
    let da = batches.0 + [m, k]
    let db = batches.1 + (transposed ? [n, k] : [k, n])
    let batch = Broadcast.shape(batches.0, batches.1)
    let a = random.bytes(Grid.count(da))
    let b = random.bytes(Grid.count(db))
    let (za, zeroA) = zeroPoint(index % 3, m, signed: signedA, &random)
    let (zb, zeroB) = zeroPoint(index / 3 % 3, n, signed: signedB, &random)
    let va = values(a, signed: signedA)
    let vb = values(b, signed: signedB)
    let ia = Broadcast.indices(batches.0, in: batch)
    let ib = Broadcast.indices(batches.1, in: batch)
    name = "\(da) \(db)\(transposed ? " transposed" : "") \(index)"
    (self.m, self.n, self.transposed) = (m, n, transposed)
    inputs = [byteTensor(a, da, signed: signedA), byteTensor(b, db, signed: signedB), za, zb]
    dims = batch + [m, n]
    sums = ia.indices.flatMap { item in
      Grid.each([m, n]) { at in
        (0..<k).reduce(Int64(0)) { sum, i in
          let left = va[ia[item] * m * k + at[0] * k + i] - zeroA[at[0]]
          return sum + left * (vb[ib[item] * k * n + (transposed ? at[1] * k + i : i * n + at[1])] - zeroB[at[1]])
        }
      }
    }
  }

  static func all(_ seed: Int, transposed: [Bool]) -> [IntegerProduct] {
    var random = TestRandom(seed)
    var index = 0
    return batches.flatMap { batch in
      integerProducts.flatMap { size in
        transposed.map { transposed in
          defer { index += 1 }
          return IntegerProduct(index, batch, size, transposed: transposed, &random)
        }
      }
    }
  }
}

@Sendable func integerProductCases() -> [KernelCase] {
  IntegerProduct.all(90, transposed: [false]).map { p in
    KernelCase(
      name: p.name, inputs: p.inputs, attributes: [],
      outputs: [.i32(p.sums.map { Int32(truncatingIfNeeded: $0) }, p.dims)])
  }
}

/// A scale for all, or one for each of n.
private func scales(_ each: Bool, _ n: Int, _ most: Float, _ random: inout TestRandom) -> (TestTensor, [Float]) {
  let scales = random.floats(each ? n : 1, most / 100, most)
  return (.f32(scales, each ? [n] : []), each ? scales : [Float](repeating: scales[0], count: n))
}

@Sendable func integerProductToBytesCases() -> [KernelCase] {
  var random = TestRandom(116)
  return IntegerProduct.all(117, transposed: [false, true]).enumerated().map { index, p in
    let signed = index % 4 < 2
    let (a, scaleA) = scales(index % 5 == 0, p.m, 0.1, &random)
    let (b, scaleB) = scales(index % 3 == 0, p.n, 0.1, &random)
    // Steps of y from far too small, where everything saturates, to far too large.
    let (y, scaleY) = scales(index % 7 == 0, p.m, [1e-12, 0.5, 30, 1e12][index % 4], &random)
    let (zero, zeroY) = zeroPoint(index % 11 == 0 ? 2 : 1, p.m, signed: signed, &random)
    let (low, high) = index % 3 == 1 ? (30, 200) : (0, 255)
    let shift: Int64 = signed ? 128 : 0
    let codes = p.sums.enumerated().map { i, sum -> UInt8 in
      let (row, column) = (i / p.n % p.m, i % p.n)
      let factor = Double(scaleA[row]) * Double(scaleB[column]) / Double(scaleY[row])
      var (multiplier, down) = (Int32.max, Int32(1))
      _ = kerf_fixed_point(factor, &multiplier, &down)
      let scaled = (sum * Int64(multiplier) + Int64(1) << Int64(down - 1)) >> Int64(down)
      return UInt8(min(max(scaled + zeroY[row] + shift, Int64(low)), Int64(high)))
    }
    let bytes = signed ? codes.map { $0 ^ 128 } : codes
    return KernelCase(
      name: p.name, inputs: p.inputs + [a, b, y, zero],
      attributes: [.integer(p.transposed ? 1 : 0), .integer(low), .integer(high)],
      outputs: [byteTensor(bytes, p.dims, signed: signed)])
  } + [negativeScale()]
}

/// No requantization by a negative factor.
private func negativeScale() -> KernelCase {
  KernelCase(
    name: "negative scale",
    inputs: [
      .u8([1], [1, 1]), .u8([1], [1, 1]), .none, .none, .f32([-1], []), .f32([1], []), .f32([1], []), .u8([0], []),
    ], attributes: [0, 0, 255], outputs: [.u8([0], [1, 1])], runCode: KERF_BAD_ATTR)
}

@Sendable func integerProductToFloatCases() -> [KernelCase] {
  var random = TestRandom(118)
  return IntegerProduct.all(119, transposed: [false, true]).enumerated().map { index, p in
    let (a, scaleA) = scales(index % 5 == 0, p.m, 0.1, &random)
    let (b, scaleB) = scales(index % 3 == 0, p.n, 0.1, &random)
    let mode = index % 3
    let residual = random.floats(p.sums.count)
    let y = p.sums.enumerated().map { i, sum -> Float in
      var value = Float(Int32(sum)) * (scaleA[i / p.n % p.m] * scaleB[i % p.n])
      if mode == 1 { value += residual[i] }
      value = max(value, 0)
      return mode == 2 ? value + residual[i] : value
    }
    return KernelCase(
      name: p.name, inputs: p.inputs + [a, b, mode == 0 ? .none : .f32(residual, p.dims)],
      attributes: [.integer(p.transposed ? 1 : 0), .integer(KERF_UNARY_RELU), 0.0, 0.0, .integer(mode)],
      outputs: [.f32(y, p.dims)], absolute: 0, relative: 0)
  }
}

private let integerConvolutions: [ConvolutionShape] = [
  .init(h: 5, w: 7, c: 3, oc: 4), .init(n: 2, h: 6, w: 5, c: 8, oc: 17, pads: (1, 1, 1, 1)),
  .init(h: 9, w: 9, c: 5, oc: 6, dilation: (2, 3), pads: (2, 3, 2, 3)),
  .init(h: 8, w: 8, c: 6, oc: 9, stride: (2, 1), pads: (1, 1, 1, 1), groups: 3),
  .init(n: 2, h: 7, w: 7, c: 16, oc: 32, kernel: (1, 1)), .init(h: 7, w: 6, c: 8, oc: 8, kernel: (1, 1), groups: 2),
]

@Sendable func integerConvolutionCases() -> [KernelCase] {
  var random = TestRandom(91)
  var cases: [KernelCase] = []
  for s in integerConvolutions {
    for index in 0..<12 {
      let signedX = index % 2 == 0
      let signedW = index / 2 % 2 == 0
      let gc = s.c / s.groups
      let x = random.bytes(s.n * s.h * s.w * s.c)
      let wd = [s.oc, gc, s.kernel.0, s.kernel.1]
      let w = random.bytes(Grid.count(wd))
      let (zx, zeroX) = zeroPoint(index % 2, 1, signed: signedX, &random)
      let (_, zeroW) = zeroPoint(index % 3, s.oc, signed: signedW, &random)
      let vw = values(w, signed: signedW)
      let weights = vw.enumerated().map { $1 - zeroW[$0 / (wd[1] * wd[2] * wd[3])] }
      let sums = s.integerSums(values(x, signed: signedX).map { $0 - zeroX[0] }, weights)
      // Packed as s8, with the zero points moved alike.
      let shift: Int64 = signedW ? 0 : 128
      let codes = vw.map { Int8($0 - shift) }
      let sizes = (Int64(s.oc), Int64(gc), Int64(s.kernel.0), Int64(s.kernel.1), Int64(s.groups))
      let packed = TestTensor.packed(kerf_pack_conv2d_s8_size(sizes.0, sizes.1, sizes.2, sizes.3, sizes.4)) {
        kerf_pack_conv2d_s8(sizes.0, sizes.1, sizes.2, sizes.3, sizes.4, codes, $0)
      }
      let zeros = zeroW.map { Int32($0 - shift) }
      cases.append(
        KernelCase(
          name: "\(s.label) \(index)",
          inputs: [
            byteTensor(x, [s.n, s.h, s.w, s.c], signed: signedX), packed, zx,
            index % 3 == 2 ? .i32(zeros, [s.oc]) : zeros[0] == 0 ? .none : .i32([zeros[0]], []),
          ], attributes: s.geometry + [.integer(s.groups), .integer(s.oc)],
          outputs: [.i32(sums.map { Int32(truncatingIfNeeded: $0) }, [s.n, s.oh, s.ow, s.oc])]))
    }
  }
  return cases
}
