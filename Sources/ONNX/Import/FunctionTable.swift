import IR

/// A model-local function, read once.
final class LocalFunction {
  let proto: ProtoFunction
  /// What it stands in.
  let document: ProtoDocument
  let inputs: [Name]
  let outputs: [Name]
  /// Parameters it may be called with.
  let parameters: Set<Name>
  let defaults: [Name: ProtoAttribute]
  let opsets: OpsetTable

  init(_ proto: ProtoFunction, _ document: ProtoDocument) throws(Diagnostic) {
    self.proto = proto
    self.document = document
    inputs = proto.inputs
    outputs = proto.outputs
    let defaults = proto.defaults(document)
    self.defaults = Dictionary(defaults.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    parameters = Set(proto.parameters + defaults.map(\.name))
    opsets = try OpsetTable(proto.opsets, irVersion: 8)
  }
}

struct FunctionKey: Hashable {
  let domain: Name
  let name: Name
  let overload: Name
}

/// Versions of the imported domains; the default domain is "".
struct OpsetTable {
  static let newest = 28
  private var versions: [Name: Int] = [:]
  private var defaultVersion: Int?

  /// Throws on versions out of range and on a domain with two.
  init(_ opsets: [ProtoOpset], irVersion: Int) throws(Diagnostic) {
    for opset in opsets {
      let domain = OpsetTable.normalized(opset.domain)
      let newest = domain.isEmpty ? OpsetTable.newest : Int(Int32.max)
      guard opset.version >= 1, opset.version <= newest else {
        let called = domain.isEmpty ? "opset" : "opset of domain '\(domain)'"
        throw .invalid("\(called) is \(opset.version), accepted range is 1...\(newest)")
      }
      let version = Int(opset.version)
      guard versions[domain] == nil || versions[domain] == version else {
        throw .invalid("domain '\(domain)' is imported with two versions, \(versions[domain] ?? 0) and \(version)")
      }
      versions[domain] = version
    }
    // Before IR version 3 files named no opset; all were of version 1.
    if versions.isEmpty, irVersion < 3 { versions[""] = 1 }
    defaultVersion = versions[""]
  }

  var isEmpty: Bool { versions.isEmpty }

  func version(of domain: Name) -> Int? {
    domain.isEmpty ? defaultVersion : versions[OpsetTable.normalized(domain)]
  }

  /// The long name of the default domain.
  static let longDefault = Name("ai.onnx")

  static func normalized(_ domain: Name) -> Name { domain == longDefault ? "" : domain }
}

/// The model's functions, checked: unique, acyclic, and small enough once inlined.
struct FunctionTable {
  private var functions: [FunctionKey: LocalFunction] = [:]
  /// The functions as the file lists them.
  private(set) var inOrder: [LocalFunction] = []

  init(_ model: ProtoModel, _ document: ProtoDocument) throws(Diagnostic) {
    for proto in model.functions {
      let key = FunctionKey(
        domain: OpsetTable.normalized(proto.domain), name: proto.name, overload: proto.overload)
      guard functions[key] == nil else { throw .invalid("function '\(proto.name)' is defined twice") }
      do throws(Diagnostic) {
        let function = try LocalFunction(proto, document)
        functions[key] = function
        inOrder.append(function)
      } catch {
        throw error.about("function '\(proto.name)'")
      }
    }
  }

  var isEmpty: Bool { functions.isEmpty }

  static func key(_ node: ProtoNode) -> FunctionKey {
    FunctionKey(domain: OpsetTable.normalized(node.domain), name: node.operatorName, overload: node.overload)
  }

  func function(_ node: ProtoNode) -> LocalFunction? { functions.isEmpty ? nil : functions[Self.key(node)] }

  /// Nodes of the graph with all functions inlined, subgraphs included, saturating at `limit` + 1.
  /// Throws on functions that call themselves. Iterative: call chains may be thousands deep.
  func inlinedNodeCount(_ graph: ProtoGraph, limit: Int) throws(Diagnostic) -> Int {
    var sizes: [FunctionKey: Int] = [:]
    var open: Set<FunctionKey> = []
    let main = CallCount(graph: graph, self)
    var stack: [(key: FunctionKey?, body: CallCount, next: Int)] = [(nil, main, 0)]
    while let (key, body, next) = stack.last {
      if next < body.calls.count {
        stack[stack.count - 1].next += 1
        let callee = body.calls[next].key
        if sizes[callee] != nil { continue }
        guard let function = functions[callee] else { continue }
        guard !open.contains(callee) else { throw .invalid("function '\(callee.name)' calls itself") }
        open.insert(callee)
        stack.append((callee, CallCount(function: function, self), 0))
      } else {
        let total = body.total(sizes, limit: limit)
        guard let key else { return total }
        sizes[key] = total
        open.remove(key)
        stack.removeLast()
      }
    }
    return 0
  }
}

/// Nodes of one body that stay, and the functions it calls with how often, in order of appearance.
private struct CallCount {
  var plain = 0
  var calls: [(key: FunctionKey, times: Int)] = []
  private var index: [FunctionKey: Int] = [:]

  init(graph: ProtoGraph, _ table: FunctionTable) { count(graph, table) }

  init(function: LocalFunction, _ table: FunctionTable) {
    for index in 0..<function.proto.nodeCount { count(function.proto.node(index), table) }
  }

  /// Recursive over subgraphs, whose depth the wire scan has bounded.
  private mutating func count(_ graph: ProtoGraph, _ table: FunctionTable) {
    for index in 0..<graph.nodeCount { count(graph.node(index), table) }
  }

  private mutating func count(_ node: ProtoNode, _ table: FunctionTable) {
    for graph in node.subgraphs { count(graph, table) }
    guard table.function(node) != nil else {
      plain += 1
      return
    }
    let key = FunctionTable.key(node)
    if let position = index[key] {
      calls[position].times += 1
    } else {
      index[key] = calls.count
      calls.append((key, 1))
    }
  }

  func total(_ sizes: [FunctionKey: Int], limit: Int) -> Int {
    var sum = plain
    for (key, times) in calls {
      let (product, overflow) = times.multipliedReportingOverflow(by: (sizes[key] ?? 0) + 1)
      let (next, carry) = sum.addingReportingOverflow(product)
      sum = overflow || carry || next > limit ? limit + 1 : next
    }
    return min(sum, limit + 1)
  }
}
