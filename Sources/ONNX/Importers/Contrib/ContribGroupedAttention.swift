import IR

extension ContribCatalog {
  /// Attention in which several query heads share one of keys, with a state that may be a buffer longer than what it holds.
  static let groupedAttention: [ContribOperator] = [
    ContribOperator("GroupQueryAttention", inputs: 7...17, outputs: 1...4, expandGrouped)
  ]

  private static func expandGrouped(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    try refuseStates(e)
    var heads = try GroupedHeads(e)
    let step = try GroupedStep(e, heads)
    try heads.normalize()
    try heads.rotate(step.positions())
    let states = try step.appended(heads)
    var attention = AttentionParts(
      e, heads.query, states.key, states.value, heads: heads.queryCount, keyHeads: heads.keyCount)
    attention.scale = try e.float("scale")
    attention.softcap = try e.float("softcap") ?? 0
    let shown = try e.int("qk_output") ?? 0
    if e.outputCount > 3 { attention.scoreOutput = shown == 2 ? 3 : 1 }
    try step.hide(&attention, heads, isPlain: states.isPlain)
    let results = try attention.emit(outputs: e.outputCount > 3 ? 4 : 1)
    return [results[0], states.key, states.value] + (try results.dropFirst(3).map(step.shown))
  }

  /// Forms of the state that no exporter for processors writes.
  private static func refuseStates(_ e: Expansion) throws(Diagnostic) {
    for index in 12...13 { try e.refuse(index, "a quantized state") }
    try e.refuse(16, "chunks with padding")
    for name in ["k_quant_type", "v_quant_type"] where try e.string(name) ?? "NONE" != "NONE" {
      throw .unsupported("a quantized state (attribute '\(name)')")
    }
    e.ignore("kv_cache_bit_width")
    if try e.flag("sliding_window_cache") {
      throw .unsupported("a state that holds a window (attribute 'sliding_window_cache')")
    }
  }
}

/// Queries, keys and values as [batch, heads, length, size].
private struct GroupedHeads {
  let e: Expansion
  let queryCount: Int
  let keyCount: Int
  var query: ValueID
  var key: ValueID
  var value: ValueID

  init(_ e: Expansion) throws(Diagnostic) {
    self.e = e
    queryCount = try e.size("num_heads")
    keyCount = try e.size("kv_num_heads")
    guard queryCount % keyCount == 0 else {
      throw .invalid("\(queryCount) query heads do not share \(keyCount) key heads evenly")
    }
    let (q, n, k) = (try e.input(0), queryCount, keyCount)
    if let keys = e.optional(1) {
      query = try AttentionParts.split(e, q, heads: n)
      key = try AttentionParts.split(e, keys, heads: k)
      value = try AttentionParts.split(e, try e.input(2), heads: k)
    } else {
      let all = try AttentionParts.split(e, q, heads: n + 2 * k)
      query = try e.slice(all, axis: 1, 0, n)
      key = try e.slice(all, axis: 1, n, n + k)
      value = try e.slice(all, axis: 1, n + k, n + 2 * k)
    }
  }

  /// Root mean square normalization of each head of queries and keys, where weights are given.
  mutating func normalize() throws(Diagnostic) {
    let shared = try e.float("qk_norm_epsilon") ?? 1e-6
    let (forQuery, forKey) = (try e.float("q_norm_epsilon") ?? shared, try e.float("k_norm_epsilon") ?? shared)
    guard let weight = e.optional(14) else { return }
    query = try ContribCatalog.rootMeanSquare(e, query, weight, axis: -1, forQuery).0
    key = try ContribCatalog.rootMeanSquare(e, key, try e.input(15), axis: -1, forKey).0
  }

