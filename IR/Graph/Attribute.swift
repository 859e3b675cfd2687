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

extension AttributeField where Op: Operator {
  private static func wrong(_ name: String, _ expected: String, _ value: AttributeValue) -> Diagnostic {
    .invalid("attribute '\(name)' is of kind \(value.kindName), expected \(expected)")
  }

  public static func int(
    _ name: String, _ path: FieldPath<Op, Int>, in range: ClosedRange<Int>? = nil, isInternal: Bool = false,
    isRequired: Bool = false
  ) -> Self {
    Self(
      name: name,
      get: { op in op[keyPath: path] == Op()[keyPath: path] && !isRequired ? nil : .int(Int64(op[keyPath: path])) },
      set: { (op, value) throws(Diagnostic) in
        guard case .int(let number) = value else { throw wrong(name, "int", value) }
        if let range, !range.contains(Int(number)) {
          throw .invalid(
            "attribute '\(name)' is \(number), accepted range is \(range.lowerBound)...\(range.upperBound)")
        }
        op[keyPath: path] = Int(number)
      }, isInternal: isInternal, isRequired: isRequired)
  }

  /// An int with no default: absent is nil.
  public static func optionalInt(
    _ name: String, _ path: FieldPath<Op, Int?>, in range: ClosedRange<Int>? = nil, isInternal: Bool = false
  ) -> Self {
    Self(
      name: name,
      get: { op in op[keyPath: path].map { .int(Int64($0)) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .int(let number) = value else { throw wrong(name, "int", value) }
        if let range, !range.contains(Int(number)) {
          throw .invalid(
            "attribute '\(name)' is \(number), accepted range is \(range.lowerBound)...\(range.upperBound)")
        }
        op[keyPath: path] = Int(number)
      }, isInternal: isInternal, isRequired: false)
  }

  /// An int that is 0 or 1.
  public static func flag(_ name: String, _ path: FieldPath<Op, Bool>, isInternal: Bool = false) -> Self {
    Self(
      name: name,
      get: { op in op[keyPath: path] == Op()[keyPath: path] ? nil : .int(op[keyPath: path] ? 1 : 0) },
      set: { (op, value) throws(Diagnostic) in
        guard case .int(let number) = value else { throw wrong(name, "int", value) }
        guard number == 0 || number == 1 else {
          throw .invalid("attribute '\(name)' is \(number), accepted range is 0...1")
        }
        op[keyPath: path] = number == 1
      }, isInternal: isInternal, isRequired: false)
  }

  public static func float(_ name: String, _ path: FieldPath<Op, Float>, isInternal: Bool = false) -> Self {
    Self(
      name: name,
      get: { op in
        op[keyPath: path].bitPattern == Op()[keyPath: path].bitPattern ? nil : .float(op[keyPath: path])
      },
      set: { (op, value) throws(Diagnostic) in
        guard case .float(let number) = value else { throw wrong(name, "float", value) }
        op[keyPath: path] = number
      }, isInternal: isInternal, isRequired: false)
  }

  public static func optionalFloat(_ name: String, _ path: FieldPath<Op, Float?>, isInternal: Bool = false) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map { .float($0) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .float(let number) = value else { throw wrong(name, "float", value) }
        op[keyPath: path] = number
      }, isInternal: isInternal, isRequired: false)
  }

  /// A list of ints; absent is nil.
  public static func ints(
    _ name: String, _ path: FieldPath<Op, [Int]?>, in range: ClosedRange<Int>? = nil, isInternal: Bool = false,
    isRequired: Bool = false
  ) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map { .ints($0.map { Int64($0) }) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .ints(let numbers) = value else { throw wrong(name, "ints", value) }
        if let range, let bad = numbers.first(where: { !range.contains(Int($0)) }) {
          throw .invalid(
            "attribute '\(name)' holds \(bad), accepted range is \(range.lowerBound)...\(range.upperBound)")
        }
        op[keyPath: path] = numbers.map { Int($0) }
      }, isInternal: isInternal, isRequired: isRequired)
  }

  public static func floats(_ name: String, _ path: FieldPath<Op, [Float]?>, isInternal: Bool = false) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map { .floats($0) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .floats(let numbers) = value else { throw wrong(name, "floats", value) }
        op[keyPath: path] = numbers
      }, isInternal: isInternal, isRequired: false)
  }

  /// A free string, as bytes.
  public static func string(_ name: String, _ path: FieldPath<Op, [UInt8]>, isInternal: Bool = false) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path] == Op()[keyPath: path] ? nil : .string(op[keyPath: path]) },
      set: { (op, value) throws(Diagnostic) in
        guard case .string(let bytes) = value else { throw wrong(name, "string", value) }
        op[keyPath: path] = bytes
      }, isInternal: isInternal, isRequired: false)
  }

  public static func optionalString(_ name: String, _ path: FieldPath<Op, [UInt8]?>) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map { .string($0) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .string(let bytes) = value else { throw wrong(name, "string", value) }
        op[keyPath: path] = bytes
      }, isInternal: false, isRequired: false)
  }

  public static func strings(_ name: String, _ path: FieldPath<Op, [[UInt8]]?>) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map { .strings($0) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .strings(let list) = value else { throw wrong(name, "strings", value) }
        op[keyPath: path] = list
      }, isInternal: false, isRequired: false)
  }

  /// A string that names one of the cases of an enumeration.
  public static func choice<E: RawRepresentable & CaseIterable & Equatable & Sendable>(
    _ name: String, _ path: FieldPath<Op, E>, isInternal: Bool = false
  ) -> Self where E.RawValue == String {
    Self(
      name: name,
      get: { op in op[keyPath: path] == Op()[keyPath: path] ? nil : .string(Array(op[keyPath: path].rawValue.utf8)) },
      set: { (op, value) throws(Diagnostic) in
        guard case .string(let bytes) = value else { throw wrong(name, "string", value) }
        guard let choice = E.allCases.first(where: { Array($0.rawValue.utf8) == bytes }) else {
          let accepted = E.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
          throw .invalid("attribute '\(name)' is '\(Name(bytes))', accepted are \(accepted)")
        }
        op[keyPath: path] = choice
      }, isInternal: isInternal, isRequired: false)
  }

  /// An element type, by its ONNX number.
  public static func elementType(
    _ name: String, _ path: FieldPath<Op, ElementType?>, isRequired: Bool = false
  ) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map { .int(Int64($0.rawValue)) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .int(let number) = value else { throw wrong(name, "int", value) }
        guard let type = UInt8(exactly: number).flatMap(ElementType.init(rawValue:)) else {
          throw .invalid("attribute '\(name)' is \(number), which is no element type")
        }
        op[keyPath: path] = type
      }, isInternal: false, isRequired: isRequired)
  }

  public static func tensor(_ name: String, _ path: FieldPath<Op, Tensor?>) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map { .tensor($0) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .tensor(let tensor) = value else { throw wrong(name, "tensor", value) }
        op[keyPath: path] = tensor
      }, isInternal: false, isRequired: false)
  }

  /// A subgraph.
  public static func graph(_ name: String, _ path: FieldPath<Op, Graph>) -> Self {
    Self(
      name: name, get: { op in .graph(op[keyPath: path]) },
      set: { (op, value) throws(Diagnostic) in
        guard case .graph(let graph) = value else { throw wrong(name, "graph", value) }
        op[keyPath: path] = graph
      }, isInternal: false, isRequired: true)
  }

  public static func type(_ name: String, _ path: FieldPath<Op, ValueType?>) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map { .type($0) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .type(let type) = value else { throw wrong(name, "type", value) }
        op[keyPath: path] = type
      }, isInternal: false, isRequired: false)
  }
}
