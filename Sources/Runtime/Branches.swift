import Bundle
import CSystem
import Kernels

/// Steps that follow each other and fall apart into branches, none of which reads what another writes: threads run them
/// side by side.
struct Branches {
  let first: Int
  let last: Int
  /// Per thread: its steps, in their order.
  let slots: [[Int]]
  /// Nanoseconds of work, roughly.
  let work: Double

  /// What a run needs to know, for the threads that share it.
  struct Run {
    unowned(unsafe) let plan: Plan
    unowned(unsafe) let state: RunState
    let branches: Branches
    /// Per slot: the step and the code of the call that failed.
    let failures: UnsafeMutablePointer<(step: Int, code: Int32)>
    /// Per step of the program, or nil.
    let nanoseconds: UnsafeMutablePointer<UInt64>?

    /// Runs the steps of a slot up to the first that fails, or to the end of the run.
    func run(_ slot: Int) {
      for step in branches.slots[slot] {
        if state.isOver { return }
        let begin = nanoseconds == nil ? 0 : csystem_now()
        let code = plan.unit.runs[step].map { $0(plan.calls + step) } ?? Int32(KERF_OK)
        if code != KERF_OK {
          failures[slot] = (step, code)
          return
        }
        nanoseconds?[step] = csystem_now() - begin
      }
    }
  }
}

/// Finds branches that are worth it: where steps are small, two at a time take less than one after the other, each by all.
struct BranchPlanner {
  private let plan: Plan
  private let threads: Int
  /// Per step: nanoseconds on one thread, roughly.
  private let costs: [Double]

  private static let mostSteps = 32
  /// Of results, all of which are there at the same time: so many stay in the second-level cache.
  private static let mostBytes: UInt64 = 2 << 20
  /// Nanoseconds: work from which on a step is shared out, what that costs, and what is to be gained at least.
  private static let (worth, sharing, least) = (8000.0, 1500.0, 3000.0)
  /// Of the time of the steps one after the other.
  private static let leastShare = 0.1

  static func branches(of plan: Plan, pool: OpaquePointer?) -> [Branches] {
    let threads = Int(kerf_pool_threads(pool))
    return threads > 1 ? BranchPlanner(plan, threads).run() : []
  }

  private init(_ plan: Plan, _ threads: Int) {
    self.plan = plan
    self.threads = threads
    costs = plan.unit.program.steps.indices.map { Self.cost($0, plan) }
  }

  private func run() -> [Branches] {
    var result: [Branches] = []
    var index = 0
    while index + 1 < costs.count {
      if let found = branches(from: index) {
        result.append(found)
        index = found.last + 1
      } else {
        index += 1
      }
    }
    return result
  }

  /// Steps from one on, as far as one has looked.
  private struct Window {
    let first: Int
    /// The branch of each step, by the number of its first.
    var branch: [Int] = []
    var count = 0
    /// Nanoseconds one after the other, each by all threads where that is worth it.
    var serial = 0.0
    /// Nanoseconds on one thread.
    var work = 0.0
  }

  /// The steps from `first` on that gain the most. Looked at where branches meet, and at the end.
  private func branches(from first: Int) -> Branches? {
    var window = Window(first: first)
    var best: (gain: Double, branches: Branches)?
    var bytes: UInt64 = 0
    for index in first..<min(costs.count, first + Self.mostSteps) {
      let step = plan.unit.program.steps[index]
      for output in step.outputs where output >= 0 { bytes &+= (plan.tensors + Int(output)).checkedBytes ?? 0 }
      guard bytes <= Self.mostBytes, mayRunBeside(index) else { break }
      var read: [Int] = []
      for input in step.inputs where input >= 0 {
        let writer = Int(plan.unit.analysis.defined[Int(plan.unit.analysis.root[Int(input)])]) - first
        if writer >= 0, writer < window.branch.count, !read.contains(window.branch[writer]) {
          read.append(window.branch[writer])
        }
      }
      if read.count > 1 { consider(window, &best) }
      let branch = read.min() ?? window.branch.count
      for position in window.branch.indices where read.contains(window.branch[position]) {
        window.branch[position] = branch
      }
      window.branch.append(branch)
      window.count += 1 - read.count
      let shared = costs[index] / Double(threads) + Self.sharing
      window.serial += costs[index] < Self.worth ? costs[index] : shared
      window.work += costs[index]
    }
    consider(window, &best)
    return best?.branches
  }

  private func consider(_ window: Window, _ best: inout (gain: Double, branches: Branches)?) {
    guard window.count > 1 else { return }
    let (slots, longest) = share(window.branch, window.first)
    let gain = window.serial - longest - Self.sharing
    guard gain > max(Self.least, window.serial * Self.leastShare), gain > best?.gain ?? 0 else { return }
    let last = window.first + window.branch.count - 1
    best = (gain, Branches(first: window.first, last: last, slots: slots, work: window.work))
  }

  /// Gives branches to threads, the longest first, each to the one that has least; and the time of the one that has most.
  private func share(_ branch: [Int], _ first: Int) -> (slots: [[Int]], longest: Double) {
    var times = [Double](repeating: 0, count: branch.count)
    for (position, number) in branch.enumerated() { times[number] += costs[first + position] }
    let order = branch.indices.filter { branch[$0] == $0 }
      .sorted { times[$0] != times[$1] ? times[$0] > times[$1] : $0 < $1 }
    var loads = [Double](repeating: 0, count: min(threads, order.count))
    var slotOf = [Int](repeating: 0, count: branch.count)
    for number in order {
      let slot = loads.indices.min { loads[$0] < loads[$1] } ?? 0
      loads[slot] += times[number]
      slotOf[number] = slot
    }
    var slots = [[Int]](repeating: [], count: loads.count)
    for (position, number) in branch.enumerated() { slots[slotOf[number]].append(first + position) }
    return (slots, loads.max() ?? 0)
  }

  /// A kernel all about which is known, and which no band has.
  private func mayRunBeside(_ index: Int) -> Bool {
    let unit = plan.unit
    return unit.kinds[index] == .kernel && unit.lateOffsets[index + 1] == unit.lateOffsets[index + 2]
      && !plan.bands.contains { $0.first <= index && index <= $0.last }
  }

  /// By the multiplications with packed weights and the bytes of everything.
  private static func cost(_ index: Int, _ plan: Plan) -> Double {
    let step = plan.unit.program.steps[index]
    guard plan.unit.kinds[index] == .kernel, let output = step.outputs.first(where: { $0 >= 0 }) else { return 0 }
    let y = plan.tensors + Int(output)
    let rank = Int(y.pointee.rank)
    let width = Double(max(1, ElementType.width(plan.unit.program.slots[Int(output)].type)))
    let columns = rank > 0 ? Double(max(1, y.dims[rank - 1])) : 1
    let rows = Double(y.checkedBytes ?? 0) / width / columns
    let isCodes = step.inputs.first.map { $0 >= 0 && plan.tensors[Int($0)].type == Int32(KERF_U8) } ?? false
    var cost = 200.0
    for slot in step.inputs + step.outputs where slot >= 0 {
      let tensor = plan.tensors + Int(slot)
      guard let bytes = tensor.checkedBytes else { continue }
      if plan.unit.program.slots[Int(slot)].type == ElementType.packed {
        cost += rows * Double(bytes) / (isCodes ? KERF_U8_RATE : 4 * KERF_F32_RATE)
      } else {
        cost += Double(bytes) / 20
      }
    }
    return cost
  }
}
