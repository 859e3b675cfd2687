extension OperatorCatalog {
  static let featureScalers: [any Operator.Type] = [
    Scaler.self, Normalizer.self, Imputer.self, Binarizer.self, ArrayFeatureExtractor.self, FeatureVectorizer.self,
  ]
}

/// (x − offset) · scale, one of each for all features (last axis) or for each. X → float32. ONNX-ML Scaler, opsets 1–5.
public struct Scaler: Operator {
  public static let name = "Scaler"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.floats("offset", \.offset), .floats("scale", \.scale)]
  public var offset: [Float]?
  public var scale: [Float]?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    try context.requireRankAtLeast(0, 1)
    let shape = try context.shape(0)
    for list in [offset ?? [0], scale ?? [1]] {
      guard list.count == 1 || !list.isEmpty && shape?.last.map({ $0.isEqual(to: Dim(list.count)) != false }) ?? true
      else {
        throw .invalid("\(list.count) parameters do not fit the features of \(describe(shape ?? []))")
      }
    }
    return [.tensor(.float32, shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let (offset, scale) = (offset ?? [0], scale ?? [1])
    let values = x.wide(Double.self).enumerated().map { i, value in
      (value - Double(offset[i % offset.count])) * Double(scale[i % scale.count])
    }
    return [.tensor(Tensor(wide: values, .float32, x.shape))]
  }
}

/// Rows divided by their largest magnitude, their sum of magnitudes or their length. X[N,C] (or [C]) → float32.
/// ONNX-ML Normalizer, opsets 1–5.
public struct Normalizer: Operator {
  public enum Norm: String, CaseIterable, Sendable {
    case max = "MAX"
    case l1 = "L1"
    case l2 = "L2"
  }
  public static let name = "Normalizer"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.choice("norm", \.norm)]
  public var norm = Norm.max
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    try context.requireRank(0, 1...2)
    return [.tensor(.float32, try context.shape(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let values = x.rows.flatMap { row -> [Double] in
      let size =
        switch norm {
        case .max: row.reduce(0) { Swift.max($0, $1.magnitude) }
        case .l1: row.reduce(0) { $0 + $1.magnitude }
        case .l2: row.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
      return row.map { size == 0 ? $0 : $0 / size }
    }
    return [.tensor(Tensor(wide: values, .float32, x.shape))]
  }
}

/// One value (NaN too) replaced by another, one for all features (last axis) or for each. ONNX-ML Imputer, opsets 1–5.
public struct Imputer: Operator {
  public static let name = "Imputer"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .floats("imputed_value_floats", \.floats), .ints("imputed_value_int64s", \.integers),
    .float("replaced_value_float", \.replacedFloat), .int("replaced_value_int64", \.replacedInteger),
  ]
  public var floats: [Float]?
  public var integers: [Int]?
  public var replacedFloat: Float = 0
  public var replacedInteger = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    try context.requireRankAtLeast(0, 1)
    let x = try context.tensor(0)
    let count = x.element.isFloat ? floats?.count ?? 0 : integers?.count ?? 0
    guard count > 0 else { throw .invalid("there are no values to replace elements of type \(x.element.name)") }
    guard count == 1 || x.shape?.last.map({ $0.isEqual(to: Dim(count)) != false }) ?? true else {
      throw .invalid("\(count) values do not fit the features of \(describe(x.shape ?? []))")
    }
    return [.tensor(x)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    if x.type.isFloat {
      let (new, old) = (floats ?? [], Double(replacedFloat))
      let values = x.wide(Double.self).enumerated().map { i, value in
        value == old || value.isNaN && old.isNaN ? Double(new[i % new.count]) : value
      }
      return [.tensor(Tensor(wide: values, x.type, x.shape))]
    }
    let new = integers ?? []
    let values = x.integers.enumerated().map { i, value in
      Int64(value == replacedInteger ? new[i % new.count] : value)
    }
    return [.tensor(Tensor(wide: values, x.type, x.shape))]
  }
}

/// 1 where x > threshold, else 0. ONNX-ML Binarizer, opsets 1–5.
public struct Binarizer: Operator {
  public static let name = "Binarizer"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.float("threshold", \.threshold)]
  public var threshold: Float = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes)
    return [.tensor(try context.tensor(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: classicalTypes)
    try context.checkSize(x.shape, x.type)
    let values = x.wide(Double.self).map { $0 > Double(threshold) ? 1.0 : 0.0 }
    return [.tensor(Tensor(wide: values, x.type, x.shape))]
  }
}

