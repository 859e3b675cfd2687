import Bundle
import Kernels
import Runtime
import Testing

/// (condition, x[16, 2]) -> x + x, or x.
func conditionalProgram() -> Program {
  var then = ProgramBuilder()
  let a = then.input("x", KERF_I64, [16, 2])
  let sum = then.slot(KERF_I64, then.program.slots[Int(a)].dims)
  then.add(a, a, sum)
  then.output("y", sum)
  var otherwise = ProgramBuilder()
  let b = otherwise.input("x", KERF_I64, [16, 2])
  otherwise.output("y", b)
  var builder = ProgramBuilder()
  let condition = builder.input("c", KERF_BOOL, [])
  let x = builder.input("x", KERF_I64, [16, 2])
  let y = builder.slot(KERF_I64, builder.program.slots[Int(x)].dims)
  builder.program.bodies = [then.program, otherwise.program]
  builder.step(.conditional, [condition, x], [y], [0, 1])
  builder.output("y", y)
  return builder.program
}

@Test func ifRunsOneBranch() throws {
  let context = Context(try model(conditionalProgram()))
  let x = Tensor.int64([16, 2], (0..<32).map { $0 })
  try context.run([Tensor.bool(true), x])
  #expect(context.values(0) == (0..<32).map { 2 * $0 })
  try context.run([Tensor.bool(false), x])
  #expect(context.values(0) == (0..<32).map { $0 })
}

/// (trips, keep going, limit, a, b) -> Fibonacci: a, b = b, a + b while b < limit; scanned: a of each trip.
func loopProgram() -> Program {
  var body = ProgramBuilder()
  _ = body.input("i", KERF_I64, [])
  _ = body.input("c", KERF_BOOL, [])
  let a = body.input("a", KERF_I64, [1])
  let b = body.input("b", KERF_I64, [1])
  let limit = body.input("limit", KERF_I64, [])
  let one = body.program.slots[Int(a)].dims
  let sum = body.slot(KERF_I64, one)
  let less = body.slot(KERF_BOOL, one)
  let condition = body.slot(KERF_BOOL, [], .alias(of: less))
  body.add(a, b, sum)
  body.kernel(KERF_OP_COMPARE, [sum, limit], [less], [.int(Int64(KERF_COMPARE_LESS))])
  body.output("c", condition)
  body.output("a", b)
  body.output("b", sum)
  body.output("all", a)

  var builder = ProgramBuilder()
  let trips = builder.input("trips", KERF_I64, [])
  let keep = builder.input("keep", KERF_BOOL, [])
  let top = builder.input("limit", KERF_I64, [])
  let x = builder.input("a", KERF_I64, [1])
  let y = builder.input("b", KERF_I64, [1])
  let single = builder.program.slots[Int(x)].dims
  let lastA = builder.slot(KERF_I64, single)
  let lastB = builder.slot(KERF_I64, single)
  let all = Int32(builder.program.slots.count)
  let count = builder.expression(.resultDimension, Int64(all), 0)
  _ = builder.slot(KERF_I64, [count, single[0]], .dynamic)
  builder.program.bodies = [body.program]
  builder.step(.loop(carried: 2), [trips, keep, x, y, top], [lastA, lastB, all], [0])
  builder.output("a", lastA)
  builder.output("b", lastB)
  builder.output("all", all)
  return builder.program
}

func loopInputs(trips: Int64, keep: Bool = true, limit: Int64 = 1000) -> [Tensor] {
  [
    Tensor.int64([], [trips]), Tensor.bool(keep), Tensor.int64([], [limit]), Tensor.int64([1], [0]),
    Tensor.int64([1], [1]),
  ]
}

@Test func loopEndsByCountOrCondition() throws {
  let context = Context(try model(loopProgram()))
  try context.run(loopInputs(trips: 7))
  #expect(context.values(0) == [13] && context.values(1) == [21])
  #expect(context.values(2) == [0, 1, 1, 2, 3, 5, 8])
  #expect(context.dims(2) == [7, 1])
  try context.run(loopInputs(trips: 1000, limit: 30))
  #expect(context.values(0) == [21] && context.values(1) == [34])
  #expect(context.dims(2) == [8, 1])
  for inputs in [loopInputs(trips: 0), loopInputs(trips: 5, keep: false), loopInputs(trips: -3)] {
    try context.run(inputs)
    #expect(context.values(0) == [0] && context.values(1) == [1])
    #expect(context.dims(2) == [0, 1])
  }
}

@Test func loopWithoutCountStopsAtItsDeadline() throws {
  var program = loopProgram()
  program.steps[0].inputs[0] = -1
  let context = Context(try model(program))
  try context.run(loopInputs(trips: 0, limit: 30))
  #expect(context.values(1) == [34])
  // Without a growing output: sums wrap around and stay below the limit again and again.
  program.steps[0].outputs[2] = -1
  program.outputs.removeLast()
  program.expressions[Int(program.slots[7].dims[0])] = Expression(.constant, 0)
  let endless = Context(try model(program))
  endless.deadline = Context.now + 20_000_000
  let zeros = [
    Tensor.int64([], [0]), Tensor.bool(true), Tensor.int64([], [5]), Tensor.int64([1], [0]), Tensor.int64([1], [0]),
  ]
  #expect(endless.refusal(zeros) == "the deadline has passed before the run was done")
}

