import Kernels

private let productShapes: [([Int], Int, Int)] = [
  ([0], 4, 4), ([1], 1, 1), ([3], 0, 5), ([1], 64, 17), ([2], 3, 16), ([5], 7, 33), ([2, 3], 8, 31), ([13], 12, 32),
  ([14], 13, 47), ([15], 16, 15), ([29], 66, 64), ([2, 2, 11], 5, 3), ([57], 129, 50), ([1], 2050, 100), ([3], 4, 0),
]

private struct Product {
  var name: String
  var rows: [Int]
  var k: Int
  var n: Int
  var zero: Int
  var a: TestTensor
  var packed: TestTensor
  var sums: [Int64]

  init(_ index: Int, _ random: inout TestRandom) {
    let (rows, k, n) = productShapes[index % productShapes.count]
    let fill = ByteFill.allCases[index / productShapes.count]
    let m = Grid.count(rows)
    let zero = random.int(0...255)
    let transposed = index % 2 == 1
    let x = fill.activations(m * k, &random)
    let w = fill.weights(k * n, &random)
    name = "\(rows)x\(k)x\(n) \(fill)"
    (self.rows, self.k, self.n, self.zero) = (rows, k, n, zero)
    a = .u8(x, rows + [k])
    packed = .packed(kerf_pack_gemm_s8_size(Int64(k), Int64(n))) {
      kerf_pack_gemm_s8(Int64(k), Int64(n), transposed ? 1 : 0, w, $0)
    }
    sums = Grid.each([m, n]) { at in
      (0..<k).reduce(0) { sum, i in
        sum + (Int64(x[at[0] * k + i]) - Int64(zero)) * Int64(w[transposed ? at[1] * k + i : i * n + at[1]])
      }
    }
  }
  var sizes: [TestAttribute] { [.integer(k), .integer(n)] }
}

private func products() -> [Product] {
  var random = TestRandom(80)
  return (0..<productShapes.count * ByteFill.allCases.count).map { Product($0, &random) }
}

@Sendable func productToBytesCases() -> [KernelCase] {
  var random = TestRandom(81)
  return products().enumerated().map { index, p in
    let q = Requantization(p.n, &random, table: index % 3 == 0, near: index % 2 == 0)
    let y = p.sums.enumerated().map { q.apply($1 + Int64(q.bias[$0 % p.n]), $0 % p.n) }
    return KernelCase(
      name: p.name, inputs: [p.a, p.packed] + q.inputs, attributes: p.sizes + [.integer(p.zero)] + q.bounds,
      outputs: [.u8(y, p.rows + [p.n])])
  }
}

@Sendable func productToSumsCases() -> [KernelCase] {
  products().map { p in
    KernelCase(
      name: p.name, inputs: [p.a, p.packed, .u8([UInt8(p.zero)], [])], attributes: p.sizes,
      outputs: [.i32(p.sums.map { Int32(truncatingIfNeeded: $0) }, p.rows + [p.n])])
  }
}

/// Scale, bias, activation and residual of an index: the same bits everywhere, so no tolerance.
private func floatCase(
  _ name: String, _ index: Int, _ random: inout TestRandom, sums: [Int64], n: Int, dims: [Int], inputs: [TestTensor],
  attributes: [TestAttribute]
) -> KernelCase {
  let scale = random.floats(n)
  let bias = random.floats(n)
  let residual = random.floats(sums.count)
  let mode = index % 3
  let hasBias = index % 4 != 1
  let relu = index % 2 == 0
  let y = sums.enumerated().map { i, sum -> Float in
    let product = Float(Int32(truncatingIfNeeded: sum)) * scale[i % n]
    var value = product + (hasBias ? bias[i % n] : 0)
    if mode == 1 { value += residual[i] }
    if relu { value = max(value, 0) }
    return mode == 2 ? value + residual[i] : value
  }
  return KernelCase(
    name: name,
    inputs: inputs + [
      .f32(scale, [n]), hasBias ? .f32(bias, [n]) : .none, mode == 0 ? .none : .f32(residual, dims),
    ],
    attributes: attributes + [.integer(relu ? KERF_UNARY_RELU : KERF_UNARY_IDENTITY), 0.0, 0.0, .integer(mode)],
    outputs: [.f32(y, dims)], absolute: 0, relative: 0)
}

