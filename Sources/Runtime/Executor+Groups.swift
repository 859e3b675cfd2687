import Bundle
import CSystem
import Kernels

/// Steps that do not run one after the other.
enum StepGroup {
  case bands(BandedSteps)
  case branches(Branches)

  var first: Int {
    switch self {
    case .bands(let steps): steps.first
    case .branches(let steps): steps.first
    }
  }

  var last: Int {
    switch self {
    case .bands(let steps): steps.last
    case .branches(let steps): steps.last
    }
  }
}

extension Executor {
  /// Steps that go band by band; threads take regions of the images.
  func runBands(_ steps: BandedSteps, _ plan: Plan) throws(RuntimeError) {
    let count = steps.last - steps.first + 1
    let begin = isProfiling ? csystem_now() : 0
    var times = [UInt64](repeating: 0, count: isProfiling ? steps.slots * count : 0)
    var failure: (step: Int, code: Int32) = (0, Int32(KERF_OK))
    withUnsafeTemporaryAllocation(of: (step: Int, code: Int32).self, capacity: steps.slots) { failures in
      failures.initialize(repeating: (0, Int32(KERF_OK)))
      times.withUnsafeMutableBufferPointer { times in
        guard let first = failures.baseAddress else { return }
        var run = BandedSteps.Run(
          steps: steps, plan: plan, state: state, failures: first, nanoseconds: isProfiling ? times.baseAddress : nil)
        withUnsafeMutablePointer(to: &run) { pointer in
          // Without ThreadPool.parallel, which allocates.
          kerf_parallel(
            state.pool?.pool,
            { context, slot in
              guard let run = context?.assumingMemoryBound(to: BandedSteps.Run.self).pointee else { return }
              run.steps.run(Int(slot), run)
            }, pointer, Int64(steps.slots))
        }
      }
      for one in failures where one.code != KERF_OK { failure = one }
    }
    try state.check()
    if failure.code != KERF_OK { throw plan.failure(failure.step, failure.code) }
    if isProfiling {
      let sums = (0..<count).map { step in stride(from: step, to: times.count, by: count).reduce(0) { $0 + times[$1] } }
      share(csystem_now() - begin, sums, from: steps.first)
    }
  }

  /// Gives steps from `first` on their shares of the time of all, in proportion to what their calls took on all threads.
  private func share(_ nanoseconds: UInt64, _ times: some Collection<UInt64>, from first: Int) {
    let total = times.reduce(1, +)
    for (number, time) in times.enumerated() {
      self.nanoseconds[first + number] = UInt64(Double(nanoseconds) * Double(time) / Double(total))
    }
  }

  /// Steps that threads run side by side, each its branches.
  func runBranches(_ steps: Branches, _ plan: Plan) throws(RuntimeError) {
    let begin = isProfiling ? csystem_now() : 0
    var failure: (step: Int, code: Int32) = (0, Int32(KERF_OK))
    var times = isProfiling ? nanoseconds : []
    withUnsafeTemporaryAllocation(of: (step: Int, code: Int32).self, capacity: steps.slots.count) { failures in
      failures.initialize(repeating: (0, Int32(KERF_OK)))
      times.withUnsafeMutableBufferPointer { times in
        guard let first = failures.baseAddress else { return }
        var run = Branches.Run(
          plan: plan, state: state, branches: steps, failures: first,
          nanoseconds: isProfiling ? times.baseAddress : nil)
        withUnsafeMutablePointer(to: &run) { pointer in
          // Without ThreadPool.parallel, which allocates.
          kerf_parallel(
            kerf_pool_worth(state.pool?.pool, steps.work),
            { context, slot in
              guard let run = context?.assumingMemoryBound(to: Branches.Run.self) else { return }
              run.pointee.run(Int(slot))
            }, pointer, Int64(steps.slots.count))
        }
      }
      for one in failures where one.code != KERF_OK { failure = one }
    }
    try state.check()
    if failure.code != KERF_OK { throw plan.failure(failure.step, failure.code) }
    if isProfiling { share(csystem_now() - begin, times[steps.first...steps.last], from: steps.first) }
  }
}
