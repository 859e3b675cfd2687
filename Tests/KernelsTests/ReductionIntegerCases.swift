import Kernels

/// The elements of x along `axes` for each output position, in order.
private func groups(_ dims: [Int], _ axes: Int) -> (shape: [Int], members: [[Int]]) {
  let shape = dims.indices.map { axes >> $0 & 1 == 1 ? 1 : dims[$0] }
  var members = [[Int]](repeating: [], count: Grid.count(shape))
  for i in 0..<Grid.count(dims) {
    let at = Grid.coordinates(i, dims)
    members[Grid.flat(dims.indices.map { axes >> $0 & 1 == 1 ? 0 : at[$0] }, shape)].append(i)
  }
  return (shape, members)
}

private let reductionShapes: [([Int], Int)] = [
  ([5], 1), ([5], 0), ([3, 4], 2), ([3, 4], 1), ([3, 4], 3), ([2, 3, 4, 5], 0b1010), ([2, 3, 4, 5], 0b0110),
  ([0, 3], 1), ([0, 3], 2),
  ([], 0), ([300, 7], 1),
]

@Sendable func reduceIntegerCases() -> [KernelCase] {
  var random = TestRandom(65)
  func cases<T: KernelInteger>(_: T.Type) -> [KernelCase] {
    let functions: [(Int, ([T]) -> T)] = [
      (KERF_REDUCE_SUM, { $0.reduce(0, &+) }), (KERF_REDUCE_MAX, { $0.max() ?? .min }),
      (KERF_REDUCE_MIN, { $0.min() ?? .max }),
      (KERF_REDUCE_PROD, { $0.reduce(1, &*) }), (KERF_REDUCE_L1, { $0.reduce(0) { $0 &+ ($1 < 0 ? 0 &- $1 : $1) } }),
      (KERF_REDUCE_SUM_SQUARE, { $0.reduce(0) { $0 &+ $1 &* $1 } }),
      (
        KERF_REDUCE_MEAN,
        { v in
          v.isEmpty ? 0 : T(truncatingIfNeeded: v.reduce(0) { $0 + Int64(truncatingIfNeeded: $1) } / Int64(v.count))
        }
      ),
    ]
    return reductionShapes.flatMap { dims, axes in
      functions.map { code, f in
        var x: [T] = random.integers(Grid.count(dims))
        if code == KERF_REDUCE_MEAN { x = x.map { $0 >> (T.bitWidth == 64 ? 12 : 4) } }
        let (shape, members) = groups(dims, axes)
        let keep = code % 2 == 0
        let kept = dims.indices.filter { axes >> $0 & 1 == 0 }.map { dims[$0] }
        return KernelCase(
          name: "\(T.self) \(code) \(dims) \(axes)", inputs: [.integers(x, dims)],
          attributes: [.integer(code), .integer(axes)],
          outputs: [.integers(members.map { f($0.map { x[$0] }) }, keep ? shape : kept)])
      }
    }
  }
  let f64 = KernelCase(
    name: "f64", inputs: [TestTensor([1.0, 2.0, 3.0, 5.0], [2, 2], type: KERF_F64)], attributes: [1, 2],
    outputs: [TestTensor([1.5, 4.0], [2], type: KERF_F64)])
  let any = KernelCase(
    name: "bool", inputs: [.bool([false, false, true, false], [2, 2])], attributes: [.integer(KERF_REDUCE_MAX), 2],
    outputs: [.bool([false, true], [2])])
  return cases(Int32.self) + cases(Int64.self) + cases(UInt8.self) + cases(Int8.self) + cases(UInt32.self) + [f64, any]
}

