/// Adding, removing and rewiring nodes. Every node that enters is inferred and checked first.
extension Graph {
  /// What inference sees of a node's inputs.
  public func inferenceContext(_ inputs: [ValueID?], outputCount: Int) -> InferenceContext {
    InferenceContext(
      inputs: inputs.map { id in
        id.map { InferenceContext.Input(type: type($0), constant: constant($0), contents: contents($0)) }
      }, outputCount: outputCount)
  }

  /// Types and contents of the outputs an operator would have on these inputs. Throws what is wrong, with `label` and
  /// the input types in front.
  public func infer(
    _ op: any Operator, _ inputs: [ValueID?], outputCount: Int, label: @autoclosure () -> String
  ) throws(Diagnostic) -> (types: [ValueType], contents: [[Dim]?]) {
    let context = inferenceContext(inputs, outputCount: outputCount)
    do throws(Diagnostic) {
      try checkArity(op, context)
      let types = try op.inferTypes(context)
      guard types.count == outputCount else {
        throw Diagnostic.invalid("has \(types.count) outputs, but \(outputCount) are named")
      }
      for type in types { try checkDims(type) }
      let contents = op.inferContents(context)
      return (
        types.map { context.shared($0) },
        contents.count == outputCount ? contents : Array(repeating: nil, count: outputCount)
      )
    } catch {
      var located = error.about(label())
      for (index, input) in inputs.enumerated().prefix(8) {
        if let input { located.notes.append("input \(index) %\(self[input].name) : \(type(input))") }
      }
      throw located
    }
  }

  private func checkArity(_ op: any Operator, _ context: InferenceContext) throws(Diagnostic) {
    let arity = Swift.type(of: op).inputs
    guard context.inputs.count >= arity.minimum, context.inputs.count <= arity.maximum else {
      throw .invalid("has \(context.inputs.count) inputs, accepted are \(arity.text)")
    }
    for index in 0..<min(arity.minimum, context.inputs.count) where context.inputs[index] == nil {
      if arity.maximum > 1_000_000 || index < arity.minimum { throw .invalid("input \(index) is missing") }
    }
    let outputs = Swift.type(of: op).outputs
    guard context.outputCount >= outputs.minimum, context.outputCount <= outputs.maximum else {
      throw .invalid("has \(context.outputCount) outputs, accepted are \(outputs.text)")
    }
  }

  private func checkDims(_ type: ValueType) throws(Diagnostic) {
    switch type {
    case .tensor(let tensor):
      guard let shape = tensor.shape else { return }
      if shape.count > Shape.maximumRank {
        throw .invalid("the result would have rank \(shape.count), accepted are 0...\(Shape.maximumRank)")
      }
      for dim in shape {
        if let value = dim.value, value < 0 || value > Dim.limit {
          throw .invalid("the result would have dimension \(value)")
        }
      }
      guard shape.allSatisfy({ $0.value != nil }) else { return }
      guard let count = Tensor.elementCount(of: shape.lazy.map { $0.value ?? 0 }),
        tensor.element.byteCount(of: count) != nil
      else { throw .invalid("the result would have shape \(describe(shape)), which is too large") }
    case .sequence(let element), .optional(let element): try checkDims(element)
    case .map(_, let value): try checkDims(value)
    }
  }

  /// Appends a node (or inserts it before another). Returns its outputs; throws what inference finds wrong.
  @discardableResult
  public mutating func add(
    _ op: any Operator, _ inputs: [ValueID?], outputs: Int = 1, names: [Name] = [], outputNames: [Name] = [],
    before: NodeID? = nil
  ) throws(Diagnostic) -> [ValueID] {
    var inputs = inputs
    while let final = inputs.last, final == nil { inputs.removeLast() }
    let id = NodeID(nodes.count)
    var node = Node(id: id, op: op, inputs: inputs, names: names)
    let inferred = try infer(op, inputs, outputCount: outputs, label: node.label)
    for index in 0..<outputs {
      let name = index < outputNames.count ? outputNames[index] : Name("")
      let value = newValue(
        name, inferred.types[index], .node(id, output: Int32(truncatingIfNeeded: index)),
        contents: inferred.contents[index])
      values[value.index].type = named(inferred.types[index], value)
      node.outputs.append(value)
    }
    link(node, before: before)
    addUses(of: id)
    return Array(node.outputs)
  }

