import IR
import Passes
import Runtime

/// Runs samples through a graph and keeps statistics of some of its values, in fixed memory: one run of the graph with
/// the measured values kept, and `ValueStatistics.bytes` a value, whatever the number of samples.
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
      let count = Calibrator.channelCount(of: value, axis: channels[value], graph)
      statistics[value] = ValueStatistics(axis: channels[value] ?? 0, channels: count)
    }
  }

  /// Bytes that the statistics of these values take.
  public static func statisticsBytes(_ graph: Graph, _ values: [ValueID], channels: [ValueID: Int]) -> Int {
    values.reduce(0) {
      $0 + ValueStatistics.bytes(channels: channelCount(of: $1, axis: channels[$1], graph))
    }
  }

  private static func channelCount(of value: ValueID, axis: Int?, _ graph: Graph) -> Int {
    guard let axis, let shape = graph.type(value).tensor?.shape, shape.indices.contains(axis) else { return 0 }
    return shape[axis].value ?? 0
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
