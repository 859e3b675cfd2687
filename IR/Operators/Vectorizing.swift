extension OperatorCatalog {
  static let vectorizing: [any Operator.Type] = [TfIdfVectorizer.self]
}

/// How often the n-grams of a pool occur in every row of tokens, elements up to `max_skip_count` + 1 apart.
/// Source: ONNX TfIdfVectorizer and its reference implementation. ONNX TfIdfVectorizer, opset 9.
public struct TfIdfVectorizer: Operator {
  public enum Mode: String, CaseIterable, Sendable {
    case frequency = "TF"
    case inverse = "IDF"
    case both = "TFIDF"
  }

  public static let name = "TfIdfVectorizer"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .choice("mode", \.mode), .int("min_gram_length", \.shortest, in: sizeRange, isRequired: true),
    .int("max_gram_length", \.longest, in: sizeRange, isRequired: true),
    .int("max_skip_count", \.maximumSkip, in: 0...Int(Int32.max), isRequired: true),
    .ints("ngram_counts", \.starts, in: 0...Int(Int32.max), isRequired: true),
    .ints("ngram_indexes", \.columns, in: 0...Int(Int32.max), isRequired: true), .ints("pool_int64s", \.numbers),
    .strings("pool_strings", \.words), .floats("weights", \.weights),
  ]
  public var mode = Mode.frequency
  public var shortest = 1
  public var longest = 1
  public var maximumSkip = 0
  /// Where the n-grams of length 1, 2, … start in the pool.
  public var starts: [Int]?
  /// Column of every n-gram of the pool.
  public var columns: [Int]?
  public var numbers: [Int]?
  public var words: [[UInt8]]?
  public var weights: [Float]?
  public init() {}

  private enum Token: Hashable {
    case number(Int)
    case word([UInt8])
  }

  private var width: Int { (columns?.max() ?? -1) + 1 }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, words == nil ? [.int32, .int64] : [.string])
    guard (words == nil) != (numbers == nil) else {
      throw .invalid("exactly one of pool_strings and pool_int64s must be given")
    }
    guard shortest <= longest else {
      throw .invalid("min_gram_length is \(shortest), above max_gram_length \(longest)")
    }
    _ = try table()
    guard let shape = try context.shape(0) else { return [.tensor(.float32, nil)] }
    guard shape.count == 1 || shape.count == 2 else {
      throw .invalid("input is \(describe(shape)), expected rank 1 or 2")
    }
    return [.tensor(.float32, shape.dropLast() + [Dim(width)])]
  }

  /// Column of every n-gram of an accepted length.
  private func table() throws(Diagnostic) -> [[Token]: Int] {
    let pool: [Token] = words.map { $0.map { .word($0) } } ?? (numbers ?? []).map { .number($0) }
    let starts = starts ?? []
    let columns = columns ?? []
    var result: [[Token]: Int] = [:]
    var id = 0
    for (i, start) in starts.enumerated() {
      let end = i + 1 < starts.count ? starts[i + 1] : pool.count
      guard start <= end, end <= pool.count else {
        throw .invalid("ngram_counts \(describe(starts)) does not fit a pool of \(pool.count)")
      }
      let length = i + 1
      for gram in 0..<(end - start) / length {
        guard id < columns.count else {
          throw .invalid("ngram_indexes has \(columns.count) elements, the pool has more n-grams")
        }
        let from = start + gram * length
        if (shortest...longest).contains(length) { result[Array(pool[from..<from + length])] = columns[id] }
        id += 1
      }
    }
    return result
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let tokens: [Token] = x.type == .string ? x.strings.map { .word($0) } : x.integers.map { .number($0) }
    let length = x.shape[x.rank - 1]
    let table = try table()
    let lengths = shortest...min(longest, max(shortest, (starts ?? []).count))
    var counts = [Int](repeating: 0, count: product(shape))
    for row in 0..<(length == 0 ? 0 : x.count / length) {
      let own = tokens[row * length..<(row + 1) * length]
      for n in lengths {
        // Single tokens have nothing to skip.
        for step in 1...(n == 1 ? 1 : min(saturatingAdd(maximumSkip, 1), length)) {
          try context.checkDeadline()
          let span = saturatingMultiply(step, n - 1)
          for first in 0..<max(0, length - span) {
            let gram = (0..<n).map { own[own.startIndex + first + $0 * step] }
            if let column = table[gram] { counts[row * width + column] += 1 }
          }
        }
      }
    }
    let values = counts.enumerated().map { weighted($0.element, $0.offset % max(width, 1)) }
    return [.tensor(Tensor(values, shape: shape))]
  }

  private func weighted(_ count: Int, _ column: Int) -> Float {
    let weight = weights.flatMap { column < $0.count ? $0[column] : nil } ?? 1
    switch mode {
    case .frequency: return Float(count)
    case .inverse: return count > 0 ? weight : 0
    case .both: return Float(count) * weight
    }
  }
}
