import IR

/// Which nodes of a graph will compute on 8-bit codes, and which values therefore need codes. Decided from the graph
/// and what is known of single layers, so that calibration knows what to measure.
public struct QuantizationPlan: Sendable {
  /// What is known to be better for a layer than codes, and why.
  public struct Exception: Hashable, Sendable {
    public enum Precision: String, Sendable {
      /// Weights and inputs in float.
      case float
      /// Weights as codes, inputs in float.
      case weights
    }
    public var precision: Precision
    public var reason: String
    /// Whether codes were tried and hurt the outputs: `exclude-layers` then gives the reason.
    public var isExclusion: Bool

    public init(_ precision: Precision, _ reason: String, isExclusion: Bool = false) {
      self.precision = precision
      self.reason = reason
      self.isExclusion = isExclusion
    }
  }

  /// Convolutions and products by constant weights that compute on codes.
  public private(set) var layers: Set<NodeID> = []
  /// Products whose weights are codes and whose inputs are float.
  public private(set) var weightLayers: Set<NodeID> = []
  /// LSTM, GRU and RNN whose weights are codes.
  public private(set) var recurrent: Set<NodeID> = []
  /// Gathers that read rows of a table of codes.
  public private(set) var tables: Set<NodeID> = []
  /// Attentions that multiply codes; queries and keys have theirs before.
  public private(set) var attentions: Set<NodeID> = []
  /// Nodes that pass codes on: sums, pools, functions of one value, movement.
  public private(set) var carriers: Set<NodeID> = []
  /// Values that get codes, in order.
  public private(set) var values: [ValueID] = []
  /// Layers that cannot or need not compute on codes, with the reason.
  public private(set) var rejected: [(node: Node, reason: String)] = []
  /// Layers that could, but hurt the outputs too much.
  public private(set) var excluded: [(node: Node, reason: String)] = []

  /// `keepFloat`: ONNX names of nodes that must stay float. `weightsOnly`: no layer computes on codes. `isTrial`: also
  /// layers for which no kernel exists where they stand, to see what codes do to them. `hasRanges`: values are measured,
  /// which attention on codes needs.
  public init(
    _ graph: Graph, keepFloat: [String] = [], exceptions: [NodeID: Exception] = [:], weightsOnly: Bool = false,
    isTrial: Bool = false, hasRanges: Bool = true
  ) {
    let kept = Set(keepFloat.map { Name($0) })
    for node in graph.orderedNodes where QuantizationPlan.isLayer(node) {
      if node.names.contains(where: kept.contains) {
        rejected.append((node, "kept float on request"))
      } else if let reason = QuantizationPlan.obstacle(node, graph) {
        rejected.append((node, reason))
      } else if !weightsOnly, let exception = exceptions[node.id] {
        reject(node, exception)
        if exception.precision == .weights { weightLayers.insert(node.id) }
      } else if node.op is any RecurrentOperator {
        recurrent.insert(node.id)
      } else if weightsOnly, !QuantizationPlan.takesWeightCodes(node) {
        rejected.append((node, "no kernel reads 8-bit weights of a convolution: it stays float"))
      } else if weightsOnly {
        weightLayers.insert(node.id)
      } else {
        layers.insert(node.id)
      }
    }
    if hasRanges, !weightsOnly { findAttentions(graph, kept, exceptions) }
    // A layer that falls out may leave another's result without a reader on codes.
    while true {
      spread(graph, kept)
      let stranded = layers.sorted().compactMap { graph[$0] }.filter { isStranded($0, graph) }
      if stranded.isEmpty || isTrial { break }
      for node in stranded {
        layers.remove(node.id)
        rejected.append((node, "no kernel gives a float result, and nothing reads it as codes"))
      }
    }
    findTables(graph, kept, exceptions)
  }

  private mutating func reject(_ node: Node, _ exception: Exception) {
    if exception.isExclusion {
      excluded.append((node, exception.reason))
    } else {
      rejected.append((node, exception.reason))
    }
  }

  private mutating func findAttentions(_ graph: Graph, _ kept: Set<Name>, _ exceptions: [NodeID: Exception]) {
    for node in graph.orderedNodes where node.op is Attention {
      if node.names.contains(where: kept.contains) {
        rejected.append((node, "kept float on request"))
      } else if let reason = QuantizeAttention.obstacle(node, graph) {
        rejected.append((node, reason))
      } else if let exception = exceptions[node.id] {
        reject(node, exception)
      } else {
        attentions.insert(node.id)
      }
    }
  }

