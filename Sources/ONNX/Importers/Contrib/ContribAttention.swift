import IR

extension ContribCatalog {
  /// Attention with its projection inside, by heads, and what goes with it.
  static let attention: [ContribOperator] = [
    ContribOperator("Attention", inputs: 3...7, outputs: 1...2, expandAttention),
    ContribOperator("QAttention", inputs: 5...9, outputs: 1...2, expandQuantizedAttention),
    ContribOperator("MultiHeadAttention", inputs: 1...10, outputs: 1...4, expandMultiHead),
    ContribOperator("DecoderMaskedMultiHeadAttention", inputs: 1...11, outputs: 1...4, expandDecoder),
    ContribOperator("RotaryEmbedding", inputs: 4...4, expandRotary),
  ]

  // MARK: With the projection inside

  private static func expandAttention(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    try e.refuse(6, "a shared buffer of past and present")
    let product = try e.node("MatMul", [try e.input(0), try e.input(1)])
    let sizes = try e.ints("qkv_hidden_sizes")
    return try projected(
      e, try e.sum(product, e.optional(2)), sizes, mask: e.optional(3), past: e.optional(4), bias: e.optional(5))
  }

  private static func expandQuantizedAttention(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let a = Codes(values: try e.input(0), scale: try e.input(3), zero: e.optional(6))
    let b = Codes(values: try e.input(1), scale: try e.input(4), zero: e.optional(7))
    let sum = try e.sum(try product(e, a, b), try e.input(2))
    return try projected(e, sum, nil, mask: e.optional(5), past: e.optional(8), bias: nil)
  }

  /// Attention of queries, keys and values that stand side by side in the last axis.
  private static func projected(
    _ e: Expansion, _ all: ValueID, _ sizes: [Int64]?, mask: ValueID?, past: ValueID?, bias: ValueID?
  ) throws(Diagnostic) -> [ValueID] {
    let heads = try e.size("num_heads")
    if try e.flag("do_rotary") { throw .unsupported("rotary embedding inside (attribute 'do_rotary')") }
    if try e.flag("past_present_share_buffer") { throw .unsupported("a shared buffer of past and present") }
    e.ignore("rotary_embedding_dim")
    var split: Expansion.Attributes = [("axis", .int(-1))]
    if sizes == nil { split.append(("num_outputs", .int(3))) }
    let parts = try e.nodes("Split", [all, sizes.map { e.constant(Tensor($0)) }], split, outputs: 3)
    var attention = AttentionParts(e, parts[0], parts[1], parts[2], heads: heads)
    if let past {
      attention.pastKey = try e.node("Gather", [past, e.constant(Tensor(scalar: Int64(0)))])
      attention.pastValue = try e.node("Gather", [past, e.constant(Tensor(scalar: Int64(1)))])
    }
    attention.mask = bias
    try attention.hide(by: mask, filter: try e.float("mask_filter_value") ?? -10000)
    attention.isCausal = try isCausal(e, queries: e.shape(parts[0])?[1])
    attention.scale = try e.float("scale")
    let results = try attention.emit(outputs: e.outputCount > 1 ? 3 : 1)
    guard e.outputCount > 1 else { return results }
    let states = try results[1...].map { (id) throws(Diagnostic) in try e.node("Unsqueeze", [id, e.constant([0])]) }
    return [results[0], try e.node("Concat", states, [("axis", .int(0))])]
  }

  /// A single query sees every key.
  private static func isCausal(_ e: Expansion, queries: Dim?) throws(Diagnostic) -> Bool {
    try e.flag("unidirectional") && queries != 1
  }

  // MARK: Without the projection

  private static func expandMultiHead(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    try e.refuse(8, "a shared buffer of past and present")
    try e.refuse(9, "beams that share a buffer")
    return try multiHead(
      e, bias: e.optional(3), mask: e.optional(4), added: e.optional(5), past: (e.optional(6), e.optional(7)))
  }

  /// One query of each sequence; with a state of its own it is multi-head attention.
  private static func expandDecoder(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    if try e.flag("past_present_share_buffer") { throw .unsupported("a shared buffer of past and present") }
    for index in 7...9 { try e.refuse(index, "a shared buffer of past and present") }
    if try !e.flag("output_qk"), e.outputCount > 3 { throw .invalid("output 3 needs the attribute 'output_qk'") }
    return try multiHead(
      e, bias: e.optional(10), mask: e.optional(3), added: e.optional(4), past: (e.optional(5), e.optional(6)))
  }

