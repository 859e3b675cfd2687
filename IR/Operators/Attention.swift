#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let attention: [any Operator.Type] = [Attention.self]
}

/// softmax(Q·Kᵀ · scale + bias) · V, by heads. Inputs Q, K, V as [batch,heads,length,size] or
/// [batch,length,heads·size]; attn_mask (bool or added)?, past_key?, past_value?, nonpad_kv_seqlen[batch]?. Outputs
/// Y, present_key, present_value, qk_matmul_output. Source: ONNX Attention, opset 25, and its function body, whose
/// roundings to float16 and bfloat16 are kept. ONNX Attention, opsets 23–25.
public struct Attention: Operator {
  public static let name = "Attention"
  public static let inputs = Arity(3...7)
  public static let outputs = Arity(1...4)
  public static let attributes: [AttributeField<Self>] = [
    .flag("is_causal", \.isCausal), .optionalInt("q_num_heads", \.queryHeads, in: sizeRange),
    .optionalInt("kv_num_heads", \.keyHeads, in: sizeRange), .optionalFloat("scale", \.scale),
    .float("softcap", \.softcap),
    .elementType("softmax_precision", \.softmaxPrecision),
    .int("qk_matmul_output_mode", \.scoreOutput, in: 0...3),
    .int("left_window_size", \.leftWindow, in: -1...Int(Int32.max)),
    .int("right_window_size", \.rightWindow, in: -1...Int(Int32.max)),
    .flag("coded", \.isCoded, isInternal: true),
  ]
  public var isCausal = false
  public var queryHeads: Int?
  public var keyHeads: Int?
  public var scale: Float?
  public var softcap: Float = 0
  public var softmaxPrecision: ElementType?
  /// What output 3 is: 0 the scaled product, 1 after softcap, 2 with bias, 3 the probabilities.
  public var scoreOutput = 0
  public var leftWindow = -1
  public var rightWindow = -1
  /// Probabilities are codes of 8 bits over their sum, values codes of 8 bits with a scale per head and column.
  public var isCoded = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.require(2, floatTypes)
    let element = try context.sameElement([0, 1, 4])
    let valueElement = try context.sameElement([2, 5])
    guard context.has(4) == context.has(5) else { throw .invalid("past_key and past_value must be given together") }
    if context.has(6) {
      try context.require(6, [.int64])
      if context.has(4) { throw .invalid("nonpad_kv_seqlen does not go together with past_key") }
    }
    guard let sizes = try sizes(context) else {
      let rank4 = InferenceContext.unknown(4)
      let all: [ValueType] = [
        .tensor(element, nil), .tensor(element, rank4), .tensor(valueElement, rank4), .tensor(element, rank4),
      ]
      return Array(all.prefix(context.outputCount))
    }
    try checkMask(context, sizes)
    let s = sizes
    let y: Shape =
      s.isPacked ? [s.batch, s.length, s.queryHeads * s.valueSize] : [s.batch, s.queryHeads, s.length, s.valueSize]
    let all: [ValueType] = [
      .tensor(element, y), .tensor(element, [s.batch, s.keyHeads, s.total, s.size]),
      .tensor(valueElement, [s.batch, s.keyHeads, s.total, s.valueSize]),
      .tensor(element, [s.batch, s.queryHeads, s.length, s.total]),
    ]
    return Array(all.prefix(context.outputCount))
  }

  private struct Sizes {
    var isPacked: Bool
    var batch: Dim
    var queryHeads: Dim
    var keyHeads: Dim
    var length: Dim
    var total: Dim
    var size: Dim
    var valueSize: Dim
  }

  /// Sizes of everything; nil where a rank is unknown.
  private func sizes(_ context: InferenceContext) throws(Diagnostic) -> Sizes? {
    guard let q = try context.shape(0), let k = try context.shape(1), let v = try context.shape(2) else { return nil }
    guard q.count == k.count, q.count == v.count, (3...4).contains(q.count) else {
      throw .invalid("Q \(describe(q)), K \(describe(k)) and V \(describe(v)) must all have rank 3 or 4")
    }
    let isPacked = q.count == 3
    func unpacked(_ shape: Shape, _ heads: Int?, _ name: String) throws(Diagnostic) -> Shape {
      guard isPacked else { return shape }
      guard let heads else { throw .invalid("attributes 'q_num_heads' and 'kv_num_heads' are needed for rank 3") }
      if let hidden = shape[2].value, hidden % heads != 0 {
        throw .invalid("\(name) has \(hidden) columns, which do not divide into \(heads) heads")
      }
      return [shape[0], Dim(heads), shape[1], shape[2].quotient(by: Dim(heads)) ?? .unknown]
    }
    let (q4, k4, v4) = (
      try unpacked(q, queryHeads, "Q"), try unpacked(k, keyHeads, "K"), try unpacked(v, keyHeads, "V")
    )
    guard q4[3].isEqual(to: k4[3]) != false, k4[1].isEqual(to: v4[1]) != false, k4[2].isEqual(to: v4[2]) != false,
      q4[0].isEqual(to: k4[0]) != false, q4[0].isEqual(to: v4[0]) != false
    else { throw .invalid("Q \(describe(q4)), K \(describe(k4)) and V \(describe(v4)) do not fit each other") }
    if let hq = q4[1].value, let hk = k4[1].value, hk == 0 || hq % hk != 0 {
      throw .invalid("\(hq) query heads do not share \(hk) key heads evenly")
    }
    var total = k4[2]
    if let past = try context.has(4) ? context.shape(4) : nil, let pastValue = try context.shape(5) {
      try checkPast(past, k4, "past_key")
      try checkPast(pastValue, v4, "past_value")
      if past[2].isEqual(to: pastValue[2]) == false { throw .invalid("past_key and past_value differ in length") }
      total = total + past[2]
    }
    if let lengths = try context.has(6) ? context.shape(6) : nil {
      guard lengths.count == 1, lengths[0].isEqual(to: q4[0]) != false else {
        throw .invalid("nonpad_kv_seqlen is \(describe(lengths)), expected \(describe([q4[0]]))")
      }
    }
    return Sizes(
      isPacked: isPacked, batch: q4[0], queryHeads: q4[1], keyHeads: k4[1], length: q4[2], total: total, size: k4[3],
      valueSize: v4[3])
  }

  private func checkPast(_ past: Shape, _ now: Shape, _ name: String) throws(Diagnostic) {
    guard past.count == 4, [0, 1, 3].allSatisfy({ past[$0].isEqual(to: now[$0]) != false }) else {
      throw .invalid("\(name) is \(describe(past)), expected \(describe([now[0], now[1], .symbol("past"), now[3]]))")
    }
  }

  private func checkMask(_ context: InferenceContext, _ s: Sizes) throws(Diagnostic) {
    guard context.has(3) else { return }
    let element = try context.element(3)
    guard element == .bool || element.isFloat || element.isInteger else {
      throw .invalid("attn_mask has element type \(element.name)")
    }
    guard let mask = try context.shape(3) else { return }
    let whole = [s.batch, s.queryHeads, s.length, s.total]
    guard mask.count >= 1, mask.count <= 4 else {
      throw .invalid("attn_mask is \(describe(mask)), expected rank 1...4")
    }
    for (own, full) in zip(mask.dropLast().reversed(), whole.dropLast().reversed())
    where own != 1 && own.isEqual(to: full) == false {
      throw .invalid("attn_mask \(describe(mask)) does not broadcast to \(describe(whole))")
    }
    if let columns = mask[mask.count - 1].value, let total = s.total.value, columns > total {
      throw .invalid("attn_mask \(describe(mask)) is longer than the \(total) keys")
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    for type in try resolvedTypes(inputs, context) {
      if let tensor = type.tensor, let shape = tensor.knownShape { try context.checkSize(shape, tensor.element) }
    }
    let q = heads(try inputs.tensor(0), queryHeads)
    let k = try appended(heads(try inputs.tensor(1), keyHeads), inputs.optionalTensor(4), context)
    let v = try appended(heads(try inputs.tensor(2), keyHeads), inputs.optionalTensor(5), context)
    let past = inputs.optionalTensor(4)?.shape[2]
    let bias = try AttentionBias(self, inputs, q.shape, total: k.shape[2], past: past)
    let scoreShape = [q.shape[0], q.shape[1], q.shape[2], k.shape[2]]
    try context.checkSize(scoreShape, .float64)
    var work = AttentionWork(self, q, k, v)
    for image in 0..<q.shape[0] {
      for head in 0..<q.shape[1] {
        for row in 0..<q.shape[2] {
          try context.checkDeadline()
          work.attend(image, head, row, bias.row(image, head, row))
        }
      }
    }
    var y = Tensor(wide: work.output, q.type, [q.shape[0], q.shape[1], q.shape[2], v.shape[3]])
    if try inputs.tensor(0).rank == 3 {
      var transpose = Transpose()
      transpose.permutation = [0, 2, 1, 3]
      let turned = try transpose.evaluate([.tensor(y)], EvaluationContext(outputCount: 1)).first?.tensor ?? y
      y = turned.reshaped([q.shape[0], q.shape[2], q.shape[1] * v.shape[3]]) ?? turned
    }
    let all: [Datum] = [.tensor(y), .tensor(k), .tensor(v), .tensor(Tensor(wide: work.scores, q.type, scoreShape))]
    return Array(all.prefix(context.outputCount))
  }

  /// As [batch,heads,length,size].
  private func heads(_ x: Tensor, _ heads: Int?) -> Tensor {
    guard x.rank == 3, let heads else { return x }
    let (batch, length, size) = (x.shape[0], x.shape[1], x.shape[2] / heads)
    return x.view(
      [batch, heads, length, size], strides: [length * heads * size, size, heads * size, 1])
  }

  private func appended(_ x: Tensor, _ past: Tensor?, _ context: EvaluationContext) throws(Diagnostic) -> Tensor {
    guard let past else { return x }
    var shape = x.shape
    shape[2] = saturatingAdd(shape[2], past.shape[2])
    try context.checkSize(shape, x.type)
    return concatenate([past, x], axis: 2, x.type, shape)
  }
}