/// Running sums of x[2, n] along axis 1, the results along axis 0, in the directions asked for.
func scanProgram(reverseIn: Bool, reverseOut: Bool) -> Program {
  var body = ProgramBuilder()
  let state = body.input("s", KERF_I64, [2])
  let element = body.input("x", KERF_I64, [2])
  let sum = body.slot(KERF_I64, body.program.slots[Int(state)].dims)
  body.add(state, element, sum)
  body.output("s", sum)
  body.output("y", sum)
  body.output("z", sum)
  var builder = ProgramBuilder()
  let start = builder.input("s", KERF_I64, [2])
  let x = builder.input("x", KERF_I64, [2, -1])
  let two = builder.program.slots[Int(start)].dims[0]
  let n = builder.program.slots[Int(x)].dims[1]
  let last = builder.slot(KERF_I64, [two])
  let rows = builder.slot(KERF_I64, [n, two])
  let columns = builder.slot(KERF_I64, [two, n])
  builder.program.bodies = [body.program]
  builder.step(
    .scan(states: 1, scanned: 1), [start, x], [last, rows, columns], [0],
    [.int(1), .int(reverseIn ? 1 : 0), .int(0), .int(reverseOut ? 1 : 0), .int(1), .int(0)])
  builder.output("last", last)
  builder.output("rows", rows)
  builder.output("columns", columns)
  return builder.program
}

@Test func scanFollowsAxesAndDirections() throws {
  let inputs = [Tensor.int64([2], [100, 200]), Tensor.int64([2, 3], [1, 2, 3, 4, 5, 6])]
  let forward = Context(try model(scanProgram(reverseIn: false, reverseOut: false)))
  try forward.run(inputs)
  #expect(forward.values(0) == [106, 215])
  #expect(forward.values(1) == [101, 204, 103, 209, 106, 215])
  #expect(forward.values(2) == [101, 103, 106, 204, 209, 215])
  let backward = Context(try model(scanProgram(reverseIn: true, reverseOut: true)))
  try backward.run(inputs)
  #expect(backward.values(1) == [106, 215, 105, 211, 103, 206])
  #expect(backward.values(2) == [103, 105, 106, 206, 211, 215])
  try backward.run([Tensor.int64([2], [7, 8]), Tensor.int64([2, 0], [])])
  #expect(backward.values(0) == [7, 8])
  #expect(backward.dims(1) == [0, 2])
  #expect(backward.dims(2) == [2, 0])
}

final class Strings: HostValue, @unchecked Sendable {
  let list: [String]
  init(_ list: [String]) { self.list = list }
}

/// "split" turns a number into a list of strings, "count" a list into a tensor of lengths.
final class TestProvider: HostProvider, @unchecked Sendable {
  override func evaluate(_ call: HostCall, inputs: [HostArgument]) throws(RuntimeError) -> [HostResult] {
    switch (call.text, inputs.first) {
    case (Array("%s = split(%n)".utf8), .tensor(let view)?):
      guard view.bytes.count >= 8 else { throw .host("split needs a number") }
      let n = Int(view.bytes.loadUnaligned(as: Int64.self))
      return [.host(Strings((0..<max(0, min(n, 100))).map { String(repeating: "a", count: $0) }))]
    case (Array("%y = count(%s)".utf8), .host(let value as Strings)?):
      let counts = value.list.map { Int64($0.count) }
      return [.tensor(type: 7, dims: [counts.count], bytes: counts.withUnsafeBytes { Array($0) })]
    default: throw .host("nothing known of '\(printable(call.name))'")
    }
  }
}

func hostProgram() -> Program {
  var builder = ProgramBuilder()
  let n = builder.input("n", KERF_I64, [])
  let strings = builder.slot(8, [], .host)
  let counts = Int32(builder.program.slots.count)
  let length = builder.expression(.resultDimension, Int64(counts), 0)
  _ = builder.slot(KERF_I64, [length], .dynamic)
  let sum = builder.slot(KERF_I64, [length])
  builder.step(.host(Array("%s = split(%n)".utf8)), [n], [strings])
  builder.step(.host(Array("%y = count(%s)".utf8)), [strings], [counts])
  builder.add(counts, counts, sum)
  builder.output("y", sum)
  builder.output("s", strings)
  return builder.program
}

@Test func hostCallsExchangeTensorsAndValues() throws {
  let context = Context(try model(hostProgram(), provider: TestProvider()))
  for n in [4, 0, 9] as [Int64] {
    try context.run([Tensor.int64([], [n])])
    #expect(context.values(0) == (0..<n).map { 2 * $0 })
    guard case .host(let value as Strings) = context.output(1) else {
      Issue.record("no strings")
      return
    }
    #expect(value.list.count == Int(n))
  }
  #expect(throws: RuntimeError.self) { try model(hostProgram()) }
  do throws(RuntimeError) {
    _ = try Model(bytes: (try? bundle(hostProgram())) ?? [])
  } catch { #expect(error.description.hasPrefix("2 operators of this model are evaluated by the host")) }
}
