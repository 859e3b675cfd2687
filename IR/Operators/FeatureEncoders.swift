extension OperatorCatalog {
  static let featureEncoders: [any Operator.Type] = [LabelEncoder.self, CategoryMapper.self, OneHotEncoder.self]
}

/// Each element replaced by the value at its key, or by a default. Keys and values as lists or as tensors of one
/// rank-1. NaN keys match every NaN; of equal keys the last counts. ONNX-ML LabelEncoder, opsets 2–5.
public struct LabelEncoder: Operator {
  public static let name = "LabelEncoder"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .strings("keys_strings", \.keyStrings), .ints("keys_int64s", \.keyIntegers), .floats("keys_floats", \.keyFloats),
    .tensor("keys_tensor", \.keyTensor), .strings("values_strings", \.valueStrings),
    .ints("values_int64s", \.valueIntegers), .floats("values_floats", \.valueFloats),
    .tensor("values_tensor", \.valueTensor), .string("default_string", \.defaultString),
    .int("default_int64", \.defaultInteger), .float("default_float", \.defaultFloat),
    .tensor("default_tensor", \.defaultTensor),
  ]
  var keyStrings: [[UInt8]]?
  var keyIntegers: [Int]?
  var keyFloats: [Float]?
  var keyTensor: Tensor?
  var valueStrings: [[UInt8]]?
  var valueIntegers: [Int]?
  var valueFloats: [Float]?
  var valueTensor: Tensor?
  var defaultString: [UInt8] = Array("_Unused".utf8)
  var defaultInteger = -1
  var defaultFloat: Float = -0.0
  var defaultTensor: Tensor?
  public init() {}

  private static func list(
    _ strings: [[UInt8]]?, _ integers: [Int]?, _ floats: [Float]?, _ tensor: Tensor?, _ what: String
  ) throws(Diagnostic) -> Tensor {
    let given: [Tensor] = [
      strings.map { Tensor(strings: $0, shape: [$0.count]) }, integers.map { Tensor($0.map { Int64($0) }) },
      floats.map { Tensor($0) }, tensor,
    ].compactMap { $0 }
    guard let list = given.first, given.count == 1 else {
      throw .invalid("\(given.count) of the attributes '\(what)_…' are given, expected one")
    }
    guard LabelEncoder.types.contains(list.type) else { throw .invalid("the \(what) are of type \(list.type.name)") }
    return list
  }

  static let types: [ElementType] = [.string, .int64, .float32, .float64, .int32, .int16]

  private func table() throws(Diagnostic) -> (keys: Tensor, values: Tensor, other: Tensor) {
    let keys = try LabelEncoder.list(keyStrings, keyIntegers, keyFloats, keyTensor, "keys")
    let values = try LabelEncoder.list(valueStrings, valueIntegers, valueFloats, valueTensor, "values")
    guard keys.count == values.count else { throw .invalid("there are \(keys.count) keys and \(values.count) values") }
    if let defaultTensor {
      guard defaultTensor.type == values.type, defaultTensor.count == 1 else {
        throw .invalid("the default is \(defaultTensor.tensorType), expected one \(values.type.name)")
      }
      return (keys, values, defaultTensor)
    }
    switch values.type {
    case .string: return (keys, values, Tensor(strings: [defaultString], shape: []))
    case .float32, .float64: return (keys, values, Tensor(wide: [defaultFloat], values.type, []))
    default: return (keys, values, Tensor(wide: [Int64(defaultInteger)], values.type, []))
    }
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let table = try table()
    try context.require(0, [table.keys.type])
    return [.tensor(table.values.type, try context.shape(0))]
  }

  /// What two elements are compared by.
  private enum Key: Hashable {
    case text([UInt8])
    case number(Double)
    case integer(Int64)
    case missing

    static func all(_ tensor: Tensor) -> [Key] {
      switch tensor.type.arithmetic {
      case .string: tensor.strings.map { .text($0) }
      case .signed: tensor.wide(Int64.self).map { .integer($0) }
      default: tensor.wide(Double.self).map { $0.isNaN ? .missing : .number($0) }
      }
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let (keys, values, other) = try table()
    let index = Dictionary(zip(Key.all(keys), 0...), uniquingKeysWith: { $1 })
    let found = Key.all(x).map { index[$0] }
    switch values.type.arithmetic {
    case .string:
      return [.tensor(Tensor(strings: found.map { $0.map { values.strings[$0] } ?? other.strings[0] }, shape: x.shape))]
    case .signed:
      let (list, unused) = (values.wide(Int64.self), other.wide(Int64.self)[0])
      return [.tensor(Tensor(wide: found.map { $0.map { list[$0] } ?? unused }, values.type, x.shape))]
    default:
      let (list, unused) = (values.wide(Double.self), other.wide(Double.self)[0])
      return [.tensor(Tensor(wide: found.map { $0.map { list[$0] } ?? unused }, values.type, x.shape))]
    }
  }
}

