import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A transposed convolution by its definition: every input pixel adds its kernel to the output.
private func transposedSums(_ s: ConvolutionShape, _ oh: Int, _ ow: Int, _ x: [Float], _ w: [Float]) -> [Double] {
  var y = [Double](repeating: 0, count: s.n * oh * ow * s.oc)
  let gc = s.c / s.groups
  let goc = s.oc / s.groups
  for image in 0..<s.n {
    for i in 0..<s.h {
      for j in 0..<s.w {
        for a in 0..<s.kernel.0 {
          for b in 0..<s.kernel.1 {
            let p = i * s.stride.0 - s.pads.0 + a * s.dilation.0
            let q = j * s.stride.1 - s.pads.1 + b * s.dilation.1
            if p < 0 || q < 0 || p >= oh || q >= ow { continue }
            for c in 0..<s.c {
              let value = Double(x[((image * s.h + i) * s.w + j) * s.c + c])
              for o in 0..<goc {
                y[((image * oh + p) * ow + q) * s.oc + c / gc * goc + o] +=
                  value * Double(w[((c * goc + o) * s.kernel.0 + a) * s.kernel.1 + b])
              }
            }
          }
        }
      }
    }
  }
  return y
}

@Sendable func convolutionTransposeCases() -> [KernelCase] {
  var random = TestRandom(17)
  let shapes: [(ConvolutionShape, Int)] = [
    (.init(h: 1, w: 1, c: 1, oc: 1, kernel: (1, 1)), 0), (.init(n: 2, h: 4, w: 5, c: 3, oc: 4), 0),
    (.init(h: 5, w: 4, c: 8, oc: 17, kernel: (4, 4), stride: (2, 2), pads: (1, 1, 1, 1)), 0),
    (.init(n: 2, h: 3, w: 3, c: 5, oc: 6, stride: (2, 3), pads: (1, 0, 0, 1)), 1),
    (.init(h: 4, w: 4, c: 6, oc: 4, kernel: (2, 2), stride: (3, 3), groups: 2), 0),
    (.init(h: 5, w: 6, c: 2, oc: 3, kernel: (3, 2), stride: (1, 2), dilation: (2, 3), pads: (1, 1, 2, 0)), 0),
    (.init(h: 1, w: 20, c: 33, oc: 40, kernel: (1, 8), stride: (1, 4), pads: (0, 2, 0, 2)), 0),
    (.init(h: 9, w: 9, c: 40, oc: 36, pads: (1, 1, 1, 1)), 0), (.init(n: 0, h: 3, w: 3, c: 2, oc: 2), 0),
    (.init(h: 3, w: 3, c: 0, oc: 2, stride: (2, 2)), 0), (.init(h: 2, w: 2, c: 900, oc: 5, stride: (2, 2)), 0),
    // Several bands of lines.
    (.init(n: 2, h: 23, w: 25, c: 3, oc: 70, kernel: (3, 3), stride: (2, 2)), 0),
  ]
  return shapes.flatMap { s, extra in
    let oh = max(0, (s.h - 1) * s.stride.0 + (s.kernel.0 - 1) * s.dilation.0 + 1 - s.pads.0 - s.pads.2) + extra
    let ow = max(0, (s.w - 1) * s.stride.1 + (s.kernel.1 - 1) * s.dilation.1 + 1 - s.pads.1 - s.pads.3) + extra
    let x = random.floats(s.n * s.h * s.w * s.c)
    let bias = random.floats(s.oc)
    let w = random.floats(s.c * s.oc / s.groups * s.kernel.0 * s.kernel.1)
    let y = transposedSums(s, oh, ow, x, w).enumerated().map { Float(max(0, $1 + Double(bias[$0 % s.oc]))) }
    let sizes = (Int64(s.c), Int64(s.oc / s.groups), Int64(s.kernel.0), Int64(s.kernel.1), Int64(s.groups))
    let packed = TestTensor.packed(
      kerf_pack_conv_transpose2d_f32_size(sizes.0, sizes.1, sizes.2, sizes.3, sizes.4)
    ) { kerf_pack_conv_transpose2d_f32(sizes.0, sizes.1, sizes.2, sizes.3, sizes.4, w, $0) }
    let madeWhileRunning = TestTensor.f32(w, [s.c, s.oc / s.groups, s.kernel.0, s.kernel.1])
    return [packed, madeWhileRunning].map { weights in
      KernelCase(
        name: s.label, inputs: [.f32(x, [s.n, s.h, s.w, s.c]), weights, .f32(bias, [s.oc])],
        attributes: s.geometry + [.integer(s.groups), .integer(s.oc), 1, 0.0, 0.0],
        outputs: [.f32(y, [s.n, oh, ow, s.oc])], absolute: 1e-4)
    }
  }
}

