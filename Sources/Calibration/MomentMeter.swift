import IR
import Passes
import Runtime

/// Runs samples through a graph and sums the second moments of some layers' inputs.
///
/// Memory: one run of the graph with these inputs kept, and for each layer `bytes(of:in:)`, whatever the number of samples.
public final class MomentMeter {
  public let runner: GraphRunner
  private var layers: [MeteredLayer]
  private let products: [[Int]: GraphRunner]
  private let samples: Int

  /// Rows of a layer that are looked at in all samples together: enough to know the correlations of `depth` inputs.
  private static func wantedRows(_ depth: Int) -> Int { min(max(4 * depth, 2048), 16_384) }
  private static let chunkElements = 1 << 21

  /// Bytes that measuring a layer takes; nil for what is no layer.
  public static func bytes(of node: Node, in graph: Graph) -> Int? {
    guard let rows = InputRows(node, graph) else { return nil }
    // The sums and the result of a product; rows not yet summed, twice: the product has a copy.
    return 2 * InputMoments.bytes(depth: rows.depth, groups: rows.groups)
      + 8 * chunk(rows) * rows.groups * rows.depth
  }

  /// Rows that are multiplied at once.
  private static func chunk(_ rows: InputRows) -> Int { min(max(chunkElements / (rows.groups * rows.depth), 16), 512) }

  /// `memoryLimit`: bytes that one run of the graph may take.
  public init(
    _ graph: Graph, _ ids: [NodeID], samples: Int, threads: Int, provider: HostProvider, memoryLimit: Int? = nil
  ) throws(Diagnostic) {
    var outputs: [ValueID] = []
    var layers: [MeteredLayer] = []
    var products: [[Int]: GraphRunner] = [:]
    for id in ids {
      guard let node = graph[id], let x = node.inputs[0], let rows = InputRows(node, graph) else { continue }
      if !outputs.contains(x) { outputs.append(x) }
      let layer = MeteredLayer(id, output: outputs.firstIndex(of: x) ?? 0, rows, chunk: MomentMeter.chunk(rows))
      if products[layer.shape] == nil {
        products[layer.shape] = try MomentMeter.product(layer.shape, threads: threads, provider)
      }
      layers.append(layer)
    }
    var measured = graph
    measured.setOutputs(outputs, names: outputs.map { Name("value \($0.index)") })
    runner = try GraphRunner(measured, threads: threads, provider: provider, memoryLimit: memoryLimit)
    self.layers = layers
    self.products = products
    self.samples = max(samples, 1)
  }

  /// Computes xᵀ x of rows x[groups, rows, depth].
  private static func product(_ shape: [Int], threads: Int, _ provider: HostProvider) throws(Diagnostic) -> GraphRunner
  {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, shape.map { Dim($0) }))
    var op = MatMul()
    op.transposesA = true
    let result = try graph.add(op, [x, x], names: [], before: nil)
    graph.setOutputs([result[0]], names: ["y"])
    return try GraphRunner(graph, threads: threads, provider: provider)
  }

  /// Runs one sample: arguments in the order of the graph's inputs.
  public func add(_ arguments: [HostArgument]) throws(RuntimeError) {
    try runner.run(arguments)
    for layer in layers {
      guard let view = runner.tensor(layer.output), view.type == IR.ElementType.float32.rawValue,
        let product = products[layer.shape]
      else { continue }
      // By the layer alone, so that it does not matter which others are measured with it.
      let limit = (MomentMeter.wantedRows(layer.rows.depth) + samples - 1) / samples
      try layer.add(view.bytes.bindMemory(to: Float.self), view.dims, limit: limit, product)
    }
  }

  /// The moments of all layers, whose memory this gives up.
  public func finish() throws(RuntimeError) -> [NodeID: InputMoments] {
    var result: [NodeID: InputMoments] = [:]
    for layer in layers {
      if let product = products[layer.shape] { try layer.flush(product) }
      result[layer.id] = layer.moments
    }
    layers = []
    return result
  }
}

/// One layer's moments while they are summed.
private final class MeteredLayer {
  let id: NodeID
  /// Number of the runner's output that is the layer's input.
  let output: Int
  let rows: InputRows
  private(set) var moments: InputMoments
  /// Rows not yet summed, [groups, chunk, depth], their number and their sums.
  private var pending: [Float]
  private var count = 0
  private var sums: [Double]
  private let chunk: Int

  init(_ id: NodeID, output: Int, _ rows: InputRows, chunk: Int) {
    (self.id, self.output, self.rows, self.chunk) = (id, output, rows, chunk)
    moments = InputMoments(depth: rows.depth, groups: rows.groups)
    pending = Array(repeating: 0, count: chunk * rows.groups * rows.depth)
    sums = Array(repeating: 0, count: rows.groups * rows.depth)
  }

  /// Shape of the rows that are multiplied at once.
  var shape: [Int] { [rows.groups, chunk, rows.depth] }

  /// Adds rows of one sample's input.
  func add(
    _ values: UnsafeBufferPointer<Float>, _ dims: [Int], limit: Int, _ product: GraphRunner
  ) throws(RuntimeError) {
    var failure: RuntimeError?
    rows.forEach(values, dims, limit: limit) { row in
      guard failure == nil, row.allSatisfy(\.isFinite) else { return }
      append(row)
      guard count == chunk else { return }
      do throws(RuntimeError) { try flush(product) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  private func append(_ row: UnsafeBufferPointer<Float>) {
    let (depth, first) = (rows.depth, count * rows.depth)
    pending.withUnsafeMutableBufferPointer { pending in
      for group in 0..<rows.groups {
        for input in 0..<depth { pending[group * chunk * depth + first + input] = row[group * depth + input] }
      }
    }
    sums.withUnsafeMutableBufferPointer { sums in
      for index in 0..<row.count { sums[index] += Double(row[index]) }
    }
    count += 1
  }

  /// Sums the pending rows; those behind the last are zero.
  func flush(_ product: GraphRunner) throws(RuntimeError) {
    guard count > 0 else { return }
    var failure: RuntimeError?
    pending.withUnsafeBytes { bytes in
      let view = TensorView(type: IR.ElementType.float32.rawValue, dims: shape, data: bytes.baseAddress)
      do throws(RuntimeError) { try product.run([.tensor(view)]) } catch { failure = error }
    }
    if let failure { throw failure }
    guard let result = product.tensor(0) else { return }
    moments.add(rows: count, products: result.bytes.bindMemory(to: Float.self), sums: sums)
    count = 0
    for index in pending.indices { pending[index] = 0 }
    for index in sums.indices { sums[index] = 0 }
  }
}
