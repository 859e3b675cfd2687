/// How much of a bundle is hashed when it is opened. Header, section table and program always are.
public enum BundleVerification: Sendable {
  /// The hash of every section.
  case full
  /// CRC-32C of the other sections, that of the weights when `checkWeights` is called: every bit that flipped is found
  /// before it counts, and opening reads no weights. Finds accidents, not intent.
  case beforeUse
  /// Nothing else: for a file that something else has verified.
  case table
}

/// A validated view of the bytes of a bundle. It does not own them.
public struct BundleReader {
  public let bytes: UnsafeRawBufferPointer
  public private(set) var header = BundleHeader()
  public private(set) var sections: [BundleSection] = []

  /// Validates the layout and the hashes. The program is decoded by `program()`.
  /// - Parameter parallel: spreads the hashing, as for `SectionHash.hash`.
  public init(
    _ bytes: UnsafeRawBufferPointer, verification: BundleVerification = .full,
    parallel: (_ count: Int, _ task: (Int) -> Void) -> Void = SectionHash.serial
  ) throws(BundleError) {
    self.bytes = bytes
    try readHeader()
    try readTable()
    try checkGaps()
    for section in sections { try check(section, verification, parallel) }
  }

  /// Compares the weights with their CRC-32C. Whoever opens with `beforeUse` calls this before using them.
  public func checkWeights(
    parallel: (_ count: Int, _ task: (Int) -> Void) -> Void = SectionHash.serial
  ) throws(BundleError) {
    for section in sections where section.type == BundleFormat.Section.weights.rawValue {
      try checkSum(section, parallel)
    }
  }

  /// The bytes of a section, or nil when the bundle has none of that type.
  public func section(_ type: BundleFormat.Section) -> UnsafeRawBufferPointer? {
    for section in sections where section.type == type.rawValue { return slice(section) }
    return nil
  }

  /// Decodes the program; it is not verified yet.
  public func program() throws(BundleError) -> Program {
    guard let bytes = section(.program) else { throw .damaged("it has no program") }
    return try ProgramDecoder.decode(bytes)
  }

