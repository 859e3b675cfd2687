import AllocationCounter
import Bundle
import Kernels
import Runtime
import Testing

/// y = ((x + x) + x) + …, all in 64-bit integers, x of shape [n, 2].
func chain(length: Int, inPlace: Bool) -> Program {
  var builder = ProgramBuilder()
  let x = builder.input("x", KERF_I64, [-1, 2])
  let dims = builder.program.slots[Int(x)].dims
  var last = x
  for index in 0..<length {
    let next = builder.slot(KERF_I64, dims)
    builder.add(last, x, next, inPlace: inPlace && index > 0 ? 0 : -1)
    last = next
  }
  builder.output("y", last)
  return builder.program
}

@Test func runsAndReplansOnOtherShapes() throws {
  let context = Context(try model(chain(length: 3, inPlace: false)))
  try context.run([Tensor.int64([2, 2], [1, 2, 3, 4])])
  #expect(context.values(0) == [4, 8, 12, 16])
  #expect(context.dims(0) == [2, 2])
  try context.run([Tensor.int64([1, 2], [5, -6])])
  #expect(context.values(0) == [20, -24])
  try context.run([Tensor.int64([0, 2], [])])
  #expect(context.dims(0) == [0, 2])
  #expect(context.planCount == 3)
}

@Test func fixedShapesArePlannedAhead() throws {
  var builder = ProgramBuilder()
  let x = builder.input("x", KERF_I64, [3, 2])
  let y = builder.slot(KERF_I64, builder.program.slots[Int(x)].dims)
  builder.add(x, x, y)
  builder.output("y", y)
  let context = Context(try model(builder.program))
  #expect(context.planCount == 1 && context.allocatedBytes >= 48)
  try context.run([Tensor.int64([3, 2], [1, 2, 3, 4, 5, 6])])
  #expect(context.planCount == 1 && context.values(0) == [2, 4, 6, 8, 10, 12])
  // Without a shape, or without the memory, it waits for the run.
  #expect(Context(try model(chain(length: 3, inPlace: false))).planCount == 0)
  var options = ContextOptions()
  options.memoryLimit = 1
  let poor = Context(try model(builder.program), options: options)
  #expect(poor.allocatedBytes == 0)
  #expect(poor.refusal([Tensor.int64([3, 2], [1, 2, 3, 4, 5, 6])]) != "no error")
}

@Test func squeezedOutputsLoseTheirAxesOfOne() throws {
  var builder = ProgramBuilder()
  let x = builder.input("x", KERF_I64, [-1, 2, 1])
  let y = builder.slot(KERF_I64, builder.program.slots[Int(x)].dims)
  builder.add(x, x, y)
  builder.output("y", y)
  builder.program.outputs[0].isSqueezed = true
  let context = Context(try model(builder.program))
  #expect(context.model.outputs[0].isSqueezed && context.model.outputs[0].dims == [-1, 2, 1])
  for n in [3, 1, 0] {
    try context.run([Tensor.int64([n, 2, 1], Array(0..<Int64(2 * n)))])
    #expect(context.dims(0) == (n == 1 ? [2] : [n, 2]))
    #expect(context.values(0) == (0..<Int64(2 * n)).map { 2 * $0 })
  }
}

@Test func arenaIsReusedAndInPlaceHalvesIt() throws {
  let x = Tensor.int64([64, 2], [Int64](repeating: 1, count: 128))
  let apart = Context(try model(chain(length: 9, inPlace: false)))
  try apart.run([x])
  #expect(apart.arenaBytes == 2048)
  let inPlace = Context(try model(chain(length: 9, inPlace: true)))
  try inPlace.run([x])
  #expect(inPlace.arenaBytes == 1024)
  #expect(inPlace.values(0) == [Int64](repeating: 10, count: 128))
  #expect(apart.values(0) == inPlace.values(0))
}

@Test func plansAreBounded() throws {
  let context = Context(try model(chain(length: 2, inPlace: true)))
  for round in 0..<3 {
    for n in 1...20 {
      try context.run([Tensor.int64([n, 2], [Int64](repeating: Int64(round), count: 2 * n))])
      #expect(context.values(0) == [Int64](repeating: Int64(3 * round), count: 2 * n))
      #expect(context.planCount <= 8)
    }
  }
}

