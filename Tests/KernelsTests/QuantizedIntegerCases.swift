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
]

@Sendable func integerProductCases() -> [KernelCase] {
  var random = TestRandom(90)
  var cases: [KernelCase] = []
  for (batchA, batchB) in batches {
    for (m, k, n) in integerProducts {
      let index = cases.count
      let signedA = index % 2 == 0
      let signedB = index / 2 % 2 == 0
      let da = batchA + [m, k]
      let db = batchB + [k, n]
      let batch = Broadcast.shape(batchA, batchB)
      let a = random.bytes(Grid.count(da))
      let b = random.bytes(Grid.count(db))
      let (za, zeroA) = zeroPoint(index % 3, m, signed: signedA, &random)
      let (zb, zeroB) = zeroPoint(index / 3 % 3, n, signed: signedB, &random)
      let va = values(a, signed: signedA)
      let vb = values(b, signed: signedB)
      let ia = Broadcast.indices(batchA, in: batch)
      let ib = Broadcast.indices(batchB, in: batch)
      let y = ia.indices.flatMap { item in
        Grid.each([m, n]) { at in
          (0..<k).reduce(Int64(0)) { sum, i in
            let left = va[ia[item] * m * k + at[0] * k + i] - zeroA[at[0]]
            return sum + left * (vb[ib[item] * k * n + i * n + at[1]] - zeroB[at[1]])
          }
        }
      }
      cases.append(
        KernelCase(
          name: "\(da) \(db)",
          inputs: [byteTensor(a, da, signed: signedA), byteTensor(b, db, signed: signedB), za, zb],
          attributes: [], outputs: [.i32(y.map { Int32(truncatingIfNeeded: $0) }, batch + [m, n])]))
    }
  }
  return cases
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
      let wd = [s.oc, s.kernel.0, s.kernel.1, gc]
      let w = random.bytes(Grid.count(wd))
      let (zx, zeroX) = zeroPoint(index % 2, 1, signed: signedX, &random)
      let (zw, zeroW) = zeroPoint(index % 3, s.oc, signed: signedW, &random)
      let vw = values(w, signed: signedW)
      // To the order of the reference: [OC, C/groups, KH, KW].
      let ordered = Grid.each([s.oc, gc, s.kernel.0, s.kernel.1]) { at in
        vw[Grid.flat([at[0], at[2], at[3], at[1]], wd)] - zeroW[at[0]]
      }
      let sums = s.integerSums(values(x, signed: signedX).map { $0 - zeroX[0] }, ordered)
      cases.append(
        KernelCase(
          name: "\(s.label) \(index)",
          inputs: [
            byteTensor(x, [s.n, s.h, s.w, s.c], signed: signedX), byteTensor(w, wd, signed: signedW), zx, zw,
          ], attributes: s.geometry + [.integer(s.groups)],
          outputs: [.i32(sums.map { Int32(truncatingIfNeeded: $0) }, [s.n, s.oh, s.ow, s.oc])]))
    }
  }
  return cases
}
