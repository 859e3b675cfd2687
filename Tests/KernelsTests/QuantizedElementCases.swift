import Kernels

private let quantizedShapes: [([Int], Int)] = [
  ([1000], -1), ([], -1), ([0, 3], 1), ([5], 0), ([3, 17, 5], 1), ([70, 33], 1), ([4, 1, 6], 0), ([70_001], -1),
]

private struct Scales {
  var scale: [Float]
  var zero: [Int64]
  var inner: Int

  init(_ dims: [Int], _ axis: Int, _ range: ClosedRange<Int>, _ random: inout TestRandom) {
    let n = axis < 0 ? 1 : dims[axis]
    scale = random.floats(n, 0.01, 1)
    zero = (0..<n).map { _ in Int64(random.int(range)) }
    inner = axis < 0 ? max(1, Grid.count(dims)) : Grid.count(Array(dims[(axis + 1)...]))
  }
  func channel(_ i: Int) -> Int { i / inner % scale.count }
}

private func quantized(_ x: Float, _ scale: Float, _ zero: Int64, _ range: ClosedRange<Int64>) -> Int64 {
  let v = (x / scale).rounded(.toNearestOrEven)
  let q = v.isNaN ? 0 : Int64(min(max(v, -1e9), 1e9))
  return min(max(q + zero, range.lowerBound), range.upperBound)
}

@Sendable func quantizeCases() -> [KernelCase] {
  var random = TestRandom(92)
  func cases<T: KernelInteger>(_: T.Type) -> [KernelCase] {
    quantizedShapes.enumerated().map { index, shape in
      let (dims, axis) = shape
      let s = Scales(dims, axis, Int(T.min)...Int(T.max), &random)
      let hasZero = index % 3 != 1
      var x = random.floats(Grid.count(dims), -60_000 * Float(T.bitWidth == 16 ? 1 : 0) - 200, 200)
      if x.count > 9 {
        x.replaceSubrange(0..<5, with: [.nan, .infinity, -.infinity, 0.5 * s.scale[0], -1.5 * s.scale[0]])
      }
      let y = x.indices.map { i -> T in
        let c = s.channel(i)
        return T(quantized(x[i], s.scale[c], hasZero ? s.zero[c] : 0, Int64(T.min)...Int64(T.max)))
      }
      let n = axis < 0 ? [] : [s.scale.count]
      return KernelCase(
        name: "\(T.self) \(dims) on \(axis)",
        inputs: [.f32(x, dims), .f32(s.scale, n), hasZero ? .integers(s.zero.map { T($0) }, n) : .none],
        attributes: [.integer(axis)], outputs: [.integers(y, dims)])
    }
  }
  return cases(UInt8.self) + cases(Int8.self) + cases(UInt16.self) + cases(Int16.self)
}

@Sendable func dequantizeCases() -> [KernelCase] {
  var random = TestRandom(93)
  func cases<T: KernelInteger>(_: T.Type) -> [KernelCase] {
    quantizedShapes.enumerated().map { index, shape in
      let (dims, axis) = shape
      let hasZero = index % 3 != 1
      let range = T.bitWidth == 32 ? 0...0 : Int(T.min)...Int(T.max)
      let s = Scales(dims, axis, range, &random)
      let x: [T] = random.integers(Grid.count(dims))
      let y = x.indices.map { i -> Float in
        let c = s.channel(i)
        return Float(Int64(x[i]) - (hasZero ? s.zero[c] : 0)) * s.scale[c]
      }
      let n = axis < 0 ? [1] : [s.scale.count]
      return KernelCase(
        name: "\(T.self) \(dims) on \(axis)",
        inputs: [.integers(x, dims), .f32(s.scale, n), hasZero ? .integers(s.zero.map { T($0) }, n) : .none],
        attributes: [.integer(axis)], outputs: [.f32(y, dims)], absolute: 0, relative: 0)
    }
  }
  return cases(UInt8.self) + cases(Int8.self) + cases(UInt16.self) + cases(Int16.self) + cases(Int32.self)
}

