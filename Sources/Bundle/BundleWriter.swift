/// Assembles the bytes of a bundle.
public struct BundleWriter: Sendable {
  public var program = Program()
  public var weights = ScatteredBytes()
  /// JSON of the compile report; empty for none.
  public var report: [UInt8] = []
  /// JSON about the origin: source file, its SHA-256, opset, version of the compiler, target; empty for none.
  public var metadata: [UInt8] = []
  /// The optimized graph as an ONNX model; empty for none.
  public var graph: [UInt8] = []
  /// Instruction sets that the program may use (1 << KERF_ISA_…), 0 for any.
  public var isaMask: UInt32 = 0
  /// Bytes of the arena, 0 when they depend on the dimensions of the inputs.
  public var arenaBytes: UInt64 = 0

  public init() {}

  /// The whole file. The same content gives the same bytes.
  /// - Throws: `BundleError.program` when the program is one that a reader would refuse.
  public func assemble() throws(BundleError) -> [UInt8] { try image().array }

  /// The same with the weights where they are.
  public func image() throws(BundleError) -> ScatteredBytes {
    _ = try ProgramVerifier.verify(program, weightBytes: UInt64(weights.count))
    let encoded = ProgramEncoder.encode(program)
    guard encoded.count <= ProgramLimits.sectionBytes else {
      throw .program("it takes \(encoded.count) bytes, at most \(ProgramLimits.sectionBytes) are allowed")
    }
    var parts: [(BundleFormat.Section, ScatteredBytes)] = [(.program, ScatteredBytes(encoded))]
    if weights.count > 0 { parts.append((.weights, weights)) }
    if !report.isEmpty { parts.append((.report, ScatteredBytes(report))) }
    if !metadata.isEmpty { parts.append((.metadata, ScatteredBytes(metadata))) }
    if !graph.isEmpty { parts.append((.graph, ScatteredBytes(graph))) }
    return assemble(parts)
  }

  private func assemble(_ parts: [(BundleFormat.Section, ScatteredBytes)]) -> ScatteredBytes {
    var table: [UInt8] = []
    var identity: [UInt8] = []
    var offsets: [Int] = []
    var end = BundleFormat.headerBytes + parts.count * BundleFormat.entryBytes
    for (type, bytes) in parts {
      let offset = end.rounded(up: type.alignment)
      let (hash, crc) = SectionHash.hash(bytes)
      appendEntry(to: &table, type, offset, bytes.count, crc, hash.bytes)
      if type.isRequired { identity += hash.bytes }
      offsets.append(offset)
      end = offset + bytes.count
    }
    var header = BundleHeader()
    header.fileBytes = UInt64(end)
    header.sectionCount = UInt32(parts.count)
    header.isaMask = isaMask
    header.arenaBytes = arenaBytes
    header.buildID = SHA256.hash(identity).bytes
    header.tableHash = SHA256.hash(table).bytes
    var file = ScatteredBytes(header.encoded + table)
    for (index, part) in parts.enumerated() { file.append(part.1, at: offsets[index]) }
    return file
  }

  private func appendEntry(
    to table: inout [UInt8], _ type: BundleFormat.Section, _ offset: Int, _ length: Int, _ crc: UInt32, _ hash: [UInt8]
  ) {
    table.append(little: type.rawValue)
    table.append(little: UInt32(type.isRequired ? 1 : 0))
    table.append(little: UInt64(offset))
    table.append(little: UInt64(length))
    table.append(little: UInt32(type.alignment))
    table.append(little: crc)
    table += hash
    for _ in 0..<32 { table.append(0) }
  }
}

extension BundleHeader {
  /// The 128 bytes, checksum included.
  var encoded: [UInt8] {
    var bytes = BundleFormat.magic
    bytes.append(little: major)
    bytes.append(little: minor)
    bytes.append(little: UInt32(BundleFormat.headerBytes))
    bytes.append(little: fileBytes)
    bytes.append(little: sectionCount)
    bytes.append(little: UInt32(0))
    bytes.append(little: isaMask)
    bytes.append(little: runtimeVersion)
    bytes.append(little: arenaBytes)
    bytes += buildID
    bytes += tableHash
    for _ in 0..<12 { bytes.append(0) }
    bytes.append(little: bytes.withUnsafeBytes { CRC32C.checksum($0) })
    return bytes
  }
}

extension [UInt8] {
  mutating func append<Number: FixedWidthInteger>(little number: Number) {
    var rest = number
    for _ in 0..<(Number.bitWidth / 8) {
      append(UInt8(truncatingIfNeeded: rest))
      rest &>>= 8
    }
  }
}

extension Int {
  /// The next multiple of a power of two.
  func rounded(up alignment: Int) -> Int { (self + alignment - 1) & ~(alignment - 1) }
}
