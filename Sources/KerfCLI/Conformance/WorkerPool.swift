import Foundation
import Kerf
import Synchronization

/// Runs conformance cases on several worker processes.
struct WorkerPool {
  let workers: Int
  /// Seconds one case may take.
  let timeout: Double
  /// Options for the worker command.
  let arguments: [String]

  private struct State {
    var next = 0
    var results: [ConformanceResult] = []
  }

  /// The results in any order. `report` is called after each case, with how many are done.
  func run(
    _ cases: [ConformanceCase], report: @escaping @Sendable (ConformanceResult, Int) -> Void
  ) -> [ConformanceResult] {
    let state = Mutex(State())
    // The calls share nothing but the state.
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      let worker = Worker(timeout: timeout, arguments: arguments)
      defer { worker.stop() }
      while let item = state.withLock({ state -> ConformanceCase? in
        guard state.next < cases.count else { return nil }
        defer { state.next += 1 }
        return cases[state.next]
      }) {
        let result = worker.run(item)
        let done = state.withLock { state in
          state.results.append(result)
          return state.results.count
        }
        report(result, done)
      }
    }
    return state.withLock { $0.results }
  }
}