/// One axis of a resize, written as in the ONNX reference: position, neighbours, weights.
struct ResizeAxis {
  var length: Int
  var size: Int
  var mode: Int
  var coordinate: Int
  var nearest: Int
  var cubicA: Double
  var exclude: Bool
  var scale: Double { Double(size) / Double(length) }

  private func position(_ i: Int) -> Double {
    let x = Double(i)
    switch coordinate {
    case 1: return x / scale
    case 2: return size == 1 ? 0 : (x + 0.5) / scale - 0.5
    case 3: return size == 1 ? 0 : x * Double(length - 1) / Double(size - 1)
    case 5: return (x + 0.5) / scale
    default: return (x + 0.5) / scale - 0.5
    }
  }

  /// Neighbours and weights; neighbours outside count as the edge.
  func taps(_ i: Int) -> [(Int, Double)] {
    let x = position(i)
    let low = x.rounded(.down)
    func edge(_ p: Int) -> Int { min(max(p, 0), length - 1) }
    switch mode {
    case 0:
      let at = [(x - 0.5).rounded(.up), (x + 0.5).rounded(.down), low, x.rounded(.up)][nearest]
      return [(edge(Int(at)), 1)]
    case 1:
      return [(edge(Int(low)), 1 - (x - low)), (edge(Int(low) + 1), x - low)]
    default:
      let raw = (-1...2).map { k -> (Int, Double) in
        let p = Int(low) + k
        let d = abs(x - Double(p))
        let a = cubicA
        let weight =
          d <= 1
          ? (a + 2) * d * d * d - (a + 3) * d * d + 1
          : d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0
        return (p, exclude && (p < 0 || p >= length) ? 0 : weight)
      }
      let sum = exclude ? raw.reduce(0) { $0 + $1.1 } : 1
      return raw.map { (edge($0.0), $0.1 / sum) }
    }
  }
}

@Sendable func resizeCases() -> [KernelCase] {
  var random = TestRandom(18)
  var cases: [KernelCase] = []
  let shapes = [
    (1, 4, 5, 3, 8, 10), (2, 5, 4, 17, 7, 3), (1, 6, 6, 1, 3, 3), (1, 1, 7, 4, 1, 14), (1, 3, 3, 8, 1, 1),
    (0, 3, 3, 2, 6, 6),
  ]
  for (n, h, w, c, oh, ow) in shapes {
    for mode in 0...2 {
      for coordinate in 0...5 {
        let nearest = (mode + coordinate + h) % 4
        let exclude = (coordinate + w) % 2 == 1
        let a = coordinate % 2 == 0 ? -0.75 : -0.5
        let rows = ResizeAxis(
          length: h, size: oh, mode: mode, coordinate: coordinate, nearest: nearest, cubicA: a, exclude: exclude)
        var columns = rows
        (columns.length, columns.size) = (w, ow)
        let x = random.floats(n * h * w * c)
        var y: [Float] = []
        for image in 0..<n {
          for i in 0..<oh {
            for j in 0..<ow {
              for channel in 0..<c {
                var sum = 0.0
                for (p, u) in rows.taps(i) {
                  for (q, v) in columns.taps(j) { sum += u * v * Double(x[((image * h + p) * w + q) * c + channel]) }
                }
                y.append(Float(sum))
              }
            }
          }
        }
        cases.append(
          KernelCase(
            name: "\(n)x\(h)x\(w)x\(c) > \(oh)x\(ow) mode \(mode) coordinate \(coordinate)",
            inputs: [.f32(x, [n, h, w, c])],
            attributes: [
              .integer(mode), .integer(coordinate), .integer(nearest), .double(a), .integer(exclude ? 1 : 0),
              .double(rows.scale), .double(columns.scale),
            ], outputs: [.f32(y, [n, oh, ow, c])]))
      }
    }
  }
  return cases
}

@Sendable func lrnCases() -> [KernelCase] {
  var random = TestRandom(19)
  return [([2, 3, 5], 3), ([1, 16], 5), ([4, 300], 4), ([0, 3], 3), ([3, 0], 1), ([2, 7], 100)].map { dims, size in
    let c = dims[dims.count - 1]
    let x = random.floats(dims.reduce(1, *), -3, 3)
    let y = x.indices.map { i -> Float in
      let row = i - i % c
      let low = max(0, i % c - (size - 1) / 2)
      let high = min(c - 1, i % c + size / 2)
      let sum = (low...high).reduce(0.0) { $0 + Double(x[row + $1]) * Double(x[row + $1]) }
      return Float(Double(x[i]) / pow(1.5 + 0.3 / Double(size) * sum, 0.75))
    }
    return KernelCase(
      name: "\(dims) size \(size)", inputs: [.f32(x, dims)], attributes: [.integer(size), 0.3, 0.75, 1.5],
      outputs: [.f32(y, dims)])
  }
}
