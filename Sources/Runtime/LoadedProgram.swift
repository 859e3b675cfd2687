import Bundle
import Kernels

/// How a step is run.
enum StepKind: UInt8 {
  /// A kernel whose shapes and memory are known when the plan is made.
  case kernel
  /// A kernel some of whose dimensions, attributes or buffers are known only when it is reached.
  case lateKernel
  case host
  case conditional
  case loop
  case scan
}

/// A verified program with its kernels found and its schedule worked out. Immutable; shared by all contexts.
final class LoadedProgram: @unchecked Sendable {
  let program: Program
  let analysis: ProgramAnalysis
  /// Base of the weight section.
  let weights: UnsafeRawPointer?
  let bodies: [LoadedProgram]

  /// Per step.
  let kinds: [StepKind]
  let runs: [kerf_run_fn?]
  let prepares: [kerf_prepare_fn?]
  let kernelNames: [UnsafePointer<CChar>?]
  let operationNames: [UnsafePointer<CChar>?]
  /// Per step: the number of its host call in the model, or -1.
  let sites: [Int]
  /// Per step: the slot that its first output may take over, or -1.
  let inPlace: [Int32]

  /// Per slot: dimensions known from those of the inputs.
  let isEarly: [Bool]
  /// Per slot: the number of the dynamic buffer it lives in (through its root), or -1.
  let dynamicBuffer: [Int32]
  let dynamicBufferCount: Int
  /// Aliases bound once per plan.
  let plannedAliases: [Int32]
  /// What is worked out at each time, `start` first: expressions as they are, aliases as ~slot.
  let lateItems: [Int32]
  let lateOffsets: [Int32]
  let hasHostSlots: Bool

  init(
    _ program: Program, _ analysis: ProgramAnalysis, weights: UnsafeRawPointer?, isaMask: UInt32,
    sites counter: inout Int
  ) throws(RuntimeError) {
    self.program = program
    self.analysis = analysis
    self.weights = weights
    var bodies: [LoadedProgram] = []
    for (index, body) in program.bodies.enumerated() {
      bodies.append(
        try LoadedProgram(body, analysis.bodies[index], weights: weights, isaMask: isaMask, sites: &counter))
    }
    self.bodies = bodies
    isEarly = program.slots.map { $0.storage == .host || analysis.isEarly($0) }
    hasHostSlots = program.slots.contains { $0.storage == .host }
    (dynamicBuffer, dynamicBufferCount) = Self.dynamicBuffers(program, analysis, isEarly)
    let kernels = try Kernels(program, isaMask)
    runs = kernels.runs
    prepares = kernels.prepares
    kernelNames = kernels.kernelNames
    operationNames = kernels.operationNames
    kinds = Self.kinds(program, analysis, isEarly, dynamicBuffer)
    inPlace = Self.inPlace(program, analysis, isEarly, dynamicBuffer)
    var sites: [Int] = []
    for step in program.steps {
      if case .host = step.kind {
        sites.append(counter)
        counter += 1
      } else {
        sites.append(-1)
      }
    }
    self.sites = sites
    (plannedAliases, lateItems, lateOffsets) = Self.schedule(program, analysis, isEarly, dynamicBuffer)
  }

  /// Operators of all host calls, for the message when there is no provider.
  func hostOperators(_ list: inout [String]) {
    for step in program.steps {
      if case .host = step.kind { list.append(step.hostOperator) }
    }
    for body in bodies { body.hostOperators(&list) }
  }
}

extension LoadedProgram {
  /// The functions behind the kernel steps.
  private struct Kernels {
    var runs: [kerf_run_fn?] = []
    var prepares: [kerf_prepare_fn?] = []
    var kernelNames: [UnsafePointer<CChar>?] = []
    var operationNames: [UnsafePointer<CChar>?] = []

    init(_ program: Program, _ isaMask: UInt32) throws(RuntimeError) {
      // Programs have many steps of few operations.
      var known: [(number: UInt16, UnsafePointer<kerf_op>, UnsafePointer<kerf_kernel>)] = []
      for (index, step) in program.steps.enumerated() {
        guard case .kernel(let number) = step.kind else {
          append(nil, nil)
          continue
        }
        if let found = known.first(where: { $0.number == number }) {
          append(found.1, found.2)
          continue
        }
        guard let operation = kerf_find_op(number) else {
          throw .unsupported(
            "step \(index) '\(printable(step.name))' needs operation \(number), which this runtime does not have; "
              + "update the runtime")
        }
        guard let kernel = kerf_find_kernel(number, isaMask) else {
          throw .unsupported(
            "step \(index) '\(printable(step.name))' (\(text(operation.pointee.name))) has no kernel for this processor "
              + "within the bundle's instruction sets; recompile the model for this target")
        }
        known.append((number, operation, kernel))
        append(operation, kernel)
      }
    }

    private mutating func append(_ operation: UnsafePointer<kerf_op>?, _ kernel: UnsafePointer<kerf_kernel>?) {
      runs.append(kernel?.pointee.run)
      prepares.append(operation?.pointee.prepare)
      kernelNames.append(kernel?.pointee.name)
      operationNames.append(operation?.pointee.name)
    }
  }

