import COnnx

/// What a model file may ask for. Every refusal names the limit it ran into.
public struct ImportLimits: Sendable {
  /// Bytes of the model file itself; external data has no such limit.
  public var fileBytes = 2_147_483_647
  /// Nested protobuf messages; one If inside another takes three. At most 100.
  public var depth = 64
  /// Nodes, after functions are inlined.
  public var nodes = 2_000_000
  public var inputsPerNode = 131_072
  public var attributesPerNode = 1_024
  public var initializers = 1_000_000
  public var functions = 10_000
  public var opsetImports = 64
  public var rank = 64
  public var nameBytes = 65_536
  /// Bytes of any value that a node computes or the caller passes in, where its shape is known.
  public var valueBytes = 8 << 30
  /// Graphs inside each other, functions inlined.
  public var subgraphDepth = 32
  /// Memory for the structure of the file (weights are referenced): base + factor × file size.
  public var heapBaseBytes = 64 << 20
  public var heapPerFileByte = 12
  /// Memory for decoding elements that are not stored as plain bytes: base + factor × file size.
  public var decodedBaseBytes = 64 << 20
  public var decodedPerFileByte = 12

  public init() {}

  /// The limits that a caller can set by name, and the most that each may become: what is nested is bounded by the stack.
  private static var named: [(name: String, path: WritableKeyPath<ImportLimits, Int>, most: Int)] {
    [
      ("file-bytes", \.fileBytes, 2_147_483_647), ("depth", \.depth, 100), ("nodes", \.nodes, 1 << 31),
      ("inputs-per-node", \.inputsPerNode, 1 << 31), ("attributes-per-node", \.attributesPerNode, 1 << 31),
      ("initializers", \.initializers, 1 << 31), ("functions", \.functions, 1 << 31),
      ("opset-imports", \.opsetImports, 1 << 31), ("rank", \.rank, 64), ("name-bytes", \.nameBytes, 1 << 31),
      ("value-bytes", \.valueBytes, 1 << 47), ("subgraph-depth", \.subgraphDepth, 32),
    ]
  }

  public static var names: [String] { named.map(\.name) }

  /// Sets a limit; what keeps it from being set, if anything.
  public mutating func set(_ name: String, to value: Int) -> String? {
    guard let limit = Self.named.first(where: { $0.name == name }) else {
      return "there is no limit '\(name)'; limits are \(Self.names.joined(separator: ", "))"
    }
    guard value >= 0, value <= limit.most else { return "\(name) must be in 0...\(limit.most)" }
    self[keyPath: limit.path] = value
    return nil
  }

  var wire: kx_limits {
    kx_limits(
      file_bytes: UInt64(clamping: fileBytes), depth: UInt32(clamping: min(depth, 100)), nodes: UInt64(clamping: nodes),
      inputs_per_node: UInt64(clamping: inputsPerNode), attributes_per_node: UInt64(clamping: attributesPerNode),
      initializers: UInt64(clamping: initializers), functions: UInt64(clamping: functions),
      opset_imports: UInt64(clamping: opsetImports), rank: UInt64(clamping: rank),
      name_bytes: UInt64(clamping: nameBytes), heap_base_bytes: UInt64(clamping: heapBaseBytes),
      heap_per_file_byte: UInt64(clamping: heapPerFileByte))
  }
}
