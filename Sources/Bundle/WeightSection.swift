/// Collects the bytes of a weight section: each piece on a 64-byte boundary, equal pieces once.
public struct WeightSection: Sendable {
  public private(set) var bytes: [UInt8] = []
  /// Bytes that were given but already there.
  public private(set) var sharedBytes: UInt64 = 0
  /// Pieces by a hash of their bytes; only looked up, never walked.
  private var pieces: [UInt64: [(offset: Int, length: Int)]] = [:]

  public init() {}

  /// Adds a piece, or finds it, and gives the storage of a slot that holds it.
  public mutating func append(_ piece: UnsafeRawBufferPointer) -> Slot.Storage {
    let key = UInt64(CRC32C.checksum(piece)) << 32 ^ UInt64(piece.count)
    for known in pieces[key] ?? [] where known.length == piece.count && equal(piece, at: known.offset) {
      sharedBytes += UInt64(piece.count)
      return .weights(offset: UInt64(known.offset), length: UInt64(piece.count))
    }
    while bytes.count % 64 != 0 { bytes.append(0) }
    let offset = bytes.count
    bytes.append(contentsOf: piece)
    pieces[key, default: []].append((offset, piece.count))
    return .weights(offset: UInt64(offset), length: UInt64(piece.count))
  }

  public mutating func append(_ piece: [UInt8]) -> Slot.Storage { piece.withUnsafeBytes { append($0) } }

  private func equal(_ piece: UnsafeRawBufferPointer, at offset: Int) -> Bool {
    bytes.withUnsafeBytes { all in
      for index in 0..<piece.count where all[offset + index] != piece[index] { return false }
      return true
    }
  }
}
