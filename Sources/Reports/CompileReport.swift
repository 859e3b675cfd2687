import Foundation

/// What a compile did: every pass with what it changed and what it refused, and every layer of the result.
///
/// Stored as JSON in the bundle, where the times are 0 so that the same input gives the same bytes.
public struct CompileReport: Codable, Equatable, Sendable {
  public struct Source: Codable, Equatable, Sendable {
    /// Name of the file, without its folder.
    public var file: String
    /// 64 hexadecimal digits.
    public var sha256: String
    /// Version of the default domain.
    public var opset: Int

    public init(file: String, sha256: String, opset: Int) {
      self.file = file
      self.sha256 = sha256
      self.opset = opset
    }
  }

  /// A node that a pass left alone, with the reason. Also a node that runs by reference evaluation.
  public struct Rejection: Codable, Equatable, Sendable {
    public var node: String
    public var reason: String

    public init(node: String, reason: String) {
      self.node = node
      self.reason = reason
    }
  }

  public var kerfVersion: String
  public var source: Source
  public var target: String
  public var passes: [PassReport] = []
  public var totals = PassTotals()
  public var layers: [LayerReport] = []
  /// Layers that several kernels could compute; nil where there are none.
  public var choices: [ChoiceReport]?
  /// What the compiled model needs; nil in reports of versions before 0.2.
  public var memory: MemoryReport?
  /// The quantized model against its float form, where both were run; nil inside bundles, as other times.
  public var speed: SpeedReport?
  /// Nodes that run by reference evaluation.
  public var hostCalls: [Rejection] = []
  public var warnings: [String] = []

  public init(kerfVersion: String, source: Source, target: String) {
    self.kerfVersion = kerfVersion
    self.source = source
    self.target = target
  }

  private enum CodingKeys: String, CodingKey {
    case kerfVersion = "kerf_version"
    case source, target, passes, totals, layers, choices, memory, speed, warnings
    case hostCalls = "host_calls"
  }
}

/// Milliseconds of the fastest run of a model's quantized and float forms, and which of them was written.
public struct SpeedReport: Codable, Equatable, Sendable {
  public var quantizedMilliseconds: Double
  public var floatMilliseconds: Double
  public var keptFloat: Bool

  public init(quantizedMilliseconds: Double, floatMilliseconds: Double, keptFloat: Bool) {
    self.quantizedMilliseconds = quantizedMilliseconds
    self.floatMilliseconds = floatMilliseconds
    self.keptFloat = keptFloat
  }

  private enum CodingKeys: String, CodingKey {
    case quantizedMilliseconds = "quantized_ms"
    case floatMilliseconds = "float_ms"
    case keptFloat = "kept_float"
  }
}

/// Memory of the compiled model, without what host calls and results of unknown size take.
public struct MemoryReport: Codable, Equatable, Sendable {
  /// Bytes of weights, which stay in the file and are mapped.
  public var weightBytes: Int
  /// Bytes of the arena, the same for every run: for the largest inputs that bounds allow. Null where a dimension has no
  /// bounds.
  public var arenaBytes: Int?
  /// Bounds of symbolic dimensions, as [smallest, largest].
  public var dimensions: [String: [Int]]

  public init(weightBytes: Int, arenaBytes: Int?, dimensions: [String: [Int]]) {
    self.weightBytes = weightBytes
    self.arenaBytes = arenaBytes
    self.dimensions = dimensions
  }

  private enum CodingKeys: String, CodingKey {
    case dimensions
    case weightBytes = "weight_bytes"
    case arenaBytes = "arena_bytes"
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(weightBytes, forKey: .weightBytes)
    // Null, not absent: readers can rely on the key.
    try container.encode(arenaBytes, forKey: .arenaBytes)
    try container.encode(dimensions, forKey: .dimensions)
  }
}

/// The size of the graph before and after something.
public struct GraphChange: Codable, Equatable, Sendable {
  public var nodesBefore = 0
  public var nodesAfter = 0
  public var weightBytesBefore = 0
  public var weightBytesAfter = 0
  public var macsBefore = 0
  public var macsAfter = 0

  public init() {}

  private enum CodingKeys: String, CodingKey {
    case nodesBefore = "nodes_before"
    case nodesAfter = "nodes_after"
    case weightBytesBefore = "weight_bytes_before"
    case weightBytesAfter = "weight_bytes_after"
    case macsBefore = "macs_before"
    case macsAfter = "macs_after"
  }
}

/// One pass: how often it changed the graph, and the graph's size before and after. In JSON the figures of the change
/// stand beside the others.
@dynamicMemberLookup
public struct PassReport: Codable, Equatable, Sendable {
  public var name: String
  public var edits = 0
  public var change = GraphChange()
  public var milliseconds = 0.0
  public var rejected: [CompileReport.Rejection] = []
  /// How many more there were than are listed.
  public var omittedRejections = 0

  public init(name: String) { self.name = name }

  public subscript<T>(dynamicMember path: WritableKeyPath<GraphChange, T>) -> T {
    get { change[keyPath: path] }
    set { change[keyPath: path] = newValue }
  }

  private enum CodingKeys: String, CodingKey {
    case name, edits, milliseconds, rejected
    case omittedRejections = "omitted_rejections"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    edits = try container.decode(Int.self, forKey: .edits)
    change = try GraphChange(from: decoder)
    milliseconds = try container.decode(Double.self, forKey: .milliseconds)
    rejected = try container.decode([CompileReport.Rejection].self, forKey: .rejected)
    omittedRejections = try container.decodeIfPresent(Int.self, forKey: .omittedRejections) ?? 0
  }

