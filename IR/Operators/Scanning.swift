extension OperatorCatalog {
  static let scanning: [any Operator.Type] = [Scan.self, SequenceMap.self]
}

/// A body run over slices of its last inputs. Inputs: states, scanned values, captures; outputs: final states, values
/// that are collected along an axis. ONNX Scan, opsets 9–25.
public struct Scan: BodyOperator {
  public static let name = "Scan"
  public static let inputs = Arity.variadic(1)
  public static let outputs = Arity.variadic(1)
  public static let attributes: [AttributeField<Self>] = [
    .graph("body", \.body), .int("num_scan_inputs", \.scannedCount, in: sizeRange, isRequired: true),
    .ints("scan_input_axes", \.inputAxes), .ints("scan_output_axes", \.outputAxes),
    .ints("scan_input_directions", \.inputDirections, in: 0...1),
    .ints("scan_output_directions", \.outputDirections, in: 0...1), captureAttribute,
  ]
  public var body = Graph()
  public var scannedCount = 1
  public var inputAxes: [Int]?
  public var outputAxes: [Int]?
  public var inputDirections: [Int]?
  public var outputDirections: [Int]?
  public var captures = 0
  public init() {}

  private func layout(_ inputs: Int) throws(Diagnostic) -> (states: Int, scanned: Range<Int>) {
    let states = inputs - captures - scannedCount
    guard states >= 0, body.outputs.count >= states else {
      throw .invalid(
        "has \(inputs) inputs and 'body' \(body.outputs.count) outputs, of which \(scannedCount) are scanned")
    }
    let collected = body.outputs.count - states
    for (list, count, name) in [
      (inputAxes, scannedCount, "scan_input_axes"), (inputDirections, scannedCount, "scan_input_directions"),
      (outputAxes, collected, "scan_output_axes"), (outputDirections, collected, "scan_output_directions"),
    ] {
      if let list, list.count != count {
        throw .invalid("attribute '\(name)' has \(list.count) elements, expected \(count)")
      }
    }
    return (states, states..<states + scannedCount)
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let (states, scanned) = try layout(context.inputs.count)
    var passed = try types(context, from: 0)
    var length = Dim.unknown
    for index in scanned {
      let type = try context.tensor(index)
      guard var shape = type.shape else {
        passed[index] = .tensor(type.element, nil)
        continue
      }
      let axis = try normalizedAxis(inputAxes?[index - states] ?? 0, rank: shape.count, "scan_input_axis")
      guard let same = unified(length, shape.remove(at: axis)) else {
        throw .invalid("the scanned inputs differ in length: input \(index) is \(type)")
      }
      length = same
      passed[index] = .tensor(type.element, shape)
    }
    try check(body, takes: passed, "'body'")
    guard body.outputs.count == context.outputCount else {
      throw .invalid("'body' has \(body.outputs.count) outputs, expected \(context.outputCount)")
    }
    var results: [ValueType] = []
    for (index, id) in body.outputs.enumerated() {
      let type = body.type(id).outsideBody
      if index < states {
        guard let before = passed[index], let merged = ValueType.merged(before, type) else {
          throw .invalid("state \(index) is \(passed[index].map { "\($0)" } ?? "absent"), but 'body' returns \(type)")
        }
        results.append(merged)
      } else {
        results.append(try collectedType(type, length, index - states))
      }
    }
    return results
  }

  private func collectedType(_ type: ValueType, _ length: Dim, _ index: Int) throws(Diagnostic) -> ValueType {
    guard let tensor = type.tensor else { throw .invalid("'body' returns a \(type) to collect, expected a tensor") }
    guard var shape = tensor.shape else { return .tensor(tensor.element, nil) }
    shape.insert(length, at: try normalizedAxis(outputAxes?[index] ?? 0, rank: shape.count + 1, "scan_output_axis"))
    return .tensor(tensor.element, shape)
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let (states, scanned) = try layout(inputs.count)
    let passed = try data(inputs, from: 0)
    var state = Array(passed[..<states])
    let lengths = try scanned.map { index throws(Diagnostic) in
      let x = try inputs.tensor(index)
      return x.shape[try normalizedAxis(inputAxes?[index - states] ?? 0, rank: x.rank, "scan_input_axis")]
    }
    guard let length = lengths.first, lengths.allSatisfy({ $0 == length }) else {
      throw .invalid("the scanned inputs differ in length: \(describe(lengths))")
    }
    var collected = CollectedValues(body.outputs.dropFirst(states).map { body.type($0) })
    for t in 0..<length {
      try context.checkDeadline()
      var slices: [Datum] = []
      for index in scanned {
        let isReverse = inputDirections?[index - states] == 1
        slices.append(.tensor(try slice(try inputs.tensor(index), index - states, isReverse ? length - 1 - t : t)))
      }
      let results = try body.evaluateBody(state + slices + passed.suffix(captures), context)
      state = Array(results[..<states])
      try collected.append(results.dropFirst(states), context)
    }
    let reversed = outputDirections.map { $0.map { $0 == 1 } } ?? []
    return try state + collected.stacked(context, axes: outputAxes ?? [], reversed: reversed)
  }

  private func slice(_ x: Tensor, _ number: Int, _ t: Int) throws(Diagnostic) -> Tensor {
    let axis = try normalizedAxis(inputAxes?[number] ?? 0, rank: x.rank, "scan_input_axis")
    var shape = x.shape
    var strides = rowMajorStrides(shape)
    let offset = t * strides[axis]
    shape.remove(at: axis)
    strides.remove(at: axis)
    return x.view(shape, offset: offset, strides: strides)
  }
}

/// A body run on every element of a sequence. Inputs: sequence, further sequences or tensors, captures.
/// ONNX SequenceMap, opset 17.
public struct SequenceMap: BodyOperator {
  public static let name = "SequenceMap"
  public static let inputs = Arity.variadic(1)
  public static let outputs = Arity.variadic(1)
  public static let attributes: [AttributeField<Self>] = [.graph("body", \.body), captureAttribute]
  public var body = Graph()
  public var captures = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let passed = try types(context, from: 0)
    guard let first = passed.first, case .sequence = first, passed.count > captures else {
      throw .invalid("input 0 is no sequence")
    }
    let elements = passed.enumerated().map { index, type -> ValueType? in
      if index < passed.count - captures, case .sequence(let element)? = type { element } else { type }
    }
    try check(body, takes: elements, "'body'")
    guard body.outputs.count == context.outputCount else {
      throw .invalid("'body' has \(body.outputs.count) outputs, expected \(context.outputCount)")
    }
    return body.outputs.map { .sequence(body.type($0).outsideBody) }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let passed = try data(inputs, from: 0)
    guard case .sequence(let items, _)? = passed.first else { throw .invalid("input 0 is no sequence") }
    var results: [[Datum]] = Array(repeating: [], count: body.outputs.count)
    for index in items.indices {
      try context.checkDeadline()
      var arguments: [Datum] = []
      for (number, datum) in passed.enumerated() {
        guard number < passed.count - captures, case .sequence(let list, _) = datum else {
          arguments.append(datum)
          continue
        }
        guard list.count == items.count else {
          throw .invalid("the sequences have \(items.count) and \(list.count) elements")
        }
        arguments.append(list[index])
      }
      for (number, result) in try body.evaluateBody(arguments, context).enumerated() { results[number].append(result) }
    }
    return zip(results, body.outputs).map { .sequence($0, of: body.type($1)) }
  }
}
