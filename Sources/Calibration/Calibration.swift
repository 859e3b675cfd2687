import Bundle
import IR
import Lowering
import Passes
import Runtime

/// Runs samples through a graph and notes the range of some of its values.
public final class Calibrator {
  private let values: [ValueID]
  private let model: Model
  private let context: Context
  private let inputCount: Int
  public private(set) var ranges: [ValueID: ValueRange] = [:]
  public private(set) var sampleCount = 0

  /// Prepares a graph. Values that are inputs of the graph are measured too. Memory: one run of the graph with all the
  /// measured values kept, whatever the number of samples.
  public init(_ graph: Graph, values: [ValueID], threads: Int, provider: HostProvider) throws(Diagnostic) {
    var measured = graph
    measured.setOutputs(values, names: values.map { Name("value \($0.index)") })
    self.values = values
    inputCount = graph.inputs.count
    let lowered = try lower(measured)
    var writer = BundleWriter()
    writer.program = lowered.program
    writer.weights = lowered.weightSection
    var options = ModelOptions()
    options.threads = threads
    options.provider = provider
    options.verification = .table
    model = try Calibrator.open(writer, options)
    context = Context(model)
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
  public func add(_ arguments: [HostArgument]) throws(RuntimeError) {
    try context.run(arguments)
    for (index, value) in values.enumerated() {
      guard let view = context.tensor(index), let range = ValueRange(view) else { continue }
      ranges[value] = ranges[value].map { $0.union(range) } ?? range
    }
    sampleCount += 1
  }
}

extension ValueRange {
  /// Of a float tensor's finite elements; nil where it has none.
  init?(_ view: TensorView) {
    var low = Float.infinity
    var high = -Float.infinity
    switch IR.ElementType(rawValue: view.type) {
    case .float32:
      for value in view.bytes.bindMemory(to: Float.self) where value.isFinite {
        low = min(low, value)
        high = max(high, value)
      }
    case .float16:
      for value in view.bytes.bindMemory(to: Float16.self) where value.isFinite {
        low = min(low, Float(value))
        high = max(high, Float(value))
      }
    default: return nil
    }
    guard low <= high else { return nil }
    self.init(low, high)
  }
}
