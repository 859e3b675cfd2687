import Kernels

private func indexTensor(_ values: [Int], _ dims: [Int], wide: Bool) -> TestTensor {
  wide ? .i64(values.map(Int64.init), dims) : .i32(values.map(Int32.init), dims)
}

/// An index and what it means: negative ones count from the end.
private func wrapped(_ i: Int, _ n: Int) -> Int { i < 0 ? i + n : i }

@Sendable func gatherCases() -> [KernelCase] {
  var random = TestRandom(50)
  let shapes: [([Int], Int, [Int])] = [
    ([5], 0, []), ([5], 0, [3]), ([4, 7], 1, [2, 2]), ([3, 4, 5], 1, [6]), ([3, 4, 5], 2, [1]), ([100, 33], 0, [40]),
    ([4, 3], 0, [0]), ([2, 3], 0, [700, 2]),
  ]
  var cases: [KernelCase] = []
  for (dims, axis, shape) in shapes {
    for (type, width) in widthTypes {
      let x = random.tensor(type, width, dims)
      let n = dims[axis]
      let values = (0..<Grid.count(shape)).map { _ in random.int(-n...n - 1) }
      let y = x.moved(Array(dims[..<axis]) + shape + dims[(axis + 1)...], width: width) { at in
        let index = Grid.flat(Array(at[axis..<axis + shape.count]), shape)
        return Array(at[..<axis]) + [wrapped(values[index], n)] + at[(axis + shape.count)...]
      }
      cases.append(
        KernelCase(
          name: "\(dims) on \(axis) by \(shape), \(width)", inputs: [x, indexTensor(values, shape, wide: width > 2)],
          attributes: [.integer(axis)], outputs: [y]))
    }
  }
  for bad in [4, -5, Int(Int32.max)] {
    cases.append(
      KernelCase(
        name: "index \(bad) of 4", inputs: [.u8([1, 2, 3, 4], [4]), .i32([0, Int32(bad)], [2])], attributes: [0],
        outputs: [.u8([0, 0], [2])], runCode: KERF_BAD_INDEX))
  }
  cases.append(
    KernelCase(
      name: "index of nothing", inputs: [.u8([], [0]), .i64([0], [1])], attributes: [0], outputs: [.u8([0], [1])],
      runCode: KERF_BAD_INDEX))
  return cases
}

@Sendable func gatherElementsCases() -> [KernelCase] {
  var random = TestRandom(51)
  let shapes: [([Int], Int, [Int])] = [
    ([5], 0, [9]), ([4, 7], 1, [3, 11]), ([4, 7], 0, [9, 7]), ([3, 4, 5], 1, [2, 6, 5]), ([3, 4], 0, [0, 4]),
  ]
  var cases: [KernelCase] = []
  for (dims, axis, shape) in shapes {
    for (type, width) in widthTypes {
      let x = random.tensor(type, width, dims)
      let n = dims[axis]
      let values = (0..<Grid.count(shape)).map { _ in random.int(-n...n - 1) }
      let y = x.moved(shape, width: width) { at in
        var from = at
        from[axis] = wrapped(values[Grid.flat(at, shape)], n)
        return from
      }
      cases.append(
        KernelCase(
          name: "\(dims) on \(axis) by \(shape), \(width)", inputs: [x, indexTensor(values, shape, wide: width > 2)],
          attributes: [.integer(axis)], outputs: [y]))
    }
  }
  cases.append(
    KernelCase(
      name: "index 2 of 2", inputs: [.u8([1, 2], [2]), .i64([2], [1])], attributes: [0], outputs: [.u8([0], [1])],
      runCode: KERF_BAD_INDEX))
  return cases
}

