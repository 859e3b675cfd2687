/// A value of an operator's attribute, in the kinds ONNX AttributeProto has.
public indirect enum AttributeValue: Hashable, Sendable {
  case int(Int64)
  case float(Float)
  case string([UInt8])
  case tensor(Tensor)
  case graph(Graph)
  case type(ValueType)
  case ints([Int64])
  case floats([Float])
  case strings([[UInt8]])
  case tensors([Tensor])

  public var kindName: String {
    switch self {
    case .int: "int"
    case .float: "float"
    case .string: "string"
    case .tensor: "tensor"
    case .graph: "graph"
    case .type: "type"
    case .ints: "ints"
    case .floats: "floats"
    case .strings: "strings"
    case .tensors: "tensors"
    }
  }
}

/// Where an operator type keeps an attribute.
public typealias FieldPath<Op, Value> = any WritableKeyPath<Op, Value> & Sendable

/// One attribute of the operator type `Op`: its ONNX name and how it is read and set. The operator's list of these is
/// the one place that importer, printer, parser, export and equality go by.
public struct AttributeField<Op>: Sendable {
  public let name: String
  /// The value, or nil while it is the default (or absent).
  let get: @Sendable (Op) -> AttributeValue?
  /// Stores a value; throws a diagnostic on a wrong kind or a value out of range.
  let set: @Sendable (inout Op, AttributeValue) throws(Diagnostic) -> Void
  /// Not an ONNX attribute: set by Kerf's own passes, refused in a model.
  public let isInternal: Bool
  public let isRequired: Bool
}

/// How a Swift value stands as an attribute: one of the kinds of AttributeValue, perhaps with limits.
struct AttributeKind<Value: Sendable>: Sendable {
  /// Whether a value is the same as the operator's default, so that it need not be written.
  var isSame: @Sendable (Value, Value) -> Bool
  let wrapped: @Sendable (Value) -> AttributeValue
  /// The value of the attribute of that name; throws on a wrong kind or a value out of range.
  let read: @Sendable (String, AttributeValue) throws(Diagnostic) -> Value

  /// - Parameter take: the value, or nil where the attribute is of another kind.
  init(
    _ kindName: String, isSame: @escaping @Sendable (Value, Value) -> Bool,
    _ wrapped: @escaping @Sendable (Value) -> AttributeValue,
    take: @escaping @Sendable (String, AttributeValue) throws(Diagnostic) -> Value?
  ) {
    self.isSame = isSame
    self.wrapped = wrapped
    read = { (name, value) throws(Diagnostic) in
      guard let result = try take(name, value) else {
        throw .invalid("attribute '\(name)' is of kind \(value.kindName), expected \(kindName)")
      }
      return result
    }
  }
}

extension AttributeKind where Value: Equatable {
  init(
    _ kindName: String, _ wrapped: @escaping @Sendable (Value) -> AttributeValue,
    take: @escaping @Sendable (String, AttributeValue) throws(Diagnostic) -> Value?
  ) {
    self.init(kindName, isSame: ==, wrapped, take: take)
  }
}

extension AttributeKind<Int> {
  static func int(_ range: ClosedRange<Int>?) -> Self {
    Self(
      "int", { .int(Int64($0)) },
      take: { (name, value) throws(Diagnostic) in
        guard case .int(let number) = value else { return nil }
        try check(name, "is", number, range)
        return Int(number)
      })
  }

  fileprivate static func check(_ name: String, _ verb: String, _ number: Int64, _ range: ClosedRange<Int>?)
    throws(Diagnostic)
  {
    guard let range, !range.contains(Int(number)) else { return }
    throw .invalid(
      "attribute '\(name)' \(verb) \(number), accepted range is \(range.lowerBound)...\(range.upperBound)")
  }
}

