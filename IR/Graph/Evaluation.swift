/// Reference evaluation of a graph: node after node, each by its operator's `evaluate`.
extension Graph {
  /// The outputs for these inputs. Throws what an operator finds wrong, with the node in front, or that the deadline
  /// has passed.
  public func evaluate(_ arguments: [Datum], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    guard arguments.count == inputs.count else {
      throw .invalid("graph '\(name)' takes \(inputs.count) inputs, \(arguments.count) were given")
    }
    guard context.depth < 64 else { throw .invalid("subgraphs are nested more than 64 deep") }
    var held = [Datum?](repeating: nil, count: valueCount)
    var remaining = values.map { $0.readerCount + $0.outputUses }
    for (id, argument) in zip(inputs, arguments) { held[id.index] = argument }
    func datum(_ id: ValueID) -> Datum? { constant(id).map { .tensor($0) } ?? held[id.index] }
    for node in orderedNodes {
      try context.checkDeadline()
      var nodeContext = context
      nodeContext.outputCount = node.outputs.count
      let results = try node.evaluate(node.inputs.map { $0.flatMap(datum) }, nodeContext)
      for (output, result) in zip(node.outputs, results) { held[output.index] = result }
      for input in node.inputs {
        guard let input else { continue }
        remaining[input.index] -= 1
        if remaining[input.index] == 0 { held[input.index] = nil }
      }
    }
    var results: [Datum] = []
    for (id, name) in zip(outputs, outputNames) {
      guard let result = datum(id) else { throw .invalid("output '\(name)' was not computed") }
      results.append(result)
    }
    return results
  }

  /// The outputs of a subgraph, one level deeper.
  public func evaluateBody(_ arguments: [Datum], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    var inner = context
    inner.depth += 1
    return try evaluate(arguments, inner)
  }
}

extension Node {
  /// The outputs for these inputs, errors with the node in front.
  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    do throws(Diagnostic) {
      let results = try op.evaluate(inputs, context)
      guard results.count == outputs.count else {
        throw Diagnostic.invalid("gave \(results.count) outputs, expected \(outputs.count)")
      }
      return results
    } catch {
      throw error.about(label)
    }
  }
}

extension EvaluationContext {
  /// Throws once the deadline has passed.
  public func checkDeadline() throws(Diagnostic) {
    guard let deadline else { return }
    if ContinuousClock.now.nanoseconds > deadline { throw .invalid("the evaluation took longer than allowed") }
  }

  /// A deadline so many seconds from now.
  public static func deadline(seconds: Double) -> UInt64 {
    ContinuousClock.now.nanoseconds &+ UInt64(saturating: seconds * 1e9)
  }
}

extension ContinuousClock.Instant {
  private static let origin = ContinuousClock.now
  fileprivate var nanoseconds: UInt64 {
    let elapsed = ContinuousClock.Instant.origin.duration(to: self).components
    return UInt64(max(0, elapsed.seconds)) &* 1_000_000_000 &+ UInt64(max(0, elapsed.attoseconds / 1_000_000_000))
  }
}
