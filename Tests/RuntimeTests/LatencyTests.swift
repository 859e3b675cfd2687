import Testing

@testable import Runtime

@Suite struct LatencyTests {
  @Test func quantiles() {
    #expect(Latency.quantile([1, 2, 3, 4], 0.5) == 2.5)
    #expect(Latency.quantile([1, 2, 3, 4, 5], 0.9) == 4.6)
    #expect(Latency.quantile([7], 0.99) == 7)
  }

  /// A first run, one to warm up, three measured.
  @Test func runsAtLeastFiveTimes() {
    var runs = 0
    let latency = Latency(nanoseconds: 0) { () throws(Never) in runs += 1 }
    #expect(runs == 5 && latency.runs == 3 && latency.sorted.count == 3)
  }

  /// Of 100,000 runs every 32nd is kept, and the shortest.
  @Test func manyRunsTakeLittleMemory() {
    var times = Latency.Times()
    for run in 1...100_000 { times.append(UInt64(run == 77_777 ? 1 : run + 1000)) }
    let sorted = times.sorted
    #expect(times.count == 100_000 && sorted.count == 100_000 / 32)
    #expect(sorted[0] == 1 && sorted[1] == 1033 && sorted.last == 1000 + 99_969)
    #expect(abs(Latency.quantile(sorted, 0.5) - 51_000) < 64)
  }
}
