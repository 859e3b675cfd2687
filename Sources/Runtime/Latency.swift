import CSystem

/// How long the runs of a model take, in nanoseconds.
public struct Latency: Sendable {
  /// The first run, which touches weights and kernels for the first time and plans where shapes are free.
  public let first: UInt64
  /// How many runs there were after the warm-up.
  public let runs: Int
  /// Times of those, or of every so many of them, shortest first.
  let sorted: [UInt64]

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
    var times = Times()
    let start = csystem_now()
    repeat { times.append(try measure()) } while times.count < 3 || csystem_now() &- start < nanoseconds
    runs = times.count
    sorted = times.sorted
  }

  /// Times of any number of runs in little memory, because the memory of the process is among the figures: once it is full,
  /// every second time goes, and of those to come as many more are left out.
  struct Times {
    static let capacity = 4096
    private(set) var count = 0
    private var step = 1
    private var kept: [UInt64] = []
    private var shortest = UInt64.max

    init() { kept.reserveCapacity(Self.capacity) }

    mutating func append(_ time: UInt64) {
      shortest = min(shortest, time)
      if count % step == 0 {
        if kept.count == Self.capacity {
          for index in 0..<Self.capacity / 2 { kept[index] = kept[2 * index] }
          kept.removeLast(Self.capacity / 2)
          step *= 2
        }
        kept.append(time)
      }
      count += 1
    }

    /// What is kept, the shortest of all in front.
    var sorted: [UInt64] {
      var times = kept
      times.sort()
      if !times.isEmpty { times[0] = shortest }
      return times
    }
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