@Sendable func argCases() -> [KernelCase] {
  var random = TestRandom(66)
  var cases: [KernelCase] = []
  func add<T: BitwiseCopyable & Comparable>(_ type: Int, _ x: [T], _ dims: [Int], _ axis: Int) {
    let (shape, members) = groups(dims, 1 << axis)
    var dropped = dims
    dropped.remove(at: axis)
    for mode in 0..<4 {
      let largest = mode & 1 == 1
      let last = mode & 2 == 2
      let y = members.map { group -> Int64 in
        var best = 0
        for i in group.indices.dropFirst() {
          let v = x[group[i]]
          let b = x[group[best]]
          if (largest ? v > b : v < b) || (v == b && last) { best = i }
        }
        return Int64(best)
      }
      cases.append(
        KernelCase(
          name: "\(T.self) \(dims) on \(axis) mode \(mode)", inputs: [TestTensor(x, dims, type: type)],
          attributes: [.integer(mode & 1), .integer(axis), .integer(mode >> 1)],
          outputs: [.i64(y, largest ? shape : dropped)]))
    }
  }
  for (dims, axis) in [([5], 0), ([3, 4], 1), ([3, 4], 0), ([2, 30, 4], 1), ([200, 17], 1), ([0, 3], 1)] {
    let n = Grid.count(dims)
    add(KERF_F32, random.floats(n).map { ($0 * 4).rounded() }, dims, axis)
    add(KERF_U8, (0..<n).map { _ in UInt8(random.int(0...9)) }, dims, axis)
    add(KERF_I64, (0..<n).map { _ in Int64(random.int(-4...4)) }, dims, axis)
    add(KERF_I8, (0..<n).map { _ in Int8(random.int(-4...4)) }, dims, axis)
    add(KERF_I32, (0..<n).map { _ in Int32(random.int(-4...4)) }, dims, axis)
  }
  cases.append(
    KernelCase(name: "NaN", inputs: [.f32([1, .nan, 3, .nan], [4])], attributes: [1, 0, 0], outputs: [.i64([1], [1])]))
  return cases
}

@Sendable func cumulativeIntegerCases() -> [KernelCase] {
  var random = TestRandom(67)
  var cases: [KernelCase] = []
  func add<T: KernelInteger>(_: T.Type, _ dims: [Int], _ axis: Int) {
    let x: [T] = random.integers(Grid.count(dims))
    for mode in 0..<4 {
      var y = x
      for group in groups(dims, 1 << axis).members {
        var sum: T = 0
        for i in mode & 2 == 2 ? group.reversed() : group {
          y[i] = mode & 1 == 1 ? sum : sum &+ x[i]
          sum = sum &+ x[i]
        }
      }
      cases.append(
        KernelCase(
          name: "\(T.self) \(dims) on \(axis) mode \(mode)", inputs: [.integers(x, dims)],
          attributes: [.integer(axis), .integer(mode & 1), .integer(mode >> 1)], outputs: [.integers(y, dims)],
          inPlace: mode == 1 ? 0 : nil))
    }
  }
  for (dims, axis) in [([5], 0), ([3, 4], 0), ([2, 5, 3], 1), ([0, 2], 0), ([2, 0], 0)] {
    add(Int32.self, dims, axis)
    add(Int64.self, dims, axis)
  }
  let x = TestTensor([0.5, 1.0, 2.0], [3], type: KERF_F64)
  let y = TestTensor([0.5, 1.5, 3.5], [3], type: KERF_F64)
  cases.append(KernelCase(name: "f64", inputs: [x], attributes: [0, 0, 0], outputs: [y]))
  return cases
}

@Sendable func isCases() -> [KernelCase] {
  let x: [Float] = [.nan, -.nan, .infinity, -.infinity, 0, -1, .greatestFiniteMagnitude]
  let functions: [(Float) -> Bool] = [{ $0.isNaN }, { $0.isInfinite }, { $0 == .infinity }, { $0 == -.infinity }]
  return functions.enumerated().map { code, f in
    KernelCase(name: "\(code)", inputs: [.f32(x, [7])], attributes: [.integer(code)], outputs: [.bool(x.map(f), [7])])
  }
}

@Sendable func rangeCases() -> [KernelCase] {
  [
    KernelCase(name: "none", inputs: [.i64([3], []), .i64([1], [])], attributes: [], outputs: [.i64([], [0])]),
    KernelCase(
      name: "i64", inputs: [.i64([3], []), .i64([-2], [])], attributes: [], outputs: [.i64([3, 1, -1, -3, -5], [5])]),
    KernelCase(
      name: "i32", inputs: [.i32([-1], [1]), .i32([4], [])], attributes: [], outputs: [.i32([-1, 3, 7], [3])]),
    KernelCase(
      name: "wraps", inputs: [.i32([Int32.max], []), .i32([1], [])], attributes: [], outputs: [.i32([.max, .min], [2])]),
    KernelCase(
      name: "f32", inputs: [.f32([0.5], []), .f32([0.25], [])], attributes: [],
      outputs: [.f32([0.5, 0.75, 1, 1.25], [4])]),
    KernelCase(
      name: "f64", inputs: [TestTensor([1.0], [], type: KERF_F64), TestTensor([-0.5], [], type: KERF_F64)],
      attributes: [], outputs: [TestTensor([1.0, 0.5, 0.0], [3], type: KERF_F64)]),
    KernelCase(
      name: "i16", inputs: [.integers([Int16(5)], []), .integers([Int16(5)], [])], attributes: [],
      outputs: [.integers([Int16(5), 10], [2])]),
  ]
}
