extension OperatorCatalog {
  static let featureMaps: [any Operator.Type] = [CastMap.self, DictVectorizer.self, ZipMap.self]
}

extension [Datum?] {
  /// Keys and values of a map input.
  fileprivate func map(_ index: Int) throws(Diagnostic) -> (keys: [Datum.MapKey], values: [Datum]) {
    guard index < count, case .map(let keys, let values, _, _)? = self[index], keys.count == values.count else {
      throw .invalid("input \(index) is no map")
    }
    return (keys, values)
  }
}

/// A tensor of one element each, gathered into one row.
private func row(_ values: [Datum?], _ type: ElementType, _ shape: [Int]) throws(Diagnostic) -> Tensor {
  var strings: [[UInt8]] = []
  var numbers: [Double] = []
  var integers: [Int64] = []
  for value in values {
    if type == .string {
      strings.append(value?.tensor?.strings.first ?? [])
      continue
    }
    let tensor = value?.tensor
    numbers.append(tensor?.wide(Double.self).first ?? 0)
    integers.append(tensor?.wide(Int64.self).first ?? 0)
  }
  if type == .string { return Tensor(strings: strings, shape: shape) }
  return type.isInteger ? Tensor(wide: integers, type, shape) : Tensor(wide: numbers, type, shape)
}

/// The values of a map from integers as a row [1,n]: in order of the keys, or at the places the keys name where sparse.
/// ONNX-ML CastMap, opsets 1–5.
public struct CastMap: Operator {
  public enum Target: String, CaseIterable, Sendable {
    case float = "TO_FLOAT"
    case string = "TO_STRING"
    case integer = "TO_INT64"
  }
  public enum Form: String, CaseIterable, Sendable {
    case dense = "DENSE"
    case sparse = "SPARSE"
  }
  public static let name = "CastMap"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .choice("cast_to", \.target), .choice("map_form", \.form), .int("max_map", \.size, in: 1...Int(Int32.max)),
  ]
  public var target = Target.float
  public var form = Form.dense
  public var size = 1
  public init() {}

  private var type: ElementType { target == .float ? .float32 : target == .string ? .string : .int64 }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard case .map(key: .int64, let value)? = context.input(0)?.type, let element = value.tensor?.element,
      [.float32, .string].contains(element)
    else { throw .invalid("the input is no map from int64 to float or string") }
    return [.tensor(type, [1, form == .sparse ? Dim(size) : .unknown])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let (keys, values) = try inputs.map(0)
    var entries: [(key: Int64, value: Tensor)] = []
    for (key, value) in zip(keys, values) {
      guard case .int(let number) = key, let tensor = value.tensor, tensor.count == 1 else {
        throw .invalid("the input is no map from int64 to numbers or strings")
      }
      entries.append((number, try Conversion().convert(tensor, to: type)))
    }
    entries.sort { $0.key < $1.key }
    if form == .dense {
      return [.tensor(try row(entries.map { .tensor($0.value) }, type, [1, entries.count]))]
    }
    var line = [Datum?](repeating: nil, count: size)
    for (key, value) in entries {
      guard key >= 0, key < size else { throw .invalid("the key \(key) is outside 0...\(size - 1)") }
      line[Int(key)] = .tensor(value)
    }
    return [.tensor(try row(line, type, [1, size]))]
  }
}

/// The values of a map as a row [1,n] in the order of a vocabulary, 0 (or the empty string) for keys it lacks.
/// ONNX-ML DictVectorizer, opsets 1–5.
public struct DictVectorizer: Operator {
  public static let name = "DictVectorizer"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .ints("int64_vocabulary", \.integers), .strings("string_vocabulary", \.strings),
  ]
  public var integers: [Int]?
  public var strings: [[UInt8]]?
  public init() {}

  private var vocabulary: ClassLabels { ClassLabels(integers: integers, strings: strings) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try vocabulary.check()
    guard case .map(let key, let value)? = context.input(0)?.type, key == vocabulary.type,
      let element = value.tensor?.element, [.float32, .float64, .int64, .string].contains(element)
    else { throw .invalid("the input is no map from \(vocabulary.type.name)") }
    return [.tensor(element, [1, Dim(vocabulary.count)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let type = try checkedTypes(inputs, context)[0]
    let (keys, values) = try inputs.map(0)
    let table = Dictionary(zip(keys, values), uniquingKeysWith: { $1 })
    let words: [Datum.MapKey] =
      vocabulary.type == .string ? (strings ?? []).map { .string($0) } : (integers ?? []).map { .int(Int64($0)) }
    return [.tensor(try row(words.map { table[$0] }, type.element, type.knownShape ?? []))]
  }
}

/// A map from class labels to scores for each row. X[N,classes] (or [classes]) → sequence of maps.
/// ONNX-ML ZipMap, opsets 1–5.
public struct ZipMap: Operator {
  public static let name = "ZipMap"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .ints("classlabels_int64s", \.integers), .strings("classlabels_strings", \.strings),
  ]
  public var integers: [Int]?
  public var strings: [[UInt8]]?
  public init() {}

  private var labels: ClassLabels { ClassLabels(integers: integers, strings: strings) }
  private var mapType: ValueType { .map(key: labels.type, value: .tensor(.float32, [])) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try labels.check()
    try context.require(0, [.float32])
    let columns = try context.rows(0).columns
    guard columns.isUnknown || columns.isEqual(to: Dim(labels.count)) != false else {
      throw .invalid("the input has \(columns) columns for \(labels.count) labels")
    }
    return [.sequence(mapType)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let keys: [Datum.MapKey] =
      labels.type == .string ? (strings ?? []).map { .string($0) } : (integers ?? []).map { .int(Int64($0)) }
    let maps = try inputs.tensor(0).rows.map { row -> Datum in
      let values = row.map { Datum.tensor(Tensor(scalar: Float($0))) }
      return .map(keys: keys, values: values, key: labels.type, value: .tensor(.float32, []))
    }
    return [.sequence(maps, of: mapType)]
  }
}