@Sendable func productToFloatCases() -> [KernelCase] {
  var random = TestRandom(82)
  return products().enumerated().map { index, p in
    floatCase(
      p.name, index, &random, sums: p.sums, n: p.n, dims: p.rows + [p.n], inputs: [p.a, p.packed],
      attributes: p.sizes + [.integer(p.zero)])
  }
}

private let byteConvolutions: [ConvolutionShape] = [
  .init(h: 5, w: 7, c: 3, oc: 4), .init(h: 1, w: 1, c: 1, oc: 1, kernel: (1, 1)),
  .init(n: 2, h: 6, w: 5, c: 8, oc: 17, pads: (1, 1, 1, 1)),
  .init(h: 13, w: 11, c: 3, oc: 33, kernel: (7, 7), stride: (2, 2), pads: (3, 3, 3, 3)),
  // Lines of 33 and 48 bytes, moved 16 at a time.
  .init(h: 27, w: 29, c: 3, oc: 18, kernel: (11, 11), stride: (4, 4), pads: (2, 2, 2, 2)),
  .init(n: 2, h: 9, w: 23, c: 3, oc: 5, kernel: (2, 16)),
  .init(h: 9, w: 9, c: 5, oc: 6, dilation: (2, 3), pads: (2, 3, 2, 3)),
  .init(h: 8, w: 8, c: 6, oc: 9, pads: (1, 1, 1, 1), groups: 3),
  .init(n: 2, h: 7, w: 7, c: 16, oc: 32, kernel: (1, 1)),
  .init(h: 7, w: 7, c: 16, oc: 20, kernel: (1, 1), stride: (2, 2)),
  .init(h: 7, w: 6, c: 8, oc: 8, kernel: (1, 1), groups: 2),
  .init(h: 4, w: 30, c: 2, oc: 3, kernel: (1, 5), stride: (1, 3), pads: (0, 4, 0, 2)),
  .init(h: 2, w: 2, c: 4, oc: 4, pads: (3, 3, 3, 3)), .init(h: 2, w: 2, c: 4, oc: 4),
  .init(n: 0, h: 5, w: 5, c: 4, oc: 4), .init(h: 6, w: 6, c: 40, oc: 70, pads: (1, 1, 1, 1)),
  // Windows read where they lie: dilated, in groups, strided, of batches; padding too large for that.
  .init(n: 2, h: 9, w: 10, c: 4, oc: 16, dilation: (2, 3), pads: (2, 3, 2, 3)),
  .init(h: 8, w: 9, c: 16, oc: 36, stride: (2, 1), pads: (1, 0, 2, 3), groups: 4),
  .init(n: 3, h: 15, w: 17, c: 8, oc: 48, kernel: (2, 4), stride: (3, 2), pads: (0, 1, 1, 0)),
  .init(h: 1, w: 1, c: 4, oc: 16, dilation: (300, 300), pads: (300, 300, 300, 300)),
  // Short lines of a window, many rows, a last row at the end of memory.
  .init(n: 2, h: 23, w: 31, c: 3, oc: 40, stride: (2, 2), pads: (1, 1, 1, 1)), .init(h: 20, w: 21, c: 3, oc: 8),
  .init(h: 19, w: 50, c: 1, oc: 12, kernel: (1, 5)), .init(h: 3, w: 40, c: 1, oc: 5, kernel: (3, 17)),
  .init(h: 12, w: 13, c: 10, oc: 6, kernel: (2, 3), stride: (1, 2)),
  // Winograd: odd sizes, uneven padding, panels that are not full, many channels.
  .init(h: 9, w: 11, c: 32, oc: 20, pads: (1, 1, 1, 1)), .init(n: 2, h: 6, w: 15, c: 48, oc: 33, pads: (0, 1, 2, 1)),
  .init(h: 5, w: 8, c: 512, oc: 16, pads: (1, 1, 1, 1)), .init(n: 3, h: 4, w: 4, c: 32, oc: 17, pads: (1, 0, 1, 0)),
]

