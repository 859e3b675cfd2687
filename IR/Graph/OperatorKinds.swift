/// Operator types as small numbers: passes are about few types each, and go over a million nodes quickly where they read
/// nothing else of most.
struct OperatorKinds: Sendable {
  /// By number.
  private(set) var types: [any Operator.Type] = []
  private var numbers: [ObjectIdentifier: UInt16] = [:]

  /// The number of a type, a new one where it has none yet.
  mutating func number(_ type: any Operator.Type) -> UInt16 {
    let id = ObjectIdentifier(type)
    if let known = numbers[id] { return known }
    let number = UInt16(truncatingIfNeeded: types.count)
    types.append(type)
    numbers[id] = number
    return number
  }
}
