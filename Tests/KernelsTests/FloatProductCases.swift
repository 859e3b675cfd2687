import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

let identity: [TestAttribute] = [0, 0.0, 0.0]

/// GEMM at the edges of the tiles, with bias and residual: an activation that clamps, and one with a formula.
@Sendable func gemmCases() -> [KernelCase] {
  gemmCases("relu", 1) { max($0, 0) } + gemmCases("sigmoid", KERF_UNARY_SIGMOID) { 1 / (1 + exp(-$0)) }
}

private func gemmCases(_ label: String, _ activation: Int, _ function: (Double) -> Double) -> [KernelCase] {
  var random = TestRandom(1)
  var cases: [KernelCase] = []
  let sizes = [
    (0, 3, 4), (3, 0, 4), (3, 5, 0), (1, 1, 1), (1, 1000, 37), (1, 19, 8), (2, 33, 5), (5, 16, 16), (6, 17, 31),
    (7, 32, 3),
    (13, 31, 64), (14, 32, 65), (15, 33, 100), (43, 70, 129), (84, 48, 770), (97, 129, 1100), (29, 600, 1024),
  ]
  for (index, (m, n, k)) in sizes.enumerated() {
    let a = random.floats(m * k)
    let b = random.floats(k * n)
    let bias = random.floats(n)
    let residual = random.floats(m * n)
    let mode = index % 3
    var y = [Float](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n {
        var sum = Double(bias[j]) + (mode == 1 ? Double(residual[i * n + j]) : 0)
        for p in 0..<k { sum += Double(a[i * k + p]) * Double(b[p * n + j]) }
        y[i * n + j] = Float(function(sum)) + (mode == 2 ? residual[i * n + j] : 0)
      }
    }
    let packed = TestTensor.packed(kerf_pack_gemm_f32_size(Int64(k), Int64(n))) {
      kerf_pack_gemm_f32(Int64(k), Int64(n), 0, b, $0)
    }
    cases.append(
      KernelCase(
        name: "\(m)x\(n)x\(k) \(label)",
        inputs: [.f32(a, [m, k]), packed, .f32(bias, [n]), mode == 0 ? .none : .f32(residual, [m, n])],
        attributes: [.integer(k), .integer(n), .integer(activation), 0.0, 0.0, .integer(mode)],
        outputs: [.f32(y, [m, n])],
        absolute: 2e-4))
  }
  return cases
}

/// Batched products with broadcasting, transposed operands, alpha, bias and residual.
@Sendable func matmulCases() -> [KernelCase] {
  var random = TestRandom(13)
  let shapes: [([Int], [Int], Int, Int, Int)] = [
    ([], [], 1, 1, 1), ([], [], 5, 7, 3), ([], [], 33, 50, 17), ([], [], 100, 70, 900), ([3], [3], 9, 31, 20),
    ([2, 3], [3], 7, 16, 8), ([3], [2, 1], 4, 5, 6), ([2, 1, 2], [1, 3, 1], 6, 3, 4), ([4], [], 5, 33, 12),
    ([], [4], 5, 17, 12),
    ([20], [20], 1, 9, 64), ([3], [3], 1, 70, 33), ([2], [2], 2, 37, 19), ([], [], 4, 48, 100), ([2], [2], 3, 16, 7),
    ([0], [], 3, 4, 5), ([2], [2], 3, 0, 5), ([2], [2], 3, 4, 0), ([2], [], 50, 40, 800),
  ]
  var cases: [KernelCase] = []
  for (index, (la, lb, m, n, k)) in shapes.enumerated() {
    for transposed in 0..<4 {
      let ta = transposed & 1
      let tb = transposed >> 1
      let lead = Broadcast.shape(la, lb)
      let mode = (index + transposed) % 3
      let a = random.floats(la.reduce(1, *) * m * k)
      let b = random.floats(lb.reduce(1, *) * k * n)
      let bias = random.floats(n)
      let alpha = index % 2 == 0 ? 1 : 0.5
      var y: [Float] = []
      let residual = random.floats(lead.reduce(1, *) * m * n)
      for (p, q) in zip(Broadcast.indices(la, in: lead), Broadcast.indices(lb, in: lead)) {
        for i in 0..<m {
          for j in 0..<n {
            var sum = 0.0
            for d in 0..<k {
              let x = a[p * m * k + (ta == 1 ? d * m + i : i * k + d)]
              let z = b[q * k * n + (tb == 1 ? j * k + d : d * n + j)]
              sum += Double(x) * Double(z)
            }
            let r = Double(residual[y.count])
            let before = sum * alpha + Double(bias[j]) + (mode == 1 ? r : 0)
            y.append(Float(max(before, 0) + (mode == 2 ? r : 0)))
          }
        }
      }
      let dims = lead + [m, n]
      cases.append(
        KernelCase(
          name: "\(la) \(lb) \(m)x\(n)x\(k) \(ta)\(tb)",
          inputs: [
            .f32(a, la + (ta == 1 ? [k, m] : [m, k])), .f32(b, lb + (tb == 1 ? [n, k] : [k, n])), .f32(bias, [n]),
            mode == 0 ? .none : .f32(residual, dims),
          ],
          attributes: [.integer(ta), .integer(tb), .double(alpha), 1, 0.0, 0.0, .integer(mode)],
          outputs: [.f32(y, dims)], absolute: 2e-4))
    }
  }
  return cases
}
