import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

private func bits(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
}
private func rounded(_ value: Float) -> Float { Float(bitPattern: UInt32(bits(value)) << 16) }

@Sendable func softmaxBF16Cases() -> [KernelCase] {
  var random = TestRandom(53)
  var cases: [KernelCase] = []
  let shapes: [([Int], Int)] = [
    ([1], 0), ([0, 4], 1), ([3, 5], 1), ([3, 5], 0), ([2, 3, 7], 1), ([2, 300], 1), ([2, 128], 1),
  ]
  for (dims, axis) in shapes {
    let x = random.floats(dims.reduce(1, *), -4, 4).map(rounded)
    let n = dims[axis]
    let inner = dims[(axis + 1)...].reduce(1, *)
    var y = x
    for start in x.indices where start / inner % n == 0 {
      let row = (0..<n).map { start + $0 * inner }
      let top = row.map { x[$0] }.max() ?? 0
      let powers = row.map { rounded(expf(rounded(x[$0] - top))) }
      let sum = powers.reduce(Float(0)) { n > 128 ? $0 + $1 : rounded($0 + $1) }
      for (i, power) in zip(row, powers) { y[i] = rounded(power / rounded(sum)) }
    }
    cases.append(
      KernelCase(
        name: "\(dims) axis \(axis)", inputs: [TestTensor(x.map(bits), dims, type: Int(KERF_BF16))],
        attributes: [.integer(axis)], outputs: [TestTensor(y.map(bits), dims, type: Int(KERF_BF16))],
        inPlace: axis == 0 ? 0 : nil))
  }
  return cases
}