  /// Finds the tables all of whose readers take codes: else its numbers would be there twice.
  private mutating func findTables(_ graph: Graph, _ kept: Set<Name>, _ exceptions: [NodeID: Exception]) {
    for node in graph.orderedNodes where QuantizeTables.isLookup(node, graph) {
      if node.names.contains(where: kept.contains) {
        rejected.append((node, "kept float on request"))
      } else if let exception = exceptions[node.id] {
        reject(node, exception)
      } else {
        tables.insert(node.id)
      }
    }
    let readers = tables.union(coded)
    for id in tables.sorted() {
      guard let node = graph[id], let table = node.input(0) else { continue }
      let others = graph.users(table).filter { !readers.contains($0) }.compactMap { graph[$0] }
      guard let other = others.first?.label ?? (graph.isOutput(table) ? "an output" : nil) else { continue }
      tables.remove(id)
      rejected.append((node, "\(other) reads its table in float"))
    }
  }

  /// Finds carriers and values: backwards, what a reader on codes wants, a carrier can pass on.
  private mutating func spread(_ graph: Graph, _ kept: Set<Name>) {
    var wanted = Set(layers.compactMap { graph[$0]?.input(0) })
    for id in attentions { wanted.formUnion(graph[id]?.inputs.prefix(2).compactMap(\.self) ?? []) }
    carriers = []
    for node in Array(graph.orderedNodes).reversed() where node.outputs.contains(where: wanted.contains) {
      guard !node.names.contains(where: kept.contains), let inputs = QuantizationPlan.carried(node, graph) else {
        continue
      }
      carriers.insert(node.id)
      let summand = summand(node, graph)
      wanted.formUnion(inputs.filter { $0 != summand })
    }
    values = wanted.sorted()
  }

  /// Of what a sum reads, the result of a convolution on codes that nothing else reads: it gets none, because the convolution
  /// adds the other operand before it rounds. Of two the later one, as `fuse-residual` has it.
  private func summand(_ node: Node, _ graph: Graph) -> ValueID? {
    guard node.op is Add else { return nil }
    let convolutions = node.inputs.compactMap { graph.producer($0) }.filter { producer in
      guard let conv = producer.op as? Conv, layers.contains(producer.id), conv.activation.isNone,
        producer.input(3) == nil, !graph.isDepthwise(conv, producer), let output = producer.outputs.first
      else { return false }
      return graph.useCount(output) == 1 && !graph.isOutput(output)
    }
    return convolutions.max { $0.id < $1.id }?.outputs.first
  }

  /// Whether a depthwise convolution's result must be float, which no kernel on codes gives.
  private func isStranded(_ node: Node, _ graph: Graph) -> Bool {
    guard let conv = node.op as? Conv, graph.isDepthwise(conv, node), let output = node.outputs.first else {
      return false
    }
    return !conv.activation.onlyLimits || graph.isOutput(output) || !values.contains(output)
  }

  /// Nodes that read codes.
  public func readsCodes(_ node: NodeID) -> Bool {
    layers.contains(node) || attentions.contains(node) || carriers.contains(node)
  }

  /// Whether a node that reads codes reads that input as such: of a layer the data, not a residual; of attention queries and keys.
  func readsCodes(_ node: NodeID, input: Int) -> Bool {
    if layers.contains(node) { return input == 0 }
    return attentions.contains(node) ? input < 2 : carriers.contains(node)
  }

  /// Products and convolutions whose weights become codes, in order.
  public var coded: [NodeID] { layers.union(weightLayers).sorted() }

  /// Layers that are to be faster for their codes, in order: what can go back to float.
  public var accelerated: [NodeID] { layers.union(recurrent).union(attentions).sorted() }

  /// What can go back to float where codes hurt, in order.
  public var revertible: [NodeID] { layers.union(recurrent).union(attentions).union(tables).sorted() }

  /// Whether no weights become codes.
  public var isEmpty: Bool { layers.isEmpty && weightLayers.isEmpty && recurrent.isEmpty && tables.isEmpty }

