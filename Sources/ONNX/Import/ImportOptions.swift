import IR

/// What the caller of an import can set.
public struct ImportOptions: Sendable {
  public var limits = ImportLimits()
  /// Folder that external data is confined to; nil is the model's own.
  public var externalRoot: String?
  /// Accept external data files that have more than one hard link.
  public var allowsHardLinks = false
  /// Shapes for inputs whose file leaves them open, by input name.
  public var inputShapes: [(name: Name, shape: [Int])] = []
  /// Numbers for symbolic dimensions.
  public var dimensions: [(symbol: String, value: Int)] = []
  /// Every dimension of an input becomes a symbol of its own, whatever number or symbol the file states.
  public var hasSymbolicInputs = false
  /// The value of an input that is to become a constant, by its place among the inputs without initializer, and its type;
  /// nil leaves it an input.
  public var fixedInput: (@Sendable (Int, ValueType) throws(Diagnostic) -> Tensor?)?

  /// Operators to expand from their ONNX definition although Kerf has a form of its own; `all` is all of them.
  public var expandedOperators: [String] = []

  public init() {}

  func isExpanded(_ name: String) -> Bool {
    !expandedOperators.isEmpty && (expandedOperators.contains(name) || expandedOperators.contains("all"))
  }
}

/// A model as a graph, and what its file says of itself.
public struct ImportedModel: Sendable {
  public var graph: Graph
  public let irVersion: Int
  /// Version of the default domain.
  public let opset: Int
  public let producer: Name
  public let producerVersion: Name
  public let fileBytes: Int
  /// Bytes of structure that had to be parsed; the rest, the weights, is referenced where it is mapped.
  public let structureBytes: Int
  /// Nodes that were expanded from their ONNX definition because Kerf has no form of their operator: `Op 'node'`.
  public let expandedNodes: [String]
}
