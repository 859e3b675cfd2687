import IR

/// A node of the file on its way to several nodes of the graph: what the file says, and the nodes written so far.
///
/// An expansion reads its inputs and attributes, then calls `node` in the order of the computation. Attributes that it
/// does not read are refused at the end.
final class Expansion {
  private(set) var draft: NodeDraft
  let builder: GraphBuilder

  init(_ draft: NodeDraft, _ builder: GraphBuilder) {
    self.draft = draft
    self.builder = builder
  }

  // MARK: Inputs

  var inputCount: Int { draft.inputs.count }
  var outputCount: Int { draft.outputCount }

  func optional(_ index: Int) -> ValueID? { draft.input(index) }

  /// The input; throws where it is absent.
  func input(_ index: Int) throws(Diagnostic) -> ValueID {
    guard let id = draft.input(index) else { throw .invalid("input \(index) is missing") }
    return id
  }

  /// The shape of a value; nil where its rank is not known.
  func shape(_ id: ValueID?) -> Shape? { builder.shape(id) }

  /// The shape of a value whose rank the expansion depends on.
  func knownShape(_ id: ValueID, _ what: String) throws(Diagnostic) -> Shape {
    guard let shape = builder.shape(id) else { throw .unsupported("\(what) of unknown rank") }
    return shape
  }

  func element(_ id: ValueID) throws(Diagnostic) -> ElementType {
    guard let tensor = builder.graph.type(id).tensor else {
      throw .invalid("an input is a \(builder.graph.type(id)), expected a tensor")
    }
    return tensor.element
  }

  /// The elements of a constant input.
  func constant(_ id: ValueID?) -> Tensor? { builder.graph.constant(id) }

  /// Throws unless the input is absent.
  func refuse(_ index: Int, _ what: String) throws(Diagnostic) {
    if draft.input(index) != nil { throw .unsupported("\(what) (input \(index))") }
  }

  // MARK: Attributes

  func int(_ name: String) throws(Diagnostic) -> Int? {
    guard let number = try draft.takeInt(name) else { return nil }
    return Int(clamping: number)
  }

  func flag(_ name: String) throws(Diagnostic) -> Bool {
    let number = try draft.takeInt(name) ?? 0
    guard number == 0 || number == 1 else {
      throw .invalid("attribute '\(name)' is \(number), accepted range is 0...1")
    }
    return number == 1
  }

  /// An attribute that must be given, within a range.
  func size(_ name: String, in range: ClosedRange<Int> = 1...Int(Int32.max)) throws(Diagnostic) -> Int {
    guard let number = try int(name) else { throw .invalid("the required attribute '\(name)' is missing") }
    guard range.contains(number) else {
      throw .invalid("attribute '\(name)' is \(number), accepted range is \(range.lowerBound)...\(range.upperBound)")
    }
    return number
  }

  func float(_ name: String) throws(Diagnostic) -> Float? { try draft.takeFloat(name) }
  func floats(_ name: String) throws(Diagnostic) -> [Float]? { try draft.takeFloats(name) }
  func ints(_ name: String) throws(Diagnostic) -> [Int64]? { try draft.takeInts(name) }
  func string(_ name: String) throws(Diagnostic) -> String? { try draft.takeString(name) }

  /// Drops attributes that change nothing here.
  func ignore(_ names: String...) { for name in names { _ = draft.take(name) } }

  /// The attributes of these names as the file has them, for an operator that takes them over.
  func pass(_ names: String...) -> [(name: String, value: AttributeValue)] {
    names.compactMap { name in draft.take(name).map { (name, $0) } }
  }

  // MARK: Nodes

  typealias Attributes = [(name: String, value: AttributeValue)]

  /// Adds a node with one output.
  func node(
    _ name: String, _ inputs: [ValueID?], _ attributes: Attributes = [], hints: Attributes = []
  ) throws(Diagnostic) -> ValueID {
    try nodes(name, inputs, attributes, hints: hints, outputs: 1)[0]
  }

  /// Adds a node with so many outputs.
  func nodes(
    _ name: String, _ inputs: [ValueID?], _ attributes: Attributes = [], hints: Attributes = [], outputs: Int
  ) throws(Diagnostic) -> [ValueID] {
    let op = try builder.operation(name, domain: "", attributes, hints: hints)
    return try builder.graph.add(
      op, inputs, outputs: outputs, names: draft.nodeName.isEmpty ? [] : [draft.nodeName])
  }

  /// A one-dimensional int64 constant.
  func constant(_ numbers: [Int]) -> ValueID { constant(Tensor(numbers.map { Int64($0) })) }
  func constant(_ tensor: Tensor) -> ValueID { builder.graph.addConstant(tensor) }

  /// A scalar in the element type of a value.
  func scalar(_ number: Float, like id: ValueID) throws(Diagnostic) -> ValueID {
    constant(Tensor(wide: [number], try element(id), []))
  }

  func reshape(_ x: ValueID, _ shape: [Int]) throws(Diagnostic) -> ValueID {
    try node("Reshape", [x, constant(shape)])
  }

  func transpose(_ x: ValueID, _ permutation: [Int]) throws(Diagnostic) -> ValueID {
    try node("Transpose", [x], [("perm", .ints(permutation.map { Int64($0) }))])
  }

  func cast(_ x: ValueID, _ type: ElementType) throws(Diagnostic) -> ValueID {
    if try element(x) == type { return x }
    return try node("Cast", [x], [("to", .int(Int64(type.rawValue)))])
  }

  /// The elements first..<end along an axis; an open end is Int.max.
  func slice(_ x: ValueID, axis: Int, _ first: Int, _ end: Int) throws(Diagnostic) -> ValueID {
    try node("Slice", [x, constant([first]), constant([end]), constant([axis])])
  }

  /// x + y; x where y is absent.
  func sum(_ x: ValueID, _ y: ValueID?) throws(Diagnostic) -> ValueID {
    guard let y else { return x }
    return try node("Add", [x, y])
  }

  /// The length of one axis as an int64 vector of one element.
  func length(_ x: ValueID, axis: Int) throws(Diagnostic) -> ValueID {
    try node("Shape", [x], [("start", .int(Int64(axis))), ("end", .int(Int64(axis) + 1))])
  }

  /// Whole numbers 0, 1, … below a scalar, int64.
  func range(_ limit: ValueID) throws(Diagnostic) -> ValueID {
    let zero = constant(Tensor(scalar: Int64(0)))
    return try node("Range", [zero, limit, constant(Tensor(scalar: Int64(1)))])
  }

  /// Checks that every attribute has been read, and gives the results the file's names.
  func finish(_ results: [ValueID]) throws(Diagnostic) -> ImportResult {
    if let left = draft.attributes.first { throw .invalid("there is no attribute '\(left.name)'") }
    for (id, name) in zip(results, draft.outputNames) { builder.graph.nameIfUnnamed(id, name) }
    return .values(results)
  }
}