private let byteDepthwise: [ConvolutionShape] =
  [
    (1, (3, 3)), (3, (3, 3)), (8, (3, 3)), (16, (3, 3)), (17, (5, 5)), (24, (3, 3)), (32, (3, 3)), (32, (5, 5)),
    (40, (3, 3)), (63, (1, 3)), (64, (3, 3)), (65, (2, 2)), (72, (3, 3)), (130, (3, 3)), (300, (3, 3)),
  ].flatMap { c, kernel -> [ConvolutionShape] in
    [
      .init(h: 7, w: 9, c: c, oc: c, kernel: kernel, pads: (1, 1, 1, 1), groups: c),
      .init(n: 2, h: 8, w: 6, c: c, oc: c, kernel: kernel, stride: (2, 2), pads: (0, 1, 2, 1), groups: c),
      .init(h: 9, w: 11, c: c, oc: c, kernel: kernel, dilation: (2, 2), pads: (2, 2, 2, 2), groups: c),
      .init(h: 6, w: 16, c: c, oc: c, kernel: kernel, stride: (1, 2), pads: (1, 2, 1, 0), groups: c),
    ]
  } + [
    .init(h: 3, w: 200, c: 5, oc: 5, pads: (1, 1, 1, 1), groups: 5),
    // Several strips of lines, several segments of a line, and a last block of few channels.
    .init(h: 45, w: 11, c: 64, oc: 64, pads: (1, 1, 1, 1), groups: 64),
    .init(h: 3, w: 150, c: 70, oc: 70, pads: (1, 1, 1, 1), groups: 70),
    .init(h: 30, w: 61, c: 16, oc: 16, stride: (2, 2), pads: (1, 1, 1, 1), groups: 16),
    .init(h: 23, w: 70, c: 8, oc: 8, stride: (3, 3), pads: (1, 1, 1, 1), groups: 8),
    // One line; five and eight lines of x for two of y; windows that lie in the padding altogether.
    .init(h: 1, w: 40, c: 32, oc: 32, kernel: (1, 3), pads: (0, 1, 0, 1), groups: 32),
    .init(h: 10, w: 9, c: 48, oc: 48, kernel: (4, 4), pads: (1, 1, 2, 2), groups: 48),
    .init(h: 12, w: 12, c: 20, oc: 20, kernel: (7, 7), pads: (3, 3, 3, 3), groups: 20),
    .init(h: 4, w: 2, c: 32, oc: 32, pads: (4, 5, 4, 5), groups: 32),
  ]

private struct Convolution {
  var shape: ConvolutionShape
  var zero: Int
  var x: TestTensor
  var w: [Int8]
  var sums: [Int64]
  var dims: [Int] { [shape.n, shape.oh, shape.ow, shape.oc] }

  init(_ shape: ConvolutionShape, _ fill: ByteFill, _ random: inout TestRandom) {
    self.shape = shape
    zero = random.int(0...255)
    let data = fill.activations(shape.n * shape.h * shape.w * shape.c, &random)
    w = fill.weights(shape.oc * shape.c / shape.groups * shape.kernel.0 * shape.kernel.1, &random)
    x = .u8(data, [shape.n, shape.h, shape.w, shape.c])
    let shift = Int64(zero)
    sums = shape.integerSums(data.map { Int64($0) - shift }, w.map(Int64.init))
  }

  var packed: TestTensor {
    let s = shape
    let (oc, c, kh, kw) = (Int64(s.oc), Int64(s.c / s.groups), Int64(s.kernel.0), Int64(s.kernel.1))
    return .packed(kerf_pack_conv2d_s8_size(oc, c, kh, kw, Int64(s.groups))) {
      kerf_pack_conv2d_s8(oc, c, kh, kw, Int64(s.groups), w, $0)
    }
  }
  var packedDepthwise: TestTensor {
    let (c, kh, kw) = (Int64(shape.c), Int64(shape.kernel.0), Int64(shape.kernel.1))
    return .packed(kerf_pack_depthwise_s8_size(c, kh, kw)) { kerf_pack_depthwise_s8(c, kh, kw, w, $0) }
  }
  var groupsAndChannels: [TestAttribute] { [.integer(shape.groups), .integer(shape.oc)] }
}

