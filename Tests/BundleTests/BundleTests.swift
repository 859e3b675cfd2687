import Bundle
import CSystem
import Testing

/// A small program that uses every kind of expression, slot, attribute and step.
func sampleProgram() -> Program {
  var body = Program()
  body.expressions = [Expression(.constant, 1), Expression(.inputDimension, 2, 0)]
  body.slots = [
    Slot(type: 7, dims: [], storage: .input), Slot(type: 9, dims: [], storage: .input),
    Slot(type: 1, dims: [1], storage: .input), Slot(type: 1, dims: [1], storage: .arena),
  ]
  body.steps = [Step(kind: .kernel(57), inputs: [2], outputs: [3], name: Array("copy".utf8))]
  body.inputs = [
    Port(name: Array("i".utf8), slot: 0), Port(name: Array("c".utf8), slot: 1), Port(name: [120], slot: 2),
  ]
  body.outputs = [Port(name: [99], slot: 1), Port(name: [121], slot: 3), Port(name: [122], slot: 2)]

  var program = Program()
  program.expressions = [
    Expression(.constant, 3), Expression(.inputDimension, 0, 0), Expression(.multiply, 0, 1),
    Expression(.element, 1, 0), Expression(.resultDimension, 5, 0), Expression(.floorDivide, 2, 0),
  ]
  program.slots = [
    Slot(type: 1, dims: [1], storage: .input),
    Slot(type: 7, dims: [], storage: .weights(offset: 64, length: 8)),
    Slot(type: 9, dims: [], storage: .weights(offset: 128, length: 1)),
    Slot(type: 1, dims: [1], storage: .arena),
    Slot(type: 1, dims: [5], storage: .alias(of: 3)),
    Slot(type: 1, dims: [4, 1], storage: .dynamic),
    Slot(type: 8, dims: [], storage: .host),
    Slot(type: 1, dims: [1], storage: .arena),
  ]
  program.steps = [
    Step(
      kind: .kernel(16), inputs: [0], outputs: [3], attributes: [.int(-5), .float(0.25), .dimension(2)],
      name: Array("relu\nclip".utf8)),
    Step(kind: .loop(carried: 1), inputs: [1, 2, 4], outputs: [7, 5], name: Array("loop".utf8)),
    Step(kind: .host(Array("graph".utf8)), inputs: [5, -1], outputs: [6], name: Array("host".utf8)),
  ]
  program.steps[0].inPlace = 0
  program.steps[1].bodies = [0]
  program.inputs = [Port(name: Array("x".utf8), slot: 0)]
  program.outputs = [Port(name: Array("y".utf8), slot: 7, isSqueezed: true), Port(name: [0xff, 0], slot: 6)]
  program.bodies = [body]
  return program
}

func sampleWriter() -> BundleWriter {
  var writer = BundleWriter()
  writer.program = sampleProgram()
  writer.weights = ScatteredBytes((0..<129).map { UInt8(truncatingIfNeeded: $0 &* 7) })
  writer.report = Array("{\"passes\":[]}".utf8)
  writer.metadata = Array("{\"opset\":17}".utf8)
  writer.isaMask = 3
  writer.arenaBytes = 4096
  return writer
}

/// The program of a bundle, or the reason why it is refused.
func open(_ bytes: [UInt8], _ verification: BundleVerification = .full) -> Result<Program, BundleError> {
  bytes.withUnsafeBytes { buffer in
    do throws(BundleError) {
      let reader = try BundleReader(buffer, verification: verification)
      let program = try reader.program()
      _ = try ProgramVerifier.verify(program, weightBytes: UInt64(reader.section(.weights)?.count ?? 0))
      return .success(program)
    } catch { return .failure(error) }
  }
}

@Test func roundTripKeepsEverything() throws {
  let writer = sampleWriter()
  let bytes = try writer.assemble()
  #expect(try open(bytes).get() == writer.program)
  #expect(try writer.assemble() == bytes)
  bytes.withUnsafeBytes { buffer in
    let reader = try? BundleReader(buffer)
    #expect(reader?.section(.weights).map(Array.init) == writer.weights.array)
    #expect(reader?.section(.report).map(Array.init) == writer.report)
    #expect(reader?.section(.metadata).map(Array.init) == writer.metadata)
    #expect(reader?.section(.signature) == nil)
    #expect(reader?.header.isaMask == 3)
    #expect(reader?.header.arenaBytes == 4096)
    #expect(reader?.sections.map(\.offset) == [512, 4096, 4288, 4352])
  }
}