  /// Unknown dimensions replaced by symbols that belong to the value.
  func named(_ type: ValueType, _ id: ValueID) -> ValueType {
    type.hasUnknownDims ? type.mapDims { dim, axis in dim.isUnknown ? .symbol("?\(id.index).\(axis)") : dim } : type
  }

  /// Narrows a value's type by what else is known of it (a declared type, an older inference). Dimensions that are
  /// already numbers stay. Throws where the two contradict.
  public mutating func refine(_ id: ValueID, with hint: ValueType) throws(Diagnostic) {
    let old = values[id.index].type
    guard old.isCompatible(with: hint) else {
      throw .invalid("value '\(values[id.index].name)' is \(old) but is declared as \(hint)")
    }
    values[id.index].type = Graph.narrowed(old, by: hint)
  }

  static func narrowed(_ type: ValueType, by hint: ValueType) -> ValueType {
    switch (type, hint) {
    case (.tensor(let t), .tensor(let h)):
      guard let own = t.shape else { return .tensor(h.element, h.shape) }
      guard let other = h.shape, other.count == own.count else { return type }
      let dims = zip(own, other).map { a, b in
        isAnonymous(a) && !isAnonymous(b) || a.value == nil && b.value != nil ? b : a
      }
      return .tensor(t.element, dims)
    case (.sequence(let a), .sequence(let b)): return .sequence(narrowed(a, by: b))
    case (.optional(let a), .optional(let b)): return .optional(narrowed(a, by: b))
    default: return type
    }
  }

  /// Whether a dimension is a symbol the graph made up.
  static func isAnonymous(_ dim: Dim) -> Bool { dim.symbolName?.hasPrefix("?") ?? false }

  /// Replaces an input of a node. The caller re-infers where types may change.
  public mutating func setInput(_ node: NodeID, _ index: Int, _ value: ValueID?) {
    guard let old = nodes[node.index] else { return }
    let use = Int(old.firstUse) + index
    if let previous = old.inputs[index] { unlist(use, at: previous) }
    nodes[node.index]?.inputs[index] = value
    if let value { list(use, at: value) }
  }

  /// Gives a node one more input. The caller re-infers where types may change.
  public mutating func appendInput(_ node: NodeID, _ value: ValueID) {
    guard let old = nodes[node.index] else { return }
    removeUses(of: old)
    nodes[node.index]?.inputs.append(value)
    addUses(of: node)
  }

  /// Replaces a node's operator, keeping inputs and outputs, and re-infers its outputs.
  public mutating func setOperator(_ id: NodeID, _ op: any Operator) throws(Diagnostic) {
    if let old = nodes[id.index] { recount(bodiesOf: old.op, becoming: op) }
    nodes[id.index]?.op = op
    kinds[id.index] = operatorKinds.number(Swift.type(of: op))
    try reinfer(id)
  }

  /// Infers a node's outputs anew, keeping what was known of dimensions that stay unknown.
  public mutating func reinfer(_ id: NodeID) throws(Diagnostic) {
    guard let node = nodes[id.index] else { return }
    let inferred = try infer(node.op, node.inputs, outputCount: node.outputs.count, label: node.label)
    for (index, output) in node.outputs.enumerated() {
      let old = values[output.index].type
      let type = named(inferred.types[index], output)
      guard type.isCompatible(with: old) else {
        throw .invalid("\(node.label): output \(index) became \(type), it was \(old)")
      }
      values[output.index].type = Graph.narrowed(type, by: old)
      values[output.index].contents = inferred.contents[index] ?? values[output.index].contents
    }
  }

  /// Adds the names of a node that another now also stands for.
  public mutating func addNames(_ names: [Name], to id: NodeID) {
    nodes[id.index]?.addNames(names)
  }

