import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The reduction of a list, by its definition.
private func reduced(_ function: Int, _ x: [Double]) -> Double {
  switch function {
  case KERF_REDUCE_SUM: x.reduce(0, +)
  case KERF_REDUCE_MEAN: x.reduce(0, +) / Double(x.count)
  case KERF_REDUCE_MAX: x.max() ?? -.infinity
  case KERF_REDUCE_MIN: x.min() ?? .infinity
  case KERF_REDUCE_PROD: x.reduce(1, *)
  case KERF_REDUCE_L1: x.reduce(0) { $0 + abs($1) }
  case KERF_REDUCE_L2: x.reduce(0) { $0 + $1 * $1 }.squareRoot()
  case KERF_REDUCE_SUM_SQUARE: x.reduce(0) { $0 + $1 * $1 }
  case KERF_REDUCE_LOG_SUM: log(x.reduce(0, +))
  default: log(x.reduce(0) { $0 + exp($1) })
  }
}

/// Sums that must be exact to one unit in the last place however long they are.
private func longSumCases() -> [KernelCase] {
  var random = TestRandom(37)
  return [([2, 30_011], 2), ([1, 4096, 21], 2), ([3, 700, 20], 0b011)].flatMap { dims, mask in
    [KERF_REDUCE_SUM, KERF_REDUCE_MEAN, KERF_REDUCE_L1, KERF_REDUCE_L2, KERF_REDUCE_SUM_SQUARE].map { function in
      let x = random.floats(dims.reduce(1, *), 0, 1)
      let kept = dims.enumerated().map { mask >> $0.offset & 1 == 1 ? 1 : $0.element }
      var lists = [[Double]](repeating: [], count: kept.reduce(1, *))
      for (i, to) in Broadcast.indices(kept, in: dims).enumerated() { lists[to].append(Double(x[i])) }
      return KernelCase(
        name: "function \(function) of long \(dims)", inputs: [.f32(x, dims)],
        attributes: [.integer(function), .integer(mask)],
        outputs: [.f32(lists.map { Float(reduced(function, $0)) }, kept)], absolute: 0, relative: 1.3e-7)
    }
  }
}

@Sendable func reduceCases() -> [KernelCase] {
  var random = TestRandom(10)
  var cases: [KernelCase] = []
  let shapes: [([Int], Int)] = [
    ([], 0), ([7], 1), ([7], 0), ([3, 17], 1), ([3, 17], 2), ([3, 17], 3), ([2, 5, 3, 19], 0b0110),
    ([2, 5, 3, 19], 0b1010),
    ([2, 5, 3, 19], 0b0101), ([200, 5], 1), ([4, 0, 3], 2), ([4, 0, 3], 1), ([3, 1100], 1), ([1, 700, 2], 2),
    ([3, 130], 2), ([4, 130, 1], 2), ([1, 1, 6], 3), ([1, 1], 1),
  ]
  for (dims, mask) in shapes {
    for function in KERF_REDUCE_SUM...KERF_REDUCE_LOG_SUM_EXP {
      for keep in [true, false] {
        let wide = function == KERF_REDUCE_PROD ? (Float(0.9), Float(1.1)) : (Float(0.1), 2)
        let x = random.floats(dims.reduce(1, *), wide.0, wide.1).map {
          function == KERF_REDUCE_LOG_SUM ? $0 : $0 - 0.05
        }
        let kept = dims.enumerated().map { mask >> $0.offset & 1 == 1 ? 1 : $0.element }
        var lists = [[Double]](repeating: [], count: kept.reduce(1, *))
        for (i, to) in Broadcast.indices(kept, in: dims).enumerated() { lists[to].append(Double(x[i])) }
        let shape = keep ? kept : dims.enumerated().filter { mask >> $0.offset & 1 == 0 }.map(\.element)
        cases.append(
          KernelCase(
            name: "function \(function) of \(dims) mask \(mask) keep \(keep)", inputs: [.f32(x, dims)],
            attributes: [.integer(function), .integer(mask)],
            outputs: [.f32(lists.map { Float(reduced(function, $0)) }, shape)], relative: 2e-5))
      }
    }
  }
  return cases + longSumCases()
}

private let poolShapes: [ConvolutionShape] = [
  .init(h: 6, w: 7, c: 3, oc: 3, kernel: (2, 2), stride: (2, 2)),
  .init(n: 2, h: 9, w: 8, c: 17, oc: 17, stride: (2, 2), pads: (1, 1, 1, 1)),
  .init(h: 7, w: 7, c: 40, oc: 40, kernel: (7, 7)),
  .init(h: 5, w: 5, c: 16, oc: 16, dilation: (2, 1), pads: (2, 1, 1, 0)),
  .init(h: 1, w: 33, c: 1, oc: 1, kernel: (1, 4), stride: (1, 3), pads: (0, 2, 0, 1)),
  .init(h: 2, w: 2, c: 5, oc: 5, kernel: (3, 3), pads: (2, 2, 2, 2)), .init(n: 0, h: 4, w: 4, c: 3, oc: 3),
  .init(h: 4, w: 4, c: 0, oc: 0),
]

/// One pool: `extra` output rows and columns as ceil mode gives them; mode 0 maximum, 1 average, 2 with padding.
private func poolCase(_ s: ConvolutionShape, mode: Int, ceil: Bool, _ random: inout TestRandom) -> KernelCase {
  let x = random.floats(s.n * s.h * s.w * s.c)
  func size(_ floor: Int, _ stride: Int, _ room: Int) -> Int { ceil && floor * stride < room ? floor + 1 : floor }
  let oh = size(s.oh, s.stride.0, s.h + s.pads.0)
  let ow = size(s.ow, s.stride.1, s.w + s.pads.1)
  var y: [Float] = []
  for image in 0..<s.n {
    for i in 0..<oh {
      for j in 0..<ow {
        for c in 0..<s.c {
          var values: [Double] = []
          var counted = 0
          for a in 0..<s.kernel.0 {
            for b in 0..<s.kernel.1 {
              let ih = i * s.stride.0 - s.pads.0 + a * s.dilation.0
              let iw = j * s.stride.1 - s.pads.1 + b * s.dilation.1
              if ih < s.h + s.pads.2 && iw < s.w + s.pads.3 { counted += 1 }
              if ih >= 0 && iw >= 0 && ih < s.h && iw < s.w {
                values.append(Double(x[((image * s.h + ih) * s.w + iw) * s.c + c]))
              }
            }
          }
          let divisor = mode == 2 ? counted : values.count
          y.append(
            Float(mode == 0 ? values.max() ?? -.infinity : divisor == 0 ? 0 : values.reduce(0, +) / Double(divisor)))
        }
      }
    }
  }
  return KernelCase(
    name: "\(s.label) mode \(mode) ceil \(ceil)", inputs: [.f32(x, [s.n, s.h, s.w, s.c])],
    attributes: s.geometry + (mode == 0 ? [] : [.integer(mode - 1)]), outputs: [.f32(y, [s.n, oh, ow, s.c])])
}

@Sendable func maxPoolCases() -> [KernelCase] {
  var random = TestRandom(11)
  return poolShapes.flatMap { s in [false, true].map { poolCase(s, mode: 0, ceil: $0, &random) } }
}

@Sendable func averagePoolCases() -> [KernelCase] {
  var random = TestRandom(12)
  return poolShapes.flatMap { s in
    [false, true].flatMap { ceil in [1, 2].map { poolCase(s, mode: $0, ceil: ceil, &random) } }
  }
}