@Test func everyBitFlipIsRefused() throws {
  var bytes = try sampleWriter().assemble()
  // Every bit outside the long gap, one bit of each byte inside it.
  for index in bytes.indices {
    for bit in 0..<8 where index < 1024 || index >= 4096 || bit == index % 8 {
      bytes[index] ^= 1 << bit
      if case .success = open(bytes) { Issue.record("bit \(bit) of byte \(index)") }
      bytes[index] ^= 1 << bit
    }
  }
}

@Test func everyTruncationAndExtensionIsRefused() throws {
  let bytes = try sampleWriter().assemble()
  for length in bytes.indices {
    if case .success = open(Array(bytes[..<length])) { Issue.record("length \(length)") }
  }
  if case .success = open(bytes + [0]) { Issue.record("one byte more") }
}

@Test func otherFilesAreToldApartFromDamagedOnes() {
  #expect(open(Array("hello".utf8)) == .failure(.notABundle("the first bytes differ from a bundle's")))
  #expect(open(Array(BundleFormat.magic)) == .failure(.damaged("it has 8 bytes, the header alone takes 128")))
}

@Test func hashesMatchTheStandards() {
  #expect(
    SHA256.hash(Array("abc".utf8)).hexadecimal == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  #expect(SHA256.hash([]).hexadecimal == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  let million = [UInt8](repeating: 97, count: 1_000_000)
  #expect(SHA256.hash(million).hexadecimal == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  var parts = SHA256()
  for part in stride(from: 0, to: million.count, by: 997) {
    million[part..<min(part + 997, million.count)].withUnsafeBytes { parts.update($0) }
  }
  #expect(parts.finish() == SHA256.hash(million))
  #expect(Array("123456789".utf8).withUnsafeBytes { CRC32C.checksum($0) } == 0xe306_9283)
}

@Test func sectionHashesGoByPieces() {
  var bytes = [UInt8](repeating: 0, count: 5 << 19)
  for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: index &* 2_654_435_761 >> 11) }
  for length in [0, 1, 1 << 20, (1 << 20) + 1, 2 << 20, bytes.count] {
    var digests: [UInt8] = []
    for start in stride(from: 0, to: length, by: 1 << 20) {
      digests += SHA256.hash(Array(bytes[start..<min(start + (1 << 20), length)])).bytes
    }
    let expected = SHA256.hash(digests)
    #expect(SectionHash.hash(Array(bytes[..<length])) == expected)
    let backward: (Int, (Int) -> Void) -> Void = { count, task in for index in (0..<count).reversed() { task(index) } }
    #expect(bytes[..<length].withUnsafeBytes { SectionHash.hash($0, parallel: backward) } == expected)
  }
}

@Test func checksumsJoin() {
  var bytes = [UInt8](repeating: 0, count: 3 << 20)
  for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: index &* 2_654_435_761 >> 13) }
  // Around the pieces of 1 MiB, the three lanes of 16 KiB and the 256 bytes that are folded at a time.
  let lengths = [0, 1, 7, 1023, 1024, 1279, 1280, 1281, 1300, 49_151, 49_152, 49_153, 98_304, 1 << 20, (1 << 20) + 5]
  for length in lengths + [bytes.count] {
    bytes[..<length].withUnsafeBytes { buffer in
      let whole = csystem_crc32c_portable(0, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(length))
      #expect(length == 0 || CRC32C.checksum(buffer) == whole)
      #expect(CRC32C.checksum(buffer, parallel: SectionHash.serial) == (length == 0 ? 0 : whole))
      let head = length / 3
      let first = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[..<head]))
      let second = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[head...]))
      #expect(csystem_crc32c_join(first, second, UInt64(length - head)) == CRC32C.checksum(buffer))
    }
  }
}
