import IR
import Passes
import Runtime

/// Runs samples through a graph and keeps statistics of some of its values, in fixed memory: one run of the graph with
/// the measured values kept, and 32 KiB a value, whatever the number of samples.
public final class Calibrator {
  private let values: [ValueID]
  public let runner: GraphRunner
  public private(set) var statistics: [ValueID: ValueStatistics] = [:]
  public private(set) var sampleCount = 0

  /// Prepares a graph. `channels`: the axis along which a value's channels are told apart. Values that are inputs of the
  /// graph are measured too. `memoryLimit`: bytes that one run may take.
  public init(
    _ graph: Graph, values: [ValueID], channels: [ValueID: Int], threads: Int, provider: HostProvider,
    memoryLimit: Int? = nil
  ) throws(Diagnostic) {
    var measured = graph
    measured.setOutputs(values, names: values.map { Name("value \($0.index)") })
    self.values = values
    runner = try GraphRunner(measured, threads: threads, provider: provider, memoryLimit: memoryLimit)
    for value in values {
      let axis = channels[value] ?? 0
      let shape = graph.type(value).tensor?.shape ?? []
      let count = channels[value] != nil && shape.indices.contains(axis) ? shape[axis].value ?? 0 : 0
      statistics[value] = ValueStatistics(axis: axis, channels: count)
    }
  }

  /// Runs one sample: arguments in the order of the graph's inputs. Throws what does not fit.
  public func add(_ arguments: [HostArgument]) throws(RuntimeError) {
    try runner.run(arguments)
    for (index, value) in values.enumerated() {
      guard let view = runner.tensor(index) else { continue }
      statistics[value]?.add(view)
    }
    sampleCount += 1
  }
}