/// The elements at these indices of the last axis. X[…,C], indices[n] → […,n]; of a vector [1,n].
/// ONNX-ML ArrayFeatureExtractor, opsets 1–5.
public struct ArrayFeatureExtractor: Operator {
  public static let name = "ArrayFeatureExtractor"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs: Arity = 2
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, classicalTypes + [.string])
    try context.require(1, [.int64])
    try context.requireRankAtLeast(0, 1)
    let x = try context.tensor(0)
    guard let shape = x.shape else { return [.tensor(x.element, nil)] }
    if let columns = (shape.last ?? 1).value {
      try context.checkConstant(1, in: 0..<columns) { "index \($0) is out of range, accepted are 0..<\(columns)" }
    }
    let count = try context.shape(1).map { product($0) } ?? .unknown
    let known = try context.shape(1)?.contains { $0.isUnknown } ?? true ? .unknown : count
    return [.tensor(x.element, (shape.count == 1 ? [1] : Array(shape.dropLast())) + [known])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try checkedTypes(inputs, context)[0].knownShape ?? []
    let x = try inputs.tensor(0)
    let indices = try inputs.tensor(1).integers
    let columns = x.shape.last ?? 1
    for index in indices where index < 0 || index >= columns {
      throw .invalid("index \(index) is outside 0...\(columns - 1)")
    }
    let rows = columns == 0 ? 0 : x.count / columns
    let places = (0..<rows).flatMap { row in indices.map { row * columns + $0 } }
    guard places.count == Tensor.elementCount(of: shape) else { throw .invalid("there are no elements to extract") }
    if x.type == .string { return [.tensor(Tensor(strings: places.map { x.strings[$0] }, shape: shape))] }
    if x.type.isInteger {
      let values = x.wide(Int64.self)
      return [.tensor(Tensor(wide: places.map { values[$0] }, x.type, shape))]
    }
    let values = x.wide(Double.self)
    return [.tensor(Tensor(wide: places.map { values[$0] }, x.type, shape))]
  }
}

/// Matrices next to each other, each cut or extended with zeros to its number of columns. X[N,C] (or [C]) … → [N,ΣC],
/// float32. ONNX-ML FeatureVectorizer, opsets 1–5.
public struct FeatureVectorizer: Operator {
  public static let name = "FeatureVectorizer"
  public static let domain = classicalDomain
  public static let opsets = classicalOpsets
  public static let inputs = Arity.variadic(1)
  public static let attributes: [AttributeField<Self>] = [
    .ints("inputdimensions", \.dimensions, in: 0...Int(Int32.max))
  ]
  public var dimensions: [Int]?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard let dimensions, dimensions.count == context.inputs.count else {
      throw .invalid("attribute 'inputdimensions' must have \(context.inputs.count) elements")
    }
    var rows = Dim.unknown
    for index in context.inputs.indices {
      try context.require(index, classicalTypes)
      let own = try context.rows(index).rows
      if !rows.isUnknown, !own.isUnknown, rows.isEqual(to: own) == false {
        throw .invalid("input \(index) has \(own) rows, expected \(rows)")
      }
      if rows.isUnknown || own.value != nil { rows = own }
    }
    return [.tensor(.float32, [rows, Dim(dimensions.reduce(0) { saturatingAdd($0, $1) })])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try checkedTypes(inputs, context)[0].knownShape ?? [0, 0]
    var lines = [[Double]](repeating: [], count: shape[0])
    for (index, size) in (dimensions ?? []).enumerated() {
      for (i, row) in try inputs.tensor(index).rows.enumerated() {
        lines[i] += row.prefix(size) + [Double](repeating: 0, count: max(0, size - row.count))
      }
    }
    return [.tensor(Tensor.matrix(lines, columns: shape[1]))]
  }
}