@Test func inputsThatDoNotFitAreNamed() throws {
  var builder = ProgramBuilder()
  let a = builder.input("a", KERF_I64, [-1, 3])
  let dims = builder.program.slots[Int(a)].dims
  builder.program.inputs.append(Port(name: Array("b".utf8), slot: builder.slot(KERF_I64, dims, .input)))
  let y = builder.slot(KERF_I64, dims)
  builder.add(a, 1, y)
  builder.output("y", y)
  let context = Context(try model(builder.program))
  let good = Tensor.int64([2, 3], [Int64](repeating: 1, count: 6))
  #expect(context.refusal([good]) == "1 inputs given, expected 2 ('a', 'b')")
  #expect(context.refusal([good, Tensor.int64([1, 3], [1, 1, 1])]) == "input 'b': given 1x3, expected 2x3")
  #expect(context.refusal([Tensor.int64([1, 2], [1, 1]), good]) == "input 'a': given 1x2, expected 1x3")
  #expect(context.refusal([Tensor.int64([6], []), good]) == "input 'a': given 6 of rank 1, expected ?x3 of rank 2")
  #expect(
    context.refusal([Tensor(KERF_F32, [2, 3], [Float](repeating: 0, count: 6)), good])
      == "input 'a': given f32, expected i64")
  #expect(
    context.refusal([Tensor.int64([-1, 3], []), Tensor.int64([-1, 3], [])]) == "input 'a': given ?x3, expected ?x3")
  #expect(context.refusal([good, good]) == "no error")
}

/// n: i64 scalar -> range(0, n) as [n, 1], and its length.
func lateProgram() -> Program {
  var builder = ProgramBuilder()
  let n = builder.input("n", KERF_I64, [])
  let scalar = builder.slot(KERF_I64, [], .weights(offset: 0, length: 8))
  let step = builder.slot(KERF_I64, [], .weights(offset: 64, length: 8))
  let length = builder.expression(.element, Int64(n), 0)
  let one = builder.constant(1)
  let range = builder.slot(KERF_I64, [length])
  let column = builder.slot(KERF_I64, [length, one], .alias(of: range))
  let sum = builder.slot(KERF_I64, [length, one])
  let shape = builder.slot(KERF_I64, [builder.constant(2)])
  let axis = builder.expression(.resultDimension, Int64(sum), 0)
  let twice = builder.expression(.add, Int64(axis), Int64(axis))
  builder.kernel(KERF_OP_RANGE, [scalar, step], [range])
  builder.add(column, column, sum)
  builder.kernel(KERF_OP_DIMS, [], [shape], [.dimension(axis), .dimension(twice)])
  builder.output("y", sum)
  builder.output("shape", shape)
  return builder.program
}

let zeroAndOne: [UInt8] = [UInt8](repeating: 0, count: 64) + [1, 0, 0, 0, 0, 0, 0, 0]

@Test func dimensionsFromDataAreLate() throws {
  let context = Context(try model(lateProgram(), weights: zeroAndOne))
  for n in [3, 100, 0, 5] as [Int64] {
    try context.run([Tensor.int64([], [n])])
    #expect(context.values(0) == (0..<n).map { 2 * $0 })
    #expect(context.dims(0) == [Int(n), 1])
    #expect(context.values(1) == [n, 2 * n])
  }
  #expect(context.planCount == 1)
  #expect(context.refusal([Tensor.int64([], [-2])]).contains("cannot be allocated"))
  #expect(context.refusal([Tensor.int64([], [1 << 50])]).contains("cannot be allocated"))
  try context.run([Tensor.int64([], [2])])
  #expect(context.values(0) == [0, 2])
}

@Test func memoryLimitsAreErrors() throws {
  var options = ContextOptions()
  options.memoryLimit = 1 << 16
  let late = Context(try model(lateProgram(), weights: zeroAndOne), options: options)
  #expect(late.refusal([Tensor.int64([], [1 << 20])]).contains("more than the limit of 65536"))
  try late.run([Tensor.int64([], [2])])
  let planned = Context(try model(chain(length: 2, inPlace: false)), options: options)
  #expect(planned.refusal([Tensor.int64([8192, 2], [Int64](repeating: 0, count: 16384))]).contains("limit of 65536"))
}

