import Kernels

private let transpositions: [([Int], [Int])] = [
  ([], []), ([7], [0]), ([0, 3], [1, 0]), ([1, 5], [1, 0]), ([16, 16], [1, 0]), ([17, 15], [1, 0]),
  ([65, 130], [1, 0]),
  ([2, 3, 5], [2, 1, 0]), ([2, 3, 64, 65], [0, 2, 3, 1]), ([1, 13, 7, 66], [0, 3, 1, 2]),
  ([3, 4, 5, 6], [0, 2, 1, 3]),
  ([2, 3, 2, 3, 2, 3, 2, 2], [7, 5, 3, 1, 6, 4, 2, 0]), ([4, 3, 2], [0, 1, 2]),
]

@Sendable func transposeCases() -> [KernelCase] {
  var random = TestRandom(40)
  return transpositions.flatMap { dims, perm in
    widthTypes.map { type, width in
      let x = random.tensor(type, width, dims)
      let shape = perm.map { dims[$0] }
      let y = x.moved(shape, width: width) { at in
        var from = at
        for (d, p) in perm.enumerated() { from[p] = at[d] }
        return from
      }
      return KernelCase(
        name: "\(dims) by \(perm), \(width)", inputs: [x], attributes: perm.map(TestAttribute.integer), outputs: [y])
    }
  }
}

/// dims, then start, step and length of each axis.
private let slices: [([Int], [(Int, Int, Int)])] = [
  ([], []), ([9], [(2, 3, 3)]), ([9], [(8, -1, 9)]), ([5], [(0, 1, 0)]),
  ([4, 6, 5], [(1, 1, 2), (0, 1, 6), (0, 1, 5)]),
  ([4, 6, 5], [(3, -2, 2), (5, -1, 4), (4, -3, 2)]), ([3, 40], [(0, 1, 3), (1, 2, 17)]),
  ([2, 1000], [(1, 1, 1), (3, 1, 900)]),
]

@Sendable func sliceCases() -> [KernelCase] {
  var random = TestRandom(41)
  return slices.flatMap { dims, axes in
    widthTypes.map { type, width in
      let x = random.tensor(type, width, dims)
      let y = x.moved(axes.map(\.2), width: width) { at in zip(at, axes).map { $1.0 + $0 * $1.1 } }
      return KernelCase(
        name: "\(dims) \(axes), \(width)", inputs: [x],
        attributes: axes.flatMap { [.integer($0.0), .integer($0.1)] }, outputs: [y])
    }
  }
}

/// dims, before and after.
private let paddings: [([Int], [Int], [Int])] = [
  ([5], [0], [0]), ([5], [2], [3]), ([5], [-1], [2]), ([3, 4], [1, 0], [2, 0]), ([3, 4], [0, 2], [1, 1]),
  ([2, 5, 4, 3], [0, 1, 1, 0], [0, 1, 1, 0]), ([4, 5], [-1, -2], [3, -1]), ([2, 3, 17], [1, 2, 5], [0, 1, 11]),
  ([1, 2], [3, 5], [3, 5]),
]

private func padSource(_ i: Int, _ n: Int, _ mode: Int) -> Int? {
  if i >= 0 && i < n { return i }
  switch mode {
  case 0: return nil
  case 2: return i < 0 ? 0 : n - 1
  case 3: return ((i % n) + n) % n
  default:
    if n == 1 { return 0 }
    let period = 2 * n - 2
    let r = ((i % period) + period) % period
    return r < n ? r : period - r
  }
}

