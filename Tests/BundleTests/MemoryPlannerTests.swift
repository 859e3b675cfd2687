import Bundle
import Testing

private struct Generator {
  var state: UInt64
  mutating func next(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(limit))
  }
}

/// The most bytes alive at one time: no layout can be smaller.
private func bound(_ intervals: [MemoryInterval]) -> UInt64 {
  var best: UInt64 = 0
  for time in intervals.map(\.first) {
    best = max(best, intervals.reduce(0) { $0 + ($1.first <= time && time <= $1.last ? ($1.bytes + 63) / 64 * 64 : 0) })
  }
  return best
}

@Test func placedIntervalsNeverOverlap() {
  var generator = Generator(state: 5)
  var wasted = 0.0
  for _ in 0..<200 {
    let intervals = (0..<(1 + generator.next(40))).map { _ in
      let first = Int32(generator.next(30))
      return MemoryInterval(bytes: UInt64(generator.next(3000)), first: first, last: first + Int32(generator.next(8)))
    }
    guard let layout = MemoryPlanner.place(intervals) else {
      Issue.record("no layout")
      return
    }
    for (i, a) in intervals.enumerated() {
      #expect(layout.offsets[i] % 64 == 0 && layout.offsets[i] + a.bytes <= layout.total)
      for (j, b) in intervals.enumerated() where i < j && a.first <= b.last && b.first <= a.last {
        let apart = layout.offsets[i] + a.bytes <= layout.offsets[j] || layout.offsets[j] + b.bytes <= layout.offsets[i]
        #expect(apart || a.bytes == 0 || b.bytes == 0)
      }
    }
    #expect(MemoryPlanner.lowerBound(intervals) == bound(intervals))
    wasted += Double(layout.total) / Double(max(64, bound(intervals)))
    #expect(MemoryPlanner.place(intervals) == layout)
  }
  #expect(wasted / 200 < 1.06)
}

@Test func manyIntervalsArePlacedInTime() {
  var chain: [MemoryInterval] = []
  for index in 0..<100_000 as Range<Int32> {
    chain.append(MemoryInterval(bytes: UInt64(64 + index % 7 * 64), first: index, last: index + 1))
  }
  #expect((MemoryPlanner.place(chain)?.total ?? .max) <= 2048)
}

@Test func arenasBeyondTheLimitAreRefused() {
  let two = [MemoryInterval(bytes: 100, first: 0, last: 1), MemoryInterval(bytes: 100, first: 1, last: 2)]
  #expect(MemoryPlanner.place(two, limit: 255) == nil)
  #expect(MemoryPlanner.place(two, limit: 256)?.total == 256)
  let huge = [MemoryInterval](repeating: MemoryInterval(bytes: 1 << 46, first: 0, last: 9), count: 5000)
  #expect(MemoryPlanner.place(huge) == nil)
  #expect(MemoryPlanner.place([MemoryInterval(bytes: .max, first: 0, last: 0)]) == nil)
}