/// What is added to the scores: mask, causality, window and padding.
private struct AttentionBias {
  private let op: Attention
  private let mask: [Double]?
  private let maskSteps: [Int]
  private let maskColumns: Int
  private let lengths: [Int]?
  private let past: Int?
  private let length: Int
  private let total: Int

  init(_ op: Attention, _ inputs: [Datum?], _ q: [Int], total: Int, past: Int?) throws(Diagnostic) {
    self.op = op
    self.past = past
    self.total = total
    length = q[2]
    lengths = inputs.optionalTensor(6)?.integers
    guard let tensor = inputs.optionalTensor(3) else {
      (mask, maskSteps, maskColumns) = (nil, [], 0)
      return
    }
    let values = tensor.wide(Double.self)
    mask = tensor.type == .bool ? values.map { $0 != 0 ? 0 : -.infinity } : values
    let columns = tensor.shape[tensor.rank - 1]
    maskSteps = broadcastStrides(Array(tensor.shape.dropLast()), to: [q[0], q[1], q[2]]).map { $0 * columns }
    maskColumns = columns
  }

  func row(_ image: Int, _ head: Int, _ query: Int) -> [Double] {
    // How many keys precede the queries.
    let offset = past ?? lengths.map { saturatingAdd($0[image], -length) } ?? 0
    let position = saturatingAdd(offset, query)
    return (0..<total).map { key in
      var value = 0.0
      if let mask {
        let base = image * maskSteps[0] + head * maskSteps[1] + query * maskSteps[2]
        value = key < maskColumns ? mask[base + key] : -.infinity
      }
      let isHidden =
        op.isCausal && key > position || op.leftWindow >= 0 && saturatingAdd(position, -key) > op.leftWindow
        || op.rightWindow >= 0 && saturatingAdd(key, -position) > op.rightWindow
        || (lengths.map { key >= $0[image] } ?? false)
      return isHidden ? value - .infinity : value
    }
  }
}