@Sendable func padCases() -> [KernelCase] {
  var random = TestRandom(42)
  var cases: [KernelCase] = []
  for (dims, before, after) in paddings {
    for mode in 0..<4 {
      for (type, width) in widthTypes {
        let x = random.tensor(type, width, dims)
        let value = random.tensor(type, width, [])
        let fill = mode == 0 && width < 8 ? value.bytes : [UInt8](repeating: 0, count: width)
        let shape = dims.indices.map { before[$0] + dims[$0] + after[$0] }
        let y = x.moved(shape, width: width, fill: fill) { at in
          let from = dims.indices.map { padSource(at[$0] - before[$0], dims[$0], mode) }
          return from.contains(nil) ? nil : from.compactMap { $0 }
        }
        cases.append(
          KernelCase(
            name: "\(dims) \(before) \(after) mode \(mode), \(width)", inputs: [x, width < 8 ? value : .none],
            attributes: [.integer(mode)] + before.map(TestAttribute.integer), outputs: [y]))
      }
    }
  }
  let empty = TestTensor(type: KERF_U8, dims: [0, 2], bytes: [])
  cases.append(
    KernelCase(
      name: "nothing", inputs: [empty, .u8([9], [])], attributes: [0, 1, 1], outputs: [.u8([9, 9, 9, 9], [1, 4])]))
  return cases
}

@Sendable func concatCases() -> [KernelCase] {
  var random = TestRandom(43)
  let shapes: [([Int], Int, [Int])] = [
    ([0], 0, [3]), ([3, 0, 5], 1, [2, 0, 4]), ([0, 4], 0, [1, 1, 1, 7]), ([4, 0], 1, [1, 16, 33]),
    ([2, 300, 0], 2, [40, 9]),
  ]
  return shapes.flatMap { dims, axis, lengths in
    widthTypes.map { type, width in
      var starts: [Int] = []
      let inputs = lengths.map { n in
        var d = dims
        d[axis] = n
        starts.append((starts.last ?? 0) + n)
        return random.tensor(type, width, d)
      }
      var shape = dims
      shape[axis] = starts.last ?? 0
      var bytes: [UInt8] = []
      for at in Grid.each(shape, { $0 }) {
        let part = starts.firstIndex { at[axis] < $0 } ?? 0
        var from = at
        from[axis] -= part == 0 ? 0 : starts[part - 1]
        let first = Grid.flat(from, inputs[part].dims) * width
        bytes += inputs[part].bytes[first..<first + width]
      }
      return KernelCase(
        name: "\(lengths) on \(axis), \(width)", inputs: inputs, attributes: [.integer(axis)],
        outputs: [TestTensor(type: type, dims: shape, bytes: bytes)])
    }
  }
}

@Sendable func expandCases() -> [KernelCase] {
  var random = TestRandom(44)
  let shapes: [([Int], [Int])] = [
    ([], [3]), ([1], [0, 4]), ([3, 1], [3, 4]), ([1, 5], [4, 5]), ([2, 1, 3, 1], [2, 2, 2, 3, 7]), ([17], [17]),
  ]
  return shapes.flatMap { dims, shape in
    widthTypes.map { type, width in
      let x = random.tensor(type, width, dims)
      let y = x.moved(shape, width: width) { at in
        dims.indices.map { dims[$0] == 1 ? 0 : at[$0 + shape.count - dims.count] }
      }
      return KernelCase(name: "\(dims) to \(shape), \(width)", inputs: [x], attributes: [], outputs: [y])
    }
  }
}

@Sendable func tileCases() -> [KernelCase] {
  var random = TestRandom(45)
  let shapes: [([Int], [Int])] = [
    ([], []), ([3], [2]), ([3], [0]), ([2, 3], [3, 1]), ([2, 3], [1, 4]), ([2, 1, 5], [2, 3, 2]),
    ([1, 1, 1, 1, 1, 1, 1, 2], [1, 2, 1, 2, 1, 2, 1, 2]),
  ]
  return shapes.flatMap { dims, times in
    widthTypes.map { type, width in
      let x = random.tensor(type, width, dims)
      let y = x.moved(zip(dims, times).map { $0 * $1 }, width: width) { at in zip(at, dims).map { $0 % $1 } }
      return KernelCase(name: "\(dims) times \(times), \(width)", inputs: [x], attributes: [], outputs: [y])
    }
  }
}

