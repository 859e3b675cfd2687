import IR

/// What a rule says to one node.
public enum Outcome: Sendable {
  /// Not what the rule is about.
  case noMatch
  case patch(Patch)
  /// What the rule is about, but it must not be done: the reason, for the report.
  case rejected(String)
}

/// A local rewrite: looks at one node and what it reads, and proposes an edit.
///
/// Anchored at the last node of its pattern. Never changes the graph, never loops to a fixpoint: the driver does. `Root`
/// is an operator type or an `any` protocol of operators.
public protocol RewriteRule: Sendable {
  associatedtype Root
  static var name: String { get }
  /// Whether operators of that type can be the root: asked once for each type, with an operator as it is by default. Nodes
  /// of other types are never looked at.
  static func isRoot(_ op: any Operator) -> Bool
  func rewrite(_ op: Root, at node: Node, in graph: Graph) -> Outcome
}

extension RewriteRule {
  public static func isRoot(_ op: any Operator) -> Bool { op is Root }

  func outcome(_ node: Node, in graph: Graph) -> Outcome {
    guard let op = node.op as? Root else { return .noMatch }
    return rewrite(op, at: node, in: graph)
  }
}

/// A rule applied until it matches nowhere. Every node is looked at once, and again when something near it changed.
public struct RulePass: Pass {
  let rule: any RewriteRule
  /// Leaves nodes in bfloat16 alone, whose results are rounded one by one.
  var keepsRoundings = false
  public init(_ rule: any RewriteRule) { self.rule = rule }
  public var name: String { Swift.type(of: rule).name }
  private func isRoot(_ op: any Operator) -> Bool { Swift.type(of: rule).isRoot(op) }

  public func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic) {
    let ids = graph.nodeIDs { isRoot($0.init()) }
    guard !ids.isEmpty else { return }
    var work = Worklist(ids, limit: graph.nodeIndexLimit)
    var applied = 0
    // Rules shrink graphs; the bound only stops a rule that undoes itself.
    let limit = 16 * graph.nodeCount + 1024
    while let id = work.pop(), applied < limit {
      guard let node = graph[id], !(keepsRoundings && graph.isBFloat16(node)) else { continue }
      switch rule.outcome(node, in: graph) {
      case .noMatch: continue
      case .rejected(let reason): context.reject(node, reason)
      case .patch(let patch):
        guard let made = try context.apply(patch, to: &graph) else {
          if !context.mayEdit { return }
          continue
        }
        applied += 1
        work.push(neighbours(of: made, readBy: node, in: graph))
      }
    }
  }

  /// Nodes for which the edit may have made the rule match.
  private func neighbours(of made: [ValueID], readBy old: Node, in graph: Graph) -> [NodeID] {
    var near: [NodeID] = []
    for value in made {
      if let producer = graph.producer(value) { near.append(producer.id) }
      for user in graph.users(value, limit: 64) {
        near.append(user)
        for output in graph[user]?.outputs ?? [] { near += graph.users(output, limit: 16) }
      }
    }
    for input in old.inputs {
      guard let input, graph.constant(input) == nil else { continue }
      near += graph.users(input, limit: 64)
      if let producer = graph.producer(input) { near.append(producer.id) }
    }
    return near
  }
}

extension Graph {
  fileprivate func isBFloat16(_ node: Node) -> Bool {
    node.outputs.contains { type($0).tensor?.element == .bfloat16 }
  }
}

extension Pipeline {
  /// The same passes, whose rules leave nodes in bfloat16 alone: fused, several nodes would be rounded once.
  func keepingRoundings() -> Pipeline {
    Pipeline(
      passes.map { pass in
        guard var pass = pass as? RulePass else { return pass }
        pass.keepsRoundings = true
        return pass
      })
  }
}

/// Nodes to look at, in order, none twice at a time.
struct Worklist {
  private var queue: [NodeID]
  private var head = 0
  /// By index of the node.
  private var isWaiting: [Bool]

  /// `limit` is above the handles of all nodes there are.
  init(_ ids: [NodeID], limit: Int) {
    queue = ids
    isWaiting = Array(repeating: false, count: limit)
    for id in ids { isWaiting[id.index] = true }
  }

  mutating func pop() -> NodeID? {
    guard head < queue.count else { return nil }
    let id = queue[head]
    head += 1
    isWaiting[id.index] = false
    return id
  }

  mutating func push(_ ids: [NodeID]) {
    for id in ids {
      while id.index >= isWaiting.count { isWaiting.append(false) }
      if isWaiting[id.index] { continue }
      isWaiting[id.index] = true
      queue.append(id)
    }
  }
}
