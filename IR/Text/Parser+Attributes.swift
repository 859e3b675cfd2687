/// Attribute values of the text form.
extension GraphParser {
  mutating func attributeValue(depth: Int) throws(Diagnostic) -> AttributeValue {
    switch scanner.peek() {
    case UInt8(ascii: "\""): return .string(try scanner.quoted())
    case UInt8(ascii: "["): return try list(kind: nil)
    case nil: throw scanner.failure("expected a value")
    default: break
    }
    for kind in ["ints", "floats", "strings", "tensors"] where scanner.acceptWord(kind) { return try list(kind: kind) }
    if scanner.acceptWord("type") {
      try scanner.expect("(")
      let type = try type()
      try scanner.expect(")")
      return .type(type)
    }
    if scanner.acceptWord("tensor") { return .tensor(try parenthesizedTensor()) }
    if scanner.acceptWord("graph") { return .graph(try graph(depth: depth + 1)) }
    return try number()
  }

  /// An integer has digits only; everything else is a float.
  private mutating func number() throws(Diagnostic) -> AttributeValue {
    let start = scanner.position
    let text = try scanner.numberText()
    if let number = Int64(text) { return .int(number) }
    scanner.position = start
    return .float(Float(bitPattern: UInt32(truncatingIfNeeded: try scanner.element(.float32))))
  }

  private mutating func list(kind: String?) throws(Diagnostic) -> AttributeValue {
    try scanner.expect("[")
    if scanner.accept("]") { return try emptyList(kind) }
    let result: AttributeValue
    if kind == "tensors" {
      var tensors: [Tensor] = []
      repeat {
        try scanner.expectWord("tensor")
        tensors.append(try parenthesizedTensor())
      } while scanner.accept(",")
      result = .tensors(tensors)
    } else if scanner.peek() == UInt8(ascii: "\"") {
      var strings: [[UInt8]] = []
      repeat { strings.append(try scanner.quoted()) } while scanner.accept(",")
      result = .strings(strings)
    } else {
      result = try numbers()
    }
    try scanner.expect("]")
    return result
  }

  private func emptyList(_ kind: String?) throws(Diagnostic) -> AttributeValue {
    switch kind {
    case "ints": .ints([])
    case "floats": .floats([])
    case "strings": .strings([])
    case "tensors": .tensors([])
    default: throw scanner.failure("an empty list needs its kind in front: ints[]")
    }
  }

  private mutating func numbers() throws(Diagnostic) -> AttributeValue {
    switch try number() {
    case .int(let first):
      var numbers = [first]
      while scanner.accept(",") { numbers.append(try scanner.integer()) }
      return .ints(numbers)
    case .float(let first):
      var numbers = [first]
      while scanner.accept(",") {
        numbers.append(Float(bitPattern: UInt32(truncatingIfNeeded: try scanner.element(.float32))))
      }
      return .floats(numbers)
    default: throw scanner.failure("expected a number")
    }
  }

  private mutating func parenthesizedTensor() throws(Diagnostic) -> Tensor {
    try scanner.expect("(")
    let tensor = try tensor()
    try scanner.expect(")")
    return tensor
  }

  // MARK: Tensors

  /// `[1.0, 2.0] : f32[2]`, `hex"…" : u8[4096]` or `@name : f32[32,3,3,3]`.
  mutating func tensor() throws(Diagnostic) -> Tensor {
    scanner.skipSpace()
    let start = scanner.position
    if scanner.accept("@") { return try namedTensor(start) }
    if scanner.accept("hex") {
      let digits = try scanner.quoted()
      return try typed(start) { element, shape in
        guard let bytes = GraphParser.bytes(hexadecimal: digits) else { return nil }
        return element == .string ? nil : ElementText.tensor(bytes: bytes, element, shape)
      }
    }
    if scanner.peek() == UInt8(ascii: "\"") {
      let string = try scanner.quoted()
      return try typed(start) { element, shape in
        element == .string ? Tensor(element, shape, storage: TensorStorage(strings: [string])) : nil
      }
    }
    return try listedTensor(start)
  }

  private mutating func namedTensor(_ start: Int) throws(Diagnostic) -> Tensor {
    let from = scanner.position
    _ = try scanner.identifier()
    let key = String(decoding: scanner.bytes[from..<scanner.position], as: UTF8.self)
    guard let tensor = constants[key] else { throw scanner.failure("no data is given for constant @\(key)", at: start) }
    return try typed(start) { element, shape in tensor.type == element && tensor.shape == shape ? tensor : nil }
  }

  /// Numbers or strings; their type stands behind them, so they are read twice.
  private mutating func listedTensor(_ start: Int) throws(Diagnostic) -> Tensor {
    let isList = scanner.accept("[")
    if isList, scanner.peek() == UInt8(ascii: "\"") {
      var strings: [[UInt8]] = []
      repeat { strings.append(try scanner.quoted()) } while scanner.accept(",")
      try scanner.expect("]")
      return try typed(start) { element, shape in
        element == .string ? Tensor(element, shape, storage: TensorStorage(strings: strings)) : nil
      }
    }
    let from = scanner.position
    while let byte = scanner.current, byte != UInt8(ascii: "]"), isList || byte != UInt8(ascii: ":") {
      scanner.position += 1
    }
    if isList { try scanner.expect("]") }
    try scanner.expect(":")
    let (type, shape) = try constantType()
    let end = scanner.position
    scanner.position = from
    var codes: [UInt64] = []
    if !(isList && scanner.accept("]")) {
      repeat { codes.append(try scanner.element(ElementText.component(type))) } while isList && scanner.accept(",")
      if isList { try scanner.expect("]") }
    }
    try scanner.expect(":")
    scanner.position = end
    if type == .string, codes.isEmpty, let tensor = Tensor(type, shape, storage: TensorStorage(strings: [])) {
      return tensor
    }
    guard type != .string, let tensor = ElementText.tensor(codes, type, shape) else {
      throw scanner.failure("\(codes.count) numbers do not fill \(type.name)\(describe(shape))", at: start)
    }
    return tensor
  }

  private mutating func typed(
    _ start: Int, _ make: (ElementType, [Int]) -> Tensor?
  ) throws(Diagnostic) -> Tensor {
    try scanner.expect(":")
    let (element, shape) = try constantType()
    guard let tensor = make(element, shape) else {
      throw scanner.failure("the data does not fit \(element.name)\(describe(shape))", at: start)
    }
    return tensor
  }

  static func bytes(hexadecimal digits: [UInt8]) -> [UInt8]? {
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = TextScanner.digit(digits[index]), let low = TextScanner.digit(digits[index + 1]) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return bytes
  }
}