extension AttributeKind<[Int]> {
  static func ints(_ range: ClosedRange<Int>?) -> Self {
    Self(
      "ints", { .ints($0.map { Int64($0) }) },
      take: { (name, value) throws(Diagnostic) in
        guard case .ints(let numbers) = value else { return nil }
        for number in numbers { try AttributeKind<Int>.check(name, "holds", number, range) }
        return numbers.map { Int($0) }
      })
  }
}

extension AttributeKind<Bool> {
  static let flag = Self(
    "int", { .int($0 ? 1 : 0) },
    take: { (name, value) throws(Diagnostic) in
      guard case .int(let number) = value else { return nil }
      try AttributeKind<Int>.check(name, "is", number, 0...1)
      return number == 1
    })
}

extension AttributeKind<Float> {
  static let float = Self(
    "float", isSame: { $0.bitPattern == $1.bitPattern }, { .float($0) },
    take: { _, value in
      if case .float(let number) = value { number } else { nil }
    })
}

extension AttributeKind<[Float]> {
  static let floats = Self(
    "floats", { .floats($0) },
    take: { _, value in
      if case .floats(let numbers) = value { numbers } else { nil }
    })
}

extension AttributeKind<[UInt8]> {
  static let string = Self(
    "string", { .string($0) },
    take: { _, value in
      if case .string(let bytes) = value { bytes } else { nil }
    })
}

extension AttributeKind<[[UInt8]]> {
  static let strings = Self(
    "strings", { .strings($0) },
    take: { _, value in
      if case .strings(let list) = value { list } else { nil }
    })
}

extension AttributeKind<Tensor> {
  static let tensor = Self(
    "tensor", { .tensor($0) },
    take: { _, value in
      if case .tensor(let tensor) = value { tensor } else { nil }
    })
}

extension AttributeKind<[Tensor]> {
  static let tensors = Self(
    "tensors", { .tensors($0) },
    take: { _, value in
      if case .tensors(let list) = value { list } else { nil }
    })
}

extension AttributeKind<Graph> {
  // Graphs are always written, so none is ever compared with a default.
  static let graph = Self(
    "graph", isSame: { _, _ in false }, { .graph($0) },
    take: { _, value in
      if case .graph(let graph) = value { graph } else { nil }
    })
}

extension AttributeKind<ValueType> {
  static let type = Self(
    "type", { .type($0) },
    take: { _, value in
      if case .type(let type) = value { type } else { nil }
    })
}

extension AttributeKind<ElementType> {
  static let elementType = Self(
    "int", { .int(Int64($0.rawValue)) },
    take: { (name, value) throws(Diagnostic) in
      guard case .int(let number) = value else { return nil }
      guard let type = UInt8(exactly: number).flatMap(ElementType.init(rawValue:)) else {
        throw .invalid("attribute '\(name)' is \(number), which is no element type")
      }
      return type
    })
}

extension AttributeKind where Value: RawRepresentable<String> & CaseIterable & Equatable {
  static var choice: Self {
    Self(
      "string", { .string(Array($0.rawValue.utf8)) },
      take: { (name, value) throws(Diagnostic) in
        guard case .string(let bytes) = value else { return nil }
        guard let choice = Value.allCases.first(where: { Array($0.rawValue.utf8) == bytes }) else {
          let accepted = Value.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
          throw .invalid("attribute '\(name)' is '\(Name(bytes))', accepted are \(accepted)")
        }
        return choice
      })
  }
}

extension AttributeField where Op: Operator {
  /// A value that is not written while it is the operator's default.
  private static func field<Value>(
    _ name: String, _ path: FieldPath<Op, Value>, _ kind: AttributeKind<Value>, isInternal: Bool = false,
    isRequired: Bool = false
  ) -> Self {
    Self(
      name: name,
      get: { op in
        !isRequired && kind.isSame(op[keyPath: path], Op()[keyPath: path]) ? nil : kind.wrapped(op[keyPath: path])
      },
      set: { (op, value) throws(Diagnostic) in op[keyPath: path] = try kind.read(name, value) },
      isInternal: isInternal, isRequired: isRequired)
  }

