/// A stranger's text for a message: control characters escaped, at most `limit` bytes.
public func printable(_ text: String, limit: Int = 200) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    if result.utf8.count > limit { return result + "…" }
    let value = scalar.value
    let isControl = value < 0x20 || (0x7F..<0xA0).contains(value)
    // Direction and line separators can rewrite what a terminal shows.
    let isFormat =
      (0x200B...0x200F).contains(value) || (0x2028...0x202E).contains(value) || (0x2066...0x2069).contains(value)
    if isControl || isFormat {
      result += "\\x" + String(value, radix: 16)
    } else {
      result.unicodeScalars.append(scalar)
    }
  }
  return result
}
