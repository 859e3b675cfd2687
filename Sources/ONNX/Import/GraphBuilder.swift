import IR

/// What a name stands for.
enum Binding {
  case value(ValueID)
  /// An optional input that the caller of a function left out.
  case absent
  /// The result of a node that was already found wrong; what reads it is not reported again.
  case broken
}

/// Builds one graph: the main one, or the body of a control-flow operator. Function calls are expanded in place with an
/// explicit stack of frames.
final class GraphBuilder {
  /// Nodes being imported in order, with the names they see.
  struct Frame {
    enum Source {
      case graph(ProtoGraph)
      case function(LocalFunction)
    }
    let source: Source
    var next = 0
    var bindings: [Name: Binding] = [:]
    let opsets: OpsetTable
    /// Reads tensors of the document that the nodes stand in.
    let tensors: TensorReader
    /// Arguments of the function's parameters; nil outside functions.
    let arguments: [Name: Argument]?
    /// Put in front of node names: the call's own.
    let prefix: [UInt8]
    /// The caller's names for the function's outputs.
    let results: [Name]
  }

  /// An attribute that a function was called with, and what reads its tensors.
  struct Argument {
    let attribute: ProtoAttribute
    let tensors: TensorReader

    func value() throws(Diagnostic) -> AttributeValue { try attribute.value(tensors) }
  }

  let importer: ModelImporter
  /// How many graphs this one stands in.
  let depth: Int
  var graph: Graph
  var frames: [Frame] = []
  /// Inputs of the main graph so far, constants that stand for one included.
  var inputCount = 0
  /// Types that the file notes for values: hints, checked and never used.
  private var hints: [Name: ProtoType] = [:]

  init(_ importer: ModelImporter, depth: Int, name: Name) {
    self.importer = importer
    self.depth = depth
    graph = Graph(name: name)
  }

  func report(_ diagnostic: Diagnostic) { importer.findings.add(diagnostic) }

  // MARK: Names

  /// Binds a name in the current frame; reports a second definition.
  func bind(_ name: Name, _ binding: Binding, _ what: @autoclosure () -> String) {
    if name.isEmpty { return }
    if frames[frames.count - 1].bindings.updateValue(binding, forKey: name) != nil {
      report(.invalid("\(what()) defines '\(name)', which is already defined"))
    }
  }

  func binding(_ name: Name) -> Binding? { frames[frames.count - 1].bindings[name] }

  /// The name as it appears in the graph: with the call's name in front inside a function.
  func qualified(_ name: Name) -> Name {
    let prefix = frames[frames.count - 1].prefix
    return prefix.isEmpty || name.isEmpty ? name : Name(prefix + [UInt8(ascii: "/")] + name.bytes)
  }

  // MARK: Contents of a GraphProto

  /// Adds initializers, dense and sparse. `declared` holds the inputs they are defaults of.
  func addInitializers(_ proto: ProtoGraph, declared: [Name: ProtoType?] = [:]) {
    let tensors = frames[frames.count - 1].tensors
    for index in 0..<proto.initializerCount {
      let tensor = proto.initializer(index)
      addInitializer(tensor.name, declared) { () throws(Diagnostic) in try tensors.read(tensor) }
    }
    for sparse in proto.sparseInitializers {
      addInitializer(sparse.values?.name ?? "", declared) { () throws(Diagnostic) in try tensors.read(sparse) }
    }
  }

  private func addInitializer(
    _ name: Name, _ declared: [Name: ProtoType?], _ read: () throws(Diagnostic) -> Tensor
  ) {
    do throws(Diagnostic) {
      guard !name.isEmpty else { throw Diagnostic.invalid("it has no name") }
      let tensor = try read()
      if let type = declared[name], let expected = try TypeReader.read(type),
        !expected.isCompatible(with: .tensor(tensor.tensorType))
      {
        throw Diagnostic.invalid("it is \(tensor.tensorType), but the input of that name is declared as \(expected)")
      }
      bind(name, .value(graph.addConstant(tensor, name: name)), "initializer '\(name)'")
    } catch {
      report(error.about("initializer '\(name)'"))
      bind(name, .broken, "initializer '\(name)'")
    }
  }

  func collectHints(_ proto: ProtoGraph) {
    for info in proto.valueInfos { if let type = info.type { hints[info.name] = type } }
  }

  /// Compares what was inferred with what the file notes of a value of the main graph.
  func checkHint(_ name: Name, _ id: ValueID) {
    guard !hints.isEmpty, frames.count == 1, let proto = hints[name] else { return }
    do throws(Diagnostic) {
      guard let hint = try TypeReader.read(proto), !hint.isCompatible(with: graph.type(id)) else { return }
      throw Diagnostic.invalid("it is \(graph.type(id)), but the file notes it as \(hint)")
    } catch {
      report(error.about("value '\(name)'"))
    }
  }

  /// Sets the graph's outputs from the current frame's names. Returns false when one is missing or broken.
  func addOutputs(_ proto: ProtoGraph) -> Bool {
    var ids: [ValueID] = []
    var names: [Name] = []
    for output in proto.outputs {
      switch binding(output.name) {
      case .value(let id):
        checkOutput(output, id)
        ids.append(id)
        names.append(output.name)
      case .broken: break
      case .absent, nil: report(.invalid("graph output '\(output.name)' is made by no node"))
      }
    }
    guard ids.count == proto.outputs.count else { return false }
    graph.setOutputs(ids, names: names)
    return true
  }

  private func checkOutput(_ output: ProtoValueInfo, _ id: ValueID) {
    do throws(Diagnostic) {
      guard let declared = try TypeReader.read(output.type), !declared.isCompatible(with: graph.type(id)) else {
        return
      }
      throw Diagnostic.invalid("it is \(graph.type(id)), but is declared as \(declared)")
    } catch {
      report(error.about("graph output '\(output.name)'"))
    }
  }

  // MARK: Nodes

  /// Imports all nodes of the frames on the stack, functions expanded, down to the first frame.
  func importNodes() {
    while true {
      let current = frames.count - 1
      let index = frames[current].next
      let node: ProtoNode
      switch frames[current].source {
      case .graph(let proto) where index < proto.nodeCount: node = proto.node(index)
      case .function(let function) where index < function.proto.nodeCount: node = function.proto.node(index)
      case .graph: return
      case .function(let function):
        finish(function)
        continue
      }
      frames[current].next += 1
      if importer.takeNode() { importNode(node) } else { return }
    }
  }

  /// Binds a function's outputs in its caller's frame.
  private func finish(_ function: LocalFunction) {
    let frame = frames.removeLast()
    for (output, result) in zip(function.outputs, frame.results) {
      let called = Name(frame.prefix)
      switch frame.bindings[output] {
      case .value(let id): bind(result, .value(id), "function call '\(called)'")
      case .broken: bind(result, .broken, "function call '\(called)'")
      case .absent, nil:
        report(.invalid("function '\(function.proto.name)' never makes its output '\(output)'"))
        bind(result, .broken, "function call '\(called)'")
      }
    }
  }
}
