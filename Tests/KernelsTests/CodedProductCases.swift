import Kernels

private struct CodedShape {
  var m: Int
  var k: Int
  var n: Int
  var bits: Int
  var block: Int
}

private let codedShapes: [CodedShape] = [
  .init(m: 1, k: 1, n: 1, bits: 8, block: 1), .init(m: 1, k: 37, n: 17, bits: 8, block: 37),
  .init(m: 2, k: 64, n: 48, bits: 8, block: 16), .init(m: 3, k: 33, n: 31, bits: 8, block: 10),
  .init(m: 4, k: 130, n: 16, bits: 8, block: 32), .init(m: 5, k: 20, n: 70, bits: 8, block: 20),
  .init(m: 50, k: 900, n: 33, bits: 8, block: 128), .init(m: 0, k: 3, n: 4, bits: 8, block: 3),
  .init(m: 1, k: 1, n: 5, bits: 4, block: 1), .init(m: 1, k: 64, n: 40, bits: 4, block: 32),
  .init(m: 1, k: 131, n: 19, bits: 4, block: 16), .init(m: 2, k: 45, n: 16, bits: 4, block: 45),
  .init(m: 3, k: 50, n: 33, bits: 4, block: 6), .init(m: 4, k: 257, n: 64, bits: 4, block: 128),
  .init(m: 7, k: 95, n: 100, bits: 4, block: 32), .init(m: 31, k: 801, n: 20, bits: 4, block: 64),
]

/// Weights that stay codes, of 8 and 4 bits, in blocks that do and do not divide k.
@Sendable func codedProductCases() -> [KernelCase] {
  var random = TestRandom(110)
  return codedShapes.enumerated().map { index, s in
    let blocks = (s.k + s.block - 1) / s.block
    let codes = random.bytes(s.k * s.n).map { s.bits == 8 ? Int8(bitPattern: $0) : Int8($0 & 15) }
    let scale = random.floats(blocks * s.n, 0.01, 0.02)
    let offset = random.floats(blocks * s.n, -0.1, 0.1)
    let a = random.floats(s.m * s.k)
    let bias = random.floats(s.n)
    let residual = random.floats(s.m * s.n)
    let mode = index % 3
    let y = Grid.each([s.m, s.n]) { at -> Float in
      var sum = Double(bias[at[1]]) + (mode == 1 ? Double(residual[at[0] * s.n + at[1]]) : 0)
      for p in 0..<s.k {
        let of = p / s.block * s.n + at[1]
        let weight = Double(codes[p * s.n + at[1]]) * Double(scale[of]) + Double(offset[of])
        sum += Double(a[at[0] * s.k + p]) * weight
      }
      return Float(max(sum, 0)) + (mode == 2 ? residual[at[0] * s.n + at[1]] : 0)
    }
    let sizes = (Int64(s.k), Int64(s.n), Int64(s.bits), Int64(s.block))
    let packed = TestTensor.packed(kerf_pack_gemm_codes_size(sizes.0, sizes.1, sizes.2, sizes.3)) {
      kerf_pack_gemm_codes(sizes.0, sizes.1, sizes.2, sizes.3, codes, scale, offset, $0)
    }
    return KernelCase(
      name: "\(s)",
      inputs: [
        .f32(a, [s.m, s.k]), packed, .f32(bias, [s.n]), mode == 0 ? .none : .f32(residual, [s.m, s.n]),
      ],
      attributes: [.integer(s.k), .integer(s.n), .integer(s.bits), .integer(s.block), 1, 0.0, 0.0, .integer(mode)],
      outputs: [.f32(y, [s.m, s.n])], absolute: 5e-4)
  }
}
