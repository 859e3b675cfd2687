extension OperatorCatalog {
  static let layerNormalizations: [any Operator.Type] = [LayerNormalization.self, RMSNormalization.self]
}

extension InferenceContext {
  /// Throws unless the input broadcasts to the shape of input 0 without changing it.
  func requireBroadcastsToFirst(_ index: Int) throws(Diagnostic) {
    guard let shape = try shape(0), let own = try self.shape(index) else { return }
    let both = try broadcast(shape, own)
    guard both.count == shape.count, zip(both, shape).allSatisfy({ $0.isUnknown || $0.isEqual(to: $1) != false }) else {
      throw .invalid("input \(index), \(describe(own)), does not broadcast to \(describe(shape))")
    }
  }
}

/// Type of statistics: one of the floats.
private func statisticsType(_ type: ElementType?) throws(Diagnostic) -> ElementType {
  guard let type = type, floatTypes.contains(type) else {
    throw .invalid("attribute 'stash_type' is \(type?.name ?? "missing"), accepted are \(floatTypes.map(\.name))")
  }
  return type
}

/// Normalization over the axes from `axis` on, then · Scale + B (broadcast to X). Outputs Y, mean and 1 / deviation
/// (axes from `axis` on are 1 there). ONNX LayerNormalization, opsets 17–28.
public struct LayerNormalization: Operator {
  public static let name = "LayerNormalization"
  public static let inputs = Arity(2...3)
  public static let outputs = Arity(1...3)
  public static let attributes: [AttributeField<Self>] = [
    .int("axis", \.axis), .float("epsilon", \.epsilon), .elementType("stash_type", \.stashType),
  ]
  public var axis = -1
  public var epsilon: Float = 1e-5
  public var stashType: ElementType? = .float32
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.sameElement(0..<3)
    for index in 1..<3 where context.has(index) { try context.requireBroadcastsToFirst(index) }
    let x = try context.tensor(0)
    let statistics = try statisticsType(stashType)
    var types: [ValueType] = [.tensor(x)]
    var reduced: Shape?
    if let shape = x.shape {
      let first = try normalizedAxis(axis, rank: shape.count)
      reduced = shape.indices.map { $0 < first ? shape[$0] : 1 }
    }
    while types.count < context.outputCount { types.append(.tensor(statistics, reduced)) }
    return types
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let types = try checkedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let first = try normalizedAxis(axis, rank: x.rank)
    let values = x.wide(Double.self)
    if values.isEmpty {
      let missing = types.dropFirst().map { type -> Datum in
        let shape = type.knownShape ?? []
        let nan = [Double](repeating: .nan, count: Tensor.elementCount(of: shape) ?? 0)
        return .tensor(Tensor(wide: nan, type.element, shape))
      }
      return [.tensor(x)] + missing
    }
    let moments = Moments(values, x.shape, Array(first..<x.rank))
    let scale = try inputs.tensor(1)
    var y = moments.normalize(values, x.shape, epsilon: Double(epsilon))
    y = broadcastMap(y, x.shape, scale.wide(Double.self), scale.shape, to: x.shape) { $0 * $1 }
    if let bias = inputs.optionalTensor(2) {
      y = broadcastMap(y, x.shape, bias.wide(Double.self), bias.shape, to: x.shape) { $0 + $1 }
    }
    let inverse = moments.variance.map { 1 / ($0 + Double(epsilon)).squareRoot() }
    let type = try statisticsType(stashType)
    let outputs: [Datum] = [
      .tensor(Tensor(wide: y, x.type, x.shape)), .tensor(Tensor(wide: moments.mean, type, moments.shape)),
      .tensor(Tensor(wide: inverse, type, moments.shape)),
    ]
    return Array(outputs.prefix(context.outputCount))
  }
}

/// x / sqrt(mean of x² over the axes from `axis` on + epsilon) · scale. The output has the scale's element type.
/// ONNX RMSNormalization, opsets 23–28.
public struct RMSNormalization: Operator {
  public static let name = "RMSNormalization"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .int("axis", \.axis), .float("epsilon", \.epsilon), .elementType("stash_type", \.stashType),
  ]
  public var axis = -1
  public var epsilon: Float = 1e-5
  public var stashType: ElementType? = .float32
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.require(1, floatTypes)
    try context.requireBroadcastsToFirst(1)
    _ = try statisticsType(stashType)
    let x = try context.tensor(0)
    if let rank = x.rank { _ = try normalizedAxis(axis, rank: rank) }
    return [.tensor(try context.element(1), x.shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let (x, scale) = (try inputs.tensor(0), try inputs.tensor(1))
    let first = try normalizedAxis(axis, rank: x.rank)
    let values = x.wide(Double.self)
    let shape = x.shape.indices.map { $0 < first ? x.shape[$0] : 1 }
    if values.isEmpty { return [.tensor(Tensor(wide: values, scale.type, x.shape))] }
    let inverse = forEachGroup(values, x.shape, Array(first..<x.rank)) { group in
      1 / (group.reduce(0) { $0 + $1 * $1 } / Double(group.count) + Double(epsilon)).squareRoot()
    }
    let normal = broadcastMap(values, x.shape, inverse, shape, to: x.shape) { $0 * $1 }
    let y = broadcastMap(normal, x.shape, scale.wide(Double.self), scale.shape, to: x.shape) { $0 * $1 }
    return [.tensor(Tensor(wide: y, scale.type, x.shape))]
  }
}
