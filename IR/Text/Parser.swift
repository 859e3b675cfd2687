/// Reads the text form of a graph. Safe on any text: every failure is a diagnostic with line and column, nesting is
/// limited, and nothing is allocated that the text does not hold.
struct GraphParser {
  var scanner: TextScanner
  let constants: [String: Tensor]
  /// Largest number in a made-up symbol (`?12.0`).
  var reserved = -1

  init(_ text: String, constants: [String: Tensor]) {
    scanner = TextScanner(text)
    self.constants = constants
  }

  static let maximumDepth = 32

  mutating func parse() throws(Diagnostic) -> Graph {
    try scanner.expectWord("graph")
    let graph = try graph(depth: 0)
    if scanner.peek() != nil { throw scanner.failure("expected the end of the text") }
    return graph
  }

  /// A graph after the word `graph`.
  mutating func graph(depth: Int) throws(Diagnostic) -> Graph {
    guard depth < GraphParser.maximumDepth else {
      throw scanner.failure("graphs are nested more than \(GraphParser.maximumDepth) deep")
    }
    let outer = reserved
    reserved = -1
    defer { reserved = outer }
    try scanner.expect("@")
    var builder = Builder(graph: Graph(name: Name(try scanner.identifier())), depth: depth)
    try inputs(&builder)
    let outputs = try outputSignature()
    try scanner.expect("{")
    while !scanner.acceptWord("return") { try statement(&builder) }
    var results: [ValueID] = []
    if scanner.peek() != UInt8(ascii: "}") {
      repeat { results.append(try value(builder)) } while scanner.accept(",")
    }
    try scanner.expect("}")
    guard results.count == outputs.count else {
      throw scanner.failure("\(results.count) values are returned, but \(outputs.count) outputs are declared")
    }
    for (result, output) in zip(results, outputs) { try declare(result, output.type, &builder) }
    builder.graph.setOutputs(results, names: outputs.map(\.name))
    guard reserved < builder.graph.valueCount + 1_000_000 else {
      throw scanner.failure("a made-up symbol has too large a number")
    }
    builder.graph.reserveValues(through: reserved)
    return builder.graph
  }

  struct Builder {
    var graph: Graph
    var depth: Int
    var ids: [String: ValueID] = [:]
  }

  private mutating func inputs(_ builder: inout Builder) throws(Diagnostic) {
    try scanner.expect("(")
    if scanner.accept(")") { return }
    repeat {
      let (key, name) = try definition()
      try scanner.expect(":")
      let id = builder.graph.addInput(name, try type())
      try define(key, id, &builder)
    } while scanner.accept(",")
    try scanner.expect(")")
  }

  private mutating func outputSignature() throws(Diagnostic) -> [(name: Name, type: ValueType)] {
    try scanner.expect("->")
    try scanner.expect("(")
    var outputs: [(name: Name, type: ValueType)] = []
    if scanner.accept(")") { return outputs }
    repeat {
      try scanner.expect("%")
      let name = Name(try scanner.identifier())
      try scanner.expect(":")
      outputs.append((name, try type()))
    } while scanner.accept(",")
    try scanner.expect(")")
    return outputs
  }

  // MARK: Values

  /// `%x`, `%3` or `%3 as "x"` where a value is defined: its key and its name.
  private mutating func definition() throws(Diagnostic) -> (key: String, name: Name) {
    try scanner.expect("%")
    let (key, name) = try identifier()
    if scanner.acceptWord("as") { return (key, Name(try scanner.quoted())) }
    return (key, name.allSatisfy { (48...57).contains($0) } ? Name("") : Name(name))
  }

  private mutating func identifier() throws(Diagnostic) -> (key: String, name: [UInt8]) {
    let start = scanner.position
    let name = try scanner.identifier()
    return (String(decoding: scanner.bytes[start..<scanner.position], as: UTF8.self), name)
  }

  private func define(_ key: String, _ id: ValueID, _ builder: inout Builder) throws(Diagnostic) {
    if builder.ids.updateValue(id, forKey: key) != nil { throw scanner.failure("%\(key) is defined twice") }
  }

  private mutating func value(_ builder: Builder) throws(Diagnostic) -> ValueID {
    try scanner.expect("%")
    let start = scanner.position
    let key = try identifier().key
    guard let id = builder.ids[key] else {
      throw scanner.failure("%\(key) is not defined before it is read", at: start)
    }
    return id
  }

  /// The printed type is what is known of the value; it must not contradict what is inferred.
  private func declare(_ id: ValueID, _ type: ValueType, _ builder: inout Builder, at start: Int? = nil)
    throws(Diagnostic)
  {
    guard builder.graph.type(id).isCompatible(with: type) else {
      throw scanner.failure("the value is \(builder.graph.type(id)) but is declared as \(type)", at: start)
    }
    if builder.graph.constant(id) == nil { builder.graph.setType(id, type) }
  }

