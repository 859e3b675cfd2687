/// Dimensions of a tensor, outermost first.
public typealias Shape = [Dim]

extension Shape {
  /// Axes that a tensor can have.
  public static var maximumRank: Int { 64 }
}

/// Element type and shape of a tensor; a nil shape is one of unknown rank.
public struct TensorType: Hashable, Sendable {
  public var element: ElementType
  public var shape: Shape?

  public init(_ element: ElementType, _ shape: Shape?) {
    self.element = element
    self.shape = shape
  }

  public init(_ element: ElementType, _ shape: [Int]) { self.init(element, shape.map { Dim($0) } as Shape?) }

  public var rank: Int? { shape?.count }

  /// The shape as numbers, where all of it is known.
  public var knownShape: [Int]? {
    guard let shape else { return nil }
    var numbers: [Int] = []
    for dim in shape {
      guard let value = dim.value else { return nil }
      numbers.append(value)
    }
    return numbers
  }
}

/// What a value of the graph can be.
public indirect enum ValueType: Hashable, Sendable {
  case tensor(TensorType)
  case sequence(ValueType)
  case optional(ValueType)
  case map(key: ElementType, value: ValueType)

  public static func tensor(_ element: ElementType, _ shape: Shape?) -> ValueType {
    .tensor(TensorType(element, shape))
  }

  public var isOptional: Bool { if case .optional = self { true } else { false } }

  /// The tensor type, where it is a tensor.
  public var tensor: TensorType? {
    if case .tensor(let type) = self { type } else { nil }
  }
}

extension TensorType: CustomStringConvertible {
  /// As in `f32[N,3,224,224]`; `f32[*]` where the rank is unknown.
  public var description: String {
    guard let shape else { return element.name + "[*]" }
    return element.name + "[" + shape.map(\.description).joined(separator: ",") + "]"
  }
}

extension ValueType: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tensor(let type): type.description
    case .sequence(let type): "sequence<\(type)>"
    case .optional(let type): "optional<\(type)>"
    case .map(let key, let value): "map<\(key.name), \(value)>"
    }
  }
}

extension ValueType {
  /// Whether a value of this type can also be one of the other: equal element types, and no two known dimensions differ.
  public func isCompatible(with other: ValueType) -> Bool {
    switch (self, other) {
    case (.tensor(let a), .tensor(let b)):
      guard a.element == b.element else { return false }
      guard let x = a.shape, let y = b.shape else { return true }
      return x.count == y.count && zip(x, y).allSatisfy { $0.isEqual(to: $1) != false }
    case (.sequence(let a), .sequence(let b)), (.optional(let a), .optional(let b)): return a.isCompatible(with: b)
    case (.map(let k, let a), .map(let l, let b)): return k == l && a.isCompatible(with: b)
    default: return false
    }
  }

  /// Whether a dimension is unknown, which the graph gives a name.
  var hasUnknownDims: Bool {
    switch self {
    case .tensor(let type): type.shape?.contains(where: \.isUnknown) ?? false
    case .sequence(let type), .optional(let type): type.hasUnknownDims
    case .map(_, let value): value.hasUnknownDims
    }
  }

  /// The same type with every dimension changed; the second argument counts dimensions.
  public func mapDims(_ change: (Dim, Int) -> Dim) -> ValueType {
    switch self {
    case .tensor(let t):
      .tensor(TensorType(t.element, t.shape.map { $0.enumerated().map { change($0.element, $0.offset) } } as Shape?))
    case .sequence(let t): .sequence(t.mapDims(change))
    case .optional(let t): .optional(t.mapDims(change))
    case .map(let k, let v): .map(key: k, value: v.mapDims(change))
    }
  }
}
