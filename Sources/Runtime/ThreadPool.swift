import Kernels

/// Threads that share the work of one step at a time. One pool may serve several models and contexts: a context that
/// finds it busy computes alone.
public final class ThreadPool: @unchecked Sendable {
  let pool: OpaquePointer?

  /// - Parameter threads: with the calling one; 1 or less starts none.
  public init(threads: Int) {
    pool = threads > 1 ? kerf_pool_create(Int32(truncatingIfNeeded: min(threads, 256))) : nil
  }

  deinit {
    if let pool { kerf_pool_destroy(pool) }
  }

  public var threads: Int { Int(kerf_pool_threads(pool)) }

  /// Calls a task with 0 ..< count, spread over the threads; returns when all are done.
  func parallel(_ count: Int, _ task: (Int) -> Void) {
    withoutActuallyEscaping(task) { escaping in
      let box = TaskBox(escaping)
      kerf_parallel(
        pool,
        { context, index in
          guard let context else { return }
          Unmanaged<TaskBox>.fromOpaque(context).takeUnretainedValue().task(Int(index))
        }, Unmanaged.passUnretained(box).toOpaque(), Int64(count))
      withExtendedLifetime(box) {}
    }
  }
}

private final class TaskBox {
  let task: (Int) -> Void
  init(_ task: @escaping (Int) -> Void) { self.task = task }
}