private func convolutions(_ shapes: [ConvolutionShape], _ seed: Int) -> [Convolution] {
  var random = TestRandom(seed)
  return shapes.flatMap { shape in
    ByteFill.allCases.map { fill in Convolution(shape, fill, &random) }
  }
}

private func requantized(
  _ v: Convolution, _ index: Int, _ random: inout TestRandom, packed: TestTensor, attributes: [TestAttribute]
) -> KernelCase {
  let q = Requantization(v.shape.oc, &random, table: index % 3 == 0, near: index % 2 == 0)
  let oc = v.shape.oc
  let y = v.sums.enumerated().map { q.apply($1 + Int64(q.bias[$0 % oc]), $0 % oc) }
  return KernelCase(
    name: "\(v.shape.label) \(index % 4)", inputs: [v.x, packed] + q.inputs,
    attributes: v.shape.geometry + attributes + [.integer(v.zero)] + q.bounds, outputs: [.u8(y, v.dims)])
}

@Sendable func convolutionToBytesCases() -> [KernelCase] {
  var random = TestRandom(84)
  return convolutions(byteConvolutions, 83).enumerated().map { index, v in
    let whole = requantized(v, index, &random, packed: v.packed, attributes: v.groupsAndChannels)
    return index % 3 == 1 ? withResidual(v, whole, index, &random) : whole.adding([], [0, 0])
  }
}

/// The same with codes added to the sums.
private func withResidual(
  _ v: Convolution, _ plain: KernelCase, _ index: Int, _ random: inout TestRandom
) -> KernelCase {
  let oc = v.shape.oc
  let (zero, shift) = (random.int(0...255), random.int(0...(index % 2 == 0 ? 8 : 15)))
  let codes = random.bytes(v.sums.count)
  let factors = (0..<oc).map { _ in Int32(random.int(0...(1 << 22))) }
  var q = Requantization(oc, &random, table: index % 2 == 0, near: index % 4 < 2)
  q.zero = index % 5 == 0 ? 0 : q.zero
  let y = v.sums.enumerated().map { i, sum -> UInt8 in
    let channel = i % oc
    let scaled = (sum + Int64(q.bias[channel])) << Int64(shift)
    return q.apply(scaled + Int64(factors[channel]) * (Int64(codes[i]) - Int64(zero)), channel)
  }
  return KernelCase(
    name: plain.name + " residual", inputs: [v.x, v.packed] + q.inputs + [.u8(codes, v.dims), .i32(factors, [oc])],
    attributes: v.shape.geometry + v.groupsAndChannels + [.integer(v.zero)] + q.bounds
      + [.integer(zero), .integer(shift)],
    outputs: [.u8(y, v.dims)])
}

extension KernelCase {
  fileprivate func adding(_ inputs: [TestTensor], _ attributes: [TestAttribute]) -> KernelCase {
    var copy = self
    copy.inputs += inputs
    copy.attributes += attributes
    return copy
  }
}

@Sendable func depthwiseBytesCases() -> [KernelCase] {
  var random = TestRandom(86)
  return convolutions(byteDepthwise, 85).enumerated().map { index, v in
    requantized(v, index, &random, packed: v.packedDepthwise, attributes: [])
  }
}

@Sendable func convolutionToFloatCases() -> [KernelCase] {
  var random = TestRandom(88)
  return convolutions(byteConvolutions, 87).enumerated().map { index, v in
    floatCase(
      "\(v.shape.label) \(index % 4)", index, &random, sums: v.sums, n: v.shape.oc, dims: v.dims,
      inputs: [v.x, v.packed], attributes: v.shape.geometry + v.groupsAndChannels + [.integer(v.zero)])
  }
}

