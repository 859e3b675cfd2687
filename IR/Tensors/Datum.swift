/// What a value of the graph holds when it is evaluated.
public indirect enum Datum: Hashable, Sendable {
  case tensor(Tensor)
  case sequence([Datum], of: ValueType)
  /// nil: empty.
  case optional(Datum?, of: ValueType)
  case map(keys: [MapKey], values: [Datum], key: ElementType, value: ValueType)

  public enum MapKey: Hashable, Sendable {
    case int(Int64)
    case string([UInt8])
  }

  public var tensor: Tensor? {
    if case .tensor(let tensor) = self { tensor } else { nil }
  }

  public var type: ValueType {
    switch self {
    case .tensor(let tensor): .tensor(tensor.tensorType)
    case .sequence(_, let element): .sequence(element)
    case .optional(_, let element): .optional(element)
    case .map(_, _, let key, let value): .map(key: key, value: value)
    }
  }
}
