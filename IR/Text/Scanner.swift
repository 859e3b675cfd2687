/// Reads the tokens of the text form. Never reads past the end; every failure is a diagnostic with line and column.
struct TextScanner {
  let bytes: [UInt8]
  var position = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  func failure(_ message: String, at place: Int? = nil) -> Diagnostic {
    let end = min(place ?? position, bytes.count)
    let line = bytes[..<end].count { $0 == 10 } + 1
    let start = bytes[..<end].lastIndex(of: 10).map { $0 + 1 } ?? 0
    return .invalid("line \(line), column \(end - start + 1): \(message)")
  }

  mutating func skipSpace() {
    while let byte = current, byte == 32 || byte == 10 || byte == 13 || byte == 9 { position += 1 }
  }

  /// Whether a symbol stands next; it is then passed over.
  mutating func accept(_ symbol: String) -> Bool {
    skipSpace()
    let wanted = Array(symbol.utf8)
    guard bytes.count - position >= wanted.count, bytes[position..<position + wanted.count].elementsEqual(wanted) else {
      return false
    }
    position += wanted.count
    return true
  }

  mutating func expect(_ symbol: String) throws(Diagnostic) {
    if !accept(symbol) { throw failure("expected '\(symbol)'") }
  }

  /// Whether a word stands next, not as the beginning of a longer one; it is then passed over.
  mutating func acceptWord(_ word: String) -> Bool {
    let start = position
    if accept(word), !(current.map(QuotedText.isBare) ?? false) { return true }
    position = start
    return false
  }

  mutating func expectWord(_ word: String) throws(Diagnostic) {
    if !acceptWord(word) { throw failure("expected '\(word)'") }
  }

  func peek() -> UInt8? {
    var copy = self
    copy.skipSpace()
    return copy.current
  }

  /// Letters, digits, `_`, `.`, `/`: an operator, an attribute, a bare name. Empty where none stands next.
  mutating func bareWord() -> [UInt8] {
    skipSpace()
    let start = position
    while let byte = current, QuotedText.isBare(byte) { position += 1 }
    return Array(bytes[start..<position])
  }

  /// A bare or quoted name.
  mutating func identifier() throws(Diagnostic) -> [UInt8] {
    if current == UInt8(ascii: "\"") { return try quoted() }
    let start = position
    while let byte = current, QuotedText.isBare(byte) { position += 1 }
    if start == position { throw failure("expected a name") }
    return Array(bytes[start..<position])
  }

  /// The bytes of `"…"`, escapes resolved.
  mutating func quoted() throws(Diagnostic) -> [UInt8] { try delimited(by: UInt8(ascii: "\"")) }

  mutating func delimited(by mark: UInt8) throws(Diagnostic) -> [UInt8] {
    skipSpace()
    let start = position
    guard current == mark else { throw failure("expected a quoted text") }
    position += 1
    var result: [UInt8] = []
    while let byte = current, byte != mark {
      position += 1
      if byte != UInt8(ascii: "\\") {
        result.append(byte)
      } else {
        result.append(try escape())
      }
    }
    guard current == mark else { throw failure("the quoted text does not end", at: start) }
    position += 1
    return result
  }

  /// `xNN` after a backslash.
  private mutating func escape() throws(Diagnostic) -> UInt8 {
    guard current == UInt8(ascii: "x"), position + 2 < bytes.count, let high = TextScanner.digit(bytes[position + 1]),
      let low = TextScanner.digit(bytes[position + 2])
    else { throw failure("expected an escape of the form \\xNN") }
    position += 3
    return high << 4 | low
  }

  static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 97...102: byte - 87
    case 65...70: byte - 55
    default: nil
    }
  }

  /// The characters of a number: `-1.5e-07`, `inf`, `nan`, `bits(0x7fc00001)`, `true`.
  mutating func numberText() throws(Diagnostic) -> String {
    skipSpace()
    let start = position
    while let byte = current, QuotedText.isBare(byte) || byte == 43 || byte == 45 { position += 1 }
    if start == position { throw failure("expected a number") }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// The bits of one number of a type, `bits(0x…)` included.
  mutating func element(_ type: ElementType) throws(Diagnostic) -> UInt64 {
    skipSpace()
    let start = position
    let text = try numberText()
    if text == "bits" {
      try expect("(0x")
      let digits = String(decoding: bareWord(), as: UTF8.self)
      try expect(")")
      guard let code = UInt64(digits, radix: 16), code & ElementText.mask(type.bitWidth) == code else {
        throw failure("bits of \(type.name) are out of range", at: start)
      }
      return code
    }
    guard let code = ElementText.bits(text, type) else { throw failure("'\(text)' is no \(type.name)", at: start) }
    return code
  }

  mutating func integer() throws(Diagnostic) -> Int64 {
    skipSpace()
    let start = position
    let text = try numberText()
    guard let number = Int64(text) else { throw failure("'\(text)' is no integer", at: start) }
    return number
  }
}
