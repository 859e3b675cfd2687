import Kernels

/// A convolution's shape, as the tests write it.
struct ConvolutionShape {
  var n = 1
  var h: Int
  var w: Int
  var c: Int
  var oc: Int
  var kernel: (Int, Int) = (3, 3)
  var stride: (Int, Int) = (1, 1)
  var dilation: (Int, Int) = (1, 1)
  var pads: (Int, Int, Int, Int) = (0, 0, 0, 0)
  var groups = 1

  var geometry: [TestAttribute] {
    [
      kernel.0, kernel.1, stride.0, stride.1, dilation.0, dilation.1, pads.0, pads.1, pads.2, pads.3,
    ].map(TestAttribute.integer)
  }
  var oh: Int { max(0, (h + pads.0 + pads.2 - (kernel.0 - 1) * dilation.0 - 1) / stride.0 + 1) }
  var ow: Int { max(0, (w + pads.1 + pads.3 - (kernel.1 - 1) * dilation.1 - 1) / stride.1 + 1) }
  var label: String {
    "\(n)x\(h)x\(w)x\(c)>\(oc) k\(kernel) s\(stride) d\(dilation) p\(pads) g\(groups)"
  }

  /// The sums, by the definition: x[N,H,W,C], w[OC,C/groups,KH,KW].
  func sums(_ x: [Float], _ weights: [Float]) -> [Double] {
    var y: [Double] = []
    let gc = c / groups
    let goc = oc / groups
    for image in 0..<n {
      for i in 0..<oh {
        for j in 0..<ow {
          for o in 0..<oc {
            var sum = 0.0
            for a in 0..<kernel.0 {
              let ih = i * stride.0 - pads.0 + a * dilation.0
              if ih < 0 || ih >= h { continue }
              for b in 0..<kernel.1 {
                let iw = j * stride.1 - pads.1 + b * dilation.1
                if iw < 0 || iw >= w { continue }
                let base = ((image * h + ih) * w + iw) * c + o / goc * gc
                for ch in 0..<gc {
                  sum += Double(x[base + ch]) * Double(weights[((o * gc + ch) * kernel.0 + a) * kernel.1 + b])
                }
              }
            }
            y.append(sum)
          }
        }
      }
    }
    return y
  }
}

private let convolutionShapes: [ConvolutionShape] = [
  .init(h: 5, w: 7, c: 3, oc: 4), .init(h: 1, w: 1, c: 1, oc: 1, kernel: (1, 1)),
  .init(n: 2, h: 6, w: 5, c: 8, oc: 17, pads: (1, 1, 1, 1)),
  .init(h: 13, w: 11, c: 3, oc: 33, kernel: (7, 7), stride: (2, 2), pads: (3, 3, 3, 3)),
  .init(h: 9, w: 9, c: 5, oc: 6, dilation: (2, 3), pads: (2, 3, 2, 3)),
  .init(h: 8, w: 8, c: 6, oc: 9, pads: (1, 1, 1, 1), groups: 3),
  .init(n: 2, h: 7, w: 7, c: 16, oc: 32, kernel: (1, 1)),
  .init(h: 7, w: 7, c: 16, oc: 20, kernel: (1, 1), stride: (2, 2)),
  .init(h: 7, w: 6, c: 8, oc: 8, kernel: (1, 1), groups: 2),
  .init(h: 4, w: 50, c: 2, oc: 3, kernel: (1, 5), stride: (1, 3), pads: (0, 4, 0, 2)),
  .init(h: 3, w: 3, c: 100, oc: 40, pads: (1, 1, 1, 1)), .init(h: 2, w: 2, c: 4, oc: 4, pads: (3, 3, 3, 3)),
  .init(h: 2, w: 2, c: 4, oc: 4), .init(n: 0, h: 5, w: 5, c: 4, oc: 4), .init(h: 4, w: 4, c: 0, oc: 4),
  .init(h: 12, w: 12, c: 96, oc: 70, pads: (1, 1, 1, 1)),
]

private let convolutionEpilogues: [([TestAttribute], @Sendable (Double) -> Double)] = [
  ([0, 0.0, 0.0], { $0 }), ([1, 0.0, 0.0], { max($0, 0) }), ([2, -0.5, 0.75], { min(max($0, -0.5), 0.75) }),
  ([3, 0.25, 0.0], { $0 < 0 ? $0 * 0.25 : $0 }),
]

/// One case of a convolution or depthwise convolution, with the epilogue and residual mode of its index.
private func convolutionCase(
  _ shape: ConvolutionShape, _ index: Int, _ random: inout TestRandom, packed: ([Float]) -> TestTensor,
  attributes: [TestAttribute]
) -> KernelCase {
  let x = random.floats(shape.n * shape.h * shape.w * shape.c)
  let w = random.floats(shape.oc * shape.c / shape.groups * shape.kernel.0 * shape.kernel.1)
  let bias = random.floats(shape.oc)
  let hasBias = index % 4 != 3
  let mode = index % 3
  let (act, function) = convolutionEpilogues[index % convolutionEpilogues.count]
  let sums = shape.sums(x, w)
  let residual = random.floats(sums.count)
  let y = sums.enumerated().map { i, sum in
    let before = sum + (hasBias ? Double(bias[i % shape.oc]) : 0) + (mode == 1 ? Double(residual[i]) : 0)
    return Float(function(before) + (mode == 2 ? Double(residual[i]) : 0))
  }
  let dims = [shape.n, shape.oh, shape.ow, shape.oc]
  return KernelCase(
    name: shape.label,
    inputs: [
      .f32(x, [shape.n, shape.h, shape.w, shape.c]), packed(w), hasBias ? .f32(bias, [shape.oc]) : .none,
      mode == 0 ? .none : .f32(residual, dims),
    ],
    attributes: shape.geometry + attributes + act + [.integer(mode)], outputs: [.f32(y, dims)], absolute: 1e-4)
}

