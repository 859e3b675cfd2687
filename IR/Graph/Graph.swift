/// Handle of a value in its graph. Small, because graphs hold many; memory ends long before 2^32 values.
public struct ValueID: Hashable, Sendable, Comparable {
  private let raw: UInt32
  public var index: Int { Int(raw) }
  public init(_ index: Int) { raw = UInt32(truncatingIfNeeded: index) }
  public static func < (a: ValueID, b: ValueID) -> Bool { a.raw < b.raw }
}

/// Handle of a node in its graph.
public struct NodeID: Hashable, Sendable, Comparable {
  private let raw: UInt32
  public var index: Int { Int(raw) }
  public init(_ index: Int) { raw = UInt32(truncatingIfNeeded: index) }
  public static func < (a: NodeID, b: NodeID) -> Bool { a.raw < b.raw }
}

/// One application of an operator.
public struct Node: Sendable {
  public var op: any Operator
  /// Absent optional inputs are nil.
  public internal(set) var inputs: [ValueID?]
  public internal(set) var outputs: ShortList<ValueID> = []
  var nameList: ShortList<Name>
  public let id: NodeID
  /// Where the entries of its inputs begin among the graph's uses.
  var firstUse: Int32 = 0

  init(id: NodeID, op: any Operator, inputs: [ValueID?], names: [Name]) {
    self.id = id
    self.op = op
    self.inputs = inputs
    nameList = ShortList(names)
  }

  /// ONNX names of the nodes this one stands for.
  public var names: [Name] {
    get { Array(nameList) }
    set { nameList = ShortList(newValue) }
  }

  /// Adds names that it does not have. Of very many only the newest are compared: a name twice does no harm.
  mutating func addNames(_ names: some Sequence<Name>) {
    for name in names where !nameList.suffix(64).contains(name) { nameList.append(name) }
  }

  /// `Conv 'stem/conv1'`, as messages put it.
  public var label: String {
    let quoted = nameList.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
    let more = nameList.count > 3 ? ", …" : ""
    return op.displayName + (quoted.isEmpty ? "" : " \(quoted)\(more)")
  }
}

/// One value: an input, a constant, or the output of a node.
public struct Value: Sendable {
  public enum Definition: Hashable, Sendable {
    case input(Int32)
    indirect case constant(Tensor)
    case node(NodeID, output: Int32)
    /// A constant that nothing needs any more.
    case forgotten
  }
  /// ONNX name; may be empty.
  public var name: Name
  public internal(set) var type: ValueType
  public internal(set) var definition: Definition
  /// Elements of an integer tensor of rank 0 or 1 as dimensions, where known; of a sequence, its length.
  public internal(set) var contents: [Dim]?
  /// Ends of the list of what reads it, and its length.
  var firstUse: Int32 = -1
  var lastUse: Int32 = -1
  var readerCount: Int32 = 0
  /// How often it is an output of the graph.
  var outputUses: Int32 = 0
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
  /// The operator type of each node.
  var kinds: [UInt16] = []
  var operatorKinds = OperatorKinds()
  var uses: [Use] = []
  /// Where among the outputs a value stands.
  var outputPlaces: [ValueID: [Int]] = [:]
  // The order of nodes, as a doubly linked list so that inserting is O(1).
  var next: [Int32] = []
  var previous: [Int32] = []
  var first: Int32 = -1
  var last: Int32 = -1
  public private(set) var nodeCount = 0
  /// How many nodes have bodies; most graphs have none, and passes need not look for them.
  private var nodesWithBodies = 0

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
  /// Elements of an integer tensor of rank 0 or 1 as dimensions, where known; of a sequence, its length.
  public func contents(_ id: ValueID) -> [Dim]? { values[id.index].contents }
  /// The node that computes a value, and as which output.
  public func producer(_ id: ValueID?) -> Node? {
    guard let id, case .node(let node, _) = values[id.index].definition else { return nil }
    return self[node]
  }
  public var valueCount: Int { values.count }
  /// All live values, by handle.
  public var valueIDs: [ValueID] { values.indices.filter { !values[$0].isRemoved }.map { ValueID($0) } }

  /// Nodes in order.
  public var orderedNodes: OrderedNodes { OrderedNodes(graph: self) }

