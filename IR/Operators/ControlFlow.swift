extension OperatorCatalog {
  static let controlFlow: [any Operator.Type] = [If.self, Loop.self]
}

/// An operator with bodies. Outer values that the bodies read are the node's last inputs and every body's last
/// inputs, in the same order.
public protocol BodyOperator: Operator {
  /// How many of the last inputs are captures.
  var captures: Int { get set }
}

extension BodyOperator {
  public var subgraphs: [Graph] {
    attributeValues.compactMap { if case .graph(let graph) = $0.value { graph } else { nil } }
  }

  static var captureAttribute: AttributeField<Self> {
    .int("captures", \.captures, in: 0...Int(Int32.max), isInternal: true)
  }

  /// Throws unless the body takes inputs of these types (nil: anything).
  func check(_ body: Graph, takes types: [ValueType?], _ what: String) throws(Diagnostic) {
    guard body.inputs.count == types.count else {
      throw .invalid("\(what) takes \(body.inputs.count) inputs, \(types.count) are passed")
    }
    for (index, (id, type)) in zip(body.inputs, types).enumerated() {
      guard let type, !body.type(id).isCompatible(with: type) else { continue }
      throw .invalid("\(what) takes \(body.type(id)) as input \(index), \(type) is passed")
    }
  }

  /// Types of present inputs from an index on.
  func types(_ context: InferenceContext, from start: Int) throws(Diagnostic) -> [ValueType?] {
    guard context.inputs.count >= start else {
      throw .invalid("has \(context.inputs.count) inputs, expected at least \(start)")
    }
    var result: [ValueType?] = []
    for index in start..<context.inputs.count {
      guard let input = context.inputs[index] else { throw .invalid("input \(index) is missing") }
      result.append(input.type)
    }
    return result
  }

  /// Inputs of an evaluation from an index on.
  func data(_ inputs: [Datum?], from start: Int) throws(Diagnostic) -> [Datum] {
    var result: [Datum] = []
    for index in start..<max(start, inputs.count) {
      guard let datum = inputs[index] else { throw .invalid("input \(index) is missing") }
      result.append(datum)
    }
    return result
  }
}

extension ValueType {
  /// A body's type as the outer graph sees it: dimensions named after the body's own values are unknown there.
  var outsideBody: ValueType {
    mapDims { dim, _ in dim.symbols.contains { $0.hasPrefix("?") } ? .unknown : dim }
  }

  /// The type that values of both types have; nil where kind or element type differ. Dimensions that
  /// differ become unknown, differing ranks an unknown shape.
  static func merged(_ a: ValueType, _ b: ValueType) -> ValueType? {
    switch (a, b) {
    case (.tensor(let x), .tensor(let y)):
      guard x.element == y.element else { return nil }
      guard let s = x.shape, let t = y.shape, s.count == t.count else { return .tensor(x.element, nil) }
      return .tensor(x.element, zip(s, t).map { $0 == $1 ? $0 : .unknown })
    case (.sequence(let x), .sequence(let y)): return merged(x, y).map { .sequence($0) }
    case (.optional(let x), .optional(let y)): return merged(x, y).map { .optional($0) }
    default: return a == b ? a : nil
    }
  }
}

/// A truth value of one element.
private func flag(_ tensor: Tensor, _ what: String) throws(Diagnostic) -> Bool {
  guard tensor.count == 1, tensor.type == .bool else {
    throw .invalid("\(what) is \(tensor.tensorType), expected one bool")
  }
  return tensor.bytes[0] != 0
}

