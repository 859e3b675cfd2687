/// Types that follow from what became known after their nodes were added.
extension Graph {
  /// Infers anew what depends on a dimension or rank that was unknown, and what reads a value whose type or contents
  /// thereby changed; bodies see the types of what they capture. Where inference now finds a node impossible its type
  /// stays: the run, if it ever comes there, says why.
  public mutating func refineTypes() {
    var changed: Set<ValueID> = []
    refineTypes(&changed, depth: 0)
  }

  private mutating func refineTypes(_ changed: inout Set<ValueID>, depth: Int) {
    for node in orderedNodes {
      let isOpen = node.outputs.contains { type($0).isOpen }
      guard isOpen || node.inputs.contains(where: { $0.map(changed.contains) ?? false }) else { continue }
      let before = node.outputs.map { (type: type($0), contents: contents($0)) }
      do throws(Diagnostic) {
        if let op = node.op as? any BodyOperator, depth < 64 {
          let refined = refined(op, node, depth)
          nodes[node.id.index]?.op = refined
        }
        try reinfer(node.id)
      } catch {
        continue
      }
      for (output, old) in zip(node.outputs, before) where type(output) != old.type || contents(output) != old.contents
      {
        changed.insert(output)
      }
    }
  }

  /// Why no run can succeed in which a value has this type: what inference then refuses. nil where it refuses nothing.
  /// Looks at the nodes of this graph, not into their bodies, which may not run.
  public func contradiction(of type: ValueType, for id: ValueID) -> Diagnostic? {
    var trial = self
    trial.values[id.index].type = type
    var changed: Set<ValueID> = [id]
    for node in orderedNodes where node.inputs.contains(where: { $0.map(changed.contains) ?? false }) {
      do throws(Diagnostic) {
        if let op = node.op as? any BodyOperator {
          let refined = trial.refined(op, node, 0)
          trial.nodes[node.id.index]?.op = refined
        }
        try trial.reinfer(node.id)
      } catch {
        if error.kind == .invalid { return error }
      }
      changed.formUnion(node.outputs)
    }
    return nil
  }

  /// The operator with bodies whose captured inputs have the types of what is passed.
  private func refined(_ op: any BodyOperator, _ node: Node, _ depth: Int) -> any Operator {
    var result: any Operator = op
    for (name, value) in op.attributeValues {
      guard case .graph(var body) = value, body.inputs.count >= op.captures else { continue }
      var changed: Set<ValueID> = []
      for (inner, outer) in zip(body.inputs.suffix(op.captures), node.inputs.suffix(op.captures)) {
        guard let outer else { continue }
        let narrow = Graph.narrowed(body.named(type(outer).outsideBody, inner), by: body.type(inner))
        guard narrow != body.type(inner), narrow.isCompatible(with: body.type(inner)) else { continue }
        body.values[inner.index].type = narrow
        changed.insert(inner)
      }
      guard !changed.isEmpty else { continue }
      body.refineTypes(&changed, depth: depth + 1)
      do throws(Diagnostic) { try result.setAttribute(name, .graph(body)) } catch { continue }
    }
    return result
  }
}

extension ValueType {
  /// Whether its rank, or a dimension, is unknown.
  fileprivate var isOpen: Bool {
    switch self {
    case .tensor(let type): type.shape?.contains { $0.symbols.contains { $0.hasPrefix("?") } } ?? true
    case .sequence(let element), .optional(let element), .map(_, let element): element.isOpen
    }
  }
}