/// Rounds numbers as a tensor of that type holds them; float and double stay as they are.
func roundedAs(_ type: ElementType, _ values: [Double]) -> [Double] {
  type == .float16 || type == .bfloat16 ? Tensor(wide: values, type, [values.count]).wide(Double.self) : values
}

/// The sums, one query row at a time.
private struct AttentionWork {
  private let op: Attention
  private let type: ElementType
  private let precision: ElementType
  private let q: [Double]
  private let k: [Double]
  private let v: [Double]
  private let (queryHeads, group, length, total, size, valueSize): (Int, Int, Int, Int, Int, Int)
  var output: [Double] = []
  var scores: [Double] = []

  init(_ op: Attention, _ q: Tensor, _ k: Tensor, _ v: Tensor) {
    self.op = op
    type = q.type
    precision = op.softmaxPrecision ?? q.type
    let scale = Double(op.scale ?? Float(1 / Double(max(q.shape[3], 1)).squareRoot())).squareRoot()
    let factor = roundedAs(q.type, [scale])[0]
    self.q = roundedAs(q.type, q.wide(Double.self).map { $0 * factor })
    self.k = roundedAs(k.type, k.wide(Double.self).map { $0 * factor })
    self.v = op.isCoded ? AttentionWork.coded(v) : v.wide(Double.self)
    (queryHeads, group, length) = (q.shape[1], max(q.shape[1] / max(k.shape[1], 1), 1), q.shape[2])
    (total, size, valueSize) = (k.shape[2], k.shape[3], v.shape[3])
  }

