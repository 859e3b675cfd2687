import Kernels

private func saturated<T: KernelInteger>(_ v: Double, _: T.Type) -> T {
  if v.isNaN { return 0 }
  if v >= Double(T.max) { return T.max }
  if v <= Double(T.min) { return T.min }
  return T(v)
}

/// Source values in every numbered type, by number, and the same values in every type, by the definition of CAST.
private func casts<T: KernelInteger>(_: T.Type, from x: TestTensor, _ doubles: [Double]?, _ bits: [UInt64]?)
  -> KernelCase
{
  let y: [T]
  if let doubles {
    y = doubles.map { saturated($0, T.self) }
  } else {
    y = (bits ?? []).map { T(truncatingIfNeeded: $0) }
  }
  return KernelCase(
    name: "\(x.type) to \(T.self)", inputs: [x], attributes: [], outputs: [TestTensor(y, x.dims, type: T.kernelType)])
}

private func toIntegers(_ x: TestTensor, _ doubles: [Double]?, _ bits: [UInt64]?) -> [KernelCase] {
  [
    casts(UInt8.self, from: x, doubles, bits), casts(Int8.self, from: x, doubles, bits),
    casts(UInt16.self, from: x, doubles, bits), casts(Int16.self, from: x, doubles, bits),
    casts(UInt32.self, from: x, doubles, bits), casts(Int32.self, from: x, doubles, bits),
    casts(UInt64.self, from: x, doubles, bits), casts(Int64.self, from: x, doubles, bits),
  ]
}

private func fromIntegers<T: KernelInteger>(_: T.Type) -> [KernelCase] {
  var random = TestRandom(64)
  let x: [T] = random.integers(300)
  let dims = [300]
  let tensor = TestTensor.integers(x, dims)
  let bits = x.map { UInt64(truncatingIfNeeded: $0) }
  return toIntegers(tensor, nil, bits) + [
    KernelCase(name: "\(T.self) to f32", inputs: [tensor], attributes: [], outputs: [.f32(x.map { Float($0) }, dims)]),
    KernelCase(
      name: "\(T.self) to f64", inputs: [tensor], attributes: [],
      outputs: [TestTensor(x.map { Double($0) }, dims, type: KERF_F64)]),
    KernelCase(name: "\(T.self) to bool", inputs: [tensor], attributes: [], outputs: [.bool(x.map { $0 != 0 }, dims)]),
  ]
}

private let specials: [Double] = [
  0, -0.0, 0.5, -0.5, 1.99, -1.99, 127.9, 128, 255.5, 256, -129, 32767.5, 65536, 2_147_483_647, 2_147_483_648,
  -2_147_483_649,
  4_294_967_296, 9.3e18, -9.3e18, 1.9e19, 1e30, -1e30, .infinity, -.infinity, .nan,
]

/// float16 by its bits against exact float32, with results that lie between two halves and ties.
private let halves: [(Float, UInt16)] = [
  (0, 0), (-0.0, 0x8000), (1, 0x3c00), (-2, 0xc000), (65504, 0x7bff), (65519, 0x7bff), (65520, 0x7c00), (1e9, 0x7c00),
  (0x1p-14, 0x0400), (0x1p-24, 1), (0x1p-25, 0), (0x1.8p-25, 1), (0x1.004p0, 0x3c01), (0x1.002p0, 0x3c00),
  (0x1.006p0, 0x3c02),
  (0x1.ff8p-15, 0x03ff), (0x1.ffcp-15, 0x0400), (.infinity, 0x7c00), (-.infinity, 0xfc00),
]

@Sendable func castCases() -> [KernelCase] {
  let floats = specials.map(Float.init)
  let f32 = TestTensor.f32(floats, [floats.count])
  let f64 = TestTensor(specials, [specials.count], type: KERF_F64)
  var cases = toIntegers(f32, floats.map(Double.init), nil) + toIntegers(f64, specials, nil)
  cases += fromIntegers(UInt8.self) + fromIntegers(Int8.self) + fromIntegers(UInt16.self) + fromIntegers(Int16.self)
  cases += fromIntegers(UInt32.self) + fromIntegers(Int32.self) + fromIntegers(UInt64.self) + fromIntegers(Int64.self)
  let half = TestTensor(halves.map(\.1), [halves.count], type: KERF_F16)
  cases.append(
    KernelCase(name: "f32 to f16", inputs: [.f32(halves.map(\.0), [halves.count])], attributes: [], outputs: [half]))
  cases.append(
    KernelCase(
      name: "f64 to f16", inputs: [TestTensor(halves.map { Double($0.0) }, [halves.count], type: KERF_F64)],
      attributes: [], outputs: [half]))
  let all = (0..<UInt16.max).filter { $0 & 0x7fff <= 0x7c00 }
  let widened = all.map { bits -> Float in
    let magnitude = Int(bits & 0x7fff)
    let exponent = magnitude >> 10
    let fraction = Float(magnitude & 0x3ff)
    let scale = Float(sign: .plus, exponent: max(exponent, 1) - 25, significand: 1)
    let value = exponent == 31 ? .infinity : (exponent == 0 ? fraction : fraction + 1024) * scale
    return bits & 0x8000 == 0 ? value : -value
  }
  let every = TestTensor(all, [all.count], type: KERF_F16)
  let wide = TestTensor.f32(widened, [all.count])
  cases.append(
    KernelCase(name: "f16 to f32", inputs: [every], attributes: [], outputs: [wide], absolute: 0, relative: 0))
  cases.append(KernelCase(name: "f32 to f16 and back", inputs: [wide], attributes: [], outputs: [every]))
  let brains: [(Float, UInt16)] = [
    (1, 0x3f80), (0x1.01p0, 0x3f80), (0x1.03p0, 0x3f82), (0x1.010002p0, 0x3f81), (-.infinity, 0xff80),
  ]
  let bf16 = TestTensor(brains.map(\.1), [5], type: KERF_BF16)
  cases.append(KernelCase(name: "f32 to bf16", inputs: [.f32(brains.map(\.0), [5])], attributes: [], outputs: [bf16]))
  cases.append(
    KernelCase(
      name: "bf16 to f32", inputs: [bf16], attributes: [], outputs: [.f32([1, 1, 0x1.04p0, 0x1.02p0, -.infinity], [5])])
  )
  cases.append(
    KernelCase(
      name: "f32 to bool", inputs: [.f32([0, -0.0, .nan, 0x1p-130], [4])], attributes: [],
      outputs: [.bool([false, false, true, true], [4])]))
  cases.append(
    KernelCase(
      name: "bool to f32", inputs: [TestTensor([0, 1, 255] as [UInt8], [3], type: KERF_BOOL)], attributes: [],
      outputs: [.f32([0, 1, 1], [3])]))
  return cases
}
