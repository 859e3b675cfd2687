import IR
import ONNX
import Passes

extension Compiler {
  /// Names of all passes, as `--disable-pass` and `--print-after` take them.
  public static var passNames: [String] {
    let plan = QuantizationPlan(Graph(), keepFloat: [])
    let others =
      Pipeline([SplitTransposedConv(), EqualizeLayers(plan, magnitudes: [:])])
      + Pipelines.quantized(plan, [:], ranges: [:])
    return (Pipeline(Pipelines.allPasses) + others + Pipelines.dynamic(plan, [:])).names
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
    var warnings: [String] = []
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
