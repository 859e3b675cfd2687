/// Operators of onnxruntime's domain com.microsoft on words: hashes and repeated groups of tokens.
extension OperatorCatalog {
  static let contribTokens: [any Operator.Type] = [MurmurHash3.self, NGramRepeatBlock.self]
}

/// The 32-bit MurmurHash3 of the bytes of every element. X → uint32, or int32 where `positive` is 0.
/// Source: A. Appleby's MurmurHash3_x86_32, public domain; onnxruntime, docs/ContribOperators.md.
public struct MurmurHash3: Operator {
  public static let name = "MurmurHash3"
  public static let domain = "com.microsoft"
  public static let opsets = 1...1
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .flag("positive", \.isUnsigned), .int("seed", \.seed, in: Int(Int32.min)...Int(UInt32.max)),
  ]
  public var isUnsigned = true
  public var seed = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.int32, .uint32, .int64, .uint64, .float32, .float64, .string])
    return [.tensor(isUnsigned ? .uint32 : .int32, try context.shape(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0)
    try context.checkSize(x.shape, .uint32)
    let hashes: [UInt32]
    if x.type == .string {
      hashes = x.strings.map { hash($0[...]) }
    } else {
      let size = x.count == 0 ? 1 : x.byteCount / x.count
      hashes = (0..<x.count).map { hash(Array(x.bytes[($0 * size)..<(($0 + 1) * size)])[...]) }
    }
    if isUnsigned { return [.tensor(Tensor(hashes, shape: x.shape))] }
    return [.tensor(Tensor(hashes.map { Int32(bitPattern: $0) }, shape: x.shape))]
  }

  private func hash(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var state = UInt32(truncatingIfNeeded: seed)
    var rest = bytes
    while rest.count >= 4 {
      state ^= Self.mixed(rest.prefix(4))
      state = (state << 13 | state >> 19) &* 5 &+ 0xe654_6b64
      rest = rest.dropFirst(4)
    }
    if !rest.isEmpty { state ^= Self.mixed(rest) }
    state ^= UInt32(truncatingIfNeeded: bytes.count)
    state = (state ^ state >> 16) &* 0x85eb_ca6b
    state = (state ^ state >> 13) &* 0xc2b2_ae35
    return state ^ state >> 16
  }

  /// Up to four bytes, the lowest first, stirred.
  private static func mixed(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    let word = bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) } &* 0xcc9e_2d51
    return (word << 15 | word >> 17) &* 0x1b87_3593
  }
}

/// Scores of tokens, −∞ for those that would complete a group of `ngram_size` tokens that the sequence has already.
/// input_ids int64[batch,length], scores[batch,words] → scores. Source: onnxruntime, docs/ContribOperators.md.
public struct NGramRepeatBlock: Operator {
  public static let name = "NGramRepeatBlock"
  public static let domain = "com.microsoft"
  public static let opsets = 1...1
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .int("ngram_size", \.size, in: 1...Int(Int32.max), isRequired: true)
  ]
  public var size = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.int64])
    try context.require(1, [.float32])
    let (ids, scores) = (try context.shape(0), try context.shape(1))
    for (index, shape) in [ids, scores].enumerated() {
      if let shape, shape.count != 2 { throw .invalid("input \(index) is \(describe(shape)), expected rank 2") }
    }
    if let ids, let scores, ids[0].isEqual(to: scores[0]) == false {
      throw .invalid("\(ids[0]) sequences but scores for \(scores[0])")
    }
    return [.tensor(.float32, scores)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try checkedTypes(inputs, context)
    let (ids, scores) = (try inputs.tensor(0), try inputs.tensor(1))
    let (tokens, length, words) = (ids.integers, ids.shape[1], scores.shape[1])
    var result = scores.wide(Float.self)
    guard length >= size else { return [.tensor(scores)] }
    for sequence in 0..<ids.shape[0] {
      let own = tokens[(sequence * length)..<((sequence + 1) * length)]
      let tail = own.suffix(size - 1)
      try context.checkDeadline()
      for start in own.startIndex...(own.endIndex - size) where own[start..<(start + size - 1)].elementsEqual(tail) {
        let token = own[start + size - 1]
        guard token >= 0, token < words else { throw .invalid("token \(token) is none of \(words) words") }
        result[sequence * words + token] = -.infinity
      }
    }
    return [.tensor(Tensor(result, shape: scores.shape))]
  }
}
