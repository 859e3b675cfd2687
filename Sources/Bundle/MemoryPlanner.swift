/// A piece of memory that is needed from one step to another, both included.
public struct MemoryInterval: Equatable, Sendable {
  public var bytes: UInt64
  public var first: Int32
  public var last: Int32
  public init(bytes: UInt64, first: Int32, last: Int32) {
    self.bytes = bytes
    self.first = first
    self.last = last
  }
}

/// Places intervals in one arena so that those alive at the same time do not overlap. Offsets are multiples of 64.
///
/// Two ways are tried, the smaller arena wins: largest first into the lowest gap that fits (good, quadratic, for up to
/// 4096 intervals), and in order of time with a free list.
public enum MemoryPlanner {
  public struct Layout: Equatable, Sendable {
    public var offsets: [UInt64]
    public var total: UInt64
  }

  static let quadraticLimit = 4096

  /// - Returns: nil when the arena would be larger than `limit`.
  public static func place(_ intervals: [MemoryInterval], limit: UInt64 = 1 << 47) -> Layout? {
    let limit = min(limit, 1 << 47)
    var sizes: [UInt64] = []
    sizes.reserveCapacity(intervals.count)
    for interval in intervals {
      guard interval.bytes <= limit else { return nil }
      sizes.append((interval.bytes + 63) & ~63)
    }
    let byTime = placeByTime(intervals, sizes, limit)
    guard intervals.count <= quadraticLimit, let bySize = placeBySize(intervals, sizes, limit) else { return byTime }
    guard let byTime, byTime.total < bySize.total else { return bySize }
    return byTime
  }

  /// The most bytes that are alive at one time: no arena can be smaller.
  public static func lowerBound(_ intervals: [MemoryInterval]) -> UInt64 {
    var (begin, end) = (Int32.max, Int32.min)
    for interval in intervals { (begin, end) = (min(begin, interval.first), max(end, interval.last)) }
    guard begin <= end else { return 0 }
    // What becomes alive at each time, and what has ended before it.
    var change = [Int64](repeating: 0, count: Int(end) - Int(begin) + 2)
    for interval in intervals {
      let bytes = Int64((interval.bytes + 63) & ~63)
      change[Int(interval.first) - Int(begin)] &+= bytes
      change[Int(interval.last) - Int(begin) + 1] &-= bytes
    }
    var alive: Int64 = 0
    var most: Int64 = 0
    for bytes in change {
      alive &+= bytes
      most = max(most, alive)
    }
    return UInt64(most)
  }

  /// Largest first; each into the lowest place that is free during its life and fits tightest.
  private static func placeBySize(
    _ intervals: [MemoryInterval], _ sizes: [UInt64], _ limit: UInt64
  ) -> Layout? {
    let order = intervals.indices.sorted { a, b in
      if sizes[a] != sizes[b] { return sizes[a] > sizes[b] }
      if intervals[a].first != intervals[b].first { return intervals[a].first < intervals[b].first }
      return a < b
    }
    var offsets = [UInt64](repeating: 0, count: intervals.count)
    var placed: [Int] = []  // by offset
    var total: UInt64 = 0
    for index in order where sizes[index] > 0 {
      let interval = intervals[index]
      var end: UInt64 = 0
      var bestOffset: UInt64?
      var bestGap = UInt64.max
      for other in placed where intervals[other].first <= interval.last && interval.first <= intervals[other].last {
        if offsets[other] > end {
          let gap = offsets[other] - end
          if gap >= sizes[index], gap < bestGap {
            bestGap = gap
            bestOffset = end
          }
        }
        end = max(end, offsets[other] + sizes[other])
      }
      let offset = bestOffset ?? end
      offsets[index] = offset
      total = max(total, offset + sizes[index])
      if total > limit { return nil }
      placed.insert(index, at: insertion(offset, placed, offsets))
    }
    return Layout(offsets: offsets, total: total)
  }

  private static func insertion(_ offset: UInt64, _ placed: [Int], _ offsets: [UInt64]) -> Int {
    var low = 0
    var high = placed.count
    while low < high {
      let middle = (low + high) / 2
      if offsets[placed[middle]] <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private struct Block {
    var offset: UInt64
    var bytes: UInt64
  }

  /// In order of time: what ended is freed, what begins takes the tightest free block or extends the arena.
  private static func placeByTime(
    _ intervals: [MemoryInterval], _ sizes: [UInt64], _ limit: UInt64
  ) -> Layout? {
    let starts = intervals.indices.sorted {
      intervals[$0].first != intervals[$1].first ? intervals[$0].first < intervals[$1].first : $0 < $1
    }
    let ends = intervals.indices.sorted {
      intervals[$0].last != intervals[$1].last ? intervals[$0].last < intervals[$1].last : $0 < $1
    }
    var offsets = [UInt64](repeating: 0, count: intervals.count)
    var free: [Block] = []
    var total: UInt64 = 0
    var nextEnd = 0
    for index in starts where sizes[index] > 0 {
      while nextEnd < ends.count, intervals[ends[nextEnd]].last < intervals[index].first {
        let ended = ends[nextEnd]
        nextEnd += 1
        if sizes[ended] > 0 { release(Block(offset: offsets[ended], bytes: sizes[ended]), &free) }
      }
      offsets[index] = take(sizes[index], &free, &total)
      if total > limit { return nil }
    }
    return Layout(offsets: offsets, total: total)
  }

  private static func take(_ bytes: UInt64, _ free: inout [Block], _ total: inout UInt64) -> UInt64 {
    var best = -1
    for index in free.indices where free[index].bytes >= bytes {
      if best < 0 || free[index].bytes < free[best].bytes { best = index }
    }
    if best >= 0 {
      let offset = free[best].offset
      if free[best].bytes == bytes {
        free.remove(at: best)
      } else {
        free[best].offset += bytes
        free[best].bytes -= bytes
      }
      return offset
    }
    if let last = free.last, last.offset + last.bytes == total {
      free.removeLast()
      total = last.offset + bytes
      return last.offset
    }
    total = total + bytes
    return total - bytes
  }

  private static func release(_ block: Block, _ free: inout [Block]) {
    var low = 0
    var high = free.count
    while low < high {
      let middle = (low + high) / 2
      if free[middle].offset < block.offset { low = middle + 1 } else { high = middle }
    }
    free.insert(block, at: low)
    if low + 1 < free.count, free[low].offset + free[low].bytes == free[low + 1].offset {
      free[low].bytes += free[low + 1].bytes
      free.remove(at: low + 1)
    }
    if low > 0, free[low - 1].offset + free[low - 1].bytes == free[low].offset {
      free[low - 1].bytes += free[low].bytes
      free.remove(at: low)
    }
  }
}
