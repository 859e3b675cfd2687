import IR
import ONNX
import Passes

extension Compiler {
  /// Names of all passes, as `--disable-pass` and `--print-after` take them.
  public static var passNames: [String] {
    let plan = QuantizationPlan(Graph(), keepFloat: [])
    let others = Pipelines.balanced(plan, magnitudes: [:]) + Pipelines.quantized(plan, [:], ranges: [:])
    return (Pipeline(Pipelines.allPasses) + others + Pipelines.dynamic(plan, [:])).names
  }

  /// Names of the passes that a way to quantize has besides those without loss.
  private static func quantizationPassNames(_ mode: QuantizeMode, hasSamples: Bool) -> [String] {
    let plan = QuantizationPlan(Graph(), keepFloat: [])
    switch mode {
    case .int8 where hasSamples:
      return (Pipelines.balanced(plan, magnitudes: [:]) + Pipelines.quantized(plan, [:], ranges: [:])).names
    case .int8, .int8Dynamic: return Pipelines.dynamic(plan, [:]).names
    case .int8Weights, .int4Weights:
      return Pipelines.weightCodes(plan, [:]).names.filter { hasSamples || $0 != RoundWeights.name }
    }
  }

  /// Names of the operators that ONNX defines as functions, as `--expand` takes them.
  public static var expandableOperators: [String] { functionOperators().map { $0.name } }

  /// What is wrong with the text of a pruning option, or nil.
  public static func problem(withPruning text: String) -> String? {
    do throws(Diagnostic) {
      _ = try PrunePattern(parsing: text)
      return nil
    } catch { return ([error.message] + error.notes).joined(separator: "; ") }
  }

  /// Checks what options name: passes must exist; nodes and symbols should.
  /// - Returns: warnings about options without effect.
  static func checkNames(_ options: CompileOptions, _ graph: Graph, path: String) throws -> [String] {
    let known = passNames
    for name in options.disabledPasses + [options.printAfter].compactMap(\.self) where !known.contains(name) {
      throw KerfError("there is no pass '\(printable(name))'", notes: ["passes are \(known.joined(separator: ", "))"])
    }
    var warnings = passesWithoutEffect(options)
    if !options.expandedOperators.isEmpty {
      var plain = options
      plain.expandedOperators = []
      let operators = operatorNames(try importModel(path, plain).graph)
      for name in options.expandedOperators
      where name != "all" && !operators.contains(name) && OperatorCatalog.find(name, domain: "") != nil {
        warnings.append("--expand \(printable(name)) has no effect: the model has no node of that operator")
      }
    }
    if !options.keepFloat.isEmpty {
      let names = nodeNames(graph)
      for name in options.keepFloat where !names.contains(Name(name)) {
        warnings.append("--keep-float '\(printable(name))' has no effect: the model has no node of that name")
      }
    }
    if !options.dimensions.isEmpty {
      var plain = options
      plain.dimensions = []
      plain.inputShapes = []
      let symbols = inputSymbols(try importModel(path, plain).graph)
      for (name, _) in options.dimensions {
        if !symbols.contains(name) {
          let list = symbols.isEmpty ? "none" : symbols.map { printable($0) }.joined(separator: ", ")
          warnings.append("--dim \(printable(name)) has no effect: symbolic dimensions of the inputs are \(list)")
        }
      }
    }
    if options.strict, let first = warnings.first {
      throw KerfError("--strict: \(first)", notes: Array(warnings.dropFirst()))
    }
    return warnings
  }

  /// Passes of what is not asked for.
  private static func passesWithoutEffect(_ options: CompileOptions) -> [String] {
    var running = Set(Pipeline(Pipelines.allPasses).names)
    var reason = "without --quantize"
    if let mode = options.quantize {
      let hasSamples = options.openSamples != nil
      running.formUnion(quantizationPassNames(mode, hasSamples: hasSamples))
      reason = "with --quantize \(mode.rawValue)" + (hasSamples ? "" : " and no --samples")
    }
    func list(_ option: String, _ names: [String]) -> [String] {
      names.filter { !running.contains($0) }.map { "\(option) \($0) has no effect \(reason)" }
    }
    return list("--disable-pass", options.disabledPasses)
      + list("--print-after", [options.printAfter].compactMap(\.self))
  }

  private static func operatorNames(_ graph: Graph) -> Set<String> {
    var names: Set<String> = []
    var pending = [graph]
    while let graph = pending.popLast() {
      for node in graph.orderedNodes {
        names.insert(type(of: node.op).name)
        pending += node.op.subgraphs
      }
    }
    return names
  }

  /// Names of all nodes, bodies included.
  private static func nodeNames(_ graph: Graph) -> Set<Name> {
    var names: Set<Name> = []
    var pending = [graph]
    while let graph = pending.popLast() {
      for node in graph.orderedNodes {
        names.formUnion(node.names)
        pending += node.op.subgraphs
      }
    }
    return names
  }

  /// Symbols in the types of the inputs, in order.
  private static func inputSymbols(_ graph: Graph) -> [String] {
    var symbols: [String] = []
    for input in graph.inputs {
      for dim in graph.type(input).tensor?.shape ?? [] {
        if let name = dim.symbolName, !name.hasPrefix("?"), !symbols.contains(name) { symbols.append(name) }
      }
    }
    return symbols
  }
}