@Sendable func dynamicQuantizeCases() -> [KernelCase] {
  var random = TestRandom(94)
  return [(1, -1, 1), (15, 0, 5), (16, -9, 0), (17, -3, 8), (50_003, -40, 2), (4, 0, 0), (0, 0, 0)].map {
    n, low, high in
    let x = random.floats(n, Float(low), Float(high))
    let least = min(0, x.min() ?? 0)
    let most = max(0, x.max() ?? 0)
    let scale = most == least ? 1 : (most - least) / 255
    let zero = quantized(-least, scale, 0, 0...255)
    let y = x.map { UInt8(quantized($0, scale, zero, 0...255)) }
    return KernelCase(
      name: "\(n) of \(low)...\(high)", inputs: [.f32(x, [n])], attributes: [],
      outputs: [.u8(y, [n]), .f32([scale], []), .u8([UInt8(zero)], [])], absolute: 0, relative: 0)
  }
}

private func bounded(_ v: Int64, _ low: Int, _ high: Int) -> UInt8 { UInt8(min(max(v, Int64(low)), Int64(high))) }

@Sendable func addBytesCases() -> [KernelCase] {
  var random = TestRandom(95)
  let counts = [0, 1, 15, 33, 64, 191, 1000, 70_001]
  let sizes: [(Int, Int)] = [
    (1 << 20, 20), (Int(Int32.max), 31), (-77_777, 12), (1 << 30, 62), (3, 1), (32767, 15), (-32767, 14), (20_000, 22),
  ]
  return counts.flatMap { n in
    sizes.map { multiplier, shift in
      let a = random.bytes(n)
      let b = random.bytes(n)
      let za = random.int(0...255)
      let zb = random.int(0...255)
      let mb = random.int(0...abs(multiplier))
      let zero = random.int(0...255)
      let low = random.int(0...100)
      let y = zip(a, b).map { p, q -> UInt8 in
        let sum = (Int64(p) - Int64(za)) * Int64(multiplier) + (Int64(q) - Int64(zb)) * Int64(mb)
        return bounded(((sum + Int64(1) << Int64(shift - 1)) >> Int64(shift)) + Int64(zero), low, 250)
      }
      return KernelCase(
        name: "\(n) \(multiplier) \(shift)", inputs: [.u8(a, [n]), .u8(b, [n])],
        attributes: [za, multiplier, zb, mb, shift, zero, low, 250].map(TestAttribute.integer), outputs: [.u8(y, [n])],
        inPlace: n == 33 ? 0 : n == 1000 ? 1 : nil)
    }
  }
}

@Sendable func multiplyBytesCases() -> [KernelCase] {
  var random = TestRandom(96)
  let shapes: [([Int], [Int])] = [
    ([33], [33]), ([2, 5, 6, 7], [2, 1, 1, 7]), ([2, 1, 1, 7], [2, 5, 6, 7]), ([3, 4], []), ([3, 1], [3, 64]),
    ([0], [1]), ([40_000], [40_000]),
  ]
  return shapes.flatMap { da, db in
    [(1 << 30, 38), (Int(Int32.max), 62), (5, 1)].map { multiplier, shift in
      let a = random.bytes(Grid.count(da))
      let b = random.bytes(Grid.count(db))
      let shape = Broadcast.shape(da, db)
      let za = random.int(0...255)
      let zb = random.int(0...255)
      let zero = random.int(0...255)
      let y = zip(Broadcast.indices(da, in: shape), Broadcast.indices(db, in: shape)).map { p, q -> UInt8 in
        let v = (Int64(a[p]) - Int64(za)) * (Int64(b[q]) - Int64(zb)) * Int64(multiplier)
        return bounded(((v + Int64(1) << Int64(shift - 1)) >> Int64(shift)) + Int64(zero), 3, 255)
      }
      return KernelCase(
        name: "\(da) \(db) \(shift)", inputs: [.u8(a, da), .u8(b, db)],
        attributes: [za, zb, multiplier, shift, zero, 3, 255].map(TestAttribute.integer), outputs: [.u8(y, shape)],
        inPlace: da == shape ? 0 : nil)
    }
  }
}

