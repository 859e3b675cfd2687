import Bundle
import Foundation
import IR
import Kernels
import Runtime

/// An input or output of a model, for people and for checks.
public struct PortDescription: Sendable {
  /// The ONNX name, invalid UTF-8 repaired.
  public var name: String
  public var nameBytes: [UInt8]
  /// As in `f32[N,3,224,224]`.
  public var type: String
  /// Nil where it is no tensor.
  public var element: ElementType?
  /// Nil where the dimension is free.
  public var dims: [Int?]
  public var isTensor: Bool
  let valueType: ValueType
  /// Bounds of symbolic dimensions.
  let bounds: [String: ClosedRange<Int>]

  init(name: [UInt8], _ type: ValueType, bounds: [String: ClosedRange<Int>] = [:]) {
    self.bounds = bounds
    self.name = Name(name).string
    valueType = type
    nameBytes = name
    self.type = type.description
    element = type.tensor?.element
    dims = type.tensor?.shape?.map(\.value) ?? []
    isTensor = type.tensor != nil
  }
}

extension PortDescription {
  /// Fixed dimensions as they are, free ones 1 or the least that their bounds allow.
  var smallestShape: [Int] { trialShape((valueType.tensor?.shape ?? []).map { _ in 1 }) }

  /// Fixed dimensions as they are, free ones those given, within their bounds.
  func trialShape(_ sizes: [Int]) -> [Int] {
    zip(valueType.tensor?.shape ?? [], sizes).map { dim, size in
      let range = dim.symbolName.flatMap { bounds[$0] }
      return dim.value ?? max(1, min(max(size, range?.lowerBound ?? 1), range?.upperBound ?? size))
    }
  }

  /// A value as the runtime takes it. Throws where it does not fit; tensors must outlive the run.
  func argument(_ value: Datum?, isHost: Bool) throws -> HostArgument {
    guard let value else { throw KerfError("input '\(name)' (\(type)) was not given") }
    if isHost {
      if let element, let tensor = value.tensor, tensor.type != element {
        throw KerfError("input '\(name)' expects \(type), \(tensor.tensorType) was given")
      }
      return .host(DatumValue(value))
    }
    guard let tensor = value.tensor else { throw KerfError("input '\(name)' expects \(type), \(value.type) was given") }
    guard tensor.type == element, fits(tensor.shape) else {
      throw KerfError("input '\(name)' expects \(type), \(tensor.tensorType) was given")
    }
    return .tensor(TensorView(type: tensor.type.rawValue, dims: tensor.shape, data: tensor.bytes.baseAddress))
  }

  /// Throws where a dimension is outside the bounds it was compiled for.
  fileprivate func checkBounds(_ shape: [Int]) throws {
    guard !bounds.isEmpty, let dims = valueType.tensor?.shape, dims.count == shape.count else { return }
    for (size, dim) in zip(shape, dims) {
      guard let symbol = dim.symbolName, let range = bounds[symbol], !range.contains(size) else { continue }
      throw KerfError(
        "input '\(name)' (\(type)): dimension \(symbol) is \(size), the model was compiled for "
          + "\(range.lowerBound)...\(range.upperBound)",
        notes: ["compile it again with --dim \(symbol)=\(min(size, range.lowerBound))..\(max(size, range.upperBound))"])
    }
  }

  private func fits(_ shape: [Int]) -> Bool {
    shape.count == dims.count && zip(shape, dims).allSatisfy { $1 == nil || $0 == $1 }
  }
}

extension ModelPort {
  /// A tensor that fits, as the runtime takes it; nil for all else.
  fileprivate func argument(_ value: Datum?) -> HostArgument? {
    guard !isHost, let tensor = value?.tensor, tensor.type.rawValue == type, tensor.rank == dims.count else {
      return nil
    }
    for (given, expected) in zip(tensor.shape, dims) where expected >= 0 && given != expected { return nil }
    return .tensor(TensorView(type: type, dims: tensor.shape, data: tensor.bytes.baseAddress))
  }
}

