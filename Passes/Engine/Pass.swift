import IR

/// A transformation of a whole graph. Leaves a graph that verifies, or throws.
///
/// Every edit goes through the context, which counts, verifies, logs and stops. A pass runs on every body of a control
/// flow node and then on the graph.
public protocol Pass: Sendable {
  /// Verb and object, as on the command line: `fold-constants`.
  var name: String { get }
  /// Whether it also runs on the bodies of control flow. A pass that holds handles of one graph must not.
  var entersBodies: Bool { get }
  func run(on graph: inout Graph, _ context: PassContext) throws(Diagnostic)
}

/// What a pass declined to do, and why.
public struct Rejection: Hashable, Sendable {
  /// ONNX name of the node, or its operator where it has none.
  public var node: String
  public var reason: String

  public init(node: String, reason: String) {
    self.node = node
    self.reason = reason
  }
}

/// How a pipeline is run.
public struct PassOptions: Sendable {
  /// Checks the whole graph after every edit (slow: for tests and to find a bad rewrite).
  public var verifiesEachEdit = false
  /// Edits after which all passes stop: bisects a bad rewrite.
  public var stopAfter: Int?
  /// Names of passes to leave out.
  public var disabled: [String] = []
  /// Seconds after which passes stop editing.
  public var seconds: Double?
  /// Called with a line per pass, and per edit where `logsEdits`.
  public var log: (@Sendable (String) -> Void)?
  public var logsEdits = false
  /// Called with the graph after every run of a pass.
  public var afterPass: (@Sendable (_ pass: String, _ graph: Graph) -> Void)?

  public init() {}
}

/// One run of a pipeline as its passes see it: counts edits over all passes, records what each of them rejects.
public final class PassContext {
  public let options: PassOptions
  /// Edits of all passes so far.
  public private(set) var totalEdits = 0
  /// The newest edit: pass and what it did.
  public private(set) var lastEdit: String?
  /// Monotonic nanoseconds at which editing stops.
  public let deadline: UInt64?

  private(set) var passName = ""
  private(set) var edits = 0
  private(set) var rejections: [Rejection] = []
  private(set) var omittedRejections = 0
  private var seen: Set<Rejection> = []
  static let maximumRejections = 256

  public init(options: PassOptions = PassOptions()) {
    self.options = options
    deadline = options.seconds.map { EvaluationContext.deadline(seconds: $0) }
  }

  func begin(_ pass: String) {
    passName = pass
    edits = 0
    rejections = []
    omittedRejections = 0
    seen = []
  }

  /// Whether another edit may be made.
  public var mayEdit: Bool {
    if let limit = options.stopAfter, totalEdits >= limit { return false }
    return !hasExpired
  }

  private var hasExpired: Bool {
    guard deadline != nil else { return false }
    let context = EvaluationContext(outputCount: 0, deadline: deadline)
    do throws(Diagnostic) {
      try context.checkDeadline()
      return false
    } catch {
      return true
    }
  }

  /// Applies a patch and counts it. Returns the values made, or nil where the graph refuses the patch (which is then
  /// recorded as rejected, or thrown when every edit is verified: it is a bug of the rule).
  public func apply(_ patch: Patch, to graph: inout Graph) throws(Diagnostic) -> [ValueID]? {
    guard mayEdit else { return nil }
    let label = notesEdits ? graph[patch.anchor]?.label ?? "" : ""
    let made: [ValueID]
    do throws(Diagnostic) {
      made = try graph.apply(patch)
    } catch {
      let label = graph[patch.anchor]?.label ?? ""
      if options.verifiesEachEdit { throw error.about("internal error: \(passName) at \(label)") }
      reject(label, "the rewrite does not fit: \(error.message)")
      return nil
    }
    try didEdit(graph, "\(patch.note) at \(label)")
    return made
  }

  /// Whether anyone wants to know of each edit.
  private var notesEdits: Bool { options.stopAfter != nil || options.logsEdits || options.verifiesEachEdit }

  /// Counts an edit that was made without a patch.
  public func didEdit(_ graph: Graph, _ note: @autoclosure () -> String, count: Int = 1) throws(Diagnostic) {
    edits += count
    totalEdits += count
    if notesEdits {
      let text = "\(passName): \(note())"
      lastEdit = text
      if options.logsEdits { options.log?("  \(text)") }
    }
    guard options.verifiesEachEdit else { return }
    do throws(Diagnostic) {
      try graph.verify()
    } catch {
      throw error.about("internal error: after \(lastEdit ?? passName)")
    }
  }

  /// Records why something was not done at a node.
  public func reject(_ node: Node, _ reason: String) {
    reject(node.names.first.map(\.description) ?? Swift.type(of: node.op).qualifiedName, reason)
  }

  public func reject(_ node: String, _ reason: String) {
    let rejection = Rejection(node: node, reason: reason)
    guard seen.count < 4 * PassContext.maximumRejections else {
      omittedRejections += 1
      return
    }
    guard seen.insert(rejection).inserted else { return }
    if rejections.count < PassContext.maximumRejections {
      rejections.append(rejection)
    } else {
      omittedRejections += 1
    }
  }
}

extension Pass {
  public var entersBodies: Bool { true }

  /// Runs the pass on the bodies inside the graph, innermost first, then on the graph.
  func runEverywhere(on graph: inout Graph, _ context: PassContext, depth: Int = 0) throws(Diagnostic) {
    guard depth < 64 else { return }
    let start = context.totalEdits
    for node in entersBodies ? graph.controlFlowNodes : [] {
      var op = node.op
      let before = context.totalEdits
      for (name, value) in node.op.attributeValues {
        guard case .graph(var body) = value else { continue }
        try runEverywhere(on: &body, context, depth: depth + 1)
        if context.totalEdits > before { try op.setAttribute(name, .graph(body)) }
      }
      if context.totalEdits > before { try graph.setOperator(node.id, op) }
    }
    if context.mayEdit { try run(on: &graph, context) }
    // Constants that came up decide shapes further on.
    if context.totalEdits > start { graph.refineTypes() }
  }
}