@Sendable func lookUpCases() -> [KernelCase] {
  var random = TestRandom(97)
  let table = random.bytes(256)
  return [0, 1, 7, 8, 9, 100_003].map { n in
    let x = random.bytes(n)
    return KernelCase(
      name: "\(n)", inputs: [.u8(x, [n]), .u8(table, [256])], attributes: [],
      outputs: [
        n == 8 ? .integers(x.map { Int8(bitPattern: table[Int($0)]) }, [n]) : .u8(x.map { table[Int($0)] }, [n])
      ],
      inPlace: n == 9 ? 0 : nil)
  }
}

private let pools: [ConvolutionShape] =
  [1, 3, 16, 64, 65].flatMap { c -> [ConvolutionShape] in
    [
      .init(h: 6, w: 7, c: c, oc: c, kernel: (2, 2), stride: (2, 2)),
      .init(n: 2, h: 5, w: 5, c: c, oc: c, pads: (1, 1, 1, 1)),
      .init(h: 7, w: 8, c: c, oc: c, dilation: (2, 2), pads: (1, 1, 1, 1)),
      .init(h: 4, w: 5, c: c, oc: c, kernel: (4, 5)), .init(n: 0, h: 4, w: 5, c: c, oc: c),
    ]
  }

/// Of so many pixels that results are looked up.
private let largePools: [ConvolutionShape] = [
  .init(h: 12, w: 13, c: 110, oc: 110, pads: (1, 1, 1, 1)),
  .init(h: 30, w: 30, c: 80, oc: 80, kernel: (2, 2), stride: (2, 2), pads: (0, 0, 1, 1)),
  .init(h: 14, w: 14, c: 90, oc: 90, kernel: (1, 5), pads: (0, 2, 0, 2)),
]

/// The elements of x under each window, in the order of y, and how many positions the window has within the padding.
private func windows(_ s: ConvolutionShape, _ x: [UInt8]) -> [(values: [Int64], positions: Int)] {
  Grid.each([s.n, s.oh, s.ow, s.c]) { at in
    var values: [Int64] = []
    for a in 0..<s.kernel.0 {
      for b in 0..<s.kernel.1 {
        let ih = at[1] * s.stride.0 - s.pads.0 + a * s.dilation.0
        let iw = at[2] * s.stride.1 - s.pads.1 + b * s.dilation.1
        if ih < 0 || ih >= s.h || iw < 0 || iw >= s.w { continue }
        values.append(Int64(x[((at[0] * s.h + ih) * s.w + iw) * s.c + at[3]]))
      }
    }
    return (values, s.kernel.0 * s.kernel.1)
  }
}

@Sendable func maxPoolBytesCases() -> [KernelCase] {
  var random = TestRandom(98)
  return pools.map { s in
    let x = random.bytes(s.n * s.h * s.w * s.c)
    return KernelCase(
      name: s.label, inputs: [.u8(x, [s.n, s.h, s.w, s.c])], attributes: s.geometry,
      outputs: [.u8(windows(s, x).map { UInt8($0.values.max() ?? 0) }, [s.n, s.oh, s.ow, s.c])])
  }
}

/// floor(a / b) for b > 0.
private func floored(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((b - 1 - a) / b) }

@Sendable func averagePoolBytesCases() -> [KernelCase] {
  var random = TestRandom(99)
  return (pools + largePools).flatMap { s in
    [(1 << 30, 30), (0x5555_5555, 31), (1, 1), (Int(Int32.max), 40)].flatMap { multiplier, shift in
      [0, 1].map { include in
        let x = random.bytes(s.n * s.h * s.w * s.c)
        let zx = random.int(0...255)
        let zero = random.int(0...255)
        let y = windows(s, x).map { values, positions -> UInt8 in
          let count = include == 1 ? positions : values.count
          let sum = values.reduce(0) { $0 + $1 - Int64(zx) }
          let d = Int64(count) << Int64(shift)
          return bounded(floored(2 * sum * Int64(multiplier) + d, 2 * d) + Int64(zero), 0, 255)
        }
        return KernelCase(
          name: "\(s.label) \(multiplier) \(shift) \(include)", inputs: [.u8(x, [s.n, s.h, s.w, s.c])],
          attributes: s.geometry + [include, zx, multiplier, shift, zero, 0, 255].map(TestAttribute.integer),
          outputs: [.u8(y, [s.n, s.oh, s.ow, s.c])])
      }
    }
  }
}