/// One of two bodies. Inputs: condition, captures. ONNX If, opsets 1–25.
public struct If: BodyOperator {
  public static let name = "If"
  public static let inputs = Arity.variadic(1)
  public static let outputs = Arity.variadic(0)
  public static let attributes: [AttributeField<Self>] = [
    .graph("then_branch", \.thenBranch), .graph("else_branch", \.elseBranch), captureAttribute,
  ]
  public var thenBranch = Graph()
  public var elseBranch = Graph()
  public var captures = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.bool])
    let captured = try types(context, from: 1)
    guard captured.count == captures else { throw .invalid("has \(captured.count) captures, expected \(captures)") }
    try check(thenBranch, takes: captured, "'then_branch'")
    try check(elseBranch, takes: captured, "'else_branch'")
    let (a, b) = (thenBranch.outputs, elseBranch.outputs)
    guard a.count == context.outputCount, b.count == context.outputCount else {
      throw .invalid("the branches have \(a.count) and \(b.count) outputs, expected \(context.outputCount)")
    }
    if let taken = context.contents(0)?.first?.value {
      return taken != 0 ? a.map { thenBranch.type($0).outsideBody } : b.map { elseBranch.type($0).outsideBody }
    }
    var results: [ValueType] = []
    for (x, y) in zip(a, b) {
      let (then, otherwise) = (thenBranch.type(x), elseBranch.type(y))
      guard let merged = ValueType.merged(then.outsideBody, otherwise.outsideBody) else {
        throw .invalid("output \(results.count) is \(then) in one branch and \(otherwise) in the other")
      }
      results.append(merged)
    }
    return results
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let condition = try flag(try inputs.tensor(0), "the condition")
    return try (condition ? thenBranch : elseBranch).evaluateBody(try data(inputs, from: 1), context)
  }
}

/// A body run again and again on what it returned. Inputs: trip count?, condition?, carried values, captures; the
/// body's: trip number, condition, carried values, captures; its outputs: condition, carried values, values that are
/// collected along a new first axis. ONNX Loop, opsets 1–25.
public struct Loop: BodyOperator {
  public static let name = "Loop"
  public static let inputs = Arity.variadic(0)
  public static let outputs = Arity.variadic(0)
  public static let attributes: [AttributeField<Self>] = [.graph("body", \.body), captureAttribute]
  public var body = Graph()
  public var captures = 0
  public init() {}

  /// Number of carried values.
  public func carried(inputs: Int) -> Int { max(inputs - 2 - captures, 0) }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    if context.has(0) { try context.require(0, [.int64]) }
    if context.has(1) { try context.require(1, [.bool]) }
    let passed = context.inputs.count <= 2 ? [] : try types(context, from: 2)
    guard passed.count >= captures else {
      throw .invalid("has \(passed.count) values to pass on, \(captures) are captures")
    }
    let carried = passed.count - captures
    try check(body, takes: [.tensor(.int64, []), nil] + passed, "'body'")
    let results = body.outputs.map { body.type($0) }
    guard results.count >= 1 + carried, results.count - 1 == context.outputCount else {
      throw .invalid("'body' has \(results.count) outputs, expected \(context.outputCount + 1)")
    }
    guard results[0].tensor?.element == .bool else {
      throw .invalid("'body' returns \(results[0]) as condition, expected bool")
    }
    var types: [ValueType] = []
    for (index, result) in results.dropFirst().enumerated() {
      if index < carried {
        types.append(try settled(passed[index], result, index))
      } else {
        guard let tensor = result.tensor else {
          throw .invalid("'body' returns a \(result) to collect, expected a tensor")
        }
        types.append(.tensor(tensor.element, tensor.shape.map { [trips(context)] + $0 }))
      }
    }
    return types.map(\.outsideBody)
  }

  /// The type of a carried value after any number of trips. An optional may become what it holds.
  private func settled(_ before: ValueType?, _ after: ValueType, _ index: Int) throws(Diagnostic) -> ValueType {
    if case .optional(let element)? = before, let merged = ValueType.merged(element, after) { return merged }
    guard let before, let merged = ValueType.merged(before, after) else {
      throw .invalid("carried value \(index) is \(before.map { "\($0)" } ?? "absent"), but 'body' returns \(after)")
    }
    return merged
  }

  /// The trip count, where no condition can end the loop before.
  private func trips(_ context: InferenceContext) -> Dim {
    guard let count = context.contents(0)?.first, count.isNonNegative,
      endsByCountAlone(context.constant(1), context.has(1))
    else { return .unknown }
    return count
  }

  private func endsByCountAlone(_ condition: Tensor?, _ isGiven: Bool) -> Bool {
    guard !isGiven || condition?.bytes.first ?? 0 != 0, var value = body.outputs.first else { return false }
    while let producer = body.producer(value), producer.op is Identity, let source = producer.inputs.first ?? nil {
      value = source
    }
    if let constant = body.constant(value) { return constant.bytes.first ?? 0 != 0 }
    return body.inputs.count > 1 && value == body.inputs[1]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let limit = inputs.optionalTensor(0).map { $0.integers.first ?? 0 }
    var goesOn =
      try inputs.optionalTensor(1).map { tensor throws(Diagnostic) in try flag(tensor, "the condition") } ?? true
    let passed = inputs.count <= 2 ? [] : try data(inputs, from: 2)
    guard passed.count >= captures else { throw .invalid("captures are missing") }
    var state = Array(passed.dropLast(captures))
    var collected = CollectedValues(body.outputs.dropFirst(1 + state.count).map { body.type($0) })
    var trip = 0
    while goesOn, limit.map({ trip < $0 }) ?? true {
      try context.checkDeadline()
      let start: [Datum] = [.tensor(Tensor(scalar: Int64(trip))), .tensor(Tensor(scalar: true))]
      let results = try body.evaluateBody(start + wrapped(state) + passed.suffix(captures), context)
      guard let condition = results[0].tensor else { throw .invalid("'body' returns no condition") }
      goesOn = try flag(condition, "the condition")
      state = Array(results[1..<1 + state.count])
      try collected.append(results.dropFirst(1 + state.count), context)
      trip += 1
    }
    if trip == 0 { state = try unwrapped(state) }
    return try state + collected.stacked(context)
  }

  /// Carried values as the body takes them: what an optional became in the last trip is again one.
  private func wrapped(_ state: [Datum]) -> [Datum] {
    zip(state, body.inputs.dropFirst(2)).map { datum, input in
      guard case .optional(let element) = body.type(input), !datum.type.isOptional else { return datum }
      return .optional(datum, of: element)
    }
  }

  /// Carried values that no trip changed, where the body returns what the optional it was given may hold.
  private func unwrapped(_ state: [Datum]) throws(Diagnostic) -> [Datum] {
    var results: [Datum] = []
    for (datum, output) in zip(state, body.outputs.dropFirst()) {
      guard case .optional(let element, _) = datum, case let type = body.type(output), !type.isOptional else {
        results.append(datum)
        continue
      }
      guard let element else { throw .invalid("the loop makes no trip, and its carried optional is empty") }
      results.append(element)
    }
    return results
  }
}

