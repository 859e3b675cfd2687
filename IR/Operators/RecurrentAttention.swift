#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let recurrentAttention: [any Operator.Type] = [
    RotaryEmbedding.self, LinearAttention.self, CausalConvWithState.self,
  ]
}

/// Pairs of elements of every head turned by an angle that depends on the position. Inputs X[batch,heads,length,size]
/// or X[batch,length,heads·size]; cos and sin [positions,half] with position_ids[batch,length], or
/// [batch,length,half]. ONNX RotaryEmbedding, opset 23.
public struct RotaryEmbedding: Operator {
  public static let name = "RotaryEmbedding"
  public static let inputs = Arity(3...4)
  public static let attributes: [AttributeField<Self>] = [
    .flag("interleaved", \.isInterleaved), .optionalInt("num_heads", \.heads, in: 0...Int(Int32.max)),
    .int("rotary_embedding_dim", \.rotated, in: 0...Int(Int32.max)),
  ]
  /// Pairs are neighbours instead of half a head apart.
  public var isInterleaved = false
  public var heads: Int?
  /// Leading elements of a head that are turned; 0: all.
  public var rotated = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.float32, .float16, .bfloat16])
    try context.sameElement(0...2)
    if context.has(3) { try context.require(3, [.int64]) }
    try context.requireRank(0, 3...4)
    let rank = context.has(3) ? 2 : 3
    for index in 1...2 { try context.requireRank(index, rank...rank) }
    if context.has(3) { try context.requireRank(3, 2...2) }
    let type = try context.tensor(0)
    guard let x = type.shape else { return [.tensor(type)] }
    let (length, size) = try layout(x)
    let turned = rotated == 0 ? size : Dim(rotated)
    if let t = turned.value, let s = size.value, t > s || t % 2 != 0 {
      throw .invalid("\(t) elements of a head of \(s) cannot be turned in pairs")
    }
    for index in 1...2 {
      guard let cache = try context.shape(index), let half = turned.quotient(by: 2) else { continue }
      guard cache[rank - 1].isEqual(to: half) != false,
        context.has(3) || cache[0].isEqual(to: x[0]) != false && cache[1].isEqual(to: length) != false
      else { throw .invalid("input \(index) is \(describe(cache)) for an input \(describe(x))") }
    }
    if let cos = try context.shape(1), let sin = try context.shape(2) {
      guard zip(cos, sin).allSatisfy({ $0.isEqual(to: $1) != false }) else {
        throw .invalid("cos_cache \(describe(cos)) and sin_cache \(describe(sin)) differ in shape")
      }
    }
    if let ids = try context.has(3) ? context.shape(3) : nil {
      guard ids[0].isEqual(to: x[0]) != false, ids[1].isEqual(to: length) != false else {
        throw .invalid("position_ids are \(describe(ids)) for an input \(describe(x))")
      }
    }
    return [.tensor(type)]
  }

  private func layout(_ x: Shape) throws(Diagnostic) -> (length: Dim, size: Dim) {
    if x.count == 4 { return (x[2], x[3]) }
    guard let heads, heads > 0 else { throw .invalid("attribute 'num_heads' is needed for rank 3") }
    if let hidden = x[2].value, hidden % heads != 0 {
      throw .invalid("\(hidden) columns do not divide into \(heads) heads")
    }
    return (x[1], x[2].quotient(by: Dim(heads)) ?? .unknown)
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let cosines = try inputs.tensor(1)
    let (cos, sin) = (cosines.wide(Double.self), try inputs.tensor(2).wide(Double.self))
    let ids = inputs.optionalTensor(3)?.integers
    let isPacked = x.rank == 3
    let heads = isPacked ? self.heads ?? 1 : shape[1]
    let length = isPacked ? shape[1] : shape[2]
    let size = isPacked ? shape[2] / heads : shape[3]
    let half = (rotated == 0 ? size : rotated) / 2
    var values = x.wide(Double.self)
    for row in 0..<(values.isEmpty ? 0 : shape[0] * length) {
      let position = try ids.map { ids throws(Diagnostic) in try checkedIndex(ids[row], cosines.shape[0]) } ?? row
      for head in 0..<heads {
        let start =
          isPacked ? (row * heads + head) * size : ((row / length * heads + head) * length + row % length) * size
        for i in 0..<half {
          let a = start + (isInterleaved ? 2 * i : i)
          let b = isInterleaved ? a + 1 : a + half
          let (c, s) = (cos[position * half + i], sin[position * half + i])
          let (p, q) = (
            roundedAs(x.type, [c * values[a], s * values[b]]), roundedAs(x.type, [s * values[a], c * values[b]])
          )
          values[a] = p[0] - p[1]
          values[b] = q[0] + q[1]
        }
      }
    }
    return [.tensor(Tensor(wide: values, x.type, shape))]
  }
}

