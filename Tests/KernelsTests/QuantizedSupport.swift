import Kernels

/// Requantization parameters of n channels, and its definition.
struct Requantization {
  var bias: [Int32]
  var multiplier: [Int32]
  var shift: [Int32]
  var zero: Int
  var low: Int
  var high: Int
  var table: [UInt8]?

  /// `near`: factors as layers have them, whose shifts are 32…54 or 33…54.
  init(_ n: Int, _ random: inout TestRandom, table: Bool, near: Bool = false) {
    bias = (0..<n).map { _ in Int32(random.int(-100_000...100_000)) }
    multiplier = (0..<n).map { _ in Int32(random.int(0...Int(Int32.max))) }
    shift = (0..<n).map { _ in Int32(random.int(28...50)) }
    if n > 3 { (shift[0], shift[1], multiplier[2]) = (1, 62, 0) }
    if near {
      let least = random.int(32...33)
      shift = (0..<n).map { _ in Int32(random.int(least...42)) }
      if n > 3 { (shift[0], shift[1]) = (Int32(least), 54) }
    }
    zero = random.int(0...255)
    let bounds = [random.int(0...255), random.int(0...255)].sorted()
    (low, high) = (bounds[0], bounds[1])
    self.table = table ? random.bytes(256) : nil
  }

  var inputs: [TestTensor] {
    let n = [bias.count]
    return [.i32(bias, n), .i32(multiplier, n), .i32(shift, n), table.map { .u8($0, [256]) } ?? .none]
  }
  var bounds: [TestAttribute] { [.integer(zero), .integer(low), .integer(high)] }

  func apply(_ sum: Int64, _ channel: Int) -> UInt8 {
    let acc = Int64(Int32(truncatingIfNeeded: sum))
    let s = Int64(shift[channel])
    let scaled = (acc * Int64(multiplier[channel]) + (Int64(1) << (s - 1))) >> s
    let y = UInt8(min(max(scaled + Int64(zero), Int64(low)), Int64(high)))
    return table?[Int(y)] ?? y
  }
}

/// How the operands of a product are filled: at random, or at the extremes that overflow narrow sums.
enum ByteFill: CaseIterable {
  /// `paired`: no two weights of the same sign come to more than 128.
  case random, high, low, highest, paired

  func activations(_ n: Int, _ random: inout TestRandom) -> [UInt8] {
    switch self {
    case .random: random.bytes(n)
    case .paired: random.bytes(n).map { $0 < 64 ? 0 : $0 < 192 ? 255 : $0 }
    case .high, .highest: [UInt8](repeating: 255, count: n)
    case .low: [UInt8](repeating: 0, count: n)
    }
  }
  func weights(_ n: Int, _ random: inout TestRandom) -> [Int8] {
    switch self {
    case .random: random.bytes(n).map { Int8(bitPattern: $0) }
    case .high, .low: [Int8](repeating: -128, count: n)
    case .highest: [Int8](repeating: 127, count: n)
    case .paired:
      random.bytes(n).map { $0 < 50 ? -64 : $0 < 200 ? 64 : Int8(bitPattern: $0) / 2 }
    }
  }
}

extension ConvolutionShape {
  /// The exact sums of (x - zero) * w, by the definition: x[N,H,W,C], w[OC,C/groups,KH,KW]; padding counts as the zero.
  func integerSums(_ x: [Int64], _ weights: [Int64]) -> [Int64] {
    let gc = c / groups
    let goc = oc / groups
    return Grid.each([n, oh, ow, oc]) { at in
      var sum: Int64 = 0
      for a in 0..<kernel.0 {
        let ih = at[1] * stride.0 - pads.0 + a * dilation.0
        if ih < 0 || ih >= h { continue }
        for b in 0..<kernel.1 {
          let iw = at[2] * stride.1 - pads.1 + b * dilation.1
          if iw < 0 || iw >= w { continue }
          let base = ((at[0] * h + ih) * w + iw) * c + at[3] / goc * gc
          for ch in 0..<gc { sum += x[base + ch] * weights[((at[3] * gc + ch) * kernel.0 + a) * kernel.1 + b] }
        }
      }
      return sum
    }
  }
}
