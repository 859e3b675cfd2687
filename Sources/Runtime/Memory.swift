import Bundle
import CSystem

/// Memory that grows and never shrinks. Its owner frees it.
struct Buffer {
  private(set) var base: UnsafeMutableRawPointer?
  private(set) var capacity: UInt64 = 0

  /// Makes room for `bytes`; what was there is lost.
  mutating func reserve(_ bytes: UInt64, _ memory: MemoryBudget) throws(RuntimeError) {
    guard base == nil || bytes > capacity else { return }
    try memory.take(bytes, giving: capacity)
    csystem_free(base)
    memory.give(capacity)
    base = csystem_allocate(bytes)
    capacity = base == nil ? 0 : bytes
    guard base != nil else {
      memory.give(bytes)
      throw .memory("no memory for \(bytes) bytes")
    }
  }

  /// Makes room for `bytes`, at least doubling, and keeps the first `used`.
  mutating func extend(_ bytes: UInt64, keeping used: UInt64, _ memory: MemoryBudget) throws(RuntimeError) {
    guard base == nil || bytes > capacity else { return }
    var larger = Buffer()
    let doubled = min(capacity * 2, bytes + (64 << 20))
    try larger.reserve(max(bytes, doubled, 256), memory)
    if used > 0, let from = base, let to = larger.base { to.copyMemory(from: from, byteCount: Int(used)) }
    release(memory)
    self = larger
  }

  mutating func release(_ memory: MemoryBudget) {
    csystem_free(base)
    memory.give(capacity)
    base = nil
    capacity = 0
  }
}

/// What a context and the contexts of its bodies may allocate together.
final class MemoryBudget {
  let limit: UInt64
  private(set) var used: UInt64 = 0

  init(limit: UInt64) { self.limit = limit }

  /// Counts `bytes`, of which `given` come back at once.
  func take(_ bytes: UInt64, giving given: UInt64 = 0) throws(RuntimeError) {
    guard bytes <= limit, used - given <= limit - bytes else {
      throw .memory(
        "the run needs \(bytes) bytes on top of \(used - given), more than the limit of \(limit) bytes")
    }
    used += bytes
  }

  func give(_ bytes: UInt64) { used -= bytes }
}

/// A flag that any thread may set and read.
final class AtomicFlag: @unchecked Sendable {
  private let flag: UnsafeMutablePointer<Int32>

  init() {
    flag = .allocate(capacity: 1)
    flag.initialize(to: 0)
  }

  deinit { flag.deallocate() }

  func set(_ value: Bool) { csystem_flag_set(flag, value ? 1 : 0) }
  var isSet: Bool { csystem_flag_get(flag) != 0 }
}

/// Asks running contexts to stop, from any thread.
public final class CancelFlag: Sendable {
  private let flag = AtomicFlag()

  public init() {}

  public func cancel() { flag.set(true) }
  public func reset() { flag.set(false) }
  public var isCancelled: Bool { flag.isSet }
}
