import Bundle
import IR
import Lowering
import Runtime

/// A graph compiled in memory, to be run on samples while compiling.
public final class GraphRunner {
  private let model: Model
  private let context: Context

  /// `memoryLimit`: bytes that one run may take. `costs`: what decides between kernels.
  public init(
    _ graph: Graph, threads: Int, provider: HostProvider, memoryLimit: Int? = nil,
    costs: any KernelCosts = TabulatedCosts()
  ) throws(Diagnostic) {
    let lowered = try lower(graph, costs: costs)
    var writer = BundleWriter()
    writer.program = lowered.program
    writer.weights = lowered.weightSection
    var options = ModelOptions()
    options.threads = threads
    options.provider = provider
    options.verification = .table
    model = try GraphRunner.open(writer, options)
    var settings = ContextOptions()
    settings.memoryLimit = memoryLimit.map { UInt64(max($0, 0)) }
    context = Context(model, options: settings)
  }

  private static func open(_ writer: BundleWriter, _ options: ModelOptions) throws(Diagnostic) -> Model {
    let bytes: [UInt8]
    do throws(BundleError) {
      bytes = try writer.assemble()
    } catch {
      throw .invalid("internal error: \(error)")
    }
    do throws(RuntimeError) {
      return try Model(bytes: bytes, options: options)
    } catch {
      throw .invalid("internal error: \(error)")
    }
  }

  /// Whether an input of the graph stands in no tensor slot, so that its value has to be wrapped for the host.
  public func isHostInput(_ index: Int) -> Bool { model.inputs[index].isHost }

  /// Runs one sample: arguments in the order of the graph's inputs. Throws what does not fit.
  public func run(_ arguments: [HostArgument]) throws(RuntimeError) { try context.run(arguments) }

  /// An output of the last run; nil for what is no tensor.
  public func tensor(_ index: Int) -> TensorView? { context.tensor(index) }

  /// An output of the last run as numbers; nil for what is no float tensor.
  public func floats(_ index: Int) -> [Float]? {
    guard let view = context.tensor(index) else { return nil }
    switch IR.ElementType(rawValue: view.type) {
    case .float32: return Array(view.bytes.bindMemory(to: Float.self))
    case .float16: return view.bytes.bindMemory(to: Float16.self).map { Float($0) }
    default: return nil
    }
  }

  /// Bytes of the arena of the last run.
  public var arenaBytes: Int { Int(clamping: context.arenaBytes) }
}
