/// Conversions of the floating-point formats that Swift has no type for. Decoding is exact; encoding rounds to nearest,
/// ties to even. Sources: IEEE 754; bfloat16; OCP 8-bit floating point (E4M3, E5M2), the FNUZ variants of Noune et al.
/// 2022, OCP microscaling formats (E2M1, E8M0); ONNX "float stored in 8 bits".
public enum LowPrecision {
  /// A small binary format: sign, exponent, mantissa.
  struct Format {
    var exponentBits: Int
    var mantissaBits: Int
    var bias: Int
    /// Finite-only with NaN at S.1111.111 (E4M3FN), NaN at 0x80 (FNUZ), IEEE infinities, or no specials at all (E2M1).
    enum Specials { case ieee, finiteNaN, unsignedZero, none }
    var specials: Specials

    var magnitudeBits: Int { exponentBits + mantissaBits }
    /// Largest finite magnitude, as its code.
    var largest: Int {
      switch specials {
      case .ieee: (((1 << exponentBits) - 1) << mantissaBits) - 1
      case .finiteNaN: (1 << magnitudeBits) - 2
      case .unsignedZero, .none: (1 << magnitudeBits) - 1
      }
    }
  }

  static func format(_ type: ElementType) -> Format? {
    switch type {
    case .float8e4m3fn: Format(exponentBits: 4, mantissaBits: 3, bias: 7, specials: .finiteNaN)
    case .float8e4m3fnuz: Format(exponentBits: 4, mantissaBits: 3, bias: 8, specials: .unsignedZero)
    case .float8e5m2: Format(exponentBits: 5, mantissaBits: 2, bias: 15, specials: .ieee)
    case .float8e5m2fnuz: Format(exponentBits: 5, mantissaBits: 2, bias: 16, specials: .unsignedZero)
    case .float4e2m1: Format(exponentBits: 2, mantissaBits: 1, bias: 1, specials: .none)
    default: nil
    }
  }

  /// The value of a code of one of the float8 or float4 types, float8e8m0 included.
  public static func decode(_ code: UInt8, _ type: ElementType) -> Float {
    if type == .float8e8m0 {
      return code == 255 ? .nan : Float(sign: .plus, exponent: Int(code) - 127, significand: 1)
    }
    guard let f = format(type) else { return .nan }
    let negative = (Int(code) >> f.magnitudeBits) & 1 == 1
    let magnitude = Int(code) & ((1 << f.magnitudeBits) - 1)
    if f.specials == .unsignedZero && negative && magnitude == 0 { return .nan }
    if magnitude > f.largest {
      if f.specials == .ieee && magnitude == f.largest + 1 { return negative ? -.infinity : .infinity }
      return .nan
    }
    let value = decodeFinite(magnitude, f)
    return negative ? -value : value
  }

  static func decodeFinite(_ magnitude: Int, _ f: Format) -> Float {
    let exponent = magnitude >> f.mantissaBits
    let mantissa = magnitude & ((1 << f.mantissaBits) - 1)
    let scale = exponent == 0 ? 1 - f.bias : exponent - f.bias
    let significand = Float(exponent == 0 ? mantissa : mantissa + (1 << f.mantissaBits))
    return significand * Float(sign: .plus, exponent: scale - f.mantissaBits, significand: 1)
  }

  /// The code nearest to a value. Out of range: the largest finite value when `saturate`, else infinity or NaN.
  public static func encode(_ value: Float, _ type: ElementType, saturate: Bool = true) -> UInt8 {
    if type == .float8e8m0 { return encodeScale(value) }
    guard let f = format(type) else { return 0 }
    let sign = value.sign == .minus ? 1 << f.magnitudeBits : 0
    let nan: Int =
      switch f.specials {
      case .unsignedZero: 1 << f.magnitudeBits
      case .none: sign | f.largest
      case .ieee: sign | ((1 << f.magnitudeBits) - 1)
      case .finiteNaN: sign | ((1 << f.magnitudeBits) - 1)
      }
    if value.isNaN { return UInt8(truncatingIfNeeded: nan) }
    let magnitude = nearest(value.magnitude, f)
    if magnitude > f.largest {
      if saturate || f.specials == .none { return UInt8(truncatingIfNeeded: sign | f.largest) }
      return UInt8(truncatingIfNeeded: f.specials == .ieee ? sign | (f.largest + 1) : nan)
    }
    if magnitude == 0 && f.specials == .unsignedZero { return 0 }
    return UInt8(truncatingIfNeeded: sign | magnitude)
  }

  /// Code of the magnitude rounded to nearest even; above `largest` where it does not fit.
  private static func nearest(_ value: Float, _ f: Format) -> Int {
    if value == .infinity { return f.largest + 1 }
    if value == 0 { return 0 }
    let exponent = max(Int(value.exponent), 1 - f.bias)
    let step = Float(sign: .plus, exponent: exponent - f.mantissaBits, significand: 1)
    let units = Int((value / step).rounded(.toNearestOrEven))
    if exponent > 64 { return f.largest + 1 }
    return units + ((exponent + f.bias - 1) << f.mantissaBits)
  }

  /// E8M0: a power of two, nearest with ties up; NaN for what is not positive.
  private static func encodeScale(_ value: Float) -> UInt8 {
    guard value > 0, value.isFinite else { return value == .infinity ? 254 : 255 }
    if value < Float.leastNormalMagnitude { return value > Float.leastNormalMagnitude / 2 ? 0 : 0 }
    let exponent = Int(value.exponent) + (value.significand >= 1.5 ? 1 : 0)
    return UInt8(min(max(exponent + 127, 0), 254))
  }

  public static func decodeBFloat16(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  public static func encodeBFloat16(_ value: Float) -> UInt16 {
    if value.isNaN { return 0x7FC0 }
    let bits = value.bitPattern
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
  }
}
