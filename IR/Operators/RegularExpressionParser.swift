/// Pattern to instructions; jumps are relative, so that pieces can be put together and repeated.
struct RegularExpressionParser {
  typealias Instruction = RegularExpression.Instruction
  typealias Characters = RegularExpression.Characters

  private let pattern: [UInt32]
  private var position = 0
  private var depth = 0
  private var ignoresCase = false
  private var dotTakesNewline = false
  private var isMultiline = false
  private var isLazyByDefault = false

  static let digit: [ClosedRange<UInt32>] = [48...57]
  static let word: [ClosedRange<UInt32>] = [48...57, 65...90, 95...95, 97...122]
  static let space: [ClosedRange<UInt32>] = [9...10, 12...13, 32...32]
  static let last: UInt32 = 0x10FFFF

  init(_ bytes: [UInt8]) { pattern = String(decoding: bytes, as: UTF8.self).unicodeScalars.map(\.value) }

  private func fail(_ what: String) -> Diagnostic { .invalid("pattern: \(what) at character \(position)") }

  private var next: UInt32? { position < pattern.count ? pattern[position] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = text.unicodeScalars.map(\.value)
    guard pattern[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  mutating func parse() throws(Diagnostic) -> [Instruction] {
    let whole = try alternatives()
    if next != nil { throw fail("unexpected ')'") }
    return whole
  }

  private mutating func alternatives() throws(Diagnostic) -> [Instruction] {
    depth += 1
    defer { depth -= 1 }
    guard depth <= 100 else { throw fail("groups are nested more than 100 deep") }
    var result = try sequence()
    while take("|") {
      let other = try sequence()
      result = [.split(1, result.count + 2)] + result + [.jump(other.count + 1)] + other
      try check(result.count)
    }
    return result
  }

  private func check(_ count: Int) throws(Diagnostic) {
    guard count <= RegularExpression.limit else { throw fail("more than \(RegularExpression.limit) steps") }
  }

  private mutating func sequence() throws(Diagnostic) -> [Instruction] {
    var result: [Instruction] = []
    while let c = next, c != 124, c != 41 {
      result += try repeated(try atom())
      try check(result.count)
    }
    return result
  }

  // MARK: Repetition

  private mutating func repeated(_ piece: [Instruction]) throws(Diagnostic) -> [Instruction] {
    var piece = piece
    while let (low, high) = try bounds() {
      _ = take("?")
      let copies = max(low, high ?? low + 1)
      try check(saturatingMultiply(copies, piece.count + 2))
      var result: [Instruction] = []
      for _ in 0..<low { result += piece }
      if let high {
        for _ in low..<max(low, high) { result += [.split(1, piece.count + 1)] + piece }
      } else {
        result += [.split(1, piece.count + 2)] + piece + [.jump(-piece.count - 1)]
      }
      piece = result
    }
    return piece
  }

  private mutating func bounds() throws(Diagnostic) -> (low: Int, high: Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    let start = position
    guard take("{"), let low = number() else {
      position = start
      return nil
    }
    var high: Int? = low
    if take(",") { high = number() }
    guard take("}") else {
      position = start
      return nil
    }
    guard low <= 1000, high ?? 0 <= 1000, low <= high ?? low else { throw fail("repetition out of range") }
    return (low, high)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let c = next, (48...57).contains(c) {
      value = min(saturatingAdd(saturatingMultiply(value ?? 0, 10), Int(c) - 48), 1_000_000)
      position += 1
    }
    return value
  }

  // MARK: Atoms

  private mutating func atom() throws(Diagnostic) -> [Instruction] {
    guard let c = next else { throw fail("unexpected end") }
    switch Unicode.Scalar(c) {
    case "(": return try group()
    case "[": return [.accept(try bracket())]
    case ".":
      position += 1
      return [.accept(Characters(ranges: dotTakesNewline ? [] : [10...10], isNegated: true))]
    case "^":
      position += 1
      return [.assert(isMultiline ? .lineStart : .textStart)]
    case "$":
      position += 1
      return [.assert(isMultiline ? .lineEnd : .textEnd)]
    case "*", "+", "?": throw fail("nothing to repeat")
    case "\\": return try escaped()
    default:
      position += 1
      return [.accept(literal(c))]
    }
  }

  private func literal(_ c: UInt32) -> Characters {
    var ranges = [c...c]
    if ignoresCase { ranges += RegularExpressionParser.otherCase(c...c) }
    return Characters(ranges: ranges)
  }

  /// The ASCII letters of the other case.
  private static func otherCase(_ range: ClosedRange<UInt32>) -> [ClosedRange<UInt32>] {
    [(65...90, 32), (97...122, -32)].compactMap { (letters: ClosedRange<UInt32>, shift: Int64) in
      let common = range.clamped(to: letters)
      guard range.overlaps(letters) else { return nil }
      return UInt32(Int64(common.lowerBound) + shift)...UInt32(Int64(common.upperBound) + shift)
    }
  }

  private mutating func group() throws(Diagnostic) -> [Instruction] {
    position += 1
    let outer = (ignoresCase, dotTakesNewline, isMultiline, isLazyByDefault)
    if take("?") {
      if take("P<") || take("<") {
        guard let end = pattern[position...].firstIndex(of: 62) else { throw fail("a group's name has no end") }
        position = end + 1
      } else if try !flags() {
        // Flags for the rest of the enclosing group.
        return []
      }
    }
    let inner = try alternatives()
    guard take(")") else { throw fail("a group has no end") }
    (ignoresCase, dotTakesNewline, isMultiline, isLazyByDefault) = outer
    return inner
  }

  /// Reads `i`, `m`, `s`, `U` and their negations; true where a group follows.
  private mutating func flags() throws(Diagnostic) -> Bool {
    var isOn = true
    while let c = next {
      position += 1
      switch Unicode.Scalar(c) {
      case "-": isOn = false
      case "i": ignoresCase = isOn
      case "s": dotTakesNewline = isOn
      case "m": isMultiline = isOn
      case "U": isLazyByDefault = isOn
      case ":": return true
      case ")": return false
      default: throw fail("unknown group flag")
      }
    }
    throw fail("a group has no end")
  }

  private mutating func escaped() throws(Diagnostic) -> [Instruction] {
    position += 1
    guard let c = next else { throw fail("unexpected end") }
    switch Unicode.Scalar(c) {
    case "b", "B", "A", "z":
      position += 1
      let assertions: [UInt32: RegularExpression.Assertion] = [
        98: .wordBoundary, 66: .notWordBoundary, 65: .textStart, 122: .textEnd,
      ]
      return assertions[c].map { [.assert($0)] } ?? []
    case "Q":
      position += 1
      var result: [Instruction] = []
      while next != nil, !take("\\E") {
        result.append(.accept(literal(pattern[position])))
        position += 1
      }
      return result
    default:
      if let ranges = classEscape(c) {
        position += 1
        return [.accept(Characters(ranges: ranges))]
      }
      return [.accept(literal(try characterEscape()))]
    }
  }

  /// \d, \w, \s and their opposites.
  private func classEscape(_ c: UInt32) -> [ClosedRange<UInt32>]? {
    switch Unicode.Scalar(c) {
    case "d": Self.digit
    case "w": Self.word
    case "s": Self.space
    case "D": Self.complement(Self.digit)
    case "W": Self.complement(Self.word)
    case "S": Self.complement(Self.space)
    default: nil
    }
  }

  /// Everything outside sorted ranges.
  static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    var start: UInt32 = 0
    for range in ranges {
      if start < range.lowerBound { result.append(start...range.lowerBound - 1) }
      start = range.upperBound + 1
    }
    return start <= last ? result + [start...last] : result
  }

  /// One character written with a backslash, which has been read.
  private mutating func characterEscape() throws(Diagnostic) -> UInt32 {
    guard let c = next else { throw fail("unexpected end") }
    position += 1
    let controls: [UInt32: UInt32] = [97: 7, 102: 12, 116: 9, 110: 10, 114: 13, 118: 11]
    if let control = controls[c] { return control }
    if c == 120 { return try hexadecimal() }
    let isLetterOrDigit = (48...57).contains(c) || (65...90).contains(c) || (97...122).contains(c)
    if isLetterOrDigit { throw fail("unknown escape") }
    return c
  }

  private mutating func hexadecimal() throws(Diagnostic) -> UInt32 {
    let isBraced = take("{")
    var value: UInt32 = 0
    var digits = 0
    while let c = next, let digit = Unicode.Scalar(c).flatMap({ Character($0).hexDigitValue }),
      digits < (isBraced ? 6 : 2)
    {
      value = value * 16 + UInt32(digit)
      digits += 1
      position += 1
    }
    guard digits > 0, !isBraced || take("}"), isBraced || digits == 2, value <= Self.last else {
      throw fail("bad \\x escape")
    }
    return value
  }

  // MARK: Brackets

  private static let named: [(String, [ClosedRange<UInt32>])] = [
    ("alnum", [48...57, 65...90, 97...122]), ("alpha", [65...90, 97...122]), ("ascii", [0...127]),
    ("blank", [9...9, 32...32]),
    ("cntrl", [0...31, 127...127]), ("digit", digit), ("graph", [33...126]), ("lower", [97...122]),
    ("print", [32...126]),
    ("punct", [33...47, 58...64, 91...96, 123...126]), ("space", [9...13, 32...32]), ("upper", [65...90]),
    ("word", word),
    ("xdigit", [48...57, 65...70, 97...102]),
  ]

  private mutating func bracket() throws(Diagnostic) -> Characters {
    position += 1
    var result = Characters(isNegated: take("^"))
    var isFirst = true
    while isFirst || next != 93 {
      guard next != nil else { throw fail("a bracket has no end") }
      isFirst = false
      result.ranges += try bracketItem()
      try check(result.ranges.count)
    }
    position += 1
    if ignoresCase { result.ranges += result.ranges.flatMap { Self.otherCase($0) } }
    return result
  }

  private mutating func bracketItem() throws(Diagnostic) -> [ClosedRange<UInt32>] {
    for (name, ranges) in Self.named {
      if take("[:\(name):]") { return ranges }
      if take("[:^\(name):]") { return Self.complement(ranges) }
    }
    if next == 92, position + 1 < pattern.count, let ranges = classEscape(pattern[position + 1]) {
      position += 2
      return ranges
    }
    let low = try bracketCharacter()
    guard next == 45, position + 1 < pattern.count, pattern[position + 1] != 93 else { return [low...low] }
    position += 1
    let high = try bracketCharacter()
    guard low <= high else { throw fail("a range runs backwards") }
    return [low...high]
  }

  private mutating func bracketCharacter() throws(Diagnostic) -> UInt32 {
    guard let c = next else { throw fail("a bracket has no end") }
    position += 1
    return c == 92 ? try characterEscape() : c
  }
}