/// How a session is opened.
public struct SessionOptions: Sendable {
  /// Threads that one run may use.
  public var threads = 1
  /// Bytes that arena and buffers may take; nil for no limit.
  public var maxMemory: Int?
  /// How an .onnx file is compiled.
  public var compile = CompileOptions()
  /// Instruction sets that kernels may use; nil for all the processor has.
  public var target: Target?

  public init(threads: Int = 1) { self.threads = threads }
}

/// A model ready to run: a bundle, or an .onnx file compiled in memory. One session serves one caller at a time; make
/// another with `fork(maxMemory:)` to run on a second thread with the same weights.
public final class Session {
  /// Read from the bundle's metadata when first asked for: opening and running need only the program.
  public private(set) lazy var inputs = Session.describe(model.inputs, metadata?.inputs, metadata?.validBounds ?? [:])
  public private(set) lazy var outputs = Session.describe(model.outputs, metadata?.outputs)
  private lazy var metadata = model.section(.metadata).flatMap {
    try? JSONDecoder().decode(BundleMetadata.self, from: Data($0))
  }
  let model: Model
  let context: Context
  /// What compiling an .onnx file warned of.
  public private(set) var warnings: [String] = []
  /// Seconds after which a run gives up with an error; nil for never.
  public var timeLimit: Double?
  private let options: SessionOptions

  /// Opens a file. Throws `KerfError` where it is no usable bundle or model.
  public convenience init(path: String, options: SessionOptions = SessionOptions()) throws {
    if path.hasSuffix(".onnx") {
      let compiled = try Compiler.compile(path: path, options: options.compile)
      try self.init(bundle: compiled.bundle, options: options)
      warnings = compiled.warnings
    } else {
      try self.init(
        Session.open(options) { (o) throws(RuntimeError) in try Model(path: path, options: o) }, options, path)
    }
  }

  /// Opens a bundle in memory.
  public convenience init(bundle: [UInt8], options: SessionOptions = SessionOptions()) throws {
    try self.init(
      Session.open(options) { (o) throws(RuntimeError) in try Model(bytes: bundle, options: o) }, options, nil)
  }

  private static func open(
    _ options: SessionOptions, _ body: (ModelOptions) throws(RuntimeError) -> Model
  ) throws -> Model {
    var settings = ModelOptions()
    settings.threads = options.threads
    settings.provider = ReferenceProvider(maximumBytes: options.maxMemory ?? 1 << 32)
    if let target = options.target { settings.isaMask = target.isaMask }
    do throws(RuntimeError) {
      return try body(settings)
    } catch {
      throw KerfError(error.description)
    }
  }

  private init(_ model: Model, _ options: SessionOptions, _ path: String?) throws {
    self.model = model
    self.options = options
    var settings = ContextOptions()
    settings.memoryLimit = options.maxMemory.map { UInt64($0) }
    context = Context(model, options: settings)
  }

  private static func describe(
    _ ports: [ModelPort], _ types: [String]?, _ bounds: [String: ClosedRange<Int>] = [:]
  ) -> [PortDescription] {
    ports.enumerated().map { index, port in
      if let types, types.count == ports.count, let type = parsedType(types[index]) {
        return PortDescription(name: port.name, type, bounds: bounds)
      }
      let dims = port.dims.map { $0 < 0 ? Dim.unknown : Dim($0) }
      return PortDescription(name: port.name, .tensor(ElementType(rawValue: port.type) ?? .float32, dims))
    }
  }

  private static func parsedType(_ text: String) -> ValueType? {
    let graph = try? Graph(parsing: "graph @types(%x: \(text)) -> () {\n  return\n}\n")
    return graph.flatMap { $0.inputs.first.map($0.type) }
  }

  /// Another session on the same weights, for another thread. `maxMemory`: bytes that its arena and buffers may take; nil
  /// for the limit of this one.
  public func fork(maxMemory: Int? = nil) throws -> Session {
    var options = options
    options.maxMemory = maxMemory ?? options.maxMemory
    return try Session(model, options, nil)
  }

