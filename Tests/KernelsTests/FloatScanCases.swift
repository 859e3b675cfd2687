import Kernels

private let scanShapes: [([Int], Int)] = [
  ([1], 0), ([9], 0), ([0, 3], 0), ([3, 0], 1), ([4, 17], 1), ([4, 17], 0), ([2, 5, 300], 1), ([3, 1, 2], 1),
]

@Sendable func cumulativeSumCases() -> [KernelCase] {
  var random = TestRandom(20)
  var cases: [KernelCase] = []
  for (dims, axis) in scanShapes {
    for flags in 0..<4 {
      let exclusive = flags & 1
      let reverse = flags >> 1
      let n = dims[axis]
      let inner = dims[(axis + 1)...].reduce(1, *)
      let x = random.floats(dims.reduce(1, *))
      var y = x
      for start in x.indices where start / inner % n == 0 {
        var sum = 0.0
        for k in 0..<n {
          let i = start + (reverse == 1 ? n - 1 - k : k) * inner
          if exclusive == 1 { y[i] = Float(sum) }
          sum += Double(x[i])
          if exclusive == 0 { y[i] = Float(sum) }
        }
      }
      cases.append(
        KernelCase(
          name: "\(dims) axis \(axis) flags \(flags)", inputs: [.f32(x, dims)],
          attributes: [.integer(axis), .integer(exclusive), .integer(reverse)], outputs: [.f32(y, dims)],
          inPlace: flags == 1 ? 0 : nil))
    }
  }
  return cases
}

/// The k first elements in order, many of them equal.
@Sendable func topKCases() -> [KernelCase] {
  var random = TestRandom(21)
  var cases: [KernelCase] = []
  for (dims, axis) in scanShapes {
    for largest in 0...1 {
      let n = dims[axis]
      let inner = dims[(axis + 1)...].reduce(1, *)
      for k in Set([0, min(1, n), n / 2, n]).sorted() {
        let x = (0..<dims.reduce(1, *)).map { _ in Float(random.int(0...6)) }
        var shape = dims
        shape[axis] = k
        var values = [Float](repeating: 0, count: shape.reduce(1, *))
        var indices = values.map { _ in Int64(0) }
        for outer in 0..<dims[..<axis].reduce(1, *) {
          for column in 0..<inner {
            func element(_ i: Int) -> Float { x[(outer * n + i) * inner + column] }
            let order = (0..<n).sorted { a, b in
              let p = element(a)
              let q = element(b)
              return p == q ? a < b : largest == 1 ? p > q : p < q
            }
            for (rank, i) in order.prefix(k).enumerated() {
              values[(outer * k + rank) * inner + column] = element(i)
              indices[(outer * k + rank) * inner + column] = Int64(i)
            }
          }
        }
        cases.append(
          KernelCase(
            name: "\(dims) axis \(axis) k \(k) largest \(largest)", inputs: [.f32(x, dims)],
            attributes: [.integer(axis), .integer(largest)], outputs: [.f32(values, shape), .i64(indices, shape)]))
      }
    }
  }
  return cases
}
