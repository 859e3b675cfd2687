/// A name from a model: bytes, compared as bytes. Two different spellings of a letter are two names, and bytes that
/// are no valid UTF-8 stay what they are.
public struct Name: Hashable, Sendable, ExpressibleByStringLiteral, Comparable {
  public var bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public init(_ text: String) { bytes = Array(text.utf8) }
  public init(stringLiteral value: String) { bytes = Array(value.utf8) }

  public var isEmpty: Bool { bytes.isEmpty }

  public static func < (a: Name, b: Name) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}

extension Name: CustomStringConvertible {
  /// Printable form for messages: control characters escaped, at most 200 bytes.
  public var description: String {
    var text = ""
    for scalar in String(decoding: bytes.prefix(200), as: UTF8.self).unicodeScalars {
      if scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) {
        text += "\\x" + String(scalar.value, radix: 16)
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return bytes.count > 200 ? text + "…" : text
  }

  /// The text, with invalid UTF-8 repaired. For display and file formats; never a key.
  public var string: String { String(decoding: bytes, as: UTF8.self) }
}
