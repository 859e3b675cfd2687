import IR

/// Names of AttributeProto.AttributeType, by number.
private let attributeKinds = [
  "nothing", "a float", "an int", "a string", "a tensor", "a graph", "floats", "ints", "strings", "tensors", "graphs",
  "a sparse tensor", "sparse tensors", "a type", "types",
]

extension ProtoAttribute {
  /// The AttributeType it holds: the declared one, or for old files without, the one whose field is there.
  /// Throws when declaration and content differ.
  func kind() throws(Diagnostic) -> Int {
    let present = (1..<attributeKinds.count).filter { fields & (1 << UInt32($0)) != 0 }
    guard type != 0 else {
      guard present.count == 1 else { throw .invalid("attribute '\(name)' holds \(Self.describe(present))") }
      return present[0]
    }
    if let other = present.first(where: { $0 != type }) {
      throw .invalid("attribute '\(name)' is declared as \(attributeKinds[type]) but holds \(attributeKinds[other])")
    }
    if present.isEmpty, [4, 5, 11, 13].contains(type) {
      throw .invalid("attribute '\(name)' is declared as \(attributeKinds[type]) but holds nothing")
    }
    return type
  }

  private static func describe(_ kinds: [Int]) -> String {
    kinds.isEmpty ? "nothing" : kinds.map { attributeKinds[$0] }.joined(separator: " and ")
  }

  /// The value, where it is no graph. Throws on contents that do not fit.
  func value(_ tensors: TensorReader) throws(Diagnostic) -> AttributeValue {
    switch try kind() {
    case 1: return .float(float)
    case 2: return .int(int)
    case 3: return .string(string)
    case 4: return .tensor(try located { () throws(Diagnostic) in try tensors.read(tensor) })
    case 6: return .floats(floats)
    case 7: return .ints(ints)
    case 8: return .strings(strings)
    case 9:
      var list: [Tensor] = []
      for proto in self.tensors { list.append(try located { () throws(Diagnostic) in try tensors.read(proto) }) }
      return .tensors(list)
    case 11: return .tensor(try located { () throws(Diagnostic) in try tensors.read(sparse) })
    case 13:
      guard let type = try TypeReader.read(typeProto) else { throw .invalid("attribute '\(name)' holds an empty type") }
      return .type(type)
    case let other: throw .unsupported("attribute '\(name)' holds \(attributeKinds[other])")
    }
  }

  private func located<T>(_ body: () throws(Diagnostic) -> T) throws(Diagnostic) -> T {
    do throws(Diagnostic) { return try body() } catch { throw error.about("attribute '\(name)'") }
  }
}