  public struct OrderedNodes: Sequence, IteratorProtocol {
    let graph: Graph
    var current: Int32
    init(graph: Graph) {
      self.graph = graph
      current = graph.first
    }
    public mutating func next() -> Node? {
      guard current >= 0 else { return nil }
      defer { current = graph.next[Int(current)] }
      return graph.nodes[Int(current)]
    }
  }

  public var firstNode: NodeID? { first < 0 ? nil : NodeID(Int(first)) }
  /// The node after one in order.
  public func node(after id: NodeID) -> NodeID? { next[id.index] < 0 ? nil : NodeID(Int(next[id.index])) }

  /// Handles of the nodes in order, where `isIncluded` says yes to the operator's type, of which it is asked once. Much
  /// cheaper than going over `orderedNodes`: no node is read.
  public func nodeIDs(where isIncluded: (any Operator.Type) -> Bool = { _ in true }) -> [NodeID] {
    let included = operatorKinds.types.map(isIncluded)
    guard included.contains(true) else { return [] }
    var ids: [NodeID] = []
    var current = first
    while current >= 0 {
      if included[Int(kinds[Int(current)])] { ids.append(NodeID(Int(current))) }
      current = next[Int(current)]
    }
    return ids
  }

  /// The operator type of a node.
  public func operatorType(_ id: NodeID) -> any Operator.Type { operatorKinds.types[Int(kinds[id.index])] }
  /// Whether the graph has, or once had, nodes of an operator.
  public func hasOperators(of type: any Operator.Type) -> Bool { operatorKinds.types.contains { $0 == type } }

  /// Nodes with bodies, in order.
  public var controlFlowNodes: [Node] {
    nodesWithBodies == 0 ? [] : orderedNodes.filter { !$0.op.subgraphs.isEmpty }
  }

  /// Upper bound of the handles of nodes.
  public var nodeIndexLimit: Int { nodes.count }

  /// Makes room for so many more nodes of one output, and constants.
  public mutating func reserve(nodes count: Int, constants: Int = 0) {
    nodes.reserveCapacity(nodes.count + count)
    next.reserveCapacity(next.count + count)
    previous.reserveCapacity(previous.count + count)
    uses.reserveCapacity(uses.count + count)
    kinds.reserveCapacity(kinds.count + count)
    values.reserveCapacity(values.count + count + constants)
  }

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
    let id = newValue(name, named, .input(Int32(truncatingIfNeeded: inputs.count)))
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

  mutating func setName(_ id: ValueID, _ name: Name) { values[id.index].name = name }

  /// Gives a value that has no name one.
  public mutating func nameIfUnnamed(_ id: ValueID, _ name: Name) {
    if values[id.index].name.isEmpty { values[id.index].name = name }
  }

  /// Links a new node in before another, or at the end.
  mutating func link(_ node: Node, before: NodeID?) {
    let index = Int32(truncatingIfNeeded: node.id.index)
    let following = before.map { Int32(truncatingIfNeeded: $0.index) } ?? -1
    let preceding = following >= 0 ? previous[Int(following)] : last
    nodes.append(node)
    kinds.append(operatorKinds.number(Swift.type(of: node.op)))
    next.append(following)
    previous.append(preceding)
    nodeCount += 1
    if !node.op.subgraphs.isEmpty { nodesWithBodies += 1 }
    if preceding >= 0 { next[Int(preceding)] = index } else { first = index }
    if following >= 0 { previous[Int(following)] = index } else { last = index }
  }

  mutating func recount(bodiesOf old: any Operator, becoming new: any Operator) {
    nodesWithBodies += (new.subgraphs.isEmpty ? 0 : 1) - (old.subgraphs.isEmpty ? 0 : 1)
  }

  mutating func unlink(_ id: NodeID) {
    let index = id.index
    let (before, after) = (previous[index], next[index])
    if before >= 0 { next[Int(before)] = after } else { first = after }
    if after >= 0 { previous[Int(after)] = before } else { last = before }
    if let op = nodes[index]?.op, !op.subgraphs.isEmpty { nodesWithBodies -= 1 }
    nodes[index] = nil
    nodeCount -= 1
  }
}