  // MARK: Running

  /// Runs on values in the order of `inputs`. Throws `KerfError` naming what does not fit.
  public func run(_ values: [Datum?]) throws -> [Datum] {
    let ports = model.inputs
    guard values.count == ports.count else {
      throw KerfError("the model takes \(ports.count) inputs, \(values.count) were given")
    }
    let arguments = try ports.indices.map { index in
      try ports[index].argument(values[index]) ?? inputs[index].argument(values[index], isHost: ports[index].isHost)
    }
    context.deadline = timeLimit.map { Context.now &+ UInt64(max(0, min($0, 1e6)) * 1e9) } ?? 0
    do throws(RuntimeError) {
      try withExtendedLifetime(values) { () throws(RuntimeError) in try context.run(arguments) }
    } catch {
      // The runtime refuses sizes outside the bounds; their names are in the metadata, which is read only now.
      for (value, port) in zip(values, inputs) { try port.checkBounds(value?.tensor?.shape ?? []) }
      throw failure(error)
    }
    return try model.outputs.indices.map { try result($0) }
  }

  func failure(_ error: RuntimeError) -> KerfError {
    guard case .memory = error, options.maxMemory != nil else { return KerfError(error.description) }
    return KerfError(error.description, notes: ["--max-memory sets the limit"])
  }

  /// Runs on tensors by input name; gives tensors by output name.
  public func run(_ tensors: [String: Tensor]) throws -> [String: Tensor] {
    for name in tensors.keys.sorted() where !inputs.contains(where: { $0.name == name }) {
      let known = inputs.map { "'\($0.name)'" }.joined(separator: ", ")
      throw KerfError("the model has no input '\(name)'; its inputs are \(known)")
    }
    let results = try run(inputs.map { port in tensors[port.name].map { .tensor($0) } })
    var named: [String: Tensor] = [:]
    for (port, result) in zip(outputs, results) { if let tensor = result.tensor { named[port.name] = tensor } }
    return named
  }

  private func result(_ index: Int) throws -> Datum {
    switch context.output(index) {
    case .tensor(let view):
      guard let tensor = Tensor(view) else { throw KerfError("output '\(outputs[index].name)' has an unknown type") }
      return .tensor(tensor)
    case .host(let value):
      guard let value = value as? DatumValue else { throw KerfError("output '\(outputs[index].name)' is foreign") }
      return value.datum
    case .absent: throw KerfError("output '\(outputs[index].name)' was not computed")
    }
  }

  // MARK: Facts

  /// Bytes of the arena for the shapes of the newest run.
  public var arenaBytes: Int { Int(clamping: context.arenaBytes) }
  /// The most bytes of the arena that are needed at one time.
  public var arenaLowerBoundBytes: Int { Int(clamping: context.arenaLowerBound) }
  /// Bytes of buffers whose size depends on data.
  public var dynamicBytes: Int { Int(clamping: context.dynamicBytes) }
  public var weightsBytes: Int { model.weightBytes }
  /// Float32 operations per nanosecond that one thread can do in registers with those sets, measured now.
  public func peakGFLOPS() -> Double { kerf_peak_gflops(model.isaMask) }
  /// The strongest instruction set in use.
  public var isaName: String { model.isaName }

  /// What each step is and, after `run` with profiling, how long it took.
  public func profile(_ values: [Datum?], runs: Int) throws -> [StepProfile] {
    _ = try run(values)
    context.isProfiling = true
    defer { context.isProfiling = false }
    var samples: [[UInt64]] = []
    for _ in 0..<max(1, runs) {
      _ = try run(values)
      samples.append(context.stepNanoseconds)
    }
    return context.steps.enumerated().map { index, step in
      let times = samples.compactMap { index < $0.count ? $0[index] : nil }.sorted()
      return StepProfile(step, nanoseconds: times.isEmpty ? 0 : times[times.count / 2])
    }
  }
}

