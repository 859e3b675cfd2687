import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Row-major walks over broadcast shapes, by the definition.
enum Broadcast {
  static func shape(_ a: [Int], _ b: [Int]) -> [Int] {
    let rank = max(a.count, b.count)
    return (0..<rank).map { i in
      let p = i - (rank - a.count)
      let q = i - (rank - b.count)
      let x = p < 0 ? 1 : a[p]
      let y = q < 0 ? 1 : b[q]
      return x == 1 ? y : x
    }
  }

  /// For every element of `shape`, the index of the element of `operand` that it sees.
  static func indices(_ operand: [Int], in shape: [Int]) -> [Int] {
    let count = shape.reduce(1, *)
    return (0..<count).map { flat in
      var rest = flat
      var index = 0
      var step = 1
      for i in stride(from: shape.count - 1, through: 0, by: -1) {
        let at = rest % shape[i]
        let own = i - (shape.count - operand.count)
        rest /= shape[i]
        if own < 0 { continue }
        if operand[own] != 1 { index += at * step }
        step *= operand[own]
      }
      return index
    }
  }
}

private let binaryFunctions: [@Sendable (Double, Double) -> Double] = [
  { $0 + $1 }, { $0 - $1 }, { $0 * $1 }, { $0 / $1 }, { pow($0, $1) }, { min($0, $1) }, { max($0, $1) },
  { x, y in
    let r = fmod(x, y)
    return r != 0 && (r < 0) != (y < 0) ? r + y : r
  }, { fmod($0, $1) }, { $0 >= 0 ? $0 : $0 * $1 }, { ($0 - $1) * ($0 - $1) },
]

private let broadcastShapes: [([Int], [Int])] = [
  ([], []), ([5], []), ([], [17]), ([16], [16]), ([0, 3], [3]), ([3, 1], [1, 4]), ([2, 7, 5, 9], [9]),
  ([2, 7, 5, 9], [2, 1, 1, 9]), ([2, 7, 5, 9], [7, 1, 1]), ([4, 1, 6], [3, 1]),
  ([2, 1, 3, 1, 2, 1, 3, 1], [2, 1, 2, 1, 3, 1, 2]),
  ([3, 5000], [5000]), ([5000, 2], [5000, 1]), ([9001], [9001]),
]

/// The sign of a zero remainder, visible in its reciprocal: the divisor's for MOD, the dividend's for FMOD.
private func zeroRemainderCases() -> [KernelCase] {
  let x: [Float] = [0, -0, 0, -0, 4, -4, 4, -4]
  let y: [Float] = [2, 2, -2, -2, 2, 2, -2, -2]
  return [(KERF_BINARY_MOD, y), (KERF_BINARY_FMOD, x)].map { function, sign in
    KernelCase(
      name: "zero of function \(function)", inputs: [.f32(x, [8]), .f32(y, [8])],
      attributes: [.integer(function), .integer(KERF_UNARY_RECIPROCAL), 0.0, 0.0],
      outputs: [.f32(sign.map { $0.sign == .minus ? -.infinity : .infinity }, [8])])
  }
}

/// Every function over every pair of shapes, in place where the first operand has the result's shape.
@Sendable func binaryCases() -> [KernelCase] {
  var random = TestRandom(5)
  var cases: [KernelCase] = []
  for (index, (a, b)) in broadcastShapes.enumerated() {
    let shape = Broadcast.shape(a, b)
    let ia = Broadcast.indices(a, in: shape)
    let ib = Broadcast.indices(b, in: shape)
    for (f, function) in binaryFunctions.enumerated() {
      let positive = f == KERF_BINARY_POW
      let x = random.floats(a.reduce(1, *), positive ? 0.1 : -4, 4)
      let y = random.floats(b.reduce(1, *)).map { $0 + ($0 < 0 ? -1 : 1) }
      let relu = (index + f) % 3 == 0
      let z = zip(ia, ib).map { p, q in
        let value = Float(function(Double(x[p]), Double(y[q])))
        return relu ? max(value, 0) : value
      }
      cases.append(
        KernelCase(
          name: "function \(f) of \(a) and \(b)", inputs: [.f32(x, a), .f32(y, b)],
          attributes: [.integer(f), .integer(relu ? 1 : 0), 0.0, 0.0], outputs: [.f32(z, shape)], absolute: 1e-6,
          relative: 2e-6, inPlace: a == shape && f % 2 == 0 ? 0 : b == shape && f % 2 == 1 ? 1 : nil))
    }
  }
  return cases + zeroRemainderCases()
}

@Sendable func scaleShiftCases() -> [KernelCase] {
  var random = TestRandom(6)
  return [[0, 4], [3, 0], [1], [2, 3, 16], [5, 17], [3000, 5], [2, 5000]].enumerated().map { index, dims in
    let c = dims[dims.count - 1]
    let x = random.floats(dims.reduce(1, *))
    let scale = random.floats(c)
    let shift = random.floats(c)
    let y = x.indices.map { i in
      let value = x[i] * scale[i % c] + shift[i % c]
      return index % 2 == 0 ? value : max(value, 0)
    }
    return KernelCase(
      name: "\(dims)", inputs: [.f32(x, dims), .f32(scale, [c]), .f32(shift, [c])],
      attributes: [.integer(index % 2), 0.0, 0.0], outputs: [.f32(y, dims)], inPlace: index % 3 == 0 ? 0 : nil)
  }
}