  mutating func rotate(_ positions: ValueID) throws(Diagnostic) {
    let isRotary = try e.flag("do_rotary")
    let interleaved = e.pass("rotary_interleaved").map { ("interleaved", $0.value) }
    guard isRotary else { return }
    let (cos, sin) = (try e.input(7), try e.input(8))
    guard let half = e.shape(cos)?.last?.value else { throw .unsupported("a cos_cache of unknown width") }
    let attributes = interleaved + [("rotary_embedding_dim", AttributeValue.int(Int64(2 * half)))]
    query = try e.node("RotaryEmbedding", [query, cos, sin, positions], attributes)
    key = try e.node("RotaryEmbedding", [key, cos, sin, positions], attributes)
  }
}

/// Where the new keys of each sequence go, from how many keys it has after this step.
private struct GroupedStep {
  let e: Expansion
  /// Length of the new part, int64[1].
  let length: ValueID
  /// Rows of the new part, int64[length].
  let rows: ValueID
  /// How many keys each sequence had before, int64[batch].
  let before: ValueID
  let isSingle: Bool
  let past: (key: ValueID, value: ValueID)?
  let isCausal: Bool
  /// How many keys a query sees, its own among them; below 1 for all.
  let window: Int

  init(_ e: Expansion, _ heads: GroupedHeads) throws(Diagnostic) {
    self.e = e
    length = try e.length(heads.query, axis: 2)
    rows = try e.range(try e.reshape(length, []))
    let totals = try e.reshape(try e.cast(try e.input(5), .int64), [-1])
    let rest = try e.node("Sub", [try e.node("Add", [totals, e.constant([1])]), length])
    before = try e.node("Max", [rest, e.constant([0])])
    isSingle = e.shape(heads.query)?[0] == 1
    isCausal = try e.int("causal") ?? 1 != 0
    window = try e.int("local_window_size") ?? -1
    if let key = e.optional(3) {
      past = (key, try e.input(4))
    } else {
      past = nil
    }
  }

  private func column(_ x: ValueID, _ axis: Int) throws(Diagnostic) -> ValueID {
    try e.node("Unsqueeze", [x, e.constant([axis])])
  }

  /// Positions of the new elements, [batch, length].
  func positions() throws(Diagnostic) -> ValueID {
    if let given = e.optional(9) { return given }
    return try e.node("Add", [try column(before, 1), rows])
  }

  /// Which key of the state each one is, counted from the first new one: [batch, keys].
  private func relative() throws(Diagnostic) -> ValueID {
    try e.node("Sub", [try keys(), try column(before, 1)])
  }

  /// Positions in the state, [keys]: as many as the buffer has, or as the longest sequence needs.
  private func keys() throws(Diagnostic) -> ValueID {
    guard let past else { return rows }
    let total = try e.reshape(try e.cast(try e.input(6), .int64), [1])
    let longest = try e.node("Max", [total, try e.length(past.key, axis: 2)])
    return try e.range(try e.reshape(longest, []))
  }

  /// The state with the new keys and values in their places and zeros behind; without a past, the new ones alone.
  func appended(_ heads: GroupedHeads) throws(Diagnostic) -> (key: ValueID, value: ValueID, isPlain: Bool) {
    guard let past else { return (heads.key, heads.value, true) }
    let capacity = try e.length(past.key, axis: 2)
    let position = try relative()
    let isNew = try e.node("Less", [position, length])
    let isOld = try e.node("Less", [position, e.constant([0])])
    let fresh = try e.node("Add", [position, capacity])
    let none = try e.node("Add", [capacity, length])
    let source = try e.node("Where", [isOld, try keys(), try e.node("Where", [isNew, fresh, none])])
    return (
      try gathered(past.key, heads.key, source), try gathered(past.value, heads.value, source), false
    )
  }

  /// Rows of past, new part and one row of zeros, by index [batch, keys].
  private func gathered(_ past: ValueID, _ new: ValueID, _ index: ValueID) throws(Diagnostic) -> ValueID {
    let all = try e.node("Concat", [past, new, try zeroRow(new)], [("axis", .int(2))])
    if isSingle { return try e.node("Gather", [all, try e.reshape(index, [-1])], [("axis", .int(2))]) }
    let standing = try e.transpose(all, [0, 2, 1, 3])
    let picked = try e.node("GatherND", [standing, try column(index, 2)], [("batch_dims", .int(1))])
    return try e.transpose(picked, [0, 2, 1, 3])
  }

