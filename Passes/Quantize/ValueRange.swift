import IR

/// The smallest and largest value seen of a tensor.
public struct ValueRange: Hashable, Sendable {
  public var minimum: Float
  public var maximum: Float

  public init(_ minimum: Float, _ maximum: Float) {
    self.minimum = minimum
    self.maximum = maximum
  }

  /// The range of both.
  public func union(_ other: ValueRange) -> ValueRange {
    ValueRange(min(minimum, other.minimum), max(maximum, other.maximum))
  }
}

/// value = scale · (code − zero), codes of 8 bits without sign.
struct UnsignedCodes: Hashable, Sendable {
  var scale: Float
  var zero: UInt8

  /// Codes that cover the range and represent 0 exactly. Nil where the range is not finite.
  /// Source: Jacob et al., "Quantization and Training of Neural Networks", CVPR 2018, section 2.1.
  init?(_ range: ValueRange) {
    guard range.minimum.isFinite, range.maximum.isFinite else { return nil }
    let low = min(range.minimum, 0)
    let high = max(range.maximum, 0)
    let width = high / 255 - low / 255
    guard width.isFinite else { return nil }
    scale = width < 1e-30 ? 1 : width
    zero = UInt8(min(max((-low / scale).rounded(), 0), 255))
  }
}
