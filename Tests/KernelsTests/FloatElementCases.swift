import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
private func softplus(_ x: Double) -> Double { x > 40 ? x : log1p(exp(x)) }

/// Every unary function with its parameters, over the same inputs.
private let unaryFunctions: [(Int, Double, Double, @Sendable (Double) -> Double)] = [
  (KERF_UNARY_IDENTITY, 0, 0, { $0 }), (KERF_UNARY_RELU, 0, 0, { max($0, 0) }),
  (KERF_UNARY_CLIP, -1, 2, { min(max($0, -1), 2) }), (KERF_UNARY_LEAKY_RELU, 0.25, 0, { $0 < 0 ? $0 * 0.25 : $0 }),
  (KERF_UNARY_SIGMOID, 0, 0, sigmoid), (KERF_UNARY_TANH, 0, 0, { tanh($0) }),
  (KERF_UNARY_SILU, 1, 0, { $0 * sigmoid($0) }),
  (KERF_UNARY_HARD_SIGMOID, 0.2, 0.5, { min(max($0 * 0.2 + 0.5, 0), 1) }),
  (KERF_UNARY_HARD_SWISH, 0, 0, { $0 * min(max($0 / 6 + 0.5, 0), 1) }),
  (KERF_UNARY_GELU, 0, 0, { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
  (KERF_UNARY_GELU_TANH, 0, 0, { 0.5 * $0 * (1 + tanh(0.7978845608 * ($0 + 0.044715 * $0 * $0 * $0))) }),
  (KERF_UNARY_ELU, 1.5, 0, { $0 < 0 ? 1.5 * expm1($0) : $0 }),
  (KERF_UNARY_SELU, 1.5, 2, { 2 * ($0 < 0 ? 1.5 * expm1($0) : $0) }),
  (KERF_UNARY_CELU, 2, 0, { max($0, 0) + min(0, 2 * expm1($0 / 2)) }), (KERF_UNARY_SOFTPLUS, 0, 0, softplus),
  (KERF_UNARY_SOFTSIGN, 0, 0, { $0 / (1 + abs($0)) }), (KERF_UNARY_MISH, 0, 0, { $0 * tanh(softplus($0)) }),
  (KERF_UNARY_THRESHOLDED_RELU, 0.5, 0, { $0 > 0.5 ? $0 : 0 }),
  (KERF_UNARY_SHRINK, 0.5, 1.5, { $0 < -1.5 ? $0 + 0.5 : $0 > 1.5 ? $0 - 0.5 : 0 }),
  (KERF_UNARY_AFFINE, 3, -1, { 3 * $0 - 1 }), (KERF_UNARY_ABS, 0, 0, { abs($0) }), (KERF_UNARY_NEG, 0, 0, { -$0 }),
  (KERF_UNARY_SQRT, 0, 0, { $0.squareRoot() }), (KERF_UNARY_RECIPROCAL, 0, 0, { 1 / $0 }),
  (KERF_UNARY_EXP, 0, 0, { exp($0) }), (KERF_UNARY_LOG, 0, 0, { log($0) }), (KERF_UNARY_ERF, 0, 0, { erf($0) }),
  (KERF_UNARY_FLOOR, 0, 0, { floor($0) }), (KERF_UNARY_CEIL, 0, 0, { ceil($0) }),
  (KERF_UNARY_ROUND, 0, 0, { rint($0) }), (KERF_UNARY_SIGN, 0, 0, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }),
  (KERF_UNARY_SIN, 0, 0, { sin($0) }), (KERF_UNARY_COS, 0, 0, { cos($0) }), (KERF_UNARY_TAN, 0, 0, { tan($0) }),
  (KERF_UNARY_ASIN, 0, 0, { asin($0) }), (KERF_UNARY_ACOS, 0, 0, { acos($0) }),
  (KERF_UNARY_ATAN, 0, 0, { atan($0) }), (KERF_UNARY_SINH, 0, 0, { sinh($0) }), (KERF_UNARY_COSH, 0, 0, { cosh($0) }),
  (KERF_UNARY_ASINH, 0, 0, { asinh($0) }), (KERF_UNARY_ACOSH, 0, 0, { acosh($0) }),
  (KERF_UNARY_ATANH, 0, 0, { atanh($0) }), (KERF_UNARY_SQUARE, 0, 0, { $0 * $0 }),
  (KERF_UNARY_RSQRT, 0, 0, { 1 / $0.squareRoot() }),
]

/// All functions, at lengths around the vectors', in place every second time.
@Sendable func unaryCases() -> [KernelCase] {
  var random = TestRandom(2)
  var cases: [KernelCase] = []
  for (function, p0, p1, value) in unaryFunctions {
    for (i, n) in [0, 1, 7, 8, 15, 16, 17, 4099].enumerated() {
      var x = random.floats(n, -9, 9)
      for (j, special) in [Float(0), 0.5, 1.5, -2.5, 0.25].enumerated() where j < n { x[j] = special }
      let y = x.map { Float(value(Double($0))) }
      cases.append(
        KernelCase(
          name: "function \(function) of \(n)", inputs: [.f32(x, [n])],
          attributes: [.integer(function), .double(p0), .double(p1)], outputs: [.f32(y, [n])],
          absolute: 2e-6, relative: 2e-6, inPlace: i % 2 == 0 ? nil : 0))
    }
  }
  return cases
}