/// One step of a profile.
public struct StepProfile: Sendable {
  public var index: Int
  public var names: [String]
  public var operation: String
  public var kernel: String
  public var inputDims: [[Int]]
  public var outputDims: [[Int]]
  /// Median over the runs.
  public var milliseconds: Double
  /// Multiply-accumulates, where the operation has any.
  public var macs: Int
  /// Bytes of what the step reads and writes, weights included; scratch is not.
  public var bytes: Int

  init(_ step: StepDescription, nanoseconds: UInt64) {
    index = step.index
    names = step.names
    operation = step.operation
    kernel = step.kernel
    inputDims = step.inputs.filter { !$0.isWeight }.map(\.dims)
    outputDims = step.outputs.map(\.dims)
    milliseconds = Double(nanoseconds) / 1e6
    macs = StepProfile.count(step)
    bytes = (step.inputs + step.outputs).reduce(0) { $0 &+ Int(clamping: $1.bytes) }
  }

  /// MACs of products and convolutions from attributes and shapes; of the direct sums, whatever the algorithm.
  private static func count(_ step: StepDescription) -> Int {
    guard let output = step.outputs.first?.dims, !output.contains(where: { $0 < 0 }) else { return 0 }
    let elements = output.reduce(1) { $0 &* $1 }
    func integer(_ index: Int) -> Int {
      guard index < step.attributes.count, case .int(let value) = step.attributes[index] else { return 0 }
      return Int(value)
    }
    let channels = step.inputs.first?.dims.last ?? 0
    if step.operation.hasPrefix("gemm") { return elements &* integer(0) }
    if step.operation.hasPrefix("matmul") {
      return elements &* (integer(0) == 1 ? (step.inputs[0].dims.dropLast().last ?? 0) : channels)
    }
    if step.operation.hasPrefix("winograd") { return elements &* integer(0) &* integer(1) &* channels }
    if step.operation.hasPrefix("conv_transpose2d") {
      // Each input meets the whole filter.
      let inputs = step.inputs.first?.dims.reduce(1) { $0 &* $1 } ?? 0
      return inputs &* integer(0) &* integer(1) &* (output.last ?? 0) / max(1, integer(10))
    }
    if step.operation.hasPrefix("conv2d") || step.operation.hasPrefix("conv_int") {
      return elements &* integer(0) &* integer(1) &* channels / max(1, integer(10))
    }
    if step.operation.hasPrefix("depthwise") { return elements &* integer(0) &* integer(1) }
    if step.operation.hasPrefix("attention") {
      // Two products of all queries with all keys, by heads.
      guard step.inputs.count > 1, step.inputs[1].dims.count >= 2, step.attributes.count > 3 else { return 0 }
      let total = step.inputs[1].dims[step.inputs[1].dims.count - 2]
      return elements / max(1, integer(3)) &* total &* (integer(2) &+ integer(3))
    }
    return recurrent(step, integer)
  }

  /// Products with W and R of all steps, sequences and directions.
  private static func recurrent(_ step: StepDescription, _ attribute: (Int) -> Int) -> Int {
    let gates = ["lstm": 4, "gru": 3, "rnn": 1][String(step.operation.prefix { $0 != "_" })] ?? 0
    guard gates > 0, let x = step.inputs.first?.dims, x.count == 3 else { return 0 }
    let directions = attribute(2) == 2 ? 2 : 1
    return x[0] &* x[1] &* directions &* gates &* attribute(0) &* (attribute(0) &+ attribute(1))
  }
}

/// JSON of the metadata section.
struct BundleMetadata: Codable {
  var kerfVersion: String
  var source: String
  var sha256: String
  var opset: Int
  var target: String
  /// Types in the IR's text form, in order.
  var inputs: [String]
  var outputs: [String]
  /// Bounds of symbolic dimensions, as [smallest, largest].
  var bounds: [String: [Int]]?

  /// Those that are bounds.
  var validBounds: [String: ClosedRange<Int>] {
    (bounds ?? [:]).compactMapValues { $0.count == 2 && $0[0] <= $0[1] ? $0[0]...$0[1] : nil }
  }
}