@Sendable func gatherNDCases() -> [KernelCase] {
  var random = TestRandom(52)
  // dims, batch axes, axes of indices in between, coordinates.
  let shapes: [([Int], Int, [Int], Int)] = [
    ([5], 0, [3], 1), ([4, 7], 0, [2], 2), ([4, 7], 0, [3], 1), ([3, 4, 5], 1, [2], 1), ([3, 4, 5], 1, [2], 2),
    ([3, 4], 0, [2], 0), ([2, 3, 4], 2, [1], 1), ([3, 20], 0, [0], 1),
  ]
  var cases: [KernelCase] = []
  for (dims, batch, between, length) in shapes {
    for (type, width) in widthTypes {
      let x = random.tensor(type, width, dims)
      let head = Array(dims[..<batch]) + between
      let values = Grid.each(head) { _ in (0..<length).map { random.int(-dims[batch + $0]...dims[batch + $0] - 1) } }
      let y = x.moved(head + dims[(batch + length)...], width: width) { at in
        let row = values[Grid.flat(Array(at[..<head.count]), head)]
        return Array(at[..<batch]) + row.enumerated().map { wrapped($1, dims[batch + $0]) } + at[head.count...]
      }
      cases.append(
        KernelCase(
          name: "\(dims) batch \(batch) by \(between) of \(length), \(width)",
          inputs: [x, indexTensor(values.flatMap { $0 }, head + [length], wide: width > 2)],
          attributes: [.integer(batch)], outputs: [y]))
    }
  }
  cases.append(
    KernelCase(
      name: "second coordinate out of range", inputs: [.u8([1, 2, 3, 4], [2, 2]), .i64([0, -3], [1, 2])],
      attributes: [0],
      outputs: [.u8([0], [1])], runCode: KERF_BAD_INDEX))
  return cases
}

private func reduced(_ a: Int64, _ b: Int64, _ reduction: Int) -> Int64 {
  switch reduction {
  case 1: a &+ b
  case 2: a &* b
  case 3: max(a, b)
  case 4: min(a, b)
  default: b
  }
}

/// Values that are exact in every type of the reductions.
private func scatterTensor(_ values: [Int64], _ dims: [Int], _ type: Int) -> TestTensor {
  switch type {
  case KERF_F32: .f32(values.map(Float.init), dims)
  case KERF_F64: TestTensor(values.map(Double.init), dims, type: KERF_F64)
  case KERF_I32: .i32(values.map { Int32(truncatingIfNeeded: $0) }, dims)
  case KERF_I64: .i64(values, dims)
  case KERF_F16: TestTensor(values.map { UInt16(truncatingIfNeeded: $0) }, dims, type: KERF_F16)
  default: .u8(values.map { UInt8(truncatingIfNeeded: $0) }, dims)
  }
}

private let scatterKinds: [(type: Int, reduction: Int)] =
  [KERF_U8, KERF_F16, KERF_F32, KERF_F64, KERF_I32, KERF_I64].map { ($0, 0) }
  + (1...4).flatMap { r in [KERF_F32, KERF_F64, KERF_I32, KERF_I64].map { ($0, r) } }

@Sendable func scatterElementsCases() -> [KernelCase] {
  var random = TestRandom(53)
  let shapes: [([Int], Int, [Int])] = [
    ([6], 0, [9]), ([4, 5], 1, [3, 7]), ([4, 5], 0, [8, 5]), ([2, 3, 4], 2, [2, 2, 6]),
  ]
  var cases: [KernelCase] = []
  for (dims, axis, shape) in shapes {
    for (type, reduction) in scatterKinds {
      let data = Grid.each(dims) { _ in Int64(random.int(0...1) * 5 - 3) }
      let updates = Grid.each(shape) { _ in Int64(random.int(0...1) * 5 - 3) }
      let values = Grid.each(shape) { _ in random.int(-dims[axis]...dims[axis] - 1) }
      var y = data
      for i in updates.indices {
        var at = Grid.coordinates(i, shape)
        at[axis] = wrapped(values[i], dims[axis])
        y[Grid.flat(at, dims)] = reduced(y[Grid.flat(at, dims)], updates[i], reduction)
      }
      cases.append(
        KernelCase(
          name: "\(dims) on \(axis) by \(shape) type \(type) reduction \(reduction)",
          inputs: [
            scatterTensor(data, dims, type), indexTensor(values, shape, wide: axis == 0),
            scatterTensor(updates, shape, type),
          ], attributes: [.integer(axis), .integer(reduction)], outputs: [scatterTensor(y, dims, type)],
          inPlace: reduction == 1 ? 0 : nil))
    }
  }
  cases.append(
    KernelCase(
      name: "index 2 of 2", inputs: [.u8([1, 2], [2]), .i64([2], [1]), .u8([9], [1])], attributes: [0, 0],
      outputs: [.u8([0, 0], [2])], runCode: KERF_BAD_INDEX))
  return cases
}

