import Bundle
import Kernels
import Runtime
import Testing

/// More numbers than are checked when a bundle is opened.
private let many = 300_000

/// x + w, where w are `count` numbers in the weights.
private func addition(_ count: Int = 8) -> (Program, [UInt8]) {
  var builder = ProgramBuilder()
  let x = builder.input("x", KERF_I64, [Int64(count)])
  let dims = builder.program.slots[Int(x)].dims
  let w = builder.slot(KERF_I64, dims, .weights(offset: 0, length: UInt64(8 * count)))
  let y = builder.slot(KERF_I64, dims)
  builder.add(x, w, y)
  builder.output("y", y)
  return (builder.program, (0..<8 * count).map { UInt8($0 % 8 == 0 ? $0 % 64 : 0) })
}

private func ones(_ count: Int = 8) -> Tensor { .int64([count], [Int64](repeating: 1, count: count)) }

/// Why a bundle is refused, at open or by the first run; nil when it runs.
private func refusal(
  _ bytes: [UInt8], _ count: Int = 8, verification: BundleVerification = .beforeUse
) -> (atOpen: Bool, text: String)? {
  var options = ModelOptions()
  options.verification = verification
  let context: Context
  do throws(RuntimeError) {
    context = Context(try Model(bytes: bytes, options: options))
  } catch { return (true, error.description) }
  let text = context.refusal([ones(count)])
  return text == "no error" ? nil : (false, text)
}

@Test(arguments: [8, many]) func flippedWeightsAreRefusedByTheFirstRunWhereTheyAreMany(_ count: Int) throws {
  let (program, weights) = addition(count)
  var bytes = try bundle(program, weights: weights)
  #expect(refusal(bytes, count) == nil)
  bytes[bytes.count - 1] ^= 1
  let found = refusal(bytes, count)
  #expect(found?.atOpen == (count < many))
  #expect(found?.text == "bundle is damaged: the checksum of section 2 is wrong")
  #expect(refusal(bytes, count, verification: .full)?.atOpen == true)
  #expect(refusal(bytes, count, verification: .table) == nil)
}

@Test func everyBitFlipIsRefusedBeforeAnOutput() throws {
  let (program, weights) = addition()
  var bytes = try bundle(program, weights: weights)
  for index in bytes.indices {
    for bit in 0..<8 where index < 1024 || index >= 4096 || bit == index % 8 {
      bytes[index] ^= 1 << bit
      if refusal(bytes) == nil { Issue.record("bit \(bit) of byte \(index)") }
      bytes[index] ^= 1 << bit
    }
  }
}

@Test func aRefusedModelStaysRefused() throws {
  let (program, weights) = addition(many)
  var bytes = try bundle(program, weights: weights)
  bytes[bytes.count - 8] ^= 4
  let context = Context(try Model(bytes: bytes))
  for _ in 0..<2 {
    #expect(context.refusal([ones(many)]) != "no error")
    #expect(context.tensor(0) == nil)
  }
}
