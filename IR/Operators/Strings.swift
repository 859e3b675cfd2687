extension OperatorCatalog {
  static let strings: [any Operator.Type] = [
    StringConcat.self, StringSplit.self, StringNormalizer.self, RegexFullMatch.self,
  ]
}

extension EvaluationContext {
  /// Throws where strings of so many bytes are above the limit.
  func checkStrings(count: Int, bytes: Int) throws(Diagnostic) {
    // Every string takes some memory of its own.
    let whole = saturatingAdd(saturatingMultiply(count, 32), bytes)
    if whole > maximumBytes { throw .invalid("strings of the result would take more than \(maximumBytes) bytes") }
  }
}

/// Strings behind each other, with broadcasting. ONNX StringConcat, opset 20.
public struct StringConcat: Operator {
  public static let name = "StringConcat"
  public static let inputs: Arity = 2
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.string])
    try context.require(1, [.string])
    return [.tensor(.string, try broadcast(try context.shape(0), try context.shape(1)))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let y = try inputs.tensor(1)
    let longest = (x.strings.map(\.count).max() ?? 0) + (y.strings.map(\.count).max() ?? 0)
    try context.checkStrings(count: product(shape), bytes: saturatingMultiply(product(shape), longest))
    let (left, right) = (x.strings, y.strings)
    var result: [[UInt8]] = []
    forEachOffset(shape, [broadcastStrides(x.shape, to: shape), broadcastStrides(y.shape, to: shape)]) { offsets in
      result.append(left[offsets[0]] + right[offsets[1]])
    }
    return [.tensor(Tensor(strings: result, shape: shape))]
  }
}

/// Strings cut at a delimiter (absent or empty: at runs of white space), along a new last axis that is filled up with
/// empty strings; and the number of parts of each. ONNX StringSplit, opset 20.
public struct StringSplit: Operator {
  public static let name = "StringSplit"
  public static let inputs: Arity = 1
  public static let outputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .optionalString("delimiter", \.delimiter), .optionalInt("maxsplit", \.limit),
  ]
  public var delimiter: [UInt8]?
  public var limit: Int?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.string])
    let shape = try context.shape(0)
    return [.tensor(.string, shape.map { $0 + [.unknown] }), .tensor(.int64, shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let cuts = (limit ?? -1) < 0 ? Int.max : limit ?? .max
    let parts = x.strings.map { text in
      (delimiter ?? []).isEmpty ? StringSplit.words(text, cuts) : StringSplit.split(text, delimiter ?? [], cuts)
    }
    let width = parts.map(\.count).max() ?? 0
    try context.checkStrings(count: saturatingMultiply(x.count, width), bytes: x.byteCount)
    let filled = parts.flatMap { $0 + Array(repeating: [], count: width - $0.count) }
    return [
      .tensor(Tensor(strings: filled, shape: x.shape + [width])),
      .tensor(Tensor(parts.map { Int64($0.count) }, shape: x.shape)),
    ]
  }

  static func split(_ text: [UInt8], _ delimiter: [UInt8], _ cuts: Int) -> [[UInt8]] {
    var parts: [[UInt8]] = []
    var start = 0
    var i = 0
    while i + delimiter.count <= text.count, parts.count < cuts {
      if text[i] == delimiter[0], text[i..<i + delimiter.count].elementsEqual(delimiter) {
        parts.append(Array(text[start..<i]))
        i += delimiter.count
        start = i
      } else {
        i += 1
      }
    }
    return parts + [Array(text[start...])]
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 32 || (9...13).contains(byte) || (28...31).contains(byte)
  }

  static func words(_ text: [UInt8], _ cuts: Int) -> [[UInt8]] {
    var parts: [[UInt8]] = []
    var rest = text[...].drop(while: isSpace)
    while !rest.isEmpty {
      if parts.count == cuts {
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return parts + [Array(rest)]
      }
      let word = rest.prefix { !isSpace($0) }
      parts.append(Array(word))
      rest = rest.dropFirst(word.count).drop(while: isSpace)
    }
    return parts
  }
}

/// Without stop words, in upper or lower case; [C] or [1,C]. Where nothing is left: one empty string.
/// ONNX StringNormalizer, opset 10.
public struct StringNormalizer: Operator {
  public enum CaseChange: String, CaseIterable, Sendable {
    case none = "NONE"
    case lower = "LOWER"
    case upper = "UPPER"

    func apply(_ text: [UInt8]) -> [UInt8] {
      switch self {
      case .none: text
      case .lower: Array(String(decoding: text, as: UTF8.self).lowercased().utf8)
      case .upper: Array(String(decoding: text, as: UTF8.self).uppercased().utf8)
      }
    }
  }

  public static let name = "StringNormalizer"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [
    .choice("case_change_action", \.caseChange), .flag("is_case_sensitive", \.isCaseSensitive),
    .optionalString("locale", \.locale), .strings("stopwords", \.stopWords),
  ]
  public var caseChange = CaseChange.none
  public var isCaseSensitive = false
  /// Case is changed by Unicode's rules whatever the locale.
  public var locale: [UInt8]?
  public var stopWords: [[UInt8]]?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.string])
    guard let shape = try context.shape(0) else { return [.tensor(.string, nil)] }
    guard shape.count == 1 || shape.count == 2 && shape[0].isEqual(to: 1) != false else {
      throw .invalid("input is \(describe(shape)), expected [C] or [1,C]")
    }
    return [.tensor(.string, shape.dropLast() + [.unknown])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let x = try inputs.tensor(0)
    let compared = isCaseSensitive ? CaseChange.none : .lower
    let stops = Set((stopWords ?? []).map { compared.apply($0) })
    var kept = x.strings.filter { !stops.contains(compared.apply($0)) }.map { caseChange.apply($0) }
    if kept.isEmpty { kept = [[]] }
    return [.tensor(Tensor(strings: kept, shape: x.shape.dropLast() + [kept.count]))]
  }
}

/// Whether a whole string matches a pattern in RE2's syntax. ONNX RegexFullMatch, opset 20.
public struct RegexFullMatch: Operator {
  public static let name = "RegexFullMatch"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.optionalString("pattern", \.pattern)]
  public var pattern: [UInt8]?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.string])
    guard let pattern else { throw .invalid("attribute 'pattern' is missing") }
    _ = try RegularExpression(pattern)
    return [.tensor(.bool, try context.shape(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let expression = try RegularExpression(pattern ?? [])
    var result: [Bool] = []
    for text in try inputs.tensor(0).strings {
      try context.checkDeadline()
      result.append(expression.matches(text))
    }
    return [.tensor(Tensor(result, shape: shape))]
  }
}
