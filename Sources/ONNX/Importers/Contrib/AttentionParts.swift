import IR

/// Queries, keys and values on their way into ONNX's Attention, and what decides which key a query sees.
struct AttentionParts {
  let e: Expansion
  var query: ValueID
  var key: ValueID
  var value: ValueID
  var queryHeads: Int
  var keyHeads: Int
  var pastKey: ValueID?
  var pastValue: ValueID?
  /// Added to the scores, or a mask of booleans; broadcasts to [batch, heads, queries, keys].
  var mask: ValueID?
  var isCausal = false
  var scale: Float?
  var softcap: Float = 0
  /// What output 3 shows, as ONNX numbers it.
  var scoreOutput: Int?

  init(_ e: Expansion, _ query: ValueID, _ key: ValueID, _ value: ValueID, heads: Int, keyHeads: Int? = nil) {
    self.e = e
    self.query = query
    self.key = key
    self.value = value
    queryHeads = heads
    self.keyHeads = keyHeads ?? heads
  }

  /// [batch, length, heads · size] as [batch, heads, length, size].
  static func split(_ e: Expansion, _ x: ValueID, heads: Int) throws(Diagnostic) -> ValueID {
    try e.transpose(try e.reshape(x, [0, 0, heads, -1]), [0, 2, 1, 3])
  }

  /// [batch, heads, length, size] as [batch, length, heads · size].
  static func joined(_ e: Expansion, _ x: ValueID) throws(Diagnostic) -> ValueID {
    try e.reshape(try e.transpose(x, [0, 2, 1, 3]), [0, 0, -1])
  }

  /// Adds ONNX's Attention. Outputs Y as [batch, length, heads · size], all keys, all values, scores. Keys and values are
  /// joined with those of before here rather than inside, which is what the kernel takes.
  mutating func emit(outputs: Int) throws(Diagnostic) -> [ValueID] {
    if outputs > 1 || pastKey != nil { try joinStates() }
    let isSplit = e.shape(key)?.count == 4
    let isQuerySplit = e.shape(query)?.count == 4
    let query = try isSplit && !isQuerySplit ? Self.split(e, self.query, heads: queryHeads) : self.query
    var attributes: Expansion.Attributes = [("is_causal", .int(isCausal ? 1 : 0)), ("softcap", .float(softcap))]
    if !isSplit {
      attributes.append(("q_num_heads", .int(Int64(queryHeads))))
      attributes.append(("kv_num_heads", .int(Int64(keyHeads))))
    }
    if let scale, scale != 0 { attributes.append(("scale", .float(scale))) }
    if let scoreOutput { attributes.append(("qk_matmul_output_mode", .int(Int64(scoreOutput)))) }
    let results = try e.nodes("Attention", [query, key, value, mask], attributes, outputs: outputs > 3 ? 4 : 1)
    return [try isSplit ? Self.joined(e, results[0]) : results[0], key, value] + results.dropFirst(3)
  }

  /// Keys and values by heads, behind those of before.
  private mutating func joinStates() throws(Diagnostic) {
    if isCausal, let pastKey { try hideLater(behind: pastKey) }
    if e.shape(key)?.count == 3 {
      key = try Self.split(e, key, heads: keyHeads)
      value = try Self.split(e, value, heads: keyHeads)
    }
    guard let pastKey, let pastValue else { return }
    key = try e.node("Concat", [pastKey, key], [("axis", .int(2))])
    value = try e.node("Concat", [pastValue, value], [("axis", .int(2))])
  }

  /// Masks the keys behind each query, where others went before.
  private mutating func hideLater(behind past: ValueID) throws(Diagnostic) {
    let rows = try e.range(try e.reshape(try e.length(query, axis: e.shape(query)?.count == 4 ? 2 : 1), []))
    let positions = try e.node("Add", [rows, try e.length(past, axis: 2)])
    let column = try e.node("Unsqueeze", [positions, e.constant([1])])
    let isSeen = try e.node("LessOrEqual", [try e.range(try totalLength()), column])
    isCausal = false
    guard let added = mask else {
      mask = isSeen
      return
    }
    mask = try e.node("Where", [isSeen, added, try e.scalar(-.infinity, like: added)])
  }

  /// Length of keys with what went before, as an int64 scalar.
  func totalLength() throws(Diagnostic) -> ValueID {
    let own = try e.length(key, axis: e.shape(key)?.count == 4 ? 2 : 1)
    guard let pastKey else { return try e.reshape(own, []) }
    return try e.reshape(try e.node("Add", [own, try e.length(pastKey, axis: 2)]), [])
  }

  /// Takes in a mask of the keys: where it says no, `filter` is added to the scores. `index` is [batch] (how many keys
  /// count), [2 · batch] (ends, then starts), [batch, keys] or [batch, queries, keys] (more than 0: counts).
  mutating func hide(by index: ValueID?, filter: Float) throws(Diagnostic) {
    guard let index else { return }
    let shape = try e.knownShape(index, "a mask")
    let counts: ValueID
    switch shape.count {
    case 1: counts = try e.node("Unsqueeze", [try ranges(index, shape[0]), e.constant([1, 2])])
    case 2, 3:
      let isSeen = try e.node("Greater", [index, try e.scalar(0, like: index)])
      counts = try e.node("Unsqueeze", [isSeen, e.constant(shape.count == 2 ? [1, 2] : [1])])
    default: throw .unsupported("a mask of rank \(shape.count)")
    }
    let element = try e.element(query)
    let (zero, hidden) = (Tensor(wide: [Float(0)], element, []), Tensor(wide: [filter], element, []))
    mask = try e.sum(try e.node("Where", [counts, e.constant(zero), e.constant(hidden)]), mask)
  }

  /// The ends of all sequences, and their starts: what follows in the vector, or zeros where nothing does.
  private func bounds(_ index: ValueID) throws(Diagnostic) -> (ends: ValueID, starts: ValueID) {
    let (zero, count) = (e.constant([0]), try e.length(query, axis: 0))
    let ends = try e.node("Slice", [index, zero, count, zero])
    let rest = try e.node("Slice", [index, count, e.constant([Int(Int32.max)]), zero])
    let none = try e.node("Expand", [try e.scalar(0, like: index), count])
    let all = try e.node("Concat", [rest, none], [("axis", .int(0))])
    return (ends, try e.node("Slice", [all, zero, count, zero]))
  }

  /// Which keys lie in the ranges that a vector gives: [batch, keys].
  private func ranges(_ index: ValueID, _ length: Dim) throws(Diagnostic) -> ValueID {
    let positions = try e.range(try totalLength())
    let batch = e.shape(query)?.first ?? .unknown
    func column(_ x: ValueID) throws(Diagnostic) -> ValueID {
      try e.node("Unsqueeze", [try e.cast(x, .int64), e.constant([1])])
    }
    if length.isEqual(to: batch) != true {
      if let size = length.value, let count = batch.value, size != 2 * count {
        throw .unsupported("a mask of \(length) numbers for a batch of \(batch)")
      }
      let (ends, starts) = try bounds(index)
      let before = try e.node("Less", [positions, try column(ends)])
      return try e.node("And", [before, try e.node("GreaterOrEqual", [positions, try column(starts)])])
    }
    return try e.node("Less", [positions, try column(index)])
  }
}
