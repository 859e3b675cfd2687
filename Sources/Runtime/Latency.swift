import CSystem

/// How long the runs of a model take, in nanoseconds.
public struct Latency: Sendable {
  /// The first run, which plans and touches memory for the first time.
  public let first: UInt64
  /// The runs after the warm-up, shortest first.
  public let sorted: [UInt64]

  /// Runs for at least `nanoseconds` after a warm-up of a tenth of that, at least three times.
  public init<Failure: Error>(nanoseconds: UInt64, _ run: () throws(Failure) -> Void) throws(Failure) {
    func measure() throws(Failure) -> UInt64 {
      let start = csystem_now()
      try run()
      return csystem_now() &- start
    }
    first = try measure()
    let warm = csystem_now()
    repeat { _ = try measure() } while csystem_now() &- warm < nanoseconds / 10
    var times: [UInt64] = []
    let start = csystem_now()
    repeat { times.append(try measure()) } while times.count < 3 || csystem_now() &- start < nanoseconds
    times.sort()
    sorted = times
  }

  /// Quantile of the runs, interpolated between the two nearest.
  public func quantile(_ fraction: Double) -> Double { Self.quantile(sorted, fraction) }

  static func quantile(_ sorted: [UInt64], _ fraction: Double) -> Double {
    guard let last = sorted.last else { return 0 }
    let position = fraction * Double(sorted.count - 1)
    let index = Int(position)
    guard index + 1 < sorted.count else { return Double(last) }
    let low = Double(sorted[index])
    return low + (Double(sorted[index + 1]) - low) * (position - Double(index))
  }
}