@Sendable func convolutionCases() -> [KernelCase] {
  var random = TestRandom(3)
  return convolutionShapes.enumerated().flatMap { index, s in
    let sizes = (Int64(s.oc), Int64(s.c / s.groups), Int64(s.kernel.0), Int64(s.kernel.1), Int64(s.groups))
    let madeWhileRunning = convolutionCase(
      s, index + 1, &random,
      packed: { w in .f32(w, [s.oc, s.c / s.groups, s.kernel.0, s.kernel.1]) },
      attributes: [.integer(s.groups), .integer(s.oc)])
    let constant = convolutionCase(
      s, index, &random,
      packed: { w in
        .packed(kerf_pack_conv2d_f32_size(sizes.0, sizes.1, sizes.2, sizes.3, sizes.4)) {
          kerf_pack_conv2d_f32(sizes.0, sizes.1, sizes.2, sizes.3, sizes.4, w, $0)
        }
      }, attributes: [.integer(s.groups), .integer(s.oc)])
    return [constant, madeWhileRunning]
  }
}

/// Tiles that end inside and outside the image, channels around a panel, one block and several, all epilogues.
private let winogradShapes: [(shape: ConvolutionShape, tile: Int)] = [
  (.init(h: 6, w: 6, c: 16, oc: 16), 4), (.init(h: 1, w: 1, c: 1, oc: 1, pads: (1, 1, 1, 1)), 2),
  (.init(h: 4, w: 4, c: 16, oc: 16, pads: (1, 1, 1, 1)), 2), (.init(n: 2, h: 7, w: 9, c: 5, oc: 17), 2),
  (.init(n: 2, h: 9, w: 7, c: 35, oc: 40, pads: (1, 1, 1, 1)), 4), (.init(h: 9, w: 17, c: 32, oc: 33), 2),
  (.init(h: 50, w: 41, c: 20, oc: 32, pads: (1, 1, 1, 1)), 4),
  (.init(h: 8, w: 5, c: 48, oc: 16, pads: (2, 0, 1, 3)), 4),
  (.init(h: 11, w: 8, c: 17, oc: 24, kernel: (5, 5), pads: (2, 2, 2, 2)), 2), (.init(n: 0, h: 8, w: 8, c: 4, oc: 4), 4),
  (.init(h: 6, w: 5, c: 16, oc: 31, kernel: (5, 5), pads: (4, 0, 3, 1)), 2), (.init(h: 8, w: 8, c: 3, oc: 16), 4),
  (.init(h: 5, w: 34, c: 96, oc: 48, kernel: (5, 5), pads: (2, 2, 2, 2)), 2),
]

@Sendable func winogradCases() -> [KernelCase] {
  var random = TestRandom(7)
  return winogradShapes.enumerated().map { index, item in
    let (oc, c, taps, tile) = (Int64(item.shape.oc), Int64(item.shape.c), Int64(item.shape.kernel.0), Int64(item.tile))
    return convolutionCase(
      item.shape, index, &random,
      packed: { w in
        .packed(kerf_pack_winograd_f32_size(oc, c, taps, tile)) { kerf_pack_winograd_f32(oc, c, taps, tile, w, $0) }
      }, attributes: [.integer(item.shape.oc), .integer(item.tile)])
  }
}

@Sendable func depthwiseCases() -> [KernelCase] {
  var random = TestRandom(4)
  var shapes: [ConvolutionShape] = []
  for c in [0, 1, 3, 8, 15, 16, 17, 40] {
    shapes.append(.init(n: 2, h: 6, w: 11, c: c, oc: c, pads: (1, 1, 1, 1), groups: max(c, 1)))
    shapes.append(.init(h: 7, w: 9, c: c, oc: c, stride: (2, 2), pads: (0, 0, 1, 1), groups: max(c, 1)))
  }
  shapes += [
    .init(h: 9, w: 40, c: 16, oc: 16, kernel: (5, 5), pads: (2, 2, 2, 2), groups: 16),
    .init(h: 9, w: 13, c: 5, oc: 5, dilation: (2, 3), pads: (2, 3, 2, 3), groups: 5),
    .init(h: 2, w: 2, c: 4, oc: 4, kernel: (7, 7), pads: (3, 3, 3, 3), groups: 4),
    .init(h: 1, w: 1, c: 4, oc: 4, kernel: (3, 3), pads: (4, 4, 4, 4), groups: 4),
    .init(h: 3, w: 3, c: 7, oc: 7, kernel: (1, 1), stride: (2, 2), groups: 7),
    // Padding as wide as a window allows that keeps a column inside, and wider.
    .init(h: 3, w: 1, c: 20, oc: 20, pads: (1, 2, 1, 2), groups: 20),
    .init(h: 4, w: 2, c: 18, oc: 18, kernel: (5, 5), stride: (1, 2), pads: (2, 4, 2, 4), groups: 18),
    .init(h: 4, w: 9, c: 18, oc: 18, pads: (1, 3, 1, 3), groups: 18),
  ]
  return shapes.enumerated().map { index, s in
    convolutionCase(
      s, index, &random,
      packed: { w in
        .packed(kerf_pack_depthwise_f32_size(Int64(s.c), Int64(s.kernel.0), Int64(s.kernel.1))) {
          kerf_pack_depthwise_f32(Int64(s.c), Int64(s.kernel.0), Int64(s.kernel.1), w, $0)
        }
      }, attributes: [])
  }
}