/// Attention as a recurrence over a state S[batch,heads,dk,dv] of keys and values. Inputs query[B,T,Hq·dk],
/// key[B,T,Hkv·dk], value[B,T,Hkv·dv], past_state?, decay[B,T,Hkv·dk or Hkv]?, beta[B,T,Hkv or 1]?. ONNX
/// LinearAttention, opset 27.
public struct LinearAttention: Operator {
  public enum UpdateRule: String, CaseIterable, Sendable {
    case linear, gated, delta
    case gatedDelta = "gated_delta"

    var decays: Bool { self == .gated || self == .gatedDelta }
    var corrects: Bool { self == .delta || self == .gatedDelta }
  }

  public static let name = "LinearAttention"
  public static let inputs = Arity(3...6)
  public static let outputs = Arity(1...2)
  public static let attributes: [AttributeField<Self>] = [
    .int("q_num_heads", \.queryHeads, in: sizeRange, isRequired: true),
    .int("kv_num_heads", \.keyHeads, in: sizeRange, isRequired: true), .float("scale", \.scale),
    .choice("update_rule", \.rule), .int("chunk_size", \.chunkSize),
  ]
  public var queryHeads = 1
  public var keyHeads = 1
  /// 0: 1/√dk.
  public var scale: Float = 0
  public var rule = UpdateRule.gatedDelta
  /// A hint for implementations, without meaning here.
  public var chunkSize = 64
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let types: [ElementType] = [.float32, .float16, .bfloat16]
    try context.require(0, types)
    let element = try context.sameElement([0, 1, 2, 4, 5])
    guard queryHeads % keyHeads == 0 else {
      throw .invalid("\(queryHeads) query heads do not share \(keyHeads) key heads evenly")
    }
    for (index, isNeeded, name) in [(4, rule.decays, "decay"), (5, rule.corrects, "beta")]
    where context.has(index) != isNeeded {
      throw .invalid("update rule '\(rule.rawValue)' \(isNeeded ? "needs" : "does not take") input '\(name)'")
    }
    for index in [0, 1, 2, 4, 5] where context.has(index) { try context.requireRank(index, 3...3) }
    let stateElement = context.has(3) ? try context.element(3) : element
    guard types.contains(stateElement) else { throw .invalid("past_state has element type \(stateElement.name)") }
    let q = try context.shape(0) ?? InferenceContext.unknown(3)
    let k = try context.shape(1) ?? InferenceContext.unknown(3)
    let v = try context.shape(2) ?? InferenceContext.unknown(3)
    let dk = try part(q[2], queryHeads, "query")
    let dv = try part(v[2], keyHeads, "value")
    try check(context, 1, [q[0], q[1], dk * Dim(keyHeads)], k)
    try check(context, 2, [q[0], q[1], v[2]], v)
    let state = [q[0], Dim(keyHeads), dk, dv]
    if let past = try context.has(3) ? context.shape(3) : nil { try check(context, 3, state, past) }
    try checkGates(context, q, dk)
    let all: [ValueType] = [.tensor(element, [q[0], q[1], dv * Dim(queryHeads)]), .tensor(stateElement, state)]
    return Array(all.prefix(context.outputCount))
  }

  private func part(_ columns: Dim, _ heads: Int, _ name: String) throws(Diagnostic) -> Dim {
    if columns.isUnknown { return .unknown }
    if let n = columns.value, n % heads != 0 {
      throw .invalid("\(name) has \(n) columns, which do not divide into \(heads) heads")
    }
    return columns.quotient(by: Dim(heads)) ?? .unknown
  }

  private func check(_ context: InferenceContext, _ index: Int, _ expected: Shape, _ shape: Shape) throws(Diagnostic) {
    let fits =
      shape.count == expected.count
      && zip(shape, expected).allSatisfy { $0.isUnknown || $1.symbols.contains("?") || $0.isEqual(to: $1) != false }
    guard fits else { throw .invalid("input \(index) is \(describe(shape)), expected \(describe(expected))") }
  }

  private func checkGates(_ context: InferenceContext, _ q: Shape, _ dk: Dim) throws(Diagnostic) {
    for (index, full) in [(4, dk * Dim(keyHeads)), (5, Dim(1))] {
      guard let gate = try context.has(index) ? context.shape(index) : nil else { continue }
      let isShort = gate[2].isEqual(to: Dim(keyHeads)) != false
      try check(context, index, [q[0], q[1], isShort ? gate[2] : full], gate)
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let types = try resolvedTypes(inputs, EvaluationContext(outputCount: 2)).compactMap(\.tensor)
    let shapes = types.compactMap(\.knownShape)
    guard shapes.count == 2 else { throw .invalid("the shapes of the outputs do not follow from the inputs") }
    for (shape, type) in zip(shapes, types) { try context.checkSize(shape, type.element) }
    let run = try LinearRun(self, inputs, state: shapes[1], length: shapes[0][1])
    var output = [Double](repeating: 0, count: product(shapes[0]))
    var state = inputs.optionalTensor(3)?.wide(Double.self) ?? Array(repeating: 0, count: product(shapes[1]))
    for image in 0..<shapes[1][0] {
      for t in 0..<shapes[0][1] {
        try context.checkDeadline()
        for head in 0..<keyHeads { run.step(image, t, head, &state, &output) }
      }
    }
    let all: [Datum] = [
      .tensor(Tensor(wide: output, types[0].element, shapes[0])),
      .tensor(Tensor(wide: state, types[1].element, shapes[1])),
    ]
    return Array(all.prefix(context.outputCount))
  }
}

