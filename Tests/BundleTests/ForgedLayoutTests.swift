import Bundle
import Testing

/// Files whose checksums are right and whose layout is not: what an attacker would send.
@Suite struct ForgedLayoutTests {
  let whole: [UInt8]

  init() throws { whole = try sampleWriter().assemble() }

  /// Entries of the section table begin here; the sample has four.
  private func entry(_ index: Int) -> Int { BundleFormat.headerBytes + index * BundleFormat.entryBytes }

  /// The file after an edit, with the hash of the table and the checksum of the header made right.
  private func resealed(_ edit: (inout [UInt8]) -> Void) -> [UInt8] {
    var bytes = whole
    edit(&bytes)
    let table = Array(bytes[BundleFormat.headerBytes..<entry(4)])
    bytes.replaceSubrange(80..<112, with: SHA256.hash(table).bytes)
    let crc = bytes[..<124].withUnsafeBytes { CRC32C.checksum($0) }
    for index in 0..<4 { bytes[124 + index] = UInt8(truncatingIfNeeded: crc >> UInt32(8 * index)) }
    return bytes
  }

  private func message(_ edit: (inout [UInt8]) -> Void) -> String {
    switch open(resealed(edit)) {
    case .success: "opened"
    case .failure(let error): error.description
    }
  }

  private func put(_ value: UInt64, _ offset: Int, _ bytes: inout [UInt8], width: Int = 8) {
    for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }

  private func number(_ offset: Int) -> Int { (0..<8).reduce(0) { $0 | Int(whole[offset + $1]) << (8 * $1) } }

  @Test func resealingAloneChangesNothing() { #expect(resealed { _ in } == whole) }

  @Test func sectionsOutOfPlace() {
    // Two sections change places in the table.
    #expect(
      message { bytes in
        for index in 0..<BundleFormat.entryBytes { bytes.swapAt(entry(2) + index, entry(3) + index) }
      } == "bundle is damaged: section 4 is at 4352, expected 4288")
    // The third lies on the second.
    #expect(
      message { put(4096, entry(2) + 8, &$0) } == "bundle is damaged: section 3 is at 4096, expected 4288")
    // Behind the file, and so far behind that the end wraps.
    #expect(
      message { put(1 << 40, entry(1) + 16, &$0) }
        == "bundle is damaged: section 2 is at 4096 + 1099511627776 of 4364 bytes")
    #expect(
      message { put(.max - 4000, entry(1) + 16, &$0) }
        == "bundle is damaged: section 2 is at 4096 + 18446744073709547615 of 4364 bytes")
    #expect(message { put(0, entry(1) + 16, &$0) } == "bundle is damaged: section 2 is at 4096 + 0 of 4364 bytes")
    // Shorter, so that the rest is a hole.
    #expect(
      message { put(11, entry(3) + 16, &$0) } == "bundle is damaged: the last section ends at 4363, the file at 4364")
  }

  @Test func sectionsOfWrongKind() {
    #expect(message { put(2, entry(2), &$0, width: 4) } == "bundle is damaged: section 2 follows section 2")
    #expect(
      message { put(1, entry(2) + 4, &$0, width: 4) }
        == "bundle is damaged: section 3 has flags 1 and alignment 64")
    #expect(
      message { put(64, entry(1) + 24, &$0, width: 4) }
        == "bundle is damaged: section 2 has flags 1 and alignment 64")
    #expect(
      message { $0[entry(1) + 64] = 1 }
        == "bundle is damaged: byte 288, in the reserved part of a table entry, is not zero")
    let gap = number(entry(1) + 8) - 1
    #expect(number(entry(0) + 8) + number(entry(0) + 16) <= gap)
    #expect(message { $0[gap] = 1 } == "bundle is damaged: byte \(gap), in a gap between sections, is not zero")
    #expect(message { $0[112] = 1 } == "bundle is damaged: byte 112, in the reserved part of the header, is not zero")
    #expect(message { put(0, 24, &$0, width: 4) }.hasPrefix("bundle is damaged: "))
    #expect(message { put(65, 24, &$0, width: 4) } == "bundle is damaged: it has 65 sections, must be in 1...64")
  }

  @Test func anotherFileInFrontOrBehind() {
    for part: [UInt8] in [[0], Array("PK\u{3}\u{4}".utf8), Array("#!/bin/sh\n".utf8), whole] {
      if case .success = open(part + whole) { Issue.record("in front") }
      if case .success = open(whole + part) { Issue.record("behind") }
    }
  }
}