/// Activations quantized while they are multiplied: the codes, scale and zero point of DynamicQuantizeLinear.
private struct DynamicCodes {
  var codes: [Int64]
  var scale: Float
  var zero: Int64

  init(_ x: [Float]) {
    let least = min(0, x.min() ?? 0)
    let most = max(0, x.max() ?? 0)
    let step = most == least ? 1 : (most - least) / 255
    func code(_ v: Float, _ zero: Int64) -> Int64 {
      min(max(Int64((v / step).rounded(.toNearestOrEven)) + zero, 0), 255)
    }
    let origin = code(-least, 0)
    (scale, zero, codes) = (step, origin, x.map { code($0, origin) })
  }

  /// Scaled sums with a bias and a limit at 0: the same bits everywhere.
  func results(_ sums: [Int64], _ scales: [Float], _ bias: [Float]) -> [Float] {
    let n = scales.count
    return sums.enumerated().map { i, sum in
      let product = Float(Int32(sum)) * (scale * scales[i % n])
      return max(product + bias[i % n], 0)
    }
  }
}

@Sendable func dynamicProductCases() -> [KernelCase] {
  var random = TestRandom(111)
  return [(1, 1, 1), (3, 7, 20), (5, 64, 16), (20, 33, 35), (0, 4, 4), (2, 130, 3)].map { m, k, n in
    let a = random.floats(m * k, -2, 1)
    let w = random.bytes(k * n).map { Int8(bitPattern: $0) }
    let q = DynamicCodes(a)
    let (scales, bias) = (random.floats(n), random.floats(n))
    let sums = Grid.each([m, n]) { at in
      (0..<k).reduce(Int64(0)) { $0 + (q.codes[at[0] * k + $1] - q.zero) * Int64(w[$1 * n + at[1]]) }
    }
    let packed = TestTensor.packed(kerf_pack_gemm_s8_size(Int64(k), Int64(n))) {
      kerf_pack_gemm_s8(Int64(k), Int64(n), 0, w, $0)
    }
    return KernelCase(
      name: "\(m)x\(k)x\(n)", inputs: [.f32(a, [m, k]), packed, .f32(scales, [n]), .f32(bias, [n]), .none],
      attributes: [.integer(k), .integer(n), .integer(KERF_UNARY_RELU), 0.0, 0.0, 0],
      outputs: [.f32(q.results(sums, scales, bias), [m, n])], absolute: 0, relative: 0)
  }
}

@Sendable func dynamicConvolutionCases() -> [KernelCase] {
  var random = TestRandom(112)
  return byteConvolutions.map { shape in
    let x = random.floats(shape.n * shape.h * shape.w * shape.c, -1, 3)
    let w = random.bytes(shape.oc * shape.c / shape.groups * shape.kernel.0 * shape.kernel.1)
      .map { Int8(bitPattern: $0) }
    let q = DynamicCodes(x)
    let (scales, bias) = (random.floats(shape.oc), random.floats(shape.oc))
    let sums = shape.integerSums(q.codes.map { $0 - q.zero }, w.map(Int64.init))
    let sizes = (Int64(shape.oc), Int64(shape.c / shape.groups), Int64(shape.kernel.0), Int64(shape.kernel.1))
    let packed = TestTensor.packed(
      kerf_pack_conv2d_s8_size(sizes.0, sizes.1, sizes.2, sizes.3, Int64(shape.groups))
    ) {
      kerf_pack_conv2d_s8(sizes.0, sizes.1, sizes.2, sizes.3, Int64(shape.groups), w, $0)
    }
    return KernelCase(
      name: shape.label,
      inputs: [
        .f32(x, [shape.n, shape.h, shape.w, shape.c]), packed, .f32(scales, [shape.oc]), .f32(bias, [shape.oc]), .none,
      ],
      attributes: shape.geometry + [
        .integer(shape.groups), .integer(shape.oc), .integer(KERF_UNARY_RELU), 0.0, 0.0, 0,
      ],
      outputs: [.f32(q.results(sums, scales, bias), [shape.n, shape.oh, shape.ow, shape.oc])], absolute: 0, relative: 0)
  }
}
