import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Sendable func softmaxCases() -> [KernelCase] {
  var random = TestRandom(7)
  var cases: [KernelCase] = []
  let shapes: [([Int], Int)] = [
    ([1], 0), ([0, 4], 1), ([3, 0], 0), ([5, 17], 1), ([5, 17], 0), ([2, 3, 7], 1), ([4, 1000], 1), ([33, 130], 0),
    ([70, 90], 1), ([2, 16, 64], 2),
  ]
  for (dims, axis) in shapes {
    for log in 0...1 {
      let x = random.floats(dims.reduce(1, *), -20, 20)
      let n = dims[axis]
      let inner = dims[(axis + 1)...].reduce(1, *)
      var y = x
      for start in x.indices where start / inner % n == 0 {
        let row = (0..<n).map { start + $0 * inner }
        let top = row.map { Double(x[$0]) }.max() ?? 0
        let sum = row.reduce(0.0) { $0 + exp(Double(x[$1]) - top) }
        for i in row {
          let shifted = Double(x[i]) - top
          y[i] = Float(log == 1 ? shifted - CLibrary.log(sum) : exp(shifted) / sum)
        }
      }
      cases.append(
        KernelCase(
          name: "\(dims) axis \(axis) log \(log)", inputs: [.f32(x, dims)],
          attributes: [.integer(axis), .integer(log)],
          outputs: [.f32(y, dims)], absolute: log == 1 ? 8e-6 : 1e-7, relative: 8e-6, inPlace: axis % 2 == 0 ? 0 : nil))
    }
  }
  return cases
}

/// The C library's logarithm, where a local name hides it.
enum CLibrary {
  #if canImport(Glibc)
    static func log(_ x: Double) -> Double { Glibc.log(x) }
  #else
    static func log(_ x: Double) -> Double { Musl.log(x) }
  #endif
}

@Sendable func layerNormCases() -> [KernelCase] {
  var random = TestRandom(8)
  var cases: [KernelCase] = []
  let shapes: [([Int], Int)] = [
    ([3, 5], 1), ([2, 3, 4], 1), ([0, 4], 1), ([7, 16], 1), ([4, 33], 1), ([2, 768], 1), ([9], 0),
  ]
  for (index, (dims, axis)) in shapes.enumerated() {
    for rms in 0...1 {
      let n = dims[axis...].reduce(1, *)
      let rows = dims[..<axis].reduce(1, *)
      let x = random.floats(rows * n, 2, 5)
      let scale = random.floats(n)
      let bias = random.floats(n)
      let hasBias = index % 2 == 0
      var y = x
      var means = [Float](repeating: 0, count: rows)
      var inverses = means
      for r in 0..<rows {
        let row = x[r * n..<(r + 1) * n].map(Double.init)
        let mean = rms == 1 ? 0 : row.reduce(0, +) / Double(n)
        let inverse = 1 / (row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n) + 1e-5).squareRoot()
        (means[r], inverses[r]) = (Float(mean), Float(inverse))
        for i in 0..<n {
          y[r * n + i] = Float((row[i] - mean) * inverse * Double(scale[i]) + (hasBias ? Double(bias[i]) : 0))
        }
      }
      let statistic = Array(dims[..<axis]) + dims[axis...].map { _ in 1 }
      let trailing = Array(dims[axis...])
      cases.append(
        KernelCase(
          name: "\(dims) axis \(axis) rms \(rms)",
          inputs: [.f32(x, dims), .f32(scale, trailing), hasBias ? .f32(bias, trailing) : .none],
          attributes: [.integer(axis), 1e-5, .integer(rms)],
          outputs: [.f32(y, dims), index % 3 == 0 ? .f32(means, statistic) : .none, .f32(inverses, statistic)],
          absolute: 2e-5, inPlace: index % 2 == 1 ? 0 : nil))
    }
  }
  return cases
}

@Sendable func groupNormCases() -> [KernelCase] {
  var random = TestRandom(9)
  let shapes: [(Int, Int, Int, Int)] = [
    (1, 4, 6, 2), (2, 9, 5, 5), (1, 1, 32, 4), (3, 50, 16, 1), (1, 3000, 3, 3), (0, 4, 4, 2), (2, 0, 4, 2),
    (1, 600, 40, 8),
  ]
  return shapes.enumerated().map { index, shape in
    let (n, s, c, groups) = shape
    let x = random.floats(n * s * c, 3, 6)
    let scale = random.floats(c)
    let bias = random.floats(c)
    let width = c / groups
    var y = x
    for image in 0..<n {
      for group in 0..<groups {
        let at = (0..<s).flatMap { row in (0..<width).map { (image * s + row) * c + group * width + $0 } }
        let mean = at.reduce(0.0) { $0 + Double(x[$1]) } / Double(at.count)
        let variance = at.reduce(0.0) { $0 + (Double(x[$1]) - mean) * (Double(x[$1]) - mean) } / Double(at.count)
        for i in at {
          let value = (Double(x[i]) - mean) / (variance + 1e-5).squareRoot()
          y[i] = Float(max(0, index % 2 == 0 ? value * Double(scale[i % c]) + Double(bias[i % c]) : value))
        }
      }
    }
    return KernelCase(
      name: "\(shape)",
      inputs: [
        .f32(x, [n, s, c]), index % 2 == 0 ? .f32(scale, [c]) : .none, index % 2 == 0 ? .f32(bias, [c]) : .none,
      ],
      attributes: [.integer(groups), 1e-5, 1, 0.0, 0.0], outputs: [.f32(y, [n, s, c])], absolute: 3e-5,
      inPlace: index % 3 == 0 ? 0 : nil)
  }
}
