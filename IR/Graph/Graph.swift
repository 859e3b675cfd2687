/// Handle of a value in its graph.
public struct ValueID: Hashable, Sendable, Comparable {
  public let index: Int
  public init(_ index: Int) { self.index = index }
  public static func < (a: ValueID, b: ValueID) -> Bool { a.index < b.index }
}

/// Handle of a node in its graph.
public struct NodeID: Hashable, Sendable, Comparable {
  public let index: Int
  public init(_ index: Int) { self.index = index }
  public static func < (a: NodeID, b: NodeID) -> Bool { a.index < b.index }
}

/// One application of an operator.
public struct Node: Sendable {
  public let id: NodeID
  public var op: any Operator
  /// Absent optional inputs are nil.
  public internal(set) var inputs: [ValueID?]
  public internal(set) var outputs: [ValueID]
  /// ONNX names of the nodes this one stands for.
  public var names: [Name]

  /// `Conv 'stem/conv1'`, as messages put it.
  public var label: String {
    let quoted = names.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
    let more = names.count > 3 ? ", …" : ""
    return type(of: op).qualifiedName + (quoted.isEmpty ? "" : " \(quoted)\(more)")
  }
}

/// One value: an input, a constant, or the output of a node.
public struct Value: Sendable {
  public enum Definition: Hashable, Sendable {
    case input(Int)
    case constant(Tensor)
    case node(NodeID, output: Int)
  }
  /// ONNX name; may be empty.
  public var name: Name
  public internal(set) var type: ValueType
  public internal(set) var definition: Definition
  /// Elements of an integer tensor of rank 0 or 1 as dimensions, where known.
  public internal(set) var contents: [Dim]?
  /// Nodes that read it, once per reading input.
  var users: [NodeID] = []
  /// How often it is an output of the graph.
  var outputUses = 0
  var isRemoved = false
}

/// A typed graph in static single assignment: every value has one definition, nodes stand in an order in which each
/// follows what it reads. A value type; handles stay valid across edits.
public struct Graph: Sendable {
  public var name: Name
  public internal(set) var inputs: [ValueID] = []
  public internal(set) var outputs: [ValueID] = []
  /// Names of the outputs, which outlive rewrites of the values behind them.
  public internal(set) var outputNames: [Name] = []

  var values: [Value] = []
  var nodes: [Node?] = []
  // The order of nodes, as a doubly linked list so that inserting is O(1).
  var next: [Int] = []
  var previous: [Int] = []
  var first = -1
  var last = -1
  public private(set) var nodeCount = 0

  public init(name: Name = "") { self.name = name }

  public subscript(_ id: ValueID) -> Value { values[id.index] }
  /// The node, or nil once it is removed.
  public subscript(_ id: NodeID) -> Node? { id.index < nodes.count ? nodes[id.index] : nil }

  public func type(_ id: ValueID) -> ValueType { values[id.index].type }
  /// The tensor a value holds, where it is a constant.
  public func constant(_ id: ValueID?) -> Tensor? {
    guard let id, case .constant(let tensor) = values[id.index].definition else { return nil }
    return tensor
  }
  /// The node that computes a value, and as which output.
  public func producer(_ id: ValueID?) -> Node? {
    guard let id, case .node(let node, _) = values[id.index].definition else { return nil }
    return self[node]
  }
  /// Nodes that read a value, once per reading input.
  public func users(_ id: ValueID) -> [NodeID] { values[id.index].users }
  public func isOutput(_ id: ValueID) -> Bool { values[id.index].outputUses > 0 }
  /// Readers, the graph's outputs included.
  public func useCount(_ id: ValueID) -> Int { values[id.index].users.count + values[id.index].outputUses }
  public var valueCount: Int { values.count }
  /// All live values, by handle.
  public var valueIDs: [ValueID] { values.indices.filter { !values[$0].isRemoved }.map { ValueID($0) } }

  /// Nodes in order.
  public var orderedNodes: OrderedNodes { OrderedNodes(graph: self) }

  public struct OrderedNodes: Sequence, IteratorProtocol {
    let graph: Graph
    var current: Int
    init(graph: Graph) {
      self.graph = graph
      current = graph.first
    }
    public mutating func next() -> Node? {
      guard current >= 0 else { return nil }
      defer { current = graph.next[current] }
      return graph.nodes[current]
    }
  }

  public var firstNode: NodeID? { first < 0 ? nil : NodeID(first) }
  /// The node after one in order.
  public func node(after id: NodeID) -> NodeID? { next[id.index] < 0 ? nil : NodeID(next[id.index]) }

  // MARK: Building

  mutating func newValue(_ name: Name, _ type: ValueType, _ definition: Value.Definition, contents: [Dim]? = nil)
    -> ValueID
  {
    values.append(Value(name: name, type: type, definition: definition, contents: contents))
    return ValueID(values.count - 1)
  }

  /// Adds an input of the graph. Unknown dimensions become symbols of their own.
  @discardableResult
  public mutating func addInput(_ name: Name, _ type: ValueType) -> ValueID {
    let index = values.count
    let named = type.mapDims { dim, axis in dim.isUnknown ? .symbol("?\(index).\(axis)") : dim }
    let id = newValue(name, named, .input(inputs.count))
    inputs.append(id)
    return id
  }

  @discardableResult
  public mutating func addConstant(_ tensor: Tensor, name: Name = "") -> ValueID {
    newValue(name, .tensor(tensor.tensorType), .constant(tensor), contents: Graph.contents(of: tensor))
  }

  /// Elements of a small integer constant as dimensions.
  static func contents(of tensor: Tensor) -> [Dim]? {
    guard tensor.rank <= 1, tensor.type.isInteger || tensor.type == .bool, tensor.count <= 1024 else { return nil }
    let numbers = tensor.integers
    // Above what a dimension can be.
    if tensor.type == .uint64, numbers.contains(where: { $0 < 0 }) { return nil }
    return numbers.map { Dim($0) }
  }

  public mutating func setOutputs(_ ids: [ValueID], names: [Name]) {
    for id in outputs { values[id.index].outputUses -= 1 }
    outputs = ids
    outputNames = names
    for id in ids { values[id.index].outputUses += 1 }
  }

  mutating func setName(_ id: ValueID, _ name: Name) { values[id.index].name = name }

  /// Gives a value that has no name one.
  public mutating func nameIfUnnamed(_ id: ValueID, _ name: Name) {
    if values[id.index].name.isEmpty { values[id.index].name = name }
  }

  /// Links a new node in before another, or at the end.
  mutating func link(_ node: Node, before: NodeID?) {
    let index = node.id.index
    nodes.append(node)
    next.append(-1)
    previous.append(-1)
    nodeCount += 1
    let following = before?.index ?? -1
    let preceding = following >= 0 ? previous[following] : last
    next[index] = following
    previous[index] = preceding
    if preceding >= 0 { next[preceding] = index } else { first = index }
    if following >= 0 { previous[following] = index } else { last = index }
  }

  mutating func unlink(_ id: NodeID) {
    let index = id.index
    if previous[index] >= 0 { next[previous[index]] = next[index] } else { first = next[index] }
    if next[index] >= 0 { previous[next[index]] = previous[index] } else { last = previous[index] }
    nodes[index] = nil
    nodeCount -= 1
  }
}