@Test func allocationsAreCounted() {
  let before = allocation_count()
  let memory = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 16)
  #expect(before == -1 || allocation_count() > before)
  memory.deallocate()
}

@Test func runsAllocateNothing() throws {
  let planned = Context(try model(chain(length: 20, inPlace: true)))
  let late = Context(try model(lateProgram(), weights: zeroAndOne))
  let loop = Context(try model(loopProgram()))
  let conditional = Context(try model(conditionalProgram()))
  let x = Tensor.int64([16, 2], [Int64](repeating: 1, count: 32))
  let keep = loopInputs(trips: 7)
  let nine = Tensor.int64([], [9])
  let yes = Tensor.bool(true)
  let inputs = [[x.view], [nine.view], keep.map { $0.view }, [yes.view, x.view]]
  for (index, context) in [planned, late, loop, conditional].enumerated() {
    for _ in 0..<3 { try context.run(inputs[index]) }
    let before = allocation_count()
    for _ in 0..<100 { try context.run(inputs[index]) }
    // Without optimization the compiler keeps some iterators on the heap.
    #if !DEBUG
      #expect(allocation_count() == before, "case \(index)")
    #endif
    _ = before
  }
  withExtendedLifetime((keep, nine, yes, x)) {}
}

@Test func kernelErrorsNameTheStep() throws {
  var builder = ProgramBuilder()
  let x = builder.input("x", KERF_I64, [4])
  let index = builder.input("i", KERF_I64, [1])
  let y = builder.slot(KERF_I64, builder.constants([1]))
  builder.kernel(KERF_OP_GATHER, [x, index], [y], [.int(0)])
  builder.output("y", y)
  let context = Context(try model(builder.program))
  let data = Tensor.int64([4], [5, 6, 7, 8])
  #expect(
    context.refusal([data, Tensor.int64([1], [9])])
      == "step 0 'n0' (gather): an index in the data is out of range; inputs i64[4] i64[1], outputs i64[1]")
  try context.run([data, Tensor.int64([1], [2])])
  #expect(context.values(0) == [7])
}

@Test func deadlineAndCancellationStopRuns() throws {
  let context = Context(try model(chain(length: 3, inPlace: false)))
  let x = Tensor.int64([1, 2], [1, 1])
  context.deadline = 1
  #expect(context.refusal([x]) == "the deadline has passed before the run was done")
  context.deadline = 0
  context.cancelFlag.cancel()
  #expect(context.refusal([x]) == "the run was cancelled")
  context.cancelFlag.reset()
  try context.run([x])
  #expect(context.tensor(0) != nil)
}

@Test func stepsAreDescribedAndMeasured() throws {
  let context = Context(try model(chain(length: 3, inPlace: false)))
  context.isProfiling = true
  try context.run([Tensor.int64([1, 2], [1, 1])])
  #expect(context.stepNanoseconds.count == 3)
  #expect(context.steps.map(\.operation) == ["binary_int", "binary_int", "binary_int"])
  #expect(context.steps[2].kernel == "binary_int_portable")
  #expect(context.steps[2].names == ["n2"])
  #expect(context.steps[2].outputs[0].dims == [1, 2])
  #expect(context.model.inputs[0].dims == [-1, 2])
}

@Test func contextsOfOneModelRunSideBySide() async throws {
  let (program, weights) = quantizedProgram()
  let model = try model(program, weights: weights, threads: 2)
  var generator = Generator(state: 11)
  let data = (0..<400).map { _ in UInt8(generator.next(256)) }
  let single = Context(model)
  let x = Tensor(KERF_U8, [10, 40], data)
  try single.run([x])
  let expected = single.values(0, as: UInt8.self)
  let equal = try await withThrowingTaskGroup(of: Bool.self) { group in
    for _ in 0..<8 {
      group.addTask {
        let own = Tensor(KERF_U8, [10, 40], data)
        let context = Context(model)
        for _ in 0..<200 {
          try context.run([own])
          if context.values(0, as: UInt8.self) != expected { return false }
        }
        return true
      }
    }
    return try await group.reduce(true) { $0 && $1 }
  }
  #expect(equal)
}