/// Values of all trips, to be put behind each other.
struct CollectedValues {
  private var parts: [[Tensor]]
  private let types: [ValueType]
  private var bytes = 0

  init(_ types: [ValueType]) {
    self.types = types
    parts = Array(repeating: [], count: types.count)
  }

  /// Adds those of one trip; throws once all take more than the limit.
  mutating func append(_ data: some Sequence<Datum>, _ context: EvaluationContext) throws(Diagnostic) {
    for (index, datum) in data.enumerated() {
      guard let tensor = datum.tensor else {
        throw .invalid("'body' returns a \(datum.type) to collect, expected a tensor")
      }
      if let first = parts[index].first, first.shape != tensor.shape || first.type != tensor.type {
        throw .invalid(
          "'body' returned \(first.tensorType) first and \(tensor.tensorType) later, to be collected in one tensor")
      }
      // The constant stands for what an entry takes itself.
      bytes = saturatingAdd(bytes, saturatingAdd(tensor.byteCount, 64))
      if bytes > context.maximumBytes {
        throw .invalid("the collected values take more than \(context.maximumBytes) bytes")
      }
      parts[index].append(tensor)
    }
  }

  /// Along a new axis (first, or `axes`), reversed where `reversed` says so.
  func stacked(_ context: EvaluationContext, axes: [Int] = [], reversed: [Bool] = []) throws(Diagnostic) -> [Datum] {
    var results: [Datum] = []
    for (index, list) in parts.enumerated() {
      let type = types[index].tensor ?? TensorType(.float32, [] as Shape)
      let shape = list.first?.shape ?? type.shape?.map { $0.value ?? 0 } ?? []
      let element = list.first?.type ?? type.element
      let axis = try normalizedAxis(index < axes.count ? axes[index] : 0, rank: shape.count + 1, "scan_output_axis")
      let slices = list.map { $0.reshaped(shape[..<axis] + [1] + shape[axis...]) ?? $0 }
      let whole = shape[..<axis] + [list.count] + shape[axis...]
      try context.checkSize(Array(whole), element)
      let ordered = index < reversed.count && reversed[index] ? slices.reversed() : slices
      results.append(.tensor(concatenate(ordered, axis: axis, element, Array(whole))))
    }
    return results
  }
}
