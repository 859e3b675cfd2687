import IR

/// Infers one operator on concrete inputs, then with every dimension a symbol, evaluates it, and checks that all three
/// agree. Returns the outputs.
public func run(_ op: any Operator, _ inputs: [Tensor?], outputs: Int = 1) throws(Diagnostic) -> [Tensor] {
  let results = try runValues(op, inputs.map { $0.map { .tensor($0) } }, outputs: outputs)
  return results.compactMap(\.tensor)
}

public func runValues(_ op: any Operator, _ inputs: [Datum?], outputs: Int = 1) throws(Diagnostic) -> [Datum] {
  let constants: [InferenceContext.Input?] = inputs.map { datum in
    datum.map { InferenceContext.Input(type: $0.type, constant: $0.tensor, contents: $0.tensor.flatMap(contents)) }
  }
  let results = try op.evaluate(inputs, EvaluationContext(outputCount: outputs, maximumBytes: 1 << 28))
  for known in [constants, symbolic(constants)] {
    let context = InferenceContext(inputs: known, outputCount: outputs)
    let types = try op.inferTypes(context)
    guard types.count == results.count, results.count == outputs else {
      throw .invalid("inferred \(types.count), evaluated \(results.count), expected \(outputs) outputs")
    }
    for (type, result) in zip(types, results) where !type.isCompatible(with: result.type) {
      throw .invalid("inferred \(type), evaluated \(result.type)")
    }
    for (inferred, result) in zip(op.inferContents(context), results) {
      guard let inferred, let tensor = result.tensor else { continue }
      let actual = tensor.integers.map { Dim($0) }
      guard inferred.count == actual.count, zip(inferred, actual).allSatisfy({ $0.isEqual(to: $1) != false }) else {
        throw .invalid("inferred contents \(inferred), evaluated \(actual)")
      }
    }
  }
  return results
}

private func contents(_ tensor: Tensor) -> [Dim]? {
  tensor.rank <= 1 && (tensor.type.isInteger || tensor.type == .bool) ? tensor.integers.map { Dim($0) } : nil
}

/// Inputs of rank 2 and more with symbols for dimensions and no values.
private func symbolic(_ inputs: [InferenceContext.Input?]) -> [InferenceContext.Input?] {
  inputs.enumerated().map { number, input in
    guard var input, case .tensor(let type) = input.type, let shape = type.shape, shape.count > 1 else { return input }
    input.type = .tensor(type.element, shape.indices.map { Dim.symbol("d\(number).\($0)") })
    input.constant = nil
    return input
  }
}

/// The message of what the closure throws; nil where it does not.
public func message(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return (error as? Diagnostic)?.message ?? "\(error)"
  }
}

/// 0, 1, 2, … of a shape.
public func counting(_ shape: [Int], from start: Float = 0) -> Tensor {
  let count = shape.reduce(1, *)
  return Tensor((0..<count).map { start + Float($0) }, shape: shape)
}

extension Tensor {
  public var floats: [Float] { wide(Float.self) }
}

/// A tensor of int64.
public func longs(_ values: [Int], _ shape: [Int]? = nil) -> Tensor {
  Tensor(values.map { Int64($0) }, shape: shape ?? [values.count])
}
