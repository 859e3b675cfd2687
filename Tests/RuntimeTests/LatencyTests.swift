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
    #expect(runs == 5 && latency.sorted.count == 3)
  }
}