  /// One row of zeros for each sequence and head.
  private func zeroRow(_ new: ValueID) throws(Diagnostic) -> ValueID {
    let zero = Tensor(wide: [Float(0)], try e.element(new), [1])
    let zeros = try e.node("ConstantOfShape", [try e.node("Shape", [new])], [("value", .tensor(zero))])
    return try e.slice(zeros, axis: 2, 0, 1)
  }

  /// Hides what a query does not see: by an attribute where queries and keys are the same elements, else by a mask.
  func hide(_ attention: inout AttentionParts, _ heads: GroupedHeads, isPlain: Bool) throws(Diagnostic) {
    let added = e.optional(10)
    let isSmooth = try e.int("smooth_softmax") ?? -1 == 1
    if isSmooth || e.optional(11) != nil {
      try sink(&attention, try mask(added: added), e.optional(11), heads)
    } else if isPlain, added == nil, window < 1 {
      attention.isCausal = isCausal
    } else {
      attention.mask = try mask(added: added)
    }
  }

  /// What a query sees: itself and the keys before it, within the window. As booleans, or as numbers with what is added.
  private func mask(added: ValueID?) throws(Diagnostic) -> ValueID {
    let position = try column(try relative(), 1)
    var isSeen: ValueID
    if isCausal {
      let row = try column(rows, 1)
      isSeen = try e.node("LessOrEqual", [position, row])
      if window > 0 {
        let first = try e.node("Sub", [row, e.constant([window])])
        isSeen = try e.node("And", [isSeen, try e.node("Greater", [position, first])])
      }
    } else {
      isSeen = try e.node("Less", [position, length])
    }
    isSeen = try column(isSeen, 1)
    guard let added else { return isSeen }
    let total = try e.length(added, axis: 3)
    let covered = try e.node("Slice", [isSeen, e.constant([0]), total, e.constant([3])])
    let hidden = try e.scalar(-.infinity, like: added)
    return try e.node("Where", [covered, added, hidden])
  }

  /// Scores with zeros in place of those that are hidden.
  func shown(_ scores: ValueID) throws(Diagnostic) -> ValueID {
    try e.node("Where", [try mask(added: nil), scores, try e.scalar(0, like: scores)])
  }

  /// A key of zeros in front of the others, whose value is zero too: it takes part of the probability. Its score is 0, or
  /// what each head is given.
  private func sink(
    _ attention: inout AttentionParts, _ mask: ValueID, _ scores: ValueID?, _ heads: GroupedHeads
  ) throws(Diagnostic) {
    if attention.scoreOutput != nil { throw .unsupported("scores as an output beside a sink of the softmax") }
    let element = try e.element(heads.query)
    let (zero, hidden) = (Tensor(wide: [Float(0)], element, []), Tensor(wide: [-Float.infinity], element, []))
    let numbers = try e.element(mask) == .bool ? e.node("Where", [mask, e.constant(zero), e.constant(hidden)]) : mask
    let flat = try e.node("Expand", [e.constant(zero), e.constant([1, heads.queryCount, 1, 1])])
    let all = try e.node("Add", [numbers, flat])
    let own = try scores.map { (id) throws(Diagnostic) in try e.reshape(id, [1, heads.queryCount, 1, 1]) }
    let parts = [try e.length(heads.query, axis: 0), e.constant([heads.queryCount]), length, e.constant([1])]
    let shape = try e.node("Concat", parts, [("axis", .int(0))])
    let first = try e.node("Expand", [own ?? flat, shape])
    attention.mask = try e.node("Concat", [first, all], [("axis", .int(3))])
    attention.key = try e.node("Concat", [try zeroRow(heads.key), attention.key], [("axis", .int(2))])
    attention.value = try e.node("Concat", [try zeroRow(heads.value), attention.value], [("axis", .int(2))])
  }
}