  // MARK: Statements

  private mutating func statement(_ builder: inout Builder) throws(Diagnostic) {
    scanner.skipSpace()
    let start = scanner.position
    var results: [(key: String, name: Name)] = []
    repeat { results.append(try definition()) } while scanner.accept(",")
    try scanner.expect("=")
    if results.count == 1, scanner.acceptWord("constant") {
      let id = builder.graph.addConstant(try tensor(), name: results[0].name)
      return try define(results[0].key, id, &builder)
    }
    let op = try operatorNamed()
    let inputs = try arguments(builder)
    let configured = try attributes(of: op, depth: builder.depth)
    try scanner.expect(":")
    var types: [ValueType] = []
    repeat { types.append(try type()) } while scanner.accept(",")
    let names = try originNames()
    guard types.count == results.count else {
      throw scanner.failure("\(results.count) results have \(types.count) types", at: start)
    }
    let ids: [ValueID]
    do throws(Diagnostic) {
      ids = try builder.graph.add(
        configured, inputs, outputs: results.count, names: names, outputNames: results.map(\.name))
    } catch {
      throw Diagnostic(error.kind, scanner.failure(error.message, at: start).message, notes: error.notes)
    }
    for ((result, id), type) in zip(zip(results, ids), types) {
      try declare(id, type, &builder, at: start)
      try define(result.key, id, &builder)
    }
  }

  private mutating func operatorNamed() throws(Diagnostic) -> any Operator.Type {
    scanner.skipSpace()
    let start = scanner.position
    let word = String(decoding: scanner.bareWord(), as: UTF8.self)
    let dot = word.lastIndex(of: ".")
    let name = dot.map { String(word[word.index(after: $0)...]) } ?? word
    guard let type = OperatorCatalog.find(name, domain: dot.map { String(word[..<$0]) } ?? "") else {
      throw scanner.failure("there is no operator '\(word)'", at: start)
    }
    return type
  }

  private mutating func arguments(_ builder: Builder) throws(Diagnostic) -> [ValueID?] {
    try scanner.expect("(")
    var inputs: [ValueID?] = []
    if scanner.accept(")") { return inputs }
    repeat {
      if scanner.acceptWord("_") {
        inputs.append(nil)
      } else {
        inputs.append(try value(builder))
      }
    } while scanner.accept(",")
    try scanner.expect(")")
    return inputs
  }

  private mutating func attributes(of type: any Operator.Type, depth: Int) throws(Diagnostic) -> any Operator {
    var op = type.init()
    var missing = type.requiredAttributes
    if !scanner.accept("{") {
      if let name = missing.first { throw scanner.failure("attribute '\(name)' is missing") }
      return op
    }
    repeat {
      scanner.skipSpace()
      let start = scanner.position
      let name = String(decoding: scanner.bareWord(), as: UTF8.self)
      try scanner.expect("=")
      let value = try attributeValue(depth: depth)
      do throws(Diagnostic) {
        try op.setAttribute(name, value)
      } catch {
        throw scanner.failure(error.message, at: start)
      }
      missing.removeAll { $0 == name }
    } while scanner.accept(",")
    if let name = missing.first { throw scanner.failure("attribute '\(name)' is missing") }
    try scanner.expect("}")
    return op
  }

  private mutating func originNames() throws(Diagnostic) -> [Name] {
    guard scanner.acceptWord("from") else { return [] }
    var names: [Name] = []
    repeat { names.append(Name(try scanner.quoted())) } while scanner.accept(",")
    return names
  }
}

extension Operator {
  fileprivate static var requiredAttributes: [String] { attributes.filter(\.isRequired).map(\.name) }
}

extension Graph {
  /// Reads the text form. `constants` holds the data of what is printed by name. Throws what is wrong, with line and
  /// column.
  public init(parsing text: String, constants: [String: Tensor] = [:]) throws(Diagnostic) {
    var parser = GraphParser(text, constants: constants)
    self = try parser.parse()
  }

  /// Sets what is known of a value's type, as it was printed.
  mutating func setType(_ id: ValueID, _ type: ValueType) { values[id.index].type = type }

  /// Makes handles through `index` taken, so that no symbol made up later has the same number.
  mutating func reserveValues(through index: Int) {
    while valueCount <= index {
      let id = newValue("", .tensor(.uint8, [0]), .constant(Tensor([UInt8](), shape: [0])))
      values[id.index].isRemoved = true
    }
  }
}