  /// Gives each slot that cannot be planned a buffer; slots share one when their lives do not meet.
  private static func dynamicBuffers(
    _ program: Program, _ analysis: ProgramAnalysis, _ isEarly: [Bool]
  ) -> ([Int32], Int) {
    var result = [Int32](repeating: -1, count: program.slots.count)
    var roots: [Int] = []
    for (index, slot) in program.slots.enumerated() where analysis.defined[index] != ProgramAnalysis.never {
      if slot.storage == .dynamic || slot.storage == .arena && !isEarly[index] { roots.append(index) }
    }
    roots.sort { analysis.defined[$0] != analysis.defined[$1] ? analysis.defined[$0] < analysis.defined[$1] : $0 < $1 }
    var busyUntil: [Int32] = []
    for root in roots {
      var free = -1
      // Looking at a bounded number of buffers keeps this linear in the program.
      for index in busyUntil.indices.suffix(256) where busyUntil[index] < analysis.defined[root] {
        free = index
        break
      }
      if free < 0 {
        free = busyUntil.count
        busyUntil.append(0)
      }
      busyUntil[free] = max(analysis.lastUse[root], analysis.defined[root])
      result[root] = Int32(free)
    }
    for (index, root) in analysis.root.enumerated() where Int(root) != index { result[index] = result[Int(root)] }
    return (result, busyUntil.count)
  }

  private static func kinds(
    _ program: Program, _ analysis: ProgramAnalysis, _ isEarly: [Bool], _ dynamicBuffer: [Int32]
  ) -> [StepKind] {
    var result: [StepKind] = []
    result.reserveCapacity(program.steps.count)
    for step in program.steps {
      switch step.kind {
      case .kernel:
        var isLate = false
        for slot in step.inputs where slot >= 0 && !isEarly[Int(slot)] { isLate = true }
        for slot in step.outputs where slot >= 0 && dynamicBuffer[Int(slot)] >= 0 { isLate = true }
        for case .dimension(let expression) in step.attributes
        where analysis.ready[Int(expression)] != ProgramAnalysis.early {
          isLate = true
        }
        result.append(isLate ? .lateKernel : .kernel)
      case .host: result.append(.host)
      case .conditional: result.append(.conditional)
      case .loop: result.append(.loop)
      case .scan: result.append(.scan)
      }
    }
    return result
  }

  /// The root slot whose memory the first output may have: planned memory that dies here and is read once.
  private static func inPlace(
    _ program: Program, _ analysis: ProgramAnalysis, _ isEarly: [Bool], _ dynamicBuffer: [Int32]
  ) -> [Int32] {
    var result = [Int32](repeating: -1, count: program.steps.count)
    for (index, step) in program.steps.enumerated() where step.inPlace >= 0 {
      guard case .kernel(let operation) = step.kind, mayOverwrite(operation: operation, input: Int(step.inPlace)),
        let output = step.outputs.first, output >= 0, program.slots[Int(output)].storage == .arena,
        isEarly[Int(output)]
      else { continue }
      let root = analysis.root[Int(step.inputs[Int(step.inPlace)])]
      guard program.slots[Int(root)].storage == .arena, dynamicBuffer[Int(root)] < 0,
        analysis.lastUse[Int(root)] == index
      else { continue }
      var readers = 0
      for input in step.inputs where input >= 0 && analysis.root[Int(input)] == root { readers += 1 }
      if readers == 1 { result[index] = root }
    }
    return result
  }

  /// Sorts what is not planned by time; within one time, an alias comes after the expressions of its dimensions and before
  /// those that read it.
  private static func schedule(
    _ program: Program, _ analysis: ProgramAnalysis, _ isEarly: [Bool], _ dynamicBuffer: [Int32]
  ) -> (planned: [Int32], items: [Int32], offsets: [Int32]) {
    var planned: [Int32] = []
    var keys: [(time: Int32, order: Int32, item: Int32)] = []
    for (index, time) in analysis.ready.enumerated() where time != ProgramAnalysis.early {
      keys.append((time, Int32(index), Int32(index)))
    }
    var highest = [Int32](repeating: -1, count: program.slots.count)
    for (index, slot) in program.slots.enumerated() {
      for dim in slot.dims { highest[index] = max(highest[index], dim) }
      guard case .alias(let base) = slot.storage else { continue }
      highest[index] = max(highest[index], highest[Int(base)])
      let root = Int(analysis.root[index])
      if analysis.defined[index] == ProgramAnalysis.never { continue }
      if isEarly[index], dynamicBuffer[root] < 0, program.slots[root].storage != .input {
        planned.append(Int32(index))
      } else {
        keys.append((analysis.defined[index], highest[index], ~Int32(index)))
      }
    }
    keys.sort { a, b in
      if a.time != b.time { return a.time < b.time }
      if a.order != b.order { return a.order < b.order }
      if (a.item < 0) != (b.item < 0) { return b.item < 0 }
      return a.item < 0 ? a.item > b.item : a.item < b.item
    }
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(program.steps.count + 2)
    var next = 0
    for time in -1..<Int32(program.steps.count) {
      while next < keys.count, keys[next].time <= time { next += 1 }
      offsets.append(Int32(next))
    }
    return (planned, keys.map { $0.item }, offsets)
  }
}

/// A C string as text.
func text(_ pointer: UnsafePointer<CChar>?) -> String {
  guard let pointer else { return "" }
  var bytes: [UInt8] = []
  while pointer[bytes.count] != 0 { bytes.append(UInt8(bitPattern: Int8(pointer[bytes.count]))) }
  return String(decoding: bytes, as: UTF8.self)
}
