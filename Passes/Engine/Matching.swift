import IR

/// What rules ask of a graph.
extension Graph {
  /// The node that computes a value no one else reads: not another node, not the graph's outputs.
  func soleProducer(_ id: ValueID?) -> Node? {
    guard let id, useCount(id) == 1, let node = producer(id), node.outputs.count == 1 else { return nil }
    return node
  }

  /// The operator and node that compute a value, where it is of that type.
  func producer<Op: Operator>(_ id: ValueID?, _: Op.Type) -> (op: Op, node: Node)? {
    guard let id, case .node(let producer, _) = self[id].definition, operatorType(producer) == Op.self,
      let node = self[producer], let op = node.op as? Op
    else { return nil }
    return (op, node)
  }

  func soleProducer<Op: Operator>(_ id: ValueID?, _: Op.Type) -> (op: Op, node: Node)? {
    guard let node = soleProducer(id), let op = node.op as? Op else { return nil }
    return (op, node)
  }

  /// The reader of a value, where there is exactly one and it is no output of the graph.
  func soleReader(_ id: ValueID) -> Node? {
    guard useCount(id) == 1, let user = users(id, limit: 1).first else { return nil }
    return self[user]
  }

  func element(_ id: ValueID?) -> ElementType? { id.flatMap { type($0).tensor?.element } }
  func shape(_ id: ValueID?) -> Shape? { id.flatMap { type($0).tensor?.shape } }
  func rank(_ id: ValueID?) -> Int? { shape(id)?.count }

  /// Whether two values have, for certain, the same element type and shape.
  func haveSameType(_ a: ValueID, _ b: ValueID) -> Bool {
    guard let x = type(a).tensor, let y = type(b).tensor, x.element == y.element, let s = x.shape, let t = y.shape
    else {
      return false
    }
    return s == t
  }

  /// The number a constant of one element holds.
  func scalar(_ id: ValueID?) -> Double? {
    guard let tensor = constant(id), tensor.count == 1, tensor.type.isFloat || tensor.type.isInteger else { return nil }
    return tensor.wide(Double.self).first
  }

  /// Whether a constant holds the same number everywhere, and which.
  func uniform(_ id: ValueID?) -> Double? {
    guard let tensor = constant(id), tensor.count > 0, tensor.count <= 1 << 20,
      tensor.type.isFloat || tensor.type.isInteger
    else { return nil }
    let values = tensor.wide(Double.self)
    guard let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
    return first
  }

  /// Elements of a value as integers, where they are known.
  func integers(_ id: ValueID?) -> [Int]? {
    guard let id else { return nil }
    if let tensor = constant(id), tensor.type.isInteger, tensor.rank <= 1 { return tensor.integers }
    guard let contents = contents(id) else { return nil }
    let values = contents.compactMap(\.value)
    return values.count == contents.count ? values : nil
  }

  /// Whether readers of `old` may read `kept` instead. An output of the graph stays the output of a node, and of one only.
  func mayReplace(_ old: ValueID, with kept: ValueID) -> Bool {
    !isOutput(old) || (!isOutput(kept) && producer(kept) != nil)
  }

  /// Why a value cannot disappear into a fusion: it has other readers, or is an output. Nil where it can.
  func reasonToKeep(_ id: ValueID, _ what: String) -> String? {
    if isOutput(id) { return "\(what) is an output of the graph" }
    let readers = readerCount(id)
    return readers > 1 ? "\(what) has \(readers) readers" : nil
  }
}

extension Patch {
  /// A patch that lets the readers of a node's only output read an existing value.
  static func replacing(_ node: Node, with value: ValueID, _ note: String) -> Patch {
    var patch = Patch(at: node.id, note: note)
    patch.replace(node.outputs[0], with: .existing(value))
    return patch
  }

  /// A patch that puts another operator in the place of a node of one output.
  static func replacing(
    _ node: Node, with op: any Operator, _ inputs: [ValueID?], absorbing: [NodeID] = [], _ note: String
  ) -> Patch {
    var patch = Patch(at: node.id, note: note)
    patch.absorbed = absorbing
    patch.replace(node.outputs[0], with: patch.add(op, inputs.map { $0.map { .existing($0) } }))
    return patch
  }
}

extension Node {
  func input(_ index: Int) -> ValueID? { index < inputs.count ? inputs[index] : nil }
}

extension Operator {
  /// Whether the same inputs always give the same outputs, bodies included.
  var isPure: Bool {
    Self.isDeterministic && subgraphs.allSatisfy { $0.orderedNodes.allSatisfy { $0.op.isPure } }
  }
}