  public func encode(to encoder: any Encoder) throws {
    try change.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(edits, forKey: .edits)
    try container.encode(milliseconds, forKey: .milliseconds)
    try container.encode(rejected, forKey: .rejected)
    if omittedRejections > 0 { try container.encode(omittedRejections, forKey: .omittedRejections) }
  }
}

/// From the first pass to the last.
@dynamicMemberLookup
public struct PassTotals: Codable, Equatable, Sendable {
  public var edits = 0
  public var change = GraphChange()
  public var milliseconds = 0.0
  /// Nodes after / nodes before.
  public var nodeRatio = 1.0

  public init() {}

  /// The first figures and the last ones of these passes, edits and times summed.
  public init(_ passes: [PassReport]) {
    guard let first = passes.first?.change, let last = passes.last?.change else { return }
    change = first
    change.nodesAfter = last.nodesAfter
    change.weightBytesAfter = last.weightBytesAfter
    change.macsAfter = last.macsAfter
    edits = passes.reduce(0) { $0 + $1.edits }
    milliseconds = passes.reduce(0) { $0 + $1.milliseconds }
    nodeRatio = change.nodesBefore > 0 ? Double(change.nodesAfter) / Double(change.nodesBefore) : 1
  }

  public subscript<T>(dynamicMember path: WritableKeyPath<GraphChange, T>) -> T {
    get { change[keyPath: path] }
    set { change[keyPath: path] = newValue }
  }

  private enum CodingKeys: String, CodingKey {
    case edits, milliseconds
    case nodeRatio = "node_ratio"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    edits = try container.decode(Int.self, forKey: .edits)
    change = try GraphChange(from: decoder)
    milliseconds = try container.decode(Double.self, forKey: .milliseconds)
    nodeRatio = try container.decode(Double.self, forKey: .nodeRatio)
  }

  public func encode(to encoder: any Encoder) throws {
    try change.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(edits, forKey: .edits)
    try container.encode(milliseconds, forKey: .milliseconds)
    try container.encode(nodeRatio, forKey: .nodeRatio)
  }
}

/// One layer of the compiled model.
public struct LayerReport: Codable, Equatable, Sendable {
  /// ONNX names of the nodes it stands for.
  public var name: String
  public var `operator`: String
  /// Kernel operation, or `reference`.
  public var kernel: String
  /// Type it computes in: `f32`, `u8`, ….
  public var precision: String
  /// Fraction of weights that are zero.
  public var sparsity: Double
  /// Bits a weight takes; 0 for layers without weights.
  public var bits: Int
  public var weightBytes: Int
  /// Of weights that quantization made codes: 10 log₁₀(Σ w² / Σ (w − ŵ)²), ŵ being what the codes stand for, at most 120;
  /// null for all other layers.
  public var sqnrDB: Double?

  public init(
    name: String, operator: String, kernel: String, precision: String, sparsity: Double, bits: Int, weightBytes: Int,
    sqnrDB: Double? = nil
  ) {
    self.name = name
    self.operator = `operator`
    self.kernel = kernel
    self.precision = precision
    self.sparsity = sparsity
    self.bits = bits
    self.weightBytes = weightBytes
    self.sqnrDB = sqnrDB
  }

  private enum CodingKeys: String, CodingKey {
    case name, kernel, precision, sparsity, bits
    case `operator` = "operator"
    case weightBytes = "weight_bytes"
    case sqnrDB = "sqnr_db"
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(`operator`, forKey: .operator)
    try container.encode(kernel, forKey: .kernel)
    try container.encode(precision, forKey: .precision)
    try container.encode(sparsity, forKey: .sparsity)
    try container.encode(bits, forKey: .bits)
    try container.encode(weightBytes, forKey: .weightBytes)
    // Null, not absent: readers can rely on the key.
    try container.encode(sqnrDB.flatMap { $0.isFinite ? $0 : nil }, forKey: .sqnrDB)
  }
}

extension CompileReport {
  /// JSON with sorted keys: the same report gives the same bytes.
  public func encoded(pretty: Bool = false) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    return [UInt8](try encoder.encode(self))
  }

  /// The JSON that bundles store. Layers are encoded a few thousand at a time: the encoder holds a tree of all it is given,
  /// which for a million layers would take more memory than the model.
  public func stored(layersAtATime count: Int = 4096) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var frame = self
    frame.layers = []
    let whole = try encoder.encode(frame)
    // No text can hold this: its quotes would be escaped.
    guard !layers.isEmpty, let place = whole.range(of: Data("\"layers\":[]".utf8)) else { return [UInt8](whole) }
    var result = [UInt8](whole[..<(place.upperBound - 1)])
    for start in stride(from: 0, to: layers.count, by: count) {
      if start > 0 { result.append(UInt8(ascii: ",")) }
      let piece = try encoder.encode(Array(layers[start..<min(start + count, layers.count)]))
      result += piece.dropFirst().dropLast()
    }
    return result + whole[(place.upperBound - 1)...]
  }

  public init(json: [UInt8]) throws { self = try JSONDecoder().decode(CompileReport.self, from: Data(json)) }

  /// The same without times, as bundles store it: those that decided between kernels stay, whichever compilation measured
  /// them.
  public var withoutTimes: CompileReport {
    var copy = self
    for index in (copy.choices ?? []).indices where copy.choices?[index].source == "cached" {
      copy.choices?[index].source = "measured"
    }
    for index in copy.passes.indices { copy.passes[index].milliseconds = 0 }
    copy.totals.milliseconds = 0
    copy.speed = nil
    return copy
  }
}