@Sendable func copyCases() -> [KernelCase] {
  var random = TestRandom(46)
  return [[0], [1], [3, 5], [300_000]].flatMap { dims in
    [nil, 0].map { place in
      let x = random.tensor(KERF_U8, 1, dims)
      let y = TestTensor(type: KERF_U8, dims: [Grid.count(dims)], bytes: x.bytes)
      return KernelCase(name: "\(dims)", inputs: [x], attributes: [], outputs: [y], inPlace: place)
    }
  }
}

@Sendable func dimsCases() -> [KernelCase] {
  [
    KernelCase(name: "none", inputs: [], attributes: [], outputs: [.i64([], [0])]),
    KernelCase(name: "three", inputs: [], attributes: [1, -7, 224], outputs: [.i64([1, -7, 224], [3])]),
  ]
}

@Sendable func triluCases() -> [KernelCase] {
  var random = TestRandom(47)
  var cases: [KernelCase] = []
  for dims in [[3, 3], [2, 4, 7], [7, 2], [0, 3], [1, 1]] {
    for k in [-100, -3, -1, 0, 1, 2, 100] {
      for upper in 0..<2 {
        let (type, width) = widthTypes[cases.count % 4]
        let x = random.tensor(type, width, dims)
        let y = x.moved(dims, width: width, fill: [UInt8](repeating: 0, count: width)) { at in
          let distance = at[at.count - 1] - at[at.count - 2]
          return (upper == 1 ? distance >= k : distance <= k) ? at : nil
        }
        cases.append(
          KernelCase(
            name: "\(dims) k \(k) upper \(upper)", inputs: [x], attributes: [.integer(upper), .integer(k)],
            outputs: [y],
            inPlace: k == 1 ? 0 : nil))
      }
    }
  }
  return cases
}

@Sendable func reverseSequenceCases() -> [KernelCase] {
  var random = TestRandom(48)
  var cases: [KernelCase] = []
  for dims in [[4, 3], [3, 4, 5], [1, 1], [5, 2, 2, 2]] {
    for batch in 0..<2 {
      let (type, width) = widthTypes[cases.count % 4]
      let x = random.tensor(type, width, dims)
      let lengths = (0..<dims[batch]).map { _ in random.int(0...dims[1 - batch]) }
      let y = x.moved(dims, width: width) { at in
        var from = at
        let n = lengths[at[batch]]
        if at[1 - batch] < n { from[1 - batch] = n - 1 - at[1 - batch] }
        return from
      }
      cases.append(
        KernelCase(
          name: "\(dims) batch \(batch)", inputs: [x, .i64(lengths.map(Int64.init), [lengths.count])],
          attributes: [.integer(batch), .integer(1 - batch)], outputs: [y]))
    }
  }
  var bad = cases[0]
  bad.inputs[1] = .i64([1, 2, 3, 4], [4])
  bad.runCode = KERF_BAD_INDEX
  return cases + [bad]
}

@Sendable func resizeNearestCases() -> [KernelCase] {
  var random = TestRandom(49)
  var cases: [KernelCase] = []
  for (type, width) in widthTypes {
    for (h, w, c, scale) in [(3, 4, 2, 2.0), (5, 7, 1, 3.0), (1, 1, 17, 4.0), (6, 8, 3, 0.5)] {
      let x = random.tensor(type, width, [2, h, w, c])
      let y = x.moved([2, Int(Double(h) * scale), Int(Double(w) * scale), c], width: width) { at in
        [at[0], Int(Double(at[1]) / scale), Int(Double(at[2]) / scale), at[3]]
      }
      // Asymmetric with floor.
      cases.append(
        KernelCase(
          name: "\(h)x\(w)x\(c) by \(scale), \(width)", inputs: [x],
          attributes: [1, 2, .double(scale), .double(scale)],
          outputs: [y]))
      if scale < 1 { continue }
      // Half pixel with rounding picks the same pixels for whole factors.
      cases.append(
        KernelCase(
          name: "\(h)x\(w)x\(c) by \(scale), half pixel, \(width)", inputs: [x],
          attributes: [0, 0, .double(scale), .double(scale)], outputs: [y]))
    }
  }
  return cases
}
