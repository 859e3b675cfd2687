import IR

/// Outer values that bodies of a control-flow operator read.
struct Captures {
  /// Passed in by the node, in order.
  var values: [(name: Name, id: ValueID)] = []
  /// Constants are shared instead.
  var constants: [(name: Name, tensor: Tensor)] = []
  /// Names whose definition was found wrong.
  var broken: [Name] = []
}

extension GraphBuilder {
  /// The outer values that these bodies read. Throws on a name that nothing defines yet.
  func captures(of bodies: [ProtoGraph]) throws(Diagnostic) -> Captures {
    var result = Captures()
    var seen: Set<Name> = []
    for name in bodies.flatMap(\.freeNames) where seen.insert(name).inserted {
      switch binding(name) {
      case .value(let id):
        if let tensor = graph.constant(id) {
          result.constants.append((name, tensor))
        } else {
          result.values.append((name, id))
        }
      case .broken: result.broken.append(name)
      case .absent: break
      case nil: throw .invalid("a body reads '\(name)', which is made by no earlier node")
      }
    }
    return result
  }

  /// The operator makes as many outputs as its body; the file may name fewer. Throws where it names more.
  func setOutputCount(_ count: Int, of draft: inout NodeDraft) throws(Diagnostic) {
    guard draft.outputCount <= count else {
      throw .invalid("names \(draft.outputCount) outputs, but its body makes \(count)")
    }
    draft.outputCount = count
  }

  /// Passes captured values as the node's last inputs. Every body takes them as its last inputs, in the same order.
  func append(_ captures: Captures, to draft: inout NodeDraft) {
    draft.inputs += captures.values.map { Optional($0.id) }
    draft.hints.append(("captures", .int(Int64(captures.values.count))))
  }

  /// A body as a graph whose inputs are its formals, of these types, and then the captures.
  /// Nil when something inside was found wrong and reported.
  func body(_ proto: ProtoGraph, _ formals: [ValueType], _ captures: Captures) throws(Diagnostic) -> Graph? {
    guard depth < importer.options.limits.subgraphDepth else {
      throw .invalid("graphs are nested more than \(importer.options.limits.subgraphDepth) deep")
    }
    guard captures.broken.isEmpty else { return nil }
    let outer = frames[frames.count - 1]
    let before = importer.findings.count
    let inner = GraphBuilder(importer, depth: depth + 1, name: proto.name)
    inner.frames = [
      Frame(
        source: .graph(proto), opsets: outer.opsets, tensors: outer.tensors, arguments: outer.arguments,
        prefix: outer.prefix, results: [])
    ]
    for (input, type) in zip(proto.inputs, formals) {
      try inner.checkFormal(input, type)
      inner.bind(
        input.name, .value(inner.graph.addInput(input.name, Self.portable(type))), "body input '\(input.name)'")
    }
    for (name, id) in captures.values {
      inner.bind(name, .value(inner.graph.addInput(name, Self.portable(graph.type(id)))), "captured value '\(name)'")
    }
    for (name, tensor) in captures.constants {
      inner.bind(name, .value(inner.graph.addConstant(tensor, name: name)), "captured value '\(name)'")
    }
    inner.addInitializers(proto)
    inner.importNodes()
    return inner.addOutputs(proto) && importer.findings.count == before ? inner.graph : nil
  }

  /// A body of one node: the draft's operator on inputs of these types and the captures.
  func wrapped(
    _ draft: NodeDraft, _ proto: ProtoGraph, _ types: [ValueType], _ captures: Captures
  ) throws(Diagnostic) -> Graph {
    var graph = Graph(name: proto.name)
    var inputs: [ValueID?] = []
    for (input, type) in zip(proto.inputs, types) { inputs.append(graph.addInput(input.name, Self.portable(type))) }
    for (name, id) in captures.values { inputs.append(graph.addInput(name, Self.portable(self.graph.type(id)))) }
    var draft = draft
    draft.hints.append(("captures", .int(Int64(captures.values.count))))
    let op = try operation(draft.name, domain: draft.domain, draft.attributes, hints: draft.hints)
    let names = proto.outputs.map(\.name)
    let outputs = try graph.add(op, inputs, outputs: names.count, names: [draft.nodeName], outputNames: names)
    graph.setOutputs(outputs, names: names)
    return graph
  }

  /// A type as another graph sees it: symbols that a graph made up mean something else there.
  private static func portable(_ type: ValueType) -> ValueType {
    type.mapDims { dim, _ in dim.symbols.contains { $0.hasPrefix("?") } ? .unknown : dim }
  }

  /// The declared element type of a body's input must be what the node passes; declared shapes are hints.
  private func checkFormal(_ input: ProtoValueInfo, _ type: ValueType) throws(Diagnostic) {
    guard let declared = try TypeReader.read(input.type)?.tensor, let actual = type.tensor else { return }
    guard declared.element == actual.element else {
      throw .invalid(
        "body input '\(input.name)' is declared as \(declared.element.name) but gets \(actual.element.name)")
    }
  }

  /// A body that is run again and again on what it returned: carried values get the type that holds for every round,
  /// found by importing the body again with the dimensions that changed left open.
  func iteratedBody(
    _ proto: ProtoGraph, _ captures: Captures, carried: [ValueType], outputsBefore: Int,
    formals: ([ValueType]) -> [ValueType]
  ) throws(Diagnostic) -> Graph? {
    var types = carried.map(Self.portable)
    for attempt in 0..<4 {
      if attempt == 3 || depth > 3 { types = types.map { Self.withoutShape($0, keepsRank: attempt < 3) } }
      guard let body = try body(proto, formals(types), captures) else { return nil }
      let results = body.outputs.dropFirst(outputsBefore).prefix(types.count).map { Self.portable(body.type($0)) }
      var isStable = true
      for index in types.indices {
        guard let merged = Self.merge(types[index], results[index]) else {
          throw .invalid("carried value \(index) is \(types[index]) but the body returns \(results[index])")
        }
        if merged != types[index] { isStable = false }
        types[index] = merged
      }
      if isStable { return body }
    }
    return try body(proto, formals(types.map { Self.withoutShape($0, keepsRank: false) }), captures)
  }

  /// A type that both are instances of; nil where the kinds or element types differ.
  private static func merge(_ a: ValueType, _ b: ValueType) -> ValueType? {
    switch (a, b) {
    case (.tensor(let x), .tensor(let y)):
      guard x.element == y.element else { return nil }
      guard let s = x.shape, let t = y.shape, s.count == t.count else { return .tensor(x.element, nil) }
      return .tensor(x.element, zip(s, t).map { $0 == $1 ? $0 : .unknown })
    case (.sequence(let x), .sequence(let y)): return merge(x, y).map { .sequence($0) }
    case (.optional(let x), .optional(let y)): return merge(x, y).map { .optional($0) }
    // What the body returns is passed on to it where it takes an optional.
    case (.optional(let x), _): return merge(x, b).map { .optional($0) }
    default: return a == b ? a : nil
    }
  }

  private static func withoutShape(_ type: ValueType, keepsRank: Bool) -> ValueType {
    guard case .tensor(let tensor) = type else { return type }
    return .tensor(tensor.element, keepsRank ? tensor.shape.map { $0.map { _ in Dim.unknown } } : nil)
  }
}