  private static func multiHead(
    _ e: Expansion, bias: ValueID?, mask: ValueID?, added: ValueID?, past: (ValueID?, ValueID?)
  ) throws(Diagnostic) -> [ValueID] {
    let heads = try e.size("num_heads")
    let parts = try biased(e, try separated(e), bias)
    var attention = AttentionParts(e, parts[0], parts[1], parts[2], heads: heads)
    (attention.pastKey, attention.pastValue) = past
    attention.mask = added
    try attention.hide(by: mask, filter: try e.float("mask_filter_value") ?? -10000)
    attention.isCausal = try isCausal(e, queries: e.shape(parts[0])?[1])
    attention.scale = try e.float("scale")
    if e.outputCount > 3 { attention.scoreOutput = 2 }
    return try attention.emit(outputs: e.outputCount)
  }

  /// Query, key and value, which may be packed: [batch, length, heads, 3, size] or a key [batch, length, heads, 2, size].
  private static func separated(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let query = try e.input(0)
    func unpacked(_ x: ValueID, _ count: Int) throws(Diagnostic) -> [ValueID] {
      var parts: [ValueID] = []
      for index in 0..<count { parts.append(try e.reshape(try e.slice(x, axis: 3, index, index + 1), [0, 0, -1])) }
      return parts
    }
    if try e.knownShape(query, "the query").count == 5 { return try unpacked(query, 3) }
    let key = try e.input(1)
    if try e.knownShape(key, "the key").count == 5 { return [query] + (try unpacked(key, 2)) }
    return [query, key, try e.input(2)]
  }

  /// Adds the bias of the projection, which stands side by side for all three. Keys that come split into heads have it.
  private static func biased(
    _ e: Expansion, _ parts: [ValueID], _ bias: ValueID?
  ) throws(Diagnostic) -> [ValueID] {
    guard let bias else { return parts }
    let isSplit = e.shape(parts[1])?.count == 4
    guard let width = e.shape(parts[0])?.last?.value else { throw .unsupported("a query of unknown width with a bias") }
    let bounds = [0, width, 2 * width, Int(Int32.max)]
    var results: [ValueID] = []
    for index in 0..<3 {
      let own = index > 0 && isSplit ? nil : try e.slice(bias, axis: 0, bounds[index], bounds[index + 1])
      results.append(try e.sum(parts[index], own))
    }
    return results
  }

  // MARK: Rotary embedding

  private static func expandRotary(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let (x, cos) = (try e.input(0), try e.input(2))
    if try e.flag("is_packed_batching") { throw .unsupported("ragged batches (attribute 'is_packed_batching')") }
    if let scale = try e.float("scale"), scale != 1 { throw .unsupported("attribute 'scale' of \(scale)") }
    let rotated = try e.int("rotary_embedding_dim") ?? 0
    var heads = try e.int("num_heads") ?? 0
    let shape = try e.knownShape(x, "the input")
    if shape.count == 3, heads == 0 {
      guard let width = shape[2].value, let half = e.shape(cos)?.last?.value, half > 0, width % (2 * half) == 0 else {
        throw .unsupported("attribute 'num_heads' is missing, and sizes do not give it")
      }
      heads = width / (2 * half)
    }
    var attributes = e.pass("interleaved") + [("rotary_embedding_dim", AttributeValue.int(Int64(rotated)))]
    if shape.count == 3 { attributes.append(("num_heads", .int(Int64(heads)))) }
    let positions = try positions(e, x, shape)
    return [try e.node("RotaryEmbedding", [x, cos, try e.input(3), positions], attributes)]
  }

  /// Positions of all elements: given, or counted from the given first one.
  private static func positions(_ e: Expansion, _ x: ValueID, _ shape: Shape) throws(Diagnostic) -> ValueID {
    let given = try e.input(1)
    guard e.shape(given)?.count == 1 else { return given }
    let length = try e.length(x, axis: shape.count == 4 ? 2 : 1)
    let counted = try e.node("Add", [try e.range(try e.reshape(length, [])), given])
    let both = try e.node("Concat", [try e.length(x, axis: 0), length], [("axis", .int(0))])
    return try e.node("Expand", [counted, both])
  }
}
