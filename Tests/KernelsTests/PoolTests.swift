import Kernels
import Synchronization
import Testing

/// The thread pool: every index runs exactly once, whoever asks for what.
@Suite struct PoolTests {
  /// How often each index ran. Nothing but the pool keeps the threads apart, which the thread sanitizer sees.
  private func counts(_ pool: OpaquePointer?, _ count: Int) -> [Int] {
    let each = UnsafeMutableBufferPointer<Int>.allocate(capacity: max(1, count))
    defer { each.deallocate() }
    each.initialize(repeating: 0)
    kerf_parallel(
      pool, { context, index in context?.assumingMemoryBound(to: Int.self)[Int(index)] += 1 }, each.baseAddress,
      Int64(count))
    return Array(each.prefix(count))
  }

  @Test(arguments: [2, 3, 8, 300])
  func everyIndexRunsOnce(_ threads: Int32) {
    let pool = kerf_pool_create(threads)
    defer { kerf_pool_destroy(pool) }
    #expect(kerf_pool_threads(pool) == min(threads, 256))
    for count in [0, 1, 2, 3, 7, 64, 1000, 1, 5] { #expect(counts(pool, count) == Array(repeating: 1, count: count)) }
  }

  @Test func manyShortJobs() {
    let pool = kerf_pool_create(4)
    defer { kerf_pool_destroy(pool) }
    var wrong = 0
    for round in 0..<20_000 where counts(pool, 1 + round % 9).contains(where: { $0 != 1 }) { wrong += 1 }
    #expect(wrong == 0)
  }

  @Test func callersShareAPool() async {
    nonisolated(unsafe) let pool = kerf_pool_create(3)
    defer { kerf_pool_destroy(pool) }
    let wrong = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask { (0..<500).filter { _ in counts(pool, 50) != Array(repeating: 1, count: 50) }.count }
      }
      return await group.reduce(0, +)
    }
    #expect(wrong == 0)
  }

  /// An index that asks for the pool itself runs serially.
  @Test func jobsInsideJobs() {
    final class Nested: Sendable {
      nonisolated(unsafe) let pool: OpaquePointer?
      let sum = Atomic(0)
      init(_ pool: OpaquePointer?) { self.pool = pool }
    }
    let nested = Nested(kerf_pool_create(3))
    defer { kerf_pool_destroy(nested.pool) }
    let context = Unmanaged.passUnretained(nested).toOpaque()
    kerf_parallel(
      nested.pool,
      { context, _ in
        guard let context else { return }
        kerf_parallel(
          Unmanaged<Nested>.fromOpaque(context).takeUnretainedValue().pool,
          { context, index in
            guard let context else { return }
            Unmanaged<Nested>.fromOpaque(context).takeUnretainedValue().sum.add(Int(index), ordering: .relaxed)
          }, context, 10)
      }, context, 100)
    #expect(nested.sum.load(ordering: .relaxed) == 4500)
  }

  /// Whatever the mode of the thread that starts them.
  @Test func threadsHaveTheFloatMode() {
    final class Seen: Sendable {
      let workerBegan = Atomic(false)
      let workerMode = Atomic(UInt64.max)
    }
    let seen = Seen()
    let pool = kerf_pool_create(2)
    defer { kerf_pool_destroy(pool) }
    let before = kerf_float_mode()
    #if arch(x86_64)
      kerf_set_float_mode(0x9FC0)
    #else
      kerf_set_float_mode(1 << 24)
    #endif
    // The caller's share is index 0. It ends when the worker has begun with index 1, or after ten seconds.
    kerf_parallel(
      pool,
      { context, index in
        guard let context else { return }
        let seen = Unmanaged<Seen>.fromOpaque(context).takeUnretainedValue()
        if index == 1 {
          seen.workerMode.store(kerf_float_mode(), ordering: .relaxed)
          seen.workerBegan.store(true, ordering: .releasing)
        } else {
          let end = ContinuousClock.now + .seconds(10)
          while !seen.workerBegan.load(ordering: .acquiring), ContinuousClock.now < end {}
        }
      }, Unmanaged.passUnretained(seen).toOpaque(), 2)
    kerf_set_float_mode(before)
    // The low bits say what happened, not what shall.
    #expect(seen.workerMode.load(ordering: .relaxed) & ~0x3F == UInt64(KERF_FLOAT_MODE))
  }

  /// Pools that never had a job, and such that just had one, end at once.
  @Test func poolsEnd() {
    for round in 0..<200 {
      let pool = kerf_pool_create(4)
      if round % 2 == 0 { #expect(counts(pool, 8) == Array(repeating: 1, count: 8)) }
      kerf_pool_destroy(pool)
    }
  }

  @Test func smallWorkIsNotSplit() {
    #expect(kerf_pool_create(1) == nil)
    #expect(kerf_pool_worth(nil, 1e9) == nil)
    let pool = kerf_pool_create(2)
    defer { kerf_pool_destroy(pool) }
    for _ in 0..<1000 { #expect(kerf_pool_worth(pool, 100) == nil) }
    #expect(kerf_pool_worth(pool, 10_000) == nil)
    #expect(kerf_pool_worth(pool, 1e6) == pool)
    // Much of what is little: nobody is awake, but it adds up.
    #expect((0..<100).contains { _ in kerf_pool_worth(pool, 10_000) == pool })
  }
}
