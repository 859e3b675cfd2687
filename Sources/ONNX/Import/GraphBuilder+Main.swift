import IR

extension GraphBuilder {
  /// Builds the model's main graph. Returns false when its outputs could not be made; findings say why.
  func buildMain(_ proto: ProtoGraph, _ opsets: OpsetTable) -> Bool {
    frames = [
      Frame(source: .graph(proto), opsets: opsets, tensors: importer.tensors, arguments: nil, prefix: [], results: [])
    ]
    reserve(proto)
    let declared = addInputs(proto)
    addInitializers(proto, declared: declared)
    collectHints(proto)
    importNodes()
    if proto.outputs.isEmpty { report(.invalid("the graph has no outputs")) }
    reportDuplicates(proto.outputs.map(\.name))
    return addOutputs(proto)
  }

  /// Makes room at once, so that tables are not copied as they grow; no more than real nodes of such a file can need.
  private func reserve(_ proto: ProtoGraph) {
    let limit = importer.document.file.bytes.count / 16
    let (nodes, constants) = (min(proto.nodeCount, limit), min(proto.initializerCount, limit))
    graph.reserve(nodes: nodes, constants: constants)
    frames[0].bindings.reserveCapacity(min(nodes + constants, limit))
  }

  /// Adds the graph's inputs; those with an initializer of their name are constants and only returned.
  private func addInputs(_ proto: ProtoGraph) -> [Name: ProtoType?] {
    var initializers: Set<Name> = []
    for index in 0..<proto.initializerCount { initializers.insert(proto.initializer(index).name) }
    for sparse in proto.sparseInitializers { if let values = sparse.values { initializers.insert(values.name) } }
    var declared: [Name: ProtoType?] = [:]
    for input in proto.inputs {
      let name = input.name
      guard !initializers.contains(name) else {
        if declared.updateValue(input.type, forKey: name) != nil {
          report(.invalid("graph input '\(name)' is given twice"))
        }
        continue
      }
      do throws(Diagnostic) {
        guard !name.isEmpty else { throw Diagnostic.invalid("it has no name") }
        guard let type = try TypeReader.read(input.type) else { throw Diagnostic.invalid("it has no type") }
        bind(name, .value(try addInput(name, try specialized(type, name))), "graph input '\(name)'")
      } catch {
        report(error.about("graph input '\(name)'"))
        bind(name, .broken, "graph input '\(name)'")
      }
    }
    reportUnknownOverrides(proto)
    return declared
  }

  /// An input of the graph, or the constant that the caller fixed it to.
  private func addInput(_ name: Name, _ type: ValueType) throws(Diagnostic) -> ValueID {
    let place = inputCount
    inputCount += 1
    if let tensor = try importer.options.fixedInput?(place, type) {
      guard type.isCompatible(with: .tensor(tensor.tensorType)) else {
        throw .invalid("it is fixed to a \(tensor.tensorType), but declared as \(type)")
      }
      return graph.addConstant(tensor, name: name)
    }
    guard importer.options.hasSymbolicInputs else { return graph.addInput(name, type) }
    return graph.addInput(name, type.mapDims { _, axis in .symbol("input\(place).\(axis)") })
  }

  /// The input's type with the shape and dimensions that the caller asked for.
  private func specialized(_ type: ValueType, _ name: Name) throws(Diagnostic) -> ValueType {
    var result = type
    let values = Dictionary(
      importer.options.dimensions.map { ($0.symbol, Dim($0.value)) }, uniquingKeysWith: { _, last in last })
    if !values.isEmpty { result = result.mapDims { dim, _ in dim.substituting(values) ?? dim } }
    guard let override = importer.options.inputShapes.last(where: { $0.name == name }) else {
      try checkSize(result)
      return result
    }
    guard let tensor = result.tensor else { throw .invalid("a shape was asked for, but it is a \(type)") }
    let asked = ValueType.tensor(TensorType(tensor.element, override.shape))
    guard asked.isCompatible(with: result) else {
      throw .invalid("shape \(describe(override.shape)) was asked for, but it is \(type)")
    }
    try checkSize(asked)
    return asked
  }

  /// Throws where the known dimensions alone make a value larger, or of higher rank, than the limits allow.
  func checkSize(_ type: ValueType) throws(Diagnostic) {
    guard let tensor = type.tensor, let shape = tensor.shape else { return }
    let limits = importer.options.limits
    guard shape.count <= limits.rank else {
      throw .invalid("a value has rank \(shape.count), the limit is \(limits.rank)")
    }
    let count = Tensor.elementCount(of: shape.lazy.compactMap { $0.value == 0 ? 1 : $0.value })
    guard let count, let bytes = tensor.element.byteCount(of: count), bytes <= limits.valueBytes else {
      throw .invalid("a value of shape \(describe(shape)) is too large, the limit is \(limits.valueBytes) bytes")
    }
  }

  private func reportUnknownOverrides(_ proto: ProtoGraph) {
    let names = proto.inputs.map(\.name)
    for (name, _) in importer.options.inputShapes where !names.contains(name) {
      let known = names.prefix(16).map { "'\($0)'" }.joined(separator: ", ")
      report(.invalid("a shape was given for input '\(name)', but the model's inputs are \(known)"))
    }
  }

  private func reportDuplicates(_ names: [Name]) {
    var seen: Set<Name> = []
    for name in names where !seen.insert(name).inserted { report(.invalid("graph output '\(name)' is given twice")) }
  }
}