/// Inputs of a LinearAttention, widened, and one step of its recurrence.
private struct LinearRun {
  let op: LinearAttention
  let q: [Double]
  let k: [Double]
  let v: [Double]
  let decay: [Double]?
  let beta: [Double]?
  let decayColumns: Int
  let betaColumns: Int
  let length: Int
  let dk: Int
  let dv: Int
  let scale: Double

  init(_ op: LinearAttention, _ inputs: [Datum?], state: [Int], length: Int) throws(Diagnostic) {
    self.op = op
    self.length = length
    q = try inputs.tensor(0).wide(Double.self)
    k = try inputs.tensor(1).wide(Double.self)
    v = try inputs.tensor(2).wide(Double.self)
    decay = inputs.optionalTensor(4)?.wide(Double.self)
    beta = inputs.optionalTensor(5)?.wide(Double.self)
    decayColumns = inputs.optionalTensor(4)?.shape[2] ?? 0
    betaColumns = inputs.optionalTensor(5)?.shape[2] ?? 0
    (dk, dv) = (state[2], state[3])
    scale = op.scale == 0 ? 1 / Double(max(dk, 1)).squareRoot() : Double(op.scale)
  }

  func step(_ image: Int, _ t: Int, _ head: Int, _ state: inout [Double], _ output: inout [Double]) {
    let row = image * length + t
    let base = (image * op.keyHeads + head) * dk * dv
    let key = (row * op.keyHeads + head) * dk
    let value = (row * op.keyHeads + head) * dv
    if let decay {
      for d in 0..<dk {
        let gate = exp(decay[row * decayColumns + (decayColumns == op.keyHeads ? head : head * dk + d)])
        for m in 0..<dv { state[base + d * dv + m] *= gate }
      }
    }
    for m in 0..<dv {
      var new = v[value + m]
      if let beta {
        var kept = 0.0
        for d in 0..<dk { kept += state[base + d * dv + m] * k[key + d] }
        new = beta[row * betaColumns + (betaColumns == 1 ? 0 : head)] * (new - kept)
      }
      for d in 0..<dk { state[base + d * dv + m] += k[key + d] * new }
    }
    let group = op.queryHeads / op.keyHeads
    for queryHead in head * group..<(head + 1) * group {
      let query = (row * op.queryHeads + queryHead) * dk
      for m in 0..<dv {
        var sum = 0.0
        for d in 0..<dk { sum += q[query + d] * state[base + d * dv + m] }
        output[(row * op.queryHeads + queryHead) * dv + m] = scale * sum
      }
    }
  }
}

