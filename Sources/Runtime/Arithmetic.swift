import Bundle

/// Marks a value that could not be computed: overflow, division by zero, an element that is not there.
let unknownValue = Int64.min

extension Expression.Kind {
  /// The value of an operator, or `unknownValue`.
  func apply(_ a: Int64, _ b: Int64) -> Int64 {
    if a == unknownValue || b == unknownValue { return unknownValue }
    switch self {
    case .add: return checked(a.addingReportingOverflow(b))
    case .subtract: return checked(a.subtractingReportingOverflow(b))
    case .multiply: return checked(a.multipliedReportingOverflow(by: b))
    case .minimum: return min(a, b)
    case .maximum: return max(a, b)
    case .floorDivide, .ceilDivide, .modulo: return divide(a, b)
    case .constant, .inputDimension, .element, .resultDimension: return unknownValue
    }
  }

  private func checked(_ result: (partialValue: Int64, overflow: Bool)) -> Int64 {
    result.overflow ? unknownValue : result.partialValue
  }

  private func divide(_ a: Int64, _ b: Int64) -> Int64 {
    if b == 0 { return unknownValue }
    if b == -1 { return self == .modulo ? 0 : 0 - a }  // a is never Int64.min
    let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
    let isBelow = remainder != 0 && (remainder < 0) != (b < 0)  // the exact quotient is negative and was rounded up
    switch self {
    case .floorDivide: return isBelow ? quotient - 1 : quotient
    case .ceilDivide: return remainder != 0 && !isBelow ? quotient + 1 : quotient
    default: return isBelow ? remainder + b : remainder
    }
  }
}
