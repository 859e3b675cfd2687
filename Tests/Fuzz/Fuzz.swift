import Bundle
import COnnx
import Glibc
import IR
import Kernels
import ONNX
import Passes
import Runtime

/// What libFuzzer calls with every input. KERF_FUZZ names the part that gets it; see scripts/fuzz.sh.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  target.run(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

private let target = FuzzTarget(rawValue: getenv("KERF_FUZZ").map { String(cString: $0) } ?? "") ?? .wire

private enum FuzzTarget: String {
  /// The scan of the wire format, and protobuf behind it.
  case wire
  /// Importer and type inference.
  case importer = "import"
  /// Constant folding and all passes without loss.
  case passes
  /// A bundle's layout, decoding and verification of its program; the input is the file, or the program alone.
  case bundle
  /// Opening and running a bundle whose program is the input and whose checksums are right.
  case run

  func run(_ data: UnsafeRawBufferPointer) {
    switch self {
    case .wire: scan(data)
    case .importer: _ = imported(data)
    case .passes: simplify(data)
    case .bundle: open(data)
    case .run: execute(data)
    }
  }
}

// MARK: Models

private func scan(_ data: UnsafeRawBufferPointer) {
  var error = kx_error()
  var limits = kx_limits(
    file_bytes: 1 << 31, depth: 64, nodes: 10_000, inputs_per_node: 1000, attributes_per_node: 1000,
    initializers: 10_000, functions: 1000, opset_imports: 64, rank: 64, name_bytes: 65_536, heap_base_bytes: 64 << 20,
    heap_per_file_byte: 12)
  let bytes = data.baseAddress?.assumingMemoryBound(to: UInt8.self)
  guard let document = kx_open(bytes, data.count, KX_MODEL, &limits, &error) else { return }
  for index in 0..<kx_document_node_count(document) { _ = kx_node_operator(kx_document_node(document, index)) }
  kx_close(document)
}

/// The same file again and again: its content is the input.
private let file = memfd_create("fuzz", 0)

private func imported(_ data: UnsafeRawBufferPointer) -> Graph? {
  guard ftruncate(file, 0) == 0, pwrite(file, data.baseAddress, data.count, 0) == data.count else { return nil }
  var options = ImportOptions()
  options.limits.nodes = 10_000
  do throws(ImportError) {
    return try importModel(path: "/proc/self/fd/\(file)", options: options).graph
  } catch {
    precondition(!error.description.isEmpty)
    return nil
  }
}

private func simplify(_ data: UnsafeRawBufferPointer) {
  guard var graph = imported(data) else { return }
  var options = PassOptions()
  options.seconds = 2
  do throws(Diagnostic) {
    try graph.verify()
    _ = try Pipelines.lossless().run(on: &graph, options)
    try graph.verify()
  } catch {
    fatalError("a pass broke the graph: \(error)")
  }
}

// MARK: Bundles

private func open(_ data: UnsafeRawBufferPointer) {
  if data.count >= 8, data.prefix(8).elementsEqual(BundleFormat.magic) {
    do throws(BundleError) {
      try verify(try BundleReader(data).program())
    } catch { return }
  }
  do throws(BundleError) {
    try verify(try ProgramDecoder.decode(data))
  } catch { return }
}

private func verify(_ program: Program) throws(BundleError) {
  _ = try ProgramVerifier.verify(program, weightBytes: 256)
  // What is accepted is written again as it was.
  let again = ProgramEncoder.encode(program)
  let read = try again.withUnsafeBytes { bytes throws(BundleError) in try ProgramDecoder.decode(bytes) }
  precondition(read == program)
}

private func execute(_ data: UnsafeRawBufferPointer) {
  do throws(BundleError) {
    var writer = BundleWriter()
    writer.program = try ProgramDecoder.decode(data)
    writer.weights = ScatteredBytes((0..<256).map { UInt8(truncatingIfNeeded: $0 % 7) })
    try execute(try writer.assemble())
  } catch { return }
}

private func execute(_ bundle: [UInt8]) throws(BundleError) {
  do throws(RuntimeError) {
    var settings = ContextOptions()
    settings.memoryLimit = 8 << 20
    let context = Context(try Model(bytes: bundle), options: settings)
    context.deadline = Context.now + 20_000_000
    let ports = context.model.inputs
    guard !ports.contains(where: \.isHost) else { return }
    let shapes = ports.map { $0.dims.map { $0 < 0 ? 3 : $0 } }
    guard shapes.allSatisfy({ $0.reduce(1) { $0 > 1 << 16 ? $0 : $0 * min($1, 1 << 17) } <= 1 << 16 }) else { return }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 1 << 21, alignment: 64)
    defer { memory.deallocate() }
    for index in 0..<1 << 18 { memory.storeBytes(of: Int64(index % 5) - 1, toByteOffset: index * 8, as: Int64.self) }
    let views = zip(ports, shapes).map { TensorView(type: $0.type, dims: $1, data: UnsafeRawPointer(memory)) }
    try context.run(views.map { HostArgument.tensor($0) })
    for index in context.model.outputs.indices {
      if let view = context.tensor(index) { _ = view.bytes.reduce(0) { $0 &+ Int($1) } }
    }
  } catch {
    precondition(!error.description.isEmpty)
  }
}
