import IR

/// Evaluates what depends on constants only, and puts the results in as constants.
///
///     before: %2 = Mul(constant, constant)      Conv(%x, %2)
///     after:                                    Conv(%x, constant)
///
/// Chains are evaluated whole and only what others read is stored, so that intermediate results cost nothing. Values whose
/// elements shape arithmetic knows become constants too. DequantizeLinear stays: folding it would undo the compression.
public struct FoldConstants: Pass {
  public let name = "fold-constants"
  /// Bytes one result may take.
  public var bytesPerNode = 64 << 20
  /// Bytes all results together may take while folding.
  public var bytesPerGraph = 512 << 20
  /// Bytes by which folding may let the stored weights grow. Shape arithmetic is far below it, expanded tables far above.
  public var growth = 4 << 20
  /// Multiply-accumulates one node may take.
  public var macsPerNode = 1 << 28
  public var seconds = 10.0

  public init() {}

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    var folding = Folding(limits: self, deadline: deadline(context))
    for node in graph.orderedNodes { folding.visit(node, graph, context) }
    guard !folding.known.isEmpty else { return }
    for node in graph.nodeIDs() {
      guard context.mayEdit else { return }
      guard let node = graph[node] else { continue }
      guard let patch = folding.patch(node, graph, context) else { continue }
      _ = try context.apply(patch, to: &graph)
    }
    graph.removeUnusedConstants()
  }

  private func deadline(_ context: PassContext) -> UInt64 {
    let own = EvaluationContext.deadline(seconds: seconds)
    return context.deadline.map { min($0, own) } ?? own
  }
}

private struct Folding {
  let limits: FoldConstants
  let deadline: UInt64
  var known: [ValueID: Datum] = [:]
  var bytes = 0
  var grown = 0
  var freed: Set<ValueID> = []

  init(limits: FoldConstants, deadline: UInt64) {
    self.limits = limits
    self.deadline = deadline
  }

  // MARK: Evaluating

  mutating func visit(_ node: Node, _ graph: Graph, _ context: PassContext) {
    for output in node.outputs {
      if let tensor = graph.tensorOfContents(output) { known[output] = .tensor(tensor) }
    }
    guard node.outputs.contains(where: { known[$0] == nil }), let inputs = knownInputs(node, graph), node.op.isPure,
      !FoldConstants.keeps(node.op)
    else { return }
    if let reason = reasonNotToEvaluate(node, graph) { return context.reject(node, reason) }
    let evaluation = EvaluationContext(
      outputCount: node.outputs.count, maximumBytes: limits.bytesPerNode, deadline: deadline)
    do throws(Diagnostic) {
      let results = try node.evaluate(inputs, evaluation)
      for (output, result) in zip(node.outputs, results) where graph.type(output).isCompatible(with: result.type) {
        known[output] = result
        bytes += result.tensor?.byteCount ?? 0
      }
    } catch {
      context.reject(node, error.message)
    }
  }

  private func knownInputs(_ node: Node, _ graph: Graph) -> [Datum?]? {
    var inputs: [Datum?] = []
    for input in node.inputs {
      guard let input else {
        inputs.append(nil)
        continue
      }
      guard let datum = graph.constant(input).map({ Datum.tensor($0) }) ?? known[input] else { return nil }
      inputs.append(datum)
    }
    return inputs
  }

  private func reasonNotToEvaluate(_ node: Node, _ graph: Graph) -> String? {
    if bytes > limits.bytesPerGraph {
      return "constants folded so far take more than \(megabytes(limits.bytesPerGraph))"
    }
    let macs = graph.macs(node)
    if macs > limits.macsPerNode { return "folding would take \(macs) multiply-accumulates" }
    return nil
  }

  // MARK: Storing

  /// Constants for the results of a node that others read, where the weights do not grow too much.
  mutating func patch(_ node: Node, _ graph: Graph, _ context: PassContext) -> Patch? {
    var results: [(ValueID, Tensor)] = []
    for output in node.outputs {
      if let tensor = known[output]?.tensor, isReadOutside(output, graph) { results.append((output, tensor)) }
    }
    guard !results.isEmpty else { return nil }
    let added = results.reduce(0) { $0 + $1.1.byteCount }
    let released = freeable(node, graph)
    let change = added - released.reduce(0) { $0 + (graph.constant($1)?.byteCount ?? 0) }
    guard grown + change <= limits.growth else {
      context.reject(node, "would grow weights by \(megabytes(change))")
      for (value, _) in results { known[value] = nil }
      return nil
    }
    grown += max(change, 0)
    freed.formUnion(released)
    var patch = Patch(at: node.id, note: "folded")
    for (value, tensor) in results { patch.replace(value, with: patch.constant(tensor)) }
    return patch
  }

  /// Whether something that stays reads the value.
  private func isReadOutside(_ value: ValueID, _ graph: Graph) -> Bool {
    graph.isOutput(value) || graph.users(value).contains { user in graph[user].map { !isFolded($0) } ?? false }
  }

  private func isFolded(_ node: Node) -> Bool { node.outputs.allSatisfy { known[$0] != nil } }

  /// Constants that only this result needs.
  private func freeable(_ node: Node, _ graph: Graph) -> [ValueID] {
    var found: [ValueID] = []
    var pending = node.inputs
    var visited: Set<ValueID> = []
    while let next = pending.popLast() {
      // What very many nodes read is hardly freed by this one, and finding out would take long.
      guard let id = next, visited.insert(id).inserted, visited.count < 4096, graph.readerCount(id) < 1024,
        !isReadOutside(id, graph)
      else { continue }
      if graph.constant(id) != nil {
        if !freed.contains(id) { found.append(id) }
      } else if let producer = graph.producer(id) {
        pending += producer.inputs
      }
    }
    return found
  }

  private func megabytes(_ bytes: Int) -> String {
    bytes < 1 << 20 ? "\(bytes) bytes" : "\((Double(bytes) / 1_048_576 * 10).rounded() / 10) MiB"
  }
}

extension FoldConstants {
  /// Operators that stay on constants: storing their result would be larger than storing their input.
  static func keeps(_ op: any Operator) -> Bool { Swift.type(of: op).name == "DequantizeLinear" }
}

extension Graph {
  /// The tensor of a value that no constant defines but whose elements are all known numbers.
  func tensorOfContents(_ id: ValueID) -> Tensor? {
    guard constant(id) == nil, let contents = contents(id), let type = type(id).tensor, type.element.isInteger,
      let shape = type.knownShape, shape.count <= 1, Tensor.elementCount(of: shape) == contents.count
    else { return nil }
    let values = contents.compactMap { $0.value.map { Int64($0) } }
    guard values.count == contents.count else { return nil }
    return Tensor(wide: values, type.element, shape)
  }
}
