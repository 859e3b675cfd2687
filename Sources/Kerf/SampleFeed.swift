import Calibration
import IR
import Runtime

/// Samples as a graph that is being compiled takes them.
struct SampleFeed {
  let samples: SampleSet
  let ports: [PortDescription]

  /// - Throws: `KerfError` where there are no samples.
  init(_ samples: SampleSet, _ ports: [PortDescription]) throws {
    guard samples.count > 0 else { throw KerfError("there are no samples to calibrate on") }
    self.samples = samples
    self.ports = ports
  }

  var count: Int { samples.count }

  /// Gives a sample, as the runner's graph wants it, to `body`.
  func with(
    _ index: Int, for runner: GraphRunner, _ body: ([HostArgument]) throws(RuntimeError) -> Void
  ) throws {
    let data = try samples.load(index)
    let arguments = try data.enumerated().map { index, value in
      try ports[index].argument(value, isHost: runner.isHostInput(index))
    }
    try withExtendedLifetime(data) {
      do throws(RuntimeError) {
        try body(arguments)
      } catch {
        guard case .memory = error else { throw KerfError("sample \(index): \(error)") }
        var shortage = KerfError("sample \(index): \(error)", notes: ["--max-memory sets the limit"])
        shortage.isMemoryShortage = true
        throw shortage
      }
    }
  }

  /// Numbers of samples to compare on: all up to `limit`, else so many at even distances.
  func selection(_ limit: Int) -> [Int] {
    count <= limit ? Array(0..<count) : (0..<limit).map { $0 * count / limit }
  }
}
