#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A discrete Fourier transform computed in the arithmetic of `Real`, in a fixed order: one pass per factor of the
/// length (fours, one two in front, then odd primes), each over all elements.
///
/// Source: C. Temperton, Self-sorting mixed-radix fast Fourier transforms (1983); butterflies of odd radix from sums and
/// differences of mirrored elements.
struct FourierTransform<Real: BinaryFloatingPoint> {
  typealias Complex = (re: Real, im: Real)

  let length: Int
  let inverse: Bool
  private let factors: [Int]
  /// exp(±2πi·k / length), each rounded once.
  private let roots: [Complex]

  /// length ≥ 1
  init(length: Int, inverse: Bool = false) {
    self.length = length
    self.inverse = inverse
    factors = Self.factors(of: length)
    let step = (inverse ? 2 : -2) * Double.pi / Double(length)
    roots = (0..<length).map { Self.root($0, length, step) }
  }

  /// Symmetric in the octants, so that mirrored roots differ in sign alone.
  private static func root(_ k: Int, _ length: Int, _ step: Double) -> Complex {
    let mirror = min(k, length - k)
    let sign: Double = mirror == k ? 1 : -1
    if 4 * mirror == length { return (0, Real(sign * (step < 0 ? -1 : 1))) }
    if 2 * mirror == length { return (-1, 0) }
    return (Real(cos(step * Double(mirror))), Real(sign * sin(step * Double(mirror))))
  }

  private static func factors(of length: Int) -> [Int] {
    var rest = length
    var factors: [Int] = []
    while rest % 4 == 0 {
      factors.append(4)
      rest /= 4
    }
    if rest % 2 == 0 {
      factors.insert(2, at: 0)
      rest /= 2
    }
    var divisor = 3
    while divisor * divisor <= rest {
      while rest % divisor == 0 {
        factors.append(divisor)
        rest /= divisor
      }
      divisor += 2
    }
    return rest > 1 ? factors + [rest] : factors
  }

  /// The first `bins` values for a signal that is cut or extended with zeros to the length; divided by it if inverse.
  func transform(_ signal: [Complex], bins: Int) -> [Complex] {
    var values = Array(signal.prefix(length))
    values += Array(repeating: (0, 0), count: length - values.count)
    var result = values
    var done = 1
    for radix in factors {
      pass(values, &result, radix, done)
      swap(&values, &result)
      done *= radix
    }
    guard inverse else { return Array(values.prefix(bins)) }
    let scale = 1 / Real(length)
    return values.prefix(bins).map { ($0.re * scale, $0.im * scale) }
  }

  /// Butterflies of one radix: element b of block k goes, turned by root b·i·done, to row k of block b.
  private func pass(_ source: [Complex], _ target: inout [Complex], _ radix: Int, _ done: Int) {
    let inner = length / done / radix
    for block in 0..<done {
      for i in 0..<inner {
        let first = i + inner * radix * block
        var x = (0..<radix).map { source[first + inner * $0] }
        switch radix {
        case 2: x = [sum(x[0], x[1]), difference(x[0], x[1])]
        case 4: x = butterfly4(x)
        default: x = butterfly(x)
        }
        for b in 0..<radix {
          let value = i == 0 || b == 0 ? x[b] : product(x[b], roots[b * i * done])
          target[i + inner * (block + done * b)] = value
        }
      }
    }
  }

  private func butterfly4(_ x: [Complex]) -> [Complex] {
    let (even, odd) = (sum(x[0], x[2]), sum(x[1], x[3]))
    let (d, e) = (difference(x[0], x[2]), difference(x[1], x[3]))
    let turned: Complex = inverse ? (-e.im, e.re) : (e.im, -e.re)
    return [sum(even, odd), sum(d, turned), difference(even, odd), difference(d, turned)]
  }

  /// y₀ = x₀ + Σ sⱼ and yₖ, y₋ₖ = (x₀ + Σ cos(2πjk/p)·sⱼ) ± i·Σ sin(2πjk/p)·dⱼ with sⱼ, dⱼ = xⱼ ± x₋ⱼ.
  private func butterfly(_ x: [Complex]) -> [Complex] {
    let radix = x.count
    let half = 1...(radix / 2)
    let sums = half.map { sum(x[$0], x[radix - $0]) }
    let differences = half.map { difference(x[$0], x[radix - $0]) }
    var result = x
    for s in sums { result[0] = sum(result[0], s) }
    for k in half {
      var (a, b): (Complex, Complex) = (x[0], (0, 0))
      for j in half {
        let root = roots[j * k % radix * (length / radix)]
        let (s, d) = (sums[j - 1], differences[j - 1])
        a = (a.re + root.re * s.re, a.im + root.re * s.im)
        b = (b.re + root.im * d.im, b.im + root.im * d.re)
      }
      result[k] = (a.re - b.re, a.im + b.im)
      result[radix - k] = (a.re + b.re, a.im - b.im)
    }
    return result
  }

  private func sum(_ a: Complex, _ b: Complex) -> Complex { (a.re + b.re, a.im + b.im) }
  private func difference(_ a: Complex, _ b: Complex) -> Complex { (a.re - b.re, a.im - b.im) }
  private func product(_ a: Complex, _ b: Complex) -> Complex {
    (a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
  }

  /// The spectrum of a real signal from its first half: bin length − k is the conjugate of bin k.
  func completed(_ half: [Complex]) -> [Complex] {
    (0..<length).map { k in
      let mirror = length - k
      if k == 0 || k == mirror { return k < half.count ? (half[k].re, 0) : (0, 0) }
      if k < mirror { return k < half.count ? half[k] : (0, 0) }
      return mirror < half.count ? (half[mirror].re, -half[mirror].im) : (0, 0)
    }
  }
}