  /// A value without a default: absent is nil.
  private static func optional<Value>(
    _ name: String, _ path: FieldPath<Op, Value?>, _ kind: AttributeKind<Value>, isInternal: Bool = false,
    isRequired: Bool = false
  ) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map(kind.wrapped) },
      set: { (op, value) throws(Diagnostic) in op[keyPath: path] = try kind.read(name, value) },
      isInternal: isInternal, isRequired: isRequired)
  }

  public static func int(
    _ name: String, _ path: FieldPath<Op, Int>, in range: ClosedRange<Int>? = nil, isInternal: Bool = false,
    isRequired: Bool = false
  ) -> Self {
    field(name, path, .int(range), isInternal: isInternal, isRequired: isRequired)
  }

  /// An int with no default: absent is nil.
  public static func optionalInt(
    _ name: String, _ path: FieldPath<Op, Int?>, in range: ClosedRange<Int>? = nil, isInternal: Bool = false
  ) -> Self {
    optional(name, path, .int(range), isInternal: isInternal)
  }

  /// An int that is 0 or 1.
  public static func flag(_ name: String, _ path: FieldPath<Op, Bool>, isInternal: Bool = false) -> Self {
    field(name, path, .flag, isInternal: isInternal)
  }

  public static func float(_ name: String, _ path: FieldPath<Op, Float>, isInternal: Bool = false) -> Self {
    field(name, path, .float, isInternal: isInternal)
  }

  public static func optionalFloat(_ name: String, _ path: FieldPath<Op, Float?>, isInternal: Bool = false) -> Self {
    optional(name, path, .float, isInternal: isInternal)
  }

  /// A list of ints; absent is nil.
  public static func ints(
    _ name: String, _ path: FieldPath<Op, [Int]?>, in range: ClosedRange<Int>? = nil, isInternal: Bool = false,
    isRequired: Bool = false
  ) -> Self {
    optional(name, path, .ints(range), isInternal: isInternal, isRequired: isRequired)
  }

  public static func floats(_ name: String, _ path: FieldPath<Op, [Float]?>, isInternal: Bool = false) -> Self {
    optional(name, path, .floats, isInternal: isInternal)
  }

  /// A free string, as bytes.
  public static func string(_ name: String, _ path: FieldPath<Op, [UInt8]>, isInternal: Bool = false) -> Self {
    field(name, path, .string, isInternal: isInternal)
  }

  public static func optionalString(_ name: String, _ path: FieldPath<Op, [UInt8]?>) -> Self {
    optional(name, path, .string)
  }

  public static func strings(_ name: String, _ path: FieldPath<Op, [[UInt8]]?>, isInternal: Bool = false) -> Self {
    optional(name, path, .strings, isInternal: isInternal)
  }

  /// A string that names one of the cases of an enumeration.
  public static func choice<E: RawRepresentable<String> & CaseIterable & Equatable & Sendable>(
    _ name: String, _ path: FieldPath<Op, E>, isInternal: Bool = false
  ) -> Self {
    field(name, path, .choice, isInternal: isInternal)
  }

  /// An element type, by its ONNX number.
  public static func elementType(
    _ name: String, _ path: FieldPath<Op, ElementType?>, isRequired: Bool = false
  ) -> Self {
    optional(name, path, .elementType, isRequired: isRequired)
  }

  public static func tensor(_ name: String, _ path: FieldPath<Op, Tensor?>) -> Self { optional(name, path, .tensor) }

  /// A list of tensors; absent is nil.
  public static func tensors(_ name: String, _ path: FieldPath<Op, [Tensor]?>, isInternal: Bool = false) -> Self {
    optional(name, path, .tensors, isInternal: isInternal)
  }

  /// A subgraph.
  public static func graph(_ name: String, _ path: FieldPath<Op, Graph>) -> Self {
    field(name, path, .graph, isRequired: true)
  }

  public static func type(_ name: String, _ path: FieldPath<Op, ValueType?>) -> Self { optional(name, path, .type) }
}