/// A depthwise convolution over time that sees only what came before, continued from a state of the last k − 1 inputs.
/// Inputs X[B,C,L], W[C,1,k], bias[C]?, past_state[B,C,k−1]?. ONNX CausalConvWithState, opset 27.
public struct CausalConvWithState: Operator {
  public enum Function: String, CaseIterable, Sendable { case none, silu, swish }

  public static let name = "CausalConvWithState"
  public static let inputs = Arity(2...4)
  public static let outputs = Arity(1...2)
  public static let attributes: [AttributeField<Self>] = [.choice("activation", \.function)]
  public var function = Function.none
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.float32, .float16, .bfloat16])
    let element = try context.sameElement(0...3)
    try context.requireRank(0, 3...3)
    try context.requireRank(1, 3...3)
    guard let x = try context.shape(0), let w = try context.shape(1) else {
      return Array(repeating: .tensor(element, InferenceContext.unknown(3)), count: context.outputCount)
    }
    guard w[0].isEqual(to: x[1]) != false, w[1].isEqual(to: 1) != false, w[2].value.map({ $0 >= 1 }) ?? true else {
      throw .invalid("weight is \(describe(w)) for an input \(describe(x))")
    }
    let state = [x[0], x[1], w[2] - 1]
    for (index, expected) in [(2, [x[1]]), (3, state)] {
      guard let shape = try context.has(index) ? context.shape(index) : nil else { continue }
      guard shape.count == expected.count, zip(shape, expected).allSatisfy({ $0.isEqual(to: $1) != false }) else {
        throw .invalid("input \(index) is \(describe(shape)), expected \(describe(expected))")
      }
    }
    return Array([.tensor(element, x), .tensor(element, state)].prefix(context.outputCount))
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let w = try inputs.tensor(1)
    let reach = w.shape[2] - 1
    let stateShape = [shape[0], shape[1], reach]
    let paddedShape = [shape[0], shape[1], saturatingAdd(shape[2], reach)]
    try context.checkSize(paddedShape, .float64)
    let past = inputs.optionalTensor(3) ?? ElementTarget(x.type, stateShape).tensor()
    let padded = concatenate([past, x], axis: 2, x.type, paddedShape)
    let source = padded.wide(Double.self)
    let weights = w.wide(Double.self)
    let bias = inputs.optionalTensor(2)?.wide(Double.self)
    var result = [Double](repeating: 0, count: product(shape))
    for row in 0..<(result.isEmpty ? 0 : shape[0] * shape[1]) {
      let channel = row % shape[1]
      for t in 0..<shape[2] {
        var sum = bias?[channel] ?? 0
        for k in 0...reach { sum += weights[channel * (reach + 1) + k] * source[row * paddedShape[2] + t + k] }
        result[row * shape[2] + t] = sum
      }
    }
    if function != .none { result = roundedAs(x.type, result).map { Activation(.silu, alpha: 1).apply($0) } }
    let strides = rowMajorStrides(paddedShape)
    let present = padded.view(stateShape, offset: shape[2], strides: strides)
    return Array([.tensor(Tensor(wide: result, x.type, shape)), .tensor(present)].prefix(context.outputCount))
  }
}
