/// Types and dimensions of the text form.
extension GraphParser {
  mutating func type(depth: Int = 0) throws(Diagnostic) -> ValueType {
    guard depth < 16 else { throw scanner.failure("types are nested more than 16 deep") }
    scanner.skipSpace()
    let start = scanner.position
    let word = String(decoding: scanner.bareWord(), as: UTF8.self)
    switch word {
    case "sequence", "optional":
      try scanner.expect("<")
      let element = try type(depth: depth + 1)
      try scanner.expect(">")
      return word == "sequence" ? .sequence(element) : .optional(element)
    case "map":
      try scanner.expect("<")
      let key = try elementType()
      try scanner.expect(",")
      let value = try type(depth: depth + 1)
      try scanner.expect(">")
      return .map(key: key, value: value)
    default:
      scanner.position = start
      return .tensor(try tensorType())
    }
  }

  mutating func elementType() throws(Diagnostic) -> ElementType {
    scanner.skipSpace()
    let start = scanner.position
    let word = String(decoding: scanner.bareWord(), as: UTF8.self)
    guard let type = ElementType(name: word) else { throw scanner.failure("'\(word)' is no element type", at: start) }
    return type
  }

  mutating func tensorType() throws(Diagnostic) -> TensorType {
    let element = try elementType()
    try scanner.expect("[")
    if scanner.accept("*") {
      try scanner.expect("]")
      return TensorType(element, nil as Shape?)
    }
    var shape: Shape = []
    if scanner.accept("]") { return TensorType(element, shape) }
    repeat { shape.append(try dimension()) } while scanner.accept(",")
    try scanner.expect("]")
    return TensorType(element, shape)
  }

  /// A type all of whose dimensions are numbers, as constants have.
  mutating func constantType() throws(Diagnostic) -> (ElementType, [Int]) {
    scanner.skipSpace()
    let start = scanner.position
    let type = try tensorType()
    guard let shape = type.knownShape, Tensor.elementCount(of: shape) != nil else {
      throw scanner.failure("a constant cannot have the type \(type)", at: start)
    }
    return (type.element, shape)
  }

  /// A sum of products: `2*N-1`, `floor(H+1, 2)`.
  mutating func dimension(depth: Int = 0) throws(Diagnostic) -> Dim {
    guard depth < 16 else { throw scanner.failure("dimensions are nested more than 16 deep") }
    var sum = Dim(0)
    var isNegative = scanner.accept("-")
    for _ in 0..<256 {
      let term = try product(depth: depth)
      sum = isNegative ? sum - term : sum + term
      if scanner.accept("+") {
        isNegative = false
      } else if scanner.accept("-") {
        isNegative = true
      } else {
        return sum
      }
    }
    throw scanner.failure("a dimension has more than 256 terms")
  }

  private mutating func product(depth: Int) throws(Diagnostic) -> Dim {
    var product = try factor(depth: depth)
    for _ in 0..<64 {
      if !scanner.accept("*") { return product }
      product = product * (try factor(depth: depth))
    }
    throw scanner.failure("a dimension has more than 64 factors")
  }

  private mutating func factor(depth: Int) throws(Diagnostic) -> Dim {
    scanner.skipSpace()
    let start = scanner.position
    if scanner.current == UInt8(ascii: "`") {
      return symbol(String(decoding: try scanner.delimited(by: UInt8(ascii: "`")), as: UTF8.self))
    }
    while let byte = scanner.current, Dim.isIdentifierByte(byte) { scanner.position += 1 }
    let word = String(decoding: scanner.bytes[start..<scanner.position], as: UTF8.self)
    if word.isEmpty { throw scanner.failure("expected a dimension") }
    if let first = word.utf8.first, (48...57).contains(first) {
      guard let number = Int(word) else { throw scanner.failure("'\(word)' is no dimension", at: start) }
      return Dim(number)
    }
    if scanner.current == UInt8(ascii: "("), let combined = try combination(word, depth: depth, start: start) {
      return combined
    }
    return symbol(word)
  }

  private mutating func combination(_ word: String, depth: Int, start: Int) throws(Diagnostic) -> Dim? {
    guard ["floor", "mod", "min", "max"].contains(word) else { return nil }
    try scanner.expect("(")
    let a = try dimension(depth: depth + 1)
    try scanner.expect(",")
    let b = try dimension(depth: depth + 1)
    try scanner.expect(")")
    switch word {
    case "min": return Dim.minimum(a, b)
    case "max": return Dim.maximum(a, b)
    default:
      guard let result = word == "floor" ? a.quotient(by: b) : a.modulo(b) else {
        throw scanner.failure("a dimension divides by zero", at: start)
      }
      return result
    }
  }

  /// Symbols the graph made up carry the number of a value; the parsed graph must never make up the same again.
  private mutating func symbol(_ name: String) -> Dim {
    if name.hasPrefix("?"), let number = Int(name.dropFirst().prefix { $0 != "." }) {
      reserved = max(reserved, number)
    }
    return .symbol(name)
  }
}
