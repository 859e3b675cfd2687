import Foundation
import IR

/// Decides whether a value is the expected one: floats within a tolerance, everything else exactly, or integers within
/// some steps. NaN equals NaN.
public struct Tolerance: Sendable, Equatable {
  public var relative: Double
  public var absolute: Double
  /// How far integers may be apart, and the share of a tensor's elements (but always one of them) that may be.
  public var steps = 0
  public var share = 1.0

  /// The defaults of the ONNX backend tests.
  public init(relative: Double = 1e-3, absolute: Double = 1e-7) {
    self.relative = relative
    self.absolute = absolute
  }

  /// What is different, or nil.
  public func difference(_ value: Datum, expected: Datum) -> String? {
    switch (expected, value) {
    case (.tensor(let a), .tensor(let b)): return difference(b, expected: a)
    case (.sequence(let a, _), .sequence(let b, _)):
      guard a.count == b.count else { return "sequence of \(b.count), expected \(a.count)" }
      return first(zip(b, a).enumerated().map { ("element \($0)", $1.0, $1.1) })
    case (.optional(let a, _), .optional(let b, _)):
      switch (a, b) {
      case (nil, nil): return nil
      case (let a?, let b?): return difference(b, expected: a)
      case (nil, _): return "a value, expected an empty optional"
      case (_, nil): return "an empty optional, expected a value"
      }
    case (.optional(let a?, _), _): return difference(value, expected: a)
    case (_, .optional(let b?, _)): return difference(b, expected: expected)
    case (.map(let keysA, let a, _, _), .map(let keysB, let b, _, _)):
      guard keysA.count == keysB.count else { return "map of \(keysB.count) keys, expected \(keysA.count)" }
      for (key, item) in zip(keysA, a) {
        guard let place = keysB.firstIndex(of: key) else { return "map without key \(key)" }
        if let found = difference(b[place], expected: item) { return "key \(key): \(found)" }
      }
      return nil
    default: return "a \(value.type), expected a \(expected.type)"
    }
  }

  private func first(_ items: [(String, Datum, Datum)]) -> String? {
    for (name, value, expected) in items {
      if let found = difference(value, expected: expected) { return "\(name): \(found)" }
    }
    return nil
  }

  private func difference(_ value: Tensor, expected: Tensor) -> String? {
    guard value.type == expected.type else { return "\(value.tensorType), expected \(expected.tensorType)" }
    guard value.shape == expected.shape else {
      return "shape \(describe(value.shape)), expected \(describe(expected.shape))"
    }
    switch expected.type.arithmetic {
    case .string:
      guard let index = value.strings.indices.first(where: { value.strings[$0] != expected.strings[$0] }) else {
        return nil
      }
      let (a, b) = (
        String(decoding: value.strings[index], as: UTF8.self), String(decoding: expected.strings[index], as: UTF8.self)
      )
      return "element \(index) is '\(printable(a))', expected '\(printable(b))'"
    case .signed, .bool: return exact(value.wide(Int64.self), expected.wide(Int64.self))
    case .unsigned: return exact(value.wide(UInt64.self), expected.wide(UInt64.self))
    case .float, .double, .complex: return close(value.numbers, expected.numbers)
    }
  }

  private func near<Number: FixedWidthInteger>(_ a: Number, _ b: Number) -> Bool {
    let (difference, isOverflow) = max(a, b).subtractingReportingOverflow(min(a, b))
    return !isOverflow && difference <= steps
  }

  private func exact<Number: FixedWidthInteger>(_ values: [Number], _ expected: [Number]) -> String? {
    let wrong = values.indices.filter { values[$0] != expected[$0] }
    let isNear = steps > 0 && Double(wrong.count) <= max(1, share * Double(values.count))
    let far = isNear ? wrong.filter { !near(values[$0], expected[$0]) } : wrong
    guard let first = far.first else { return nil }
    return
      "\(far.count) of \(values.count) elements differ, the first at \(first): \(values[first]), expected \(expected[first])"
  }

  private func close(_ values: [Double], _ expected: [Double]) -> String? {
    var count = 0
    var worst = (index: 0, excess: -1.0)
    for (index, (a, b)) in zip(values, expected).enumerated() where a != b && !(a.isNaN && b.isNaN) {
      let excess = abs(a - b) - (absolute + relative * abs(b))
      if excess <= 0 { continue }
      count += 1
      let size = excess.isFinite ? excess : .greatestFiniteMagnitude
      if size > worst.excess { worst = (index, size) }
    }
    guard count > 0 else { return nil }
    return "\(count) of \(values.count) elements differ, most at \(worst.index): \(values[worst.index]), "
      + "expected \(expected[worst.index])"
  }
}
