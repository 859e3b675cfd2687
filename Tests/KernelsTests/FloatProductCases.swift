import Kernels

let identity: [TestAttribute] = [0, 0.0, 0.0]

/// GEMM at the edges of the tiles, with and without bias, residual and activation.
@Sendable func gemmCases() -> [KernelCase] {
  var random = TestRandom(1)
  var cases: [KernelCase] = []
  let sizes = [
    (0, 3, 4), (3, 0, 4), (3, 5, 0), (1, 1, 1), (1, 1000, 37), (2, 33, 5), (5, 16, 16), (6, 17, 31), (7, 32, 3),
    (13, 31, 64), (14, 32, 65), (15, 33, 100), (43, 70, 129), (84, 48, 770), (97, 129, 1100), (29, 600, 1024),
  ]
  for (index, (m, n, k)) in sizes.enumerated() {
    let a = random.floats(m * k), b = random.floats(k * n), bias = random.floats(n), residual = random.floats(m * n)
    let mode = index % 3
    var y = [Float](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n {
        var sum = Double(bias[j]) + (mode == 1 ? Double(residual[i * n + j]) : 0)
        for p in 0..<k { sum += Double(a[i * k + p]) * Double(b[p * n + j]) }
        y[i * n + j] = Float(max(sum, 0)) + (mode == 2 ? residual[i * n + j] : 0)
      }
    }
    let packed = TestTensor.packed(kerf_pack_gemm_f32_size(Int64(k), Int64(n))) {
      kerf_pack_gemm_f32(Int64(k), Int64(n), 0, b, $0)
    }
    cases.append(
      KernelCase(
        name: "\(m)x\(n)x\(k)",
        inputs: [.f32(a, [m, k]), packed, .f32(bias, [n]), mode == 0 ? .none : .f32(residual, [m, n])],
        attributes: [.integer(k), .integer(n), 1, 0.0, 0.0, .integer(mode)], outputs: [.f32(y, [m, n])],
        absolute: 2e-4))
  }
  return cases
}