/// Strings to integers, or integers to strings, by two parallel lists. ONNX-ML CategoryMapper, opsets 1–5.
public struct CategoryMapper: Operator {
  public static let name = "CategoryMapper"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .ints("cats_int64s", \.integers), .strings("cats_strings", \.strings), .int("default_int64", \.defaultInteger),
    .string("default_string", \.defaultString),
  ]
  public var integers: [Int]?
  public var strings: [[UInt8]]?
  public var defaultInteger = -1
  public var defaultString: [UInt8] = Array("_Unused".utf8)
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.string, .int64])
    guard let integers, let strings, integers.count == strings.count else {
      throw .invalid("attributes 'cats_int64s' and 'cats_strings' must have equal length")
    }
    return [.tensor(try context.element(0) == .string ? .int64 : .string, try context.shape(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let (integers, strings) = (integers ?? [], strings ?? [])
    if x.type == .string {
      let table = Dictionary(zip(strings, integers), uniquingKeysWith: { $1 })
      return [.tensor(Tensor(x.strings.map { Int64(table[$0] ?? defaultInteger) }, shape: x.shape))]
    }
    let table = Dictionary(zip(integers, strings), uniquingKeysWith: { $1 })
    return [.tensor(Tensor(strings: x.integers.map { table[$0] ?? defaultString }, shape: x.shape))]
  }
}

/// A last axis with 1 at the element's category; numbers are cut to integers first. Where `zeros` is off an element
/// outside the categories is an error. X[…] → […,categories], float32. ONNX-ML OneHotEncoder, opsets 1–5.
public struct OneHotEncoder: Operator {
  public static let name = "OneHotEncoder"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .ints("cats_int64s", \.integers), .strings("cats_strings", \.strings), .flag("zeros", \.zeros),
  ]
  public var integers: [Int]?
  public var strings: [[UInt8]]?
  public var zeros = true
  public init() {}

  private var labels: ClassLabels { ClassLabels(integers: integers, strings: strings) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try labels.check()
    try context.require(0, labels.type == .string ? [.string] : classicalTypes)
    return [.tensor(.float32, try context.shape(0).map { $0 + [Dim(labels.count)] } as Shape?)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try checkedTypes(inputs, context)[0].knownShape ?? []
    let x = try inputs.tensor(0)
    let found: [Int?]
    if x.type == .string {
      let table = Dictionary(zip(strings ?? [], 0...), uniquingKeysWith: { $1 })
      found = x.strings.map { table[$0] }
    } else {
      let table = Dictionary(zip(integers ?? [], 0...), uniquingKeysWith: { $1 })
      found = x.integers.map { table[$0] }
    }
    guard zeros || !found.contains(nil) else { throw .invalid("an element is in none of the categories") }
    let count = labels.count
    var values = [Float](repeating: 0, count: found.count * count)
    for (i, category) in found.enumerated() { if let category { values[i * count + category] = 1 } }
    return [.tensor(Tensor(values, shape: shape))]
  }
}