  /// Whether a layer's weights can be codes while its inputs are float: kernels exist for products.
  public static func takesWeightCodes(_ node: Node) -> Bool { node.op is Gemm || node.op is MatMul }

  /// The axis of a layer's input along which its weights distinguish channels.
  public static func inputChannelAxis(_ node: Node, _ graph: Graph) -> Int? {
    guard let rank = graph.rank(node.input(0)), rank > 1 else { return nil }
    return node.op is Conv ? 1 : rank - 1
  }

  static func isLayer(_ node: Node) -> Bool {
    node.op is Conv || node.op is Gemm || node.op is MatMul || node.op is any RecurrentOperator
  }

  /// Axis of the weight along which each output channel has its own scale.
  static func channelAxis(_ op: any Operator) -> Int {
    switch op {
    case let gemm as Gemm: gemm.transposesB ? 0 : 1
    case let product as MatMul: product.transposesB ? 0 : 1
    default: 0
    }
  }

  /// Why a layer cannot compute on codes, or nil.
  private static func obstacle(_ node: Node, _ graph: Graph) -> String? {
    guard let x = graph.element(node.input(0)), [.float32, .float16, .bfloat16].contains(x) else {
      return "it is not in float"
    }
    guard let weight = graph.constant(node.input(1)), weight.type.isFloat else { return "its weights are not constant" }
    if weight.count == 0 { return "it has no weights" }
    switch node.op {
    case let gemm as Gemm:
      if gemm.transposesA || gemm.alpha != 1 { return "it transposes or scales its input" }
      if gemm.beta != 1 && node.input(2) != nil { return "it scales its bias" }
    case let product as MatMul:
      if product.transposesA || product.alpha != 1 { return "it transposes or scales its input" }
      if weight.rank != 2 { return "its weights are no matrix" }
      if graph.rank(node.input(0)) ?? 0 < 2 { return "its input is a vector" }
    case is any RecurrentOperator:
      guard let states = graph.constant(node.input(2)), states.type.isFloat, states.count > 0 else {
        return "its weights are not constant"
      }
      return nil
    case is Conv:
      if weight.rank != 4 && weight.rank != 3 { return "it has \(weight.rank - 2) spatial axes" }
    default: return "it is no layer"
    }
    if let bias = node.input(2), graph.constant(bias) == nil { return "its bias is not constant" }
    return nil
  }

  /// The inputs that a node would read as codes when it passes codes on; nil where it cannot.
  private static func carried(_ node: Node, _ graph: Graph) -> [ValueID]? {
    guard node.outputs.count == 1, graph.element(node.outputs[0]) == .float32 else { return nil }
    let dynamic = node.inputs.compactMap { $0 }.filter { graph.constant($0) == nil }
    switch node.op {
    case is Add:
      guard dynamic.count == 2, graph.haveSameType(dynamic[0], dynamic[1]), limitsOnly(node) else { return nil }
      return dynamic
    case is Mul:
      return dynamic.count == 2 && limitsOnly(node) ? dynamic : nil
    case is Concat: return dynamic.count == node.inputs.count ? dynamic : nil
    case is MaxPool, is AveragePool, is GlobalAveragePool:
      return (3...4).contains(graph.rank(dynamic.first) ?? 0) ? dynamic : nil
    case is Clip: return dynamic.count == 1 ? dynamic : nil
    default:
      if movesOnly(node.op) { return dynamic.first.map { [$0] } }
      return node.op is any ActivationOperator && dynamic.count == 1 ? dynamic : nil
    }
  }

  private static func limitsOnly(_ node: Node) -> Bool {
    let function = (node.op as? any FusesActivation)?.activation.function ?? .none
    return [.none, .relu, .clip].contains(function)
  }

  /// Operators whose results are some of their (first) input's elements.
  static func movesOnly(_ op: any Operator) -> Bool {
    if let resize = op as? Resize { return resize.mode == .nearest }
    return op is any ReshapingOperator || op is Transpose || op is Slice || op is Identity || op is DepthToSpace
      || op is SpaceToDepth
  }

  /// Whether the output takes its input's codes unchanged.
  static func keepsCodes(_ op: any Operator) -> Bool { movesOnly(op) || op is MaxPool }
}
