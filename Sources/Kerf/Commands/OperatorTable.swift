import IR
import Kernels
import Lowering
import ONNX

/// Every operator Kerf knows, and every kernel.
public struct OperatorTable: Encodable, Sendable {
  public struct Entry: Encodable, Sendable {
    public var name: String
    public var domain: String
    public var family: String
    /// First and last opset in which it is understood.
    public var opsets: [Int]
    /// Element types that its first tensor input can have; empty where that depends on more.
    public var types: [String]
    /// Whether kernels exist for it.
    public var lowered: Bool
    public var runs: Execution
    /// Whether ONNX defines it as a function whose body is at hand.
    public var expandable: Bool

    /// The name with its domain, where that is not the default one.
    public var qualifiedName: String { domain == "ai.onnx" ? name : "\(domain).\(name)" }
  }
  /// What computes an operator. One with kernels can still run by reference, where its types or attributes fit none.
  public enum Execution: String, Encodable, Sendable {
    case kernel, reference
    /// By other operators and constants that importing puts in its place: those of its ONNX definition, or what Kerf
    /// writes for it.
    case expanded
  }
  public struct Kernel: Encodable, Sendable {
    public var operation: String
    /// Instruction sets with a kernel of their own in this build.
    public var isas: [String]
  }
  public var operators: [Entry]
  public var kernels: [Kernel]
  /// Instruction sets of this processor.
  public var isas: [String]

  public static func make() -> OperatorTable {
    let lowered = Set(loweredOperatorNames)
    let functions = functionOperators()
    let expandable = Set(functions.map { $0.domain.isEmpty ? $0.name : "\($0.domain).\($0.name)" })
    var entries: [Entry] = []
    for (family, operators) in OperatorCatalog.families {
      for type in operators {
        entries.append(
          Entry(
            name: type.name, domain: type.domain.isEmpty ? "ai.onnx" : type.domain, family: family,
            opsets: [firstOpset(of: type), type.opsets.upperBound], types: acceptedTypes(type).map(\.name),
            lowered: lowered.contains(type.qualifiedName),
            runs: lowered.contains(type.qualifiedName) ? .kernel : .reference,
            expandable: expandable.contains(type.qualifiedName)))
      }
    }
    for (name, domain, opsets) in functions where OperatorCatalog.find(name, domain: domain) == nil {
      entries.append(
        Entry(
          name: name, domain: domain.isEmpty ? "ai.onnx" : domain, family: "",
          opsets: [opsets.lowerBound, opsets.upperBound], types: [], lowered: false, runs: .expanded, expandable: true))
    }
    let known = Set(entries.map(\.qualifiedName))
    for op in expandedOperators {
      let entry = Entry(
        name: op.name, domain: op.domain.isEmpty ? "ai.onnx" : op.domain, family: op.family,
        opsets: [op.opsets.lowerBound, op.opsets.upperBound], types: [], lowered: false, runs: .expanded,
        expandable: false)
      if !known.contains(entry.qualifiedName) { entries.append(entry) }
    }
    entries.sort { ($0.domain, $0.name) < ($1.domain, $1.name) }
    return OperatorTable(
      operators: entries, kernels: kernelList(), isas: InstructionSets.names(kerf_isa_supported()))
  }

  private static func firstOpset(of type: any Operator.Type) -> Int {
    max(type.opsets.lowerBound, firstOpsetVersion(of: type.name, domain: type.domain))
  }

  private static func kernelList() -> [Kernel] {
    var operationCount = 0
    var kernelCount = 0
    guard let operations = kerf_ops(&operationCount), let kernels = kerf_kernels(&kernelCount) else { return [] }
    return (0..<operationCount).map { index in
      let own = (0..<kernelCount).filter { kernels[$0].op == operations[index].op }.map { UInt32(kernels[$0].isa) }
      return Kernel(
        operation: String(cString: operations[index].name),
        isas: InstructionSets.names(own.reduce(0) { $0 | 1 << $1 }))
    }.sorted { $0.operation < $1.operation }
  }

  /// Element types for which the operator's own type inference accepts its first input, each other input being of the
  /// same type, or of some that indices, conditions, codes and scales have.
  static func acceptedTypes(_ type: any Operator.Type) -> [ElementType] {
    let count = min(type.inputs.minimum, 8)
    guard count > 0 else { return [] }
    let kinds: [ElementType?] = [nil, .int64, .bool, .uint8, .float32]
    // Of many inputs all others are alike.
    var others: [[ElementType?]] = [[]]
    for _ in 1..<max(count, 1) where count <= 4 { others = others.flatMap { head in kinds.map { head + [$0] } } }
    if count > 4 { others = kinds.map { kind in Array(repeating: kind, count: count - 1) } }
    return ElementType.allCases.filter { element in
      others.contains { others in
        let inputs = ([element] + others).map { InferenceContext.Input(type: .tensor($0 ?? element, nil)) }
        let context = InferenceContext(inputs: inputs, outputCount: max(1, type.outputs.minimum))
        return (try? type.init().inferTypes(context)) != nil
      }
    }
  }
}
