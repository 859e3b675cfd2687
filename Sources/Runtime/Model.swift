import Bundle
import CSystem
import Kernels

/// How a model is opened.
public struct ModelOptions: Sendable {
  /// With `beforeUse` more than 2 MiB of weights are checked by the first run, fewer at once.
  public var verification: BundleVerification = .beforeUse
  /// Instruction sets to use (1 << KERF_ISA_…), within those of the processor and the bundle.
  public var isaMask: UInt32 = .max
  /// Threads of a pool of the model's own; ignored when `pool` is given.
  public var threads = 1
  public var pool: ThreadPool?
  /// Evaluates host calls; a model that has some is refused without.
  public var provider: HostProvider?

  public init() {}
}

/// An input or output of a model.
public struct ModelPort: Sendable {
  /// The ONNX name, as bytes.
  public var name: [UInt8]
  /// ONNX TensorProto.DataType of the elements.
  public var type: UInt8
  /// Fixed dimensions; -1 where they depend on the inputs.
  public var dims: [Int]
  /// A value that only host calls understand; `dims` is then empty.
  public var isHost: Bool
  /// An output that comes without its axes of one element; `dims` has them.
  public var isSqueezed: Bool

  public var nameText: String { printable(name) }
}

/// A bundle that was opened, validated and bound to kernels. Immutable: any number of threads may make contexts of it.
public final class Model: @unchecked Sendable {
  public let header: BundleHeader
  public let inputs: [ModelPort]
  public let outputs: [ModelPort]
  /// Instruction sets in use, as a mask.
  public let isaMask: UInt32
  /// Bytes of the weight section.
  public let weightBytes: Int
  public let provider: HostProvider?
  public let pool: ThreadPool?
  let unit: LoadedProgram
  private let file: BundleFile
  private let reader: BundleReader
  /// Set once the weights are known to be whole. Two first runs at a time both check.
  private let weightsAreChecked = AtomicFlag()

  /// Opens a bundle file; it stays mapped as long as the model lives.
  public convenience init(path: String, options: ModelOptions = ModelOptions()) throws(RuntimeError) {
    try self.init(try bundle { () throws(BundleError) in try BundleFile(path: path) }, options)
  }

  /// Opens a bundle in memory; its bytes are copied.
  public convenience init(bytes: [UInt8], options: ModelOptions = ModelOptions()) throws(RuntimeError) {
    var file: BundleFile?
    let failure: BundleError? = bytes.withUnsafeBufferPointer { buffer in
      do throws(BundleError) {
        file = try BundleFile(copying: UnsafeRawBufferPointer(buffer))
        return nil
      } catch { return error }
    }
    guard let file else { throw .bundle(failure ?? .system("no memory for a bundle")) }
    try self.init(file, options)
  }

  /// Opens a bundle that is already in memory.
  public init(_ file: BundleFile, _ options: ModelOptions) throws(RuntimeError) {
    let pool = options.pool ?? (options.threads > 1 ? ThreadPool(threads: options.threads) : nil)
    let reader = try bundle { () throws(BundleError) in
      guard let pool else { return try BundleReader(file.bytes, verification: options.verification) }
      return try BundleReader(file.bytes, verification: options.verification, parallel: pool.parallel)
    }
    let program = try bundle { () throws(BundleError) in try reader.program() }
    let weights = reader.section(.weights)
    let analysis = try bundle { () throws(BundleError) in
      try ProgramVerifier.verify(program, weightBytes: UInt64(weights?.count ?? 0))
    }
    try bundle { () throws(BundleError) in try file.checkUnchanged() }
    var mask = kerf_isa_supported() & options.isaMask
    if reader.header.isaMask != 0 { mask &= reader.header.isaMask }
    var sites = 0
    let unit = try LoadedProgram(program, analysis, weights: weights?.baseAddress, isaMask: mask, sites: &sites)
    if sites > 0, options.provider == nil { throw Self.missingProvider(unit) }
    self.file = file
    self.reader = reader
    self.unit = unit
    if options.verification != .beforeUse { weightsAreChecked.set(true) }
    header = reader.header
    isaMask = mask
    weightBytes = weights?.count ?? 0
    provider = options.provider
    self.pool = pool
    inputs = program.inputs.map { Self.port($0, program) }
    outputs = program.outputs.map { Self.port($0, program) }
    if weightBytes <= Self.fewWeightBytes { try checkWeights() }
  }

  /// Weights of up to so many bytes are checked at once: that takes about as long as opening does.
  private static let fewWeightBytes = 2 << 20

  public var program: Program { unit.program }
  /// The strongest instruction set in use.
  public var isaName: String {
    var strongest: Int32 = 0
    for position in 0..<Int32(KERF_ISA_COUNT) {
      let isa = kerf_isa_at(position)
      if isaMask >> UInt32(isa) & 1 == 1 { strongest = isa }
    }
    return String(cString: kerf_isa_name(strongest))
  }

  /// Compares the weights with their checksum, once in the life of the model.
  func checkWeights() throws(RuntimeError) {
    if weightsAreChecked.isSet { return }
    try bundle { () throws(BundleError) in
      if let pool { try reader.checkWeights(parallel: pool.parallel) } else { try reader.checkWeights() }
      try file.checkUnchanged()
    }
    weightsAreChecked.set(true)
  }

  /// Copies a section of the bundle; nil when it has none.
  public func section(_ type: BundleFormat.Section) -> [UInt8]? {
    reader.section(type).map { [UInt8]($0) }
  }

  private static func port(_ port: Port, _ program: Program) -> ModelPort {
    let slot = program.slots[Int(port.slot)]
    let dims = slot.storage == .host ? [] : slot.dims.map { constant(Int($0), program) ?? -1 }
    return ModelPort(
      name: port.name, type: slot.type, dims: dims, isHost: slot.storage == .host,
      isSqueezed: port.isSqueezed)
  }

  private static func constant(_ index: Int, _ program: Program) -> Int? {
    program.expressions[index].kind == .constant ? Int(program.expressions[index].a) : nil
  }

  private static func missingProvider(_ unit: LoadedProgram) -> RuntimeError {
    var operators: [String] = []
    unit.hostOperators(&operators)
    var list = ""
    for (index, name) in operators.prefix(20).enumerated() { list += (index > 0 ? ", " : "") + name }
    if operators.count > 20 { list += ", …" }
    return .unsupported(
      "\(operators.count) operators of this model are evaluated by the host and this runner has no evaluator for them: "
        + list + "; use the full runtime, or compile with --strict to see why they have no kernel")
  }
}

/// Runs something that may refuse a bundle.
private func bundle<Result>(_ body: () throws(BundleError) -> Result) throws(RuntimeError) -> Result {
  do throws(BundleError) {
    return try body()
  } catch { throw .bundle(error) }
}
