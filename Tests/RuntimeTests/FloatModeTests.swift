// RuntimeTests
import Bundle
import Kernels
import Runtime
import Testing

/// A program that flushes denormals or rounds otherwise gets the bytes that every other one gets, and keeps its mode.
@Suite struct FloatModeTests {
  #if arch(x86_64)
    /// Flush to zero with denormals as zeros; rounding toward zero.
    static let modes: [UInt64] = [0x9FC0, 0x7F80]
  #else
    static let modes: [UInt64] = [1 << 24, 3 << 22]
  #endif

  /// y = a · b on enough elements for two threads. Their products are denormal, or inexact.
  private static func product(threads: Int) throws -> (Context, [Tensor]) {
    let count = 1 << 20
    var builder = ProgramBuilder()
    let a = builder.input("a", KERF_F32, [Int64(count)])
    let b = builder.input("b", KERF_F32, [Int64(count)])
    let y = builder.slot(KERF_F32, builder.constants([Int64(count)]))
    let attributes: [Step.Attribute] = [
      .int(Int64(KERF_BINARY_MUL)), .int(Int64(KERF_UNARY_IDENTITY)), .float(0), .float(0),
    ]
    builder.kernel(KERF_OP_BINARY_F32, [a, b], [y], attributes)
    builder.output("y", y)
    var left: [Float] = []
    var right: [Float] = []
    for index in 0..<count {
      let number = Float(1 + index % 1000)
      left.append(index % 2 == 0 ? number * 1e-30 : number * 0.1)
      right.append(index % 2 == 0 ? 1e-12 : 0.7)
    }
    let context = Context(try model(builder.program, threads: threads))
    return (context, [Tensor(KERF_F32, [count], left), Tensor(KERF_F32, [count], right)])
  }

  /// Runs in a mode; the bits of the results, and the mode after the run. Nothing else is done in that mode.
  private static func run(_ context: Context, _ inputs: [Tensor], in mode: UInt64) throws -> ([UInt32], UInt64) {
    let views = inputs.map { $0.view }
    let before = kerf_float_mode()
    kerf_set_float_mode(mode)
    let outcome = Result { try context.run(views) }
    let after = kerf_float_mode()
    kerf_set_float_mode(before)
    try outcome.get()
    let output = try #require(context.tensor(0))
    let bits = try #require(output.data?.assumingMemoryBound(to: UInt32.self))
    return (Array(UnsafeBufferPointer(start: bits, count: output.count)), after)
  }

  @Test(arguments: modes, [1, 2])
  func modeChangesNothing(_ mode: UInt64, _ threads: Int) throws {
    let (usual, inputs) = try Self.product(threads: 1)
    let (expected, _) = try Self.run(usual, inputs, in: UInt64(KERF_FLOAT_MODE))
    let (context, same) = try Self.product(threads: threads)
    let (bits, after) = try Self.run(context, same, in: mode)
    // Counted, as a failure would print the difference of two long arrays.
    #expect(bits.count == expected.count)
    let different = zip(bits, expected).count { $0 != $1 }
    #expect(different == 0)
    #expect(after == mode)
    // What the mode would have changed is there.
    #expect(Float(bitPattern: expected[0]).isSubnormal)
  }

  @Test func refusedRunsRestoreTheMode() throws {
    let (context, _) = try Self.product(threads: 1)
    let before = kerf_float_mode()
    kerf_set_float_mode(Self.modes[0])
    let failed = (try? context.run([TensorView]())) == nil
    let other = (try? context.prepare(inputDims: [])) == nil
    let after = kerf_float_mode()
    kerf_set_float_mode(before)
    #expect(failed && other && after == Self.modes[0])
  }
}
