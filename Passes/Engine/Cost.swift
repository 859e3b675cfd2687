import IR

/// Figures of a graph, bodies included: nodes, bytes of constants (each once), multiply-accumulates.
public struct GraphCost: Hashable, Sendable {
  public var nodes: Int
  public var weightBytes: Int
  /// Symbolic dimensions count as 1, loop bodies once, of two branches the dearer one.
  public var macs: Int

  public init(nodes: Int, weightBytes: Int, macs: Int) {
    self.nodes = nodes
    self.weightBytes = weightBytes
    self.macs = macs
  }

  public init(_ graph: Graph) {
    var counter = CostCounter()
    macs = counter.count(graph)
    nodes = counter.nodes
    weightBytes = counter.bytes
  }
}

private struct CostCounter {
  var nodes = 0
  var bytes = 0
  var seen: Set<ObjectIdentifier> = []

  /// Adds nodes and bytes; returns the MACs.
  mutating func count(_ graph: Graph, depth: Int = 0) -> Int {
    guard depth < 64 else { return 0 }
    var macs = 0
    nodes += graph.nodeCount
    for id in graph.valueIDs where graph.useCount(id) > 0 { add(graph.constant(id)) }
    for id in graph.nodeIDs(where: { Graph.multipliesMatrices($0.name) }) {
      if let node = graph[id] { macs = saturating(macs, graph.macs(node)) }
    }
    for node in graph.controlFlowNodes {
      let inner = node.op.subgraphs.map { count($0, depth: depth + 1) }
      macs = saturating(macs, inner.max() ?? 0)
    }
    return macs
  }

  private mutating func add(_ tensor: Tensor?) {
    guard let tensor, seen.insert(ObjectIdentifier(tensor.storage)).inserted else { return }
    bytes = saturating(bytes, tensor.byteCount)
  }

  private func saturating(_ a: Int, _ b: Int) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
  }
}

extension Graph {
  private static let products: Set<String> = [
    "Conv", "ConvInteger", "QLinearConv", "ConvTranspose", "DeformConv", "MatMul", "MatMulInteger", "QLinearMatMul",
    "Gemm",
    "LSTM", "GRU", "RNN", "Attention",
  ]

  /// Whether `macs` of an operator of that name can be above 0.
  static func multipliesMatrices(_ name: String) -> Bool { products.contains(name) }

  /// Multiply-accumulates of one node, symbolic dimensions as 1; 0 where the operator multiplies no matrices.
  public func macs(_ node: Node) -> Int {
    func dims(_ index: Int) -> [Int] {
      index < node.inputs.count ? node.inputs[index].map { sizes($0) } ?? [] : []
    }
    let name = Swift.type(of: node.op).name
    guard Self.multipliesMatrices(name) else { return 0 }
    let output = node.outputs.first.map { sizes($0) } ?? []
    switch name {
    case "Conv", "ConvInteger": return product(output + dims(1).dropFirst())
    case "QLinearConv": return product(output + dims(3).dropFirst())
    case "ConvTranspose": return product(dims(0) + dims(1).dropFirst())
    case "DeformConv": return product(output + dims(1).dropFirst())
    case "MatMul", "MatMulInteger", "QLinearMatMul": return product(output + dims(0).suffix(1))
    case "Gemm": return product(dims(0) + output.suffix(1))
    case "LSTM", "GRU", "RNN":
      let (steps, directions) = (product(dims(0).prefix(2)), product(dims(1)))
      return product([steps, directions]) &+ product([steps, product(dims(2))])
    case "Attention": return attentionMACs(dims(0), dims(1))
    default: return 0
    }
  }

  /// Two products of [queries, width] and [keys, width] per batch.
  private func attentionMACs(_ query: [Int], _ key: [Int]) -> Int {
    guard query.count == key.count, query.count >= 3 else { return 0 }
    return product(query + [key[key.count - 2], 2])
  }

  private func sizes(_ id: ValueID) -> [Int] {
    guard let shape = type(id).tensor?.shape else { return [] }
    return shape.map { dim in
      if let value = dim.value { return value }
      let ones = Dictionary(dim.symbols.map { ($0, Dim(1)) }, uniquingKeysWith: { first, _ in first })
      return max(dim.substituting(ones)?.value ?? 1, 1)
    }
  }

  private func product(_ sizes: some Sequence<Int>) -> Int {
    var result = 1
    for size in sizes {
      let (next, overflow) = result.multipliedReportingOverflow(by: size)
      if overflow { return .max / 4 }
      result = next
    }
    return result
  }
}