  mutating func attend(_ image: Int, _ head: Int, _ row: Int, _ bias: [Double]) {
    let query = ((image * queryHeads + head) * length + row) * size
    let keyHead = image * (queryHeads / group) + head / group
    var logits = (0..<total).map { key in
      var sum = 0.0
      for d in 0..<size { sum += q[query + d] * k[(keyHead * total + key) * size + d] }
      return sum
    }
    logits = roundedAs(type, logits)
    var shown = logits
    if op.softcap > 0 {
      let cap = Double(op.softcap)
      logits = roundedAs(
        type, roundedAs(type, roundedAs(type, logits.map { $0 / cap }).map { tanh($0) }).map { $0 * cap })
    }
    if op.scoreOutput == 1 { shown = logits }
    logits = roundedAs(type, zip(logits, bias).map { $0 + $1 })
    if op.scoreOutput == 2 { shown = logits }
    let isMasked = bias.allSatisfy { $0 == -.infinity }
    let probabilities = isMasked ? [Double](repeating: 0, count: total) : softmax(roundedAs(precision, logits))
    if op.scoreOutput == 3 { shown = probabilities }
    scores += shown
    let weights = roundedAs(type, probabilities)
    var sums = [Double](repeating: 0, count: valueSize)
    for key in 0..<total where weights[key] != 0 {
      for d in 0..<valueSize { sums[d] += weights[key] * v[(keyHead * total + key) * valueSize + d] }
    }
    output += sums
  }

  private func softmax(_ x: [Double]) -> [Double] {
    let top = x.reduce(-Double.infinity) { maximumOrNaN($0, $1) }
    if top == -.infinity { return x.map { _ in 0 } }
    return op.isCoded ? coded(x, top) : softmaxInSteps(x, precision)
  }

  /// 64 steps halve a code; what is 65535 steps below the top has none left.
  private func coded(_ x: [Double], _ top: Double) -> [Double] {
    let codes = x.map { score in
      let step = ((top - score) * 64 / 0.69314718055994530942).rounded(.toNearestOrEven)
      let bits = step < 65535 ? Int(step) : 65535
      return Double((AttentionWork.halves[bits & 63] >> (bits >> 6) + 128) >> 8)
    }
    let sum = codes.reduce(0, +)
    return codes.map { sum > 0 ? $0 / sum : 0 }
  }

  /// Values by heads as their codes have them: what one code lacks is added to the next key's value.
  private static func coded(_ v: Tensor) -> [Double] {
    var values = v.wide(Float.self)
    let (total, columns) = (v.shape[2], v.shape[3])
    for start in 0..<v.shape[0] * v.shape[1] * columns {
      let first = start / max(columns, 1) * total * columns + start % max(columns, 1)
      let places = (0..<total).map { first + $0 * columns }
      let greatest = places.reduce(Float(0)) { max($0, values[$1].magnitude) }
      let (steps, scale) = (greatest > 0 ? 127 / greatest : 0, greatest / 127)
      var carry = Float(0)
      for place in places {
        let wanted = values[place] * steps + carry
        let code = min(max(wanted, -127), 127).rounded(.toNearestOrEven)
        carry = wanted - code
        values[place] = code * scale
      }
    }
    return values.map(Double.init)
  }

  /// 255 · 256 · 2^(−i / 64).
  private static let halves = (0..<64).map { Int((255 * 256 * exp2(-Double($0) / 64)).rounded()) }
}