  private func slice(_ section: BundleSection) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[section.offset..<section.offset + section.length])
  }

  private func number<Number: FixedWidthInteger>(_ offset: Int, as type: Number.Type) -> Number {
    Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
  }

  private func copy(_ offset: Int, _ count: Int) -> [UInt8] {
    [UInt8](UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
  }

  private func requireZero(_ range: Range<Int>, _ what: String) throws(BundleError) {
    for index in range where bytes[index] != 0 { throw .damaged("byte \(index), in \(what), is not zero") }
  }

  // MARK: Header

  private mutating func readHeader() throws(BundleError) {
    let size = BundleFormat.headerBytes
    for (index, byte) in BundleFormat.magic.enumerated() {
      guard index < bytes.count, bytes[index] == byte else {
        throw .notABundle("the first bytes differ from a bundle's")
      }
    }
    guard bytes.count >= size else { throw .damaged("it has \(bytes.count) bytes, the header alone takes \(size)") }
    let crc = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[0..<size - 4]))
    guard crc == number(size - 4, as: UInt32.self) else { throw .damaged("the checksum of the header is wrong") }
    header.major = number(8, as: UInt16.self)
    header.minor = number(10, as: UInt16.self)
    header.fileBytes = number(16, as: UInt64.self)
    header.sectionCount = number(24, as: UInt32.self)
    header.isaMask = number(32, as: UInt32.self)
    header.runtimeVersion = number(36, as: UInt32.self)
    header.arenaBytes = number(40, as: UInt64.self)
    header.buildID = copy(48, 32)
    header.tableHash = copy(80, 32)
    try checkHeader()
  }

  private func checkHeader() throws(BundleError) {
    guard header.major == BundleFormat.major else {
      throw .version(
        "bundle format is \(header.major).\(header.minor), this runtime reads \(BundleFormat.major).x; "
          + "recompile the model or use another version of the runtime")
    }
    guard header.runtimeVersion <= BundleFormat.runtimeVersion else {
      throw .version(
        "bundle needs runtime \(BundleFormat.versionText(header.runtimeVersion)) or newer, this is "
          + BundleFormat.versionText(BundleFormat.runtimeVersion))
    }
    guard number(12, as: UInt32.self) == BundleFormat.headerBytes, number(28, as: UInt32.self) == 0 else {
      throw .damaged("header size or flags are not those of format \(header.major)")
    }
    try requireZero(112..<124, "the reserved part of the header")
    guard header.fileBytes == UInt64(bytes.count) else {
      throw .damaged("it has \(bytes.count) bytes, its header says \(header.fileBytes)")
    }
    guard header.sectionCount >= 1, header.sectionCount <= BundleFormat.maximumSections else {
      throw .damaged("it has \(header.sectionCount) sections, must be in 1...\(BundleFormat.maximumSections)")
    }
  }

  // MARK: Section table

  private mutating func readTable() throws(BundleError) {
    let start = BundleFormat.headerBytes
    let end = start + Int(header.sectionCount) * BundleFormat.entryBytes
    guard end <= bytes.count else { throw .damaged("the section table ends at \(end), the file at \(bytes.count)") }
    let hash = SHA256.hash(UnsafeRawBufferPointer(rebasing: bytes[start..<end])).bytes
    guard hash == header.tableHash else { throw .damaged("the hash of the section table is wrong") }
    var position = end
    for index in 0..<Int(header.sectionCount) {
      let section = try readEntry(start + index * BundleFormat.entryBytes, after: position)
      position = section.offset + section.length
      sections.append(section)
    }
    guard position == bytes.count else {
      throw .damaged("the last section ends at \(position), the file at \(bytes.count)")
    }
  }

  private func readEntry(_ entry: Int, after position: Int) throws(BundleError) -> BundleSection {
    let type = number(entry, as: UInt32.self)
    if let last = sections.last?.type, type <= last { throw .damaged("section \(type) follows section \(last)") }
    let flags = number(entry + 4, as: UInt32.self)
    let alignment = number(entry + 24, as: UInt32.self)
    guard type > 0, flags <= 1 else { throw .damaged("section \(type) has flags \(flags)") }
    if let known = BundleFormat.Section(rawValue: type) {
      guard (flags == 1) == known.isRequired, alignment == known.alignment else {
        throw .damaged("section \(type) has flags \(flags) and alignment \(alignment)")
      }
    } else if flags == 1 {
      throw .version("bundle has section \(type), which this runtime must know to use it; update the runtime")
    }
    guard alignment >= 64, alignment <= 1 << 20, alignment & (alignment - 1) == 0 else {
      throw .damaged("section \(type) has alignment \(alignment)")
    }
    let offset = number(entry + 8, as: UInt64.self)
    let length = number(entry + 16, as: UInt64.self)
    guard offset == UInt64(position.rounded(up: Int(alignment))) else {
      throw .damaged("section \(type) is at \(offset), expected \(position.rounded(up: Int(alignment)))")
    }
    guard offset <= UInt64(bytes.count), length >= 1, length <= UInt64(bytes.count) - offset else {
      throw .damaged("section \(type) is at \(offset) + \(length) of \(bytes.count) bytes")
    }
    try requireZero(entry + 64..<entry + BundleFormat.entryBytes, "the reserved part of a table entry")
    return BundleSection(
      type: type, isRequired: flags == 1, offset: Int(offset), length: Int(length), alignment: Int(alignment),
      crc: number(entry + 28, as: UInt32.self), hash: copy(entry + 32, 32))
  }

  private func checkGaps() throws(BundleError) {
    var position = BundleFormat.headerBytes + sections.count * BundleFormat.entryBytes
    for section in sections {
      try requireZero(position..<section.offset, "a gap between sections")
      position = section.offset + section.length
    }
  }

  private func check(
    _ section: BundleSection, _ verification: BundleVerification, _ parallel: (Int, (Int) -> Void) -> Void
  ) throws(BundleError) {
    let isProgram = section.type == BundleFormat.Section.program.rawValue
    if verification == .full || isProgram {
      guard SectionHash.hash(slice(section), parallel: parallel).bytes == section.hash else {
        throw .damaged("the hash of section \(section.type) is wrong")
      }
    }
    let isWeights = section.type == BundleFormat.Section.weights.rawValue
    if verification == .full || verification == .beforeUse && !isWeights { try checkSum(section, parallel) }
  }

  private func checkSum(
    _ section: BundleSection, _ parallel: (Int, (Int) -> Void) -> Void
  ) throws(BundleError) {
    guard CRC32C.checksum(slice(section), parallel: parallel) == section.crc else {
      throw .damaged("the checksum of section \(section.type) is wrong")
    }
  }
}
