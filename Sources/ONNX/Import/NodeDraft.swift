import IR

/// A node on its way from the file into the graph: what an importer reads and changes.
struct NodeDraft {
  /// Operator name; an importer may change it to the IR's.
  var name: String
  let domain: String
  /// Version of the domain that the node was written for.
  let opset: Int
  var inputs: [ValueID?]
  var attributes: [(name: String, value: AttributeValue)]
  /// Attributes of the IR's own that the operator may have; a model cannot set them.
  var hints: [(name: String, value: AttributeValue)] = []
  /// Graph-valued attributes, not yet imported.
  var graphs: [(name: String, proto: ProtoGraph)]
  var outputCount: Int
  let nodeName: Name
  let outputNames: [Name]
  /// Of a custom operator: attributes are passed on as they are.
  var isCustom = false

  func input(_ index: Int) -> ValueID? { index < inputs.count ? inputs[index] : nil }

  mutating func setInput(_ index: Int, _ value: ValueID?) {
    while inputs.count <= index { inputs.append(nil) }
    inputs[index] = value
  }

  /// Removes an attribute and returns its value.
  mutating func take(_ name: String) -> AttributeValue? {
    guard let index = attributes.firstIndex(where: { $0.name == name }) else { return nil }
    return attributes.remove(at: index).value
  }

  mutating func takeInts(_ name: String) throws(Diagnostic) -> [Int64]? {
    guard let value = take(name) else { return nil }
    guard case .ints(let numbers) = value else { throw Self.wrong(name, value, "ints") }
    return numbers
  }

  mutating func takeInt(_ name: String) throws(Diagnostic) -> Int64? {
    guard let value = take(name) else { return nil }
    guard case .int(let number) = value else { throw Self.wrong(name, value, "int") }
    return number
  }

  mutating func takeFloat(_ name: String) throws(Diagnostic) -> Float? {
    guard let value = take(name) else { return nil }
    guard case .float(let number) = value else { throw Self.wrong(name, value, "float") }
    return number
  }

  mutating func takeFloats(_ name: String) throws(Diagnostic) -> [Float]? {
    guard let value = take(name) else { return nil }
    guard case .floats(let numbers) = value else { throw Self.wrong(name, value, "floats") }
    return numbers
  }

  mutating func takeString(_ name: String) throws(Diagnostic) -> String? {
    guard let value = take(name) else { return nil }
    guard case .string(let bytes) = value else { throw Self.wrong(name, value, "string") }
    return Name(bytes).string
  }

  mutating func takeStrings(_ name: String) throws(Diagnostic) -> [[UInt8]]? {
    guard let value = take(name) else { return nil }
    guard case .strings(let list) = value else { throw Self.wrong(name, value, "strings") }
    return list
  }

  mutating func set(_ name: String, _ value: AttributeValue) {
    attributes.removeAll { $0.name == name }
    attributes.append((name, value))
  }

  func has(_ name: String) -> Bool { attributes.contains { $0.name == name } }

  private static func wrong(_ name: String, _ value: AttributeValue, _ expected: String) -> Diagnostic {
    .invalid("attribute '\(name)' is of kind \(value.kindName), expected \(expected)")
  }
}
