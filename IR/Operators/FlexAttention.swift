#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let flexAttention: [any Operator.Type] = [FlexAttention.self]
}

/// softmax(mod(Q·Kᵀ · scale)) · V by heads, with bodies that change the scores before and the probabilities after the
/// softmax. Inputs Q[B,Hq,L,D], K[B,Hkv,S,D], V[B,Hkv,S,Dv], captures; each body takes and returns one tensor
/// [B,Hq,L,S]. ONNX ai.onnx.preview FlexAttention, opset 1.
public struct FlexAttention: BodyOperator {
  public static let name = "FlexAttention"
  public static let domain = "ai.onnx.preview"
  public static let inputs = Arity.variadic(3)
  public static let attributes: [AttributeField<Self>] = [
    .optionalFloat("scale", \.scale), .elementType("softmax_precision", \.softmaxPrecision),
    .optionalGraph("score_mod", \.scoreBody), .optionalGraph("prob_mod", \.probabilityBody), captureAttribute,
  ]
  public var scale: Float?
  public var softmaxPrecision: ElementType?
  public var scoreBody: Graph?
  public var probabilityBody: Graph?
  public var captures = 0
  public init() {}

  /// Type of the scores, which the bodies see.
  public func scoreType(_ context: InferenceContext) throws(Diagnostic) -> TensorType {
    try context.require(0, floatTypes)
    let element = try context.sameElement(0...2)
    if let softmaxPrecision, !floatTypes.contains(softmaxPrecision) {
      throw .invalid("attribute 'softmax_precision' is \(softmaxPrecision.name), which is no float")
    }
    for index in 0...2 { try context.requireRank(index, 4...4) }
    let type = softmaxPrecision ?? (element == .float64 ? .float64 : .float32)
    guard let q = try context.shape(0), let k = try context.shape(1), let v = try context.shape(2) else {
      return TensorType(type, InferenceContext.unknown(4))
    }
    guard [0, 1, 2].allSatisfy({ k[$0].isEqual(to: v[$0]) != false }), q[0].isEqual(to: k[0]) != false,
      q[3].isEqual(to: k[3]) != false
    else { throw .invalid("Q \(describe(q)), K \(describe(k)) and V \(describe(v)) do not fit each other") }
    if let hq = q[1].value, let hk = k[1].value, hk == 0 || hq % hk != 0 {
      throw .invalid("\(hq) query heads do not share \(hk) key heads evenly")
    }
    return TensorType(type, [q[0], q[1], q[2], k[2]])
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let scores = try scoreType(context)
    let captured = try types(context, from: 3)
    guard captured.count == captures else { throw .invalid("has \(captured.count) captures, expected \(captures)") }
    for (body, name) in [(scoreBody, "'score_mod'"), (probabilityBody, "'prob_mod'")] {
      guard let body else { continue }
      try check(body, takes: [.tensor(scores)] + captured, name)
      guard body.outputs.count == 1, body.type(body.outputs[0]).isCompatible(with: .tensor(scores)) else {
        throw .invalid("\(name) does not return one \(scores)")
      }
    }
    let q = try context.shape(0) ?? InferenceContext.unknown(4)
    return [.tensor(try context.element(2), [q[0], q[1], q[2], try context.shape(2)?[3] ?? .unknown])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let (q, k, v) = (try inputs.tensor(0), try inputs.tensor(1), try inputs.tensor(2))
    let type = softmaxPrecision ?? (q.type == .float64 ? .float64 : .float32)
    let scoreShape = [shape[0], shape[1], shape[2], k.shape[2]]
    try context.checkSize(scoreShape, .float64)
    var scores = Tensor(wide: try products(q, k, context), type, scoreShape)
    scores = try changed(scores, by: scoreBody, inputs, context)
    scores = Tensor(wide: softmax(scores.wide(Double.self), row: k.shape[2]), type, scoreShape)
    scores = try changed(scores, by: probabilityBody, inputs, context)
    let sums = try weighted(scores, v, group: max(q.shape[1] / max(k.shape[1], 1), 1), context)
    return [.tensor(Tensor(wide: sums, v.type, shape))]
  }

  private func changed(
    _ scores: Tensor, by body: Graph?, _ inputs: [Datum?], _ context: EvaluationContext
  ) throws(Diagnostic) -> Tensor {
    guard let body else { return scores }
    let results = try body.evaluateBody([.tensor(scores)] + data(inputs, from: 3), context)
    guard let result = results.first?.tensor, result.type == scores.type, result.shape == scores.shape else {
      throw .invalid(
        "a body returned \(results.first.map { "\($0.type)" } ?? "nothing"), expected \(scores.tensorType)")
    }
    return result
  }

  private func products(_ q: Tensor, _ k: Tensor, _ context: EvaluationContext) throws(Diagnostic) -> [Double] {
    let scale = (self.scale ?? Float(1 / Double(max(q.shape[3], 1)).squareRoot())).squareRoot()
    let factor = roundedAs(q.type, [Double(scale)])[0]
    let left = roundedAs(q.type, q.wide(Double.self).map { $0 * factor })
    let right = roundedAs(q.type, k.wide(Double.self).map { $0 * factor })
    let (heads, length, size, keys) = (q.shape[1], q.shape[2], q.shape[3], k.shape[2])
    let group = max(heads / max(k.shape[1], 1), 1)
    var result = [Double](repeating: 0, count: q.shape[0] * heads * length * keys)
    guard !result.isEmpty else { return result }
    for stack in 0..<q.shape[0] * heads {
      var (a, b) = (MatrixView(columns: size, transposed: false), MatrixView(columns: size, transposed: true))
      a.offset = stack * length * size
      b.offset = (stack / heads * k.shape[1] + stack % heads / group) * keys * size
      try multiplyMatrices(
        &result, at: stack * length * keys, left, a, right, b, rows: length, inner: size, columns: keys, context)
    }
    return q.type == .float16 ? roundedAs(q.type, result) : result
  }

  private func softmax(_ values: [Double], row: Int) -> [Double] {
    var result = values
    for start in stride(from: 0, to: row == 0 ? 0 : values.count, by: max(row, 1)) {
      let top = values[start..<start + row].reduce(-Double.infinity) { maximumOrNaN($0, $1) }
      var sum = 0.0
      for i in start..<start + row {
        result[i] = exp(values[i] - top)
        sum += result[i]
      }
      for i in start..<start + row { result[i] /= sum }
    }
    return result
  }

  private func weighted(
    _ scores: Tensor, _ v: Tensor, group: Int, _ context: EvaluationContext
  ) throws(Diagnostic) -> [Double] {
    let (heads, length, keys, size) = (scores.shape[1], scores.shape[2], scores.shape[3], v.shape[3])
    let (left, right) = (scores.wide(Double.self), v.wide(Double.self))
    var result = [Double](repeating: 0, count: scores.shape[0] * heads * length * size)
    guard !result.isEmpty else { return result }
    for stack in 0..<scores.shape[0] * heads {
      var (a, b) = (MatrixView(columns: keys, transposed: false), MatrixView(columns: size, transposed: false))
      a.offset = stack * length * keys
      b.offset = (stack / heads * v.shape[1] + stack % heads / group) * keys * size
      try multiplyMatrices(
        &result, at: stack * length * size, left, a, right, b, rows: length, inner: keys, columns: size, context)
    }
    return result
  }
}

extension AttributeField where Op: Operator {
  /// A subgraph that may be absent.
  static func optionalGraph(_ name: String, _ path: FieldPath<Op, Graph?>) -> Self {
    Self(
      name: name, get: { op in op[keyPath: path].map { .graph($0) } },
      set: { (op, value) throws(Diagnostic) in
        guard case .graph(let graph) = value else {
          throw .invalid("attribute '\(name)' is of kind \(value.kindName), expected graph")
        }
        op[keyPath: path] = graph
      }, isInternal: false, isRequired: false)
  }
}