@Sendable func scatterNDCases() -> [KernelCase] {
  var random = TestRandom(54)
  let shapes: [([Int], [Int], Int)] = [
    ([6], [4], 1), ([4, 5], [3], 1), ([4, 5], [2, 3], 2), ([3, 2, 17], [2], 1), ([3], [2], 0),
  ]
  var cases: [KernelCase] = []
  for (dims, head, length) in shapes {
    for (type, reduction) in scatterKinds {
      let tail = Array(dims[length...])
      let run = Grid.count(tail)
      let data = Grid.each(dims) { _ in Int64(random.int(0...1) * 5 - 3) }
      let updates = Grid.each(head + tail) { _ in Int64(random.int(0...1) * 5 - 3) }
      let rows = Grid.each(head) { _ in (0..<length).map { random.int(-dims[$0]...dims[$0] - 1) } }
      var y = data
      for (r, row) in rows.enumerated() {
        let start = Grid.flat(row.enumerated().map { wrapped($1, dims[$0]) }, Array(dims[..<length])) * run
        for i in 0..<run { y[start + i] = reduced(y[start + i], updates[r * run + i], reduction) }
      }
      cases.append(
        KernelCase(
          name: "\(dims) by \(head) of \(length) type \(type) reduction \(reduction)",
          inputs: [
            scatterTensor(data, dims, type), indexTensor(rows.flatMap { $0 }, head + [length], wide: length == 1),
            scatterTensor(updates, head + tail, type),
          ], attributes: [.integer(reduction)], outputs: [scatterTensor(y, dims, type)]))
    }
  }
  cases.append(
    KernelCase(
      name: "index -3 of 2", inputs: [.u8([1, 2], [2]), .i64([-3], [1, 1]), .u8([9], [1])], attributes: [0],
      outputs: [.u8([0, 0], [2])], runCode: KERF_BAD_INDEX))
  return cases
}

@Sendable func oneHotCases() -> [KernelCase] {
  var random = TestRandom(55)
  var cases: [KernelCase] = []
  for shape in [[], [4], [3, 5], [0]] {
    for axis in 0...shape.count {
      let values = Grid.each(shape) { _ in random.int(-8...8) }
      let depth = 6
      var dims = shape
      dims.insert(depth, at: axis)
      let y = Grid.each(dims) { at -> Float in
        var from = at
        from.remove(at: axis)
        return wrapped(values[Grid.flat(from, shape)], depth) == at[axis] ? 7 : -2
      }
      for indices in [
        indexTensor(values, shape, wide: true), indexTensor(values, shape, wide: false),
        .f32(values.map(Float.init), shape),
      ] {
        cases.append(
          KernelCase(
            name: "\(shape) on \(axis)", inputs: [indices, .f32([-2, 7], [2])], attributes: [.integer(axis)],
            outputs: [.f32(y, dims)]))
      }
    }
  }
  cases.append(
    KernelCase(
      name: "not numbers", inputs: [.f32([.nan, .infinity, -.infinity, 1], [4]), .u8([0, 1], [2])], attributes: [1],
      outputs: [.u8([0, 0, 0, 0, 0, 0, 0, 1], [4, 2])]))
  return cases
}