  /// The graph with fewer inputs: each of those listed becomes a constant, or just goes where it has none. Nil where
  /// something still reads an input without a constant, or a constant does not fit.
  public func replacingInputs(_ replaced: [(index: Int, constant: Tensor?)]) -> Graph? {
    var graph = self
    for (index, constant) in replaced {
      guard inputs.indices.contains(index) else { return nil }
      let id = inputs[index]
      guard let constant else {
        guard useCount(id) == 0 else { return nil }
        graph.values[id.index].isRemoved = true
        continue
      }
      let type = ValueType.tensor(constant.tensorType)
      guard graph.type(id).isCompatible(with: type) else { return nil }
      graph.values[id.index].definition = .constant(constant)
      graph.values[id.index].type = type
      graph.values[id.index].contents = Graph.contents(of: constant)
    }
    let gone = Set(replaced.map(\.index))
    graph.inputs = inputs.indices.filter { !gone.contains($0) }.map { inputs[$0] }
    for (index, id) in graph.inputs.enumerated() {
      graph.values[id.index].definition = .input(Int32(truncatingIfNeeded: index))
    }
    do throws(Diagnostic) {
      for node in orderedNodes { try graph.reinfer(node.id) }
      return graph
    } catch {
      return nil
    }
  }

  /// Removes a node none of whose outputs is read. Returns false, and does nothing, where one is.
  @discardableResult
  public mutating func remove(_ id: NodeID) -> Bool {
    guard let node = nodes[id.index], node.outputs.allSatisfy({ useCount($0) == 0 }) else { return false }
    removeUses(of: node)
    for output in node.outputs { values[output.index].isRemoved = true }
    unlink(id)
    return true
  }

  /// Drops constants that nothing reads, so that their memory is freed.
  public mutating func removeUnusedConstants() {
    for index in values.indices where useCount(ValueID(index)) == 0 {
      if case .constant = values[index].definition, !values[index].isRemoved {
        constant(ValueID(index))?.storage.setAside()
        values[index].isRemoved = true
        values[index].definition = .forgotten
      }
    }
  }

  /// Frees the memory of a constant that its readers have made use of: what it held is not known any more.
  public mutating func forgetConstant(_ id: ValueID) {
    if case .constant = values[id.index].definition { values[id.index].definition = .forgotten }
  }

  /// Removes a node and then whatever only it needed. Returns how many nodes went.
  @discardableResult
  public mutating func removeDead(from id: NodeID) -> Int {
    var pending = [id]
    var removed = 0
    while let candidate = pending.popLast() {
      guard let node = nodes[candidate.index], remove(candidate) else { continue }
      removed += 1
      for input in node.inputs {
        if let input, case .node(let producer, _) = values[input.index].definition { pending.append(producer) }
      }
    }
    return removed
  }
}

extension Arity {
  var text: String {
    minimum == maximum ? "\(minimum)" : maximum > 1_000_000 ? "\(minimum) or more" : "\(minimum)...\(maximum)"
  }
}

extension Graph: Hashable {
  /// Same structure: inputs, nodes in order, operators, wiring, types, constants and names; handles may differ.
  public static func == (a: Graph, b: Graph) -> Bool { GraphComparison(a, b).areEqual }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(inputs.count)
    hasher.combine(outputs.count)
    hasher.combine(nodeCount)
  }
}

/// Structural comparison, walking both graphs in order.
private struct GraphComparison {
  let a: Graph
  let b: Graph

  init(_ a: Graph, _ b: Graph) {
    self.a = a
    self.b = b
  }

  var areEqual: Bool {
    guard a.name == b.name, a.nodeCount == b.nodeCount, a.inputs.count == b.inputs.count, a.outputNames == b.outputNames
    else {
      return false
    }
    var matched: [ValueID: ValueID] = [:]
    for (x, y) in zip(a.inputs, b.inputs) {
      guard a[x].name == b[y].name, a.type(x) == b.type(y) else { return false }
      matched[x] = y
    }
    func same(_ x: ValueID?, _ y: ValueID?) -> Bool {
      guard let x, let y else { return x == nil && y == nil }
      if let known = matched[x] { return known == y }
      guard let s = a.constant(x), let t = b.constant(y) else { return false }
      return s == t
    }
    for (m, n) in zip(a.orderedNodes, b.orderedNodes) {
      guard m.op.isEqual(to: n.op), m.names == n.names, m.inputs.count == n.inputs.count,
        m.outputs.count == n.outputs.count,
        zip(m.inputs, n.inputs).allSatisfy({ same($0, $1) })
      else { return false }
      for (x, y) in zip(m.outputs, n.outputs) { matched[x] = y }
    }
    return a.outputs.count == b.outputs.count && zip(a.outputs, b.outputs).allSatisfy { same($0, $1) }
  }
}
