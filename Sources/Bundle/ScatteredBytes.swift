import CSystem

/// Bytes that lie in several places, as if they lay in one: pieces by rising offset, zeros between them. A bundle is
/// written this way, so that gigabytes of weights stay where they are.
public struct ScatteredBytes: @unchecked Sendable {
  private enum Piece {
    case owned([UInt8])
    /// Bytes of the owner. `isFile`: pages of a mapped file, which may be forgotten once they are read.
    case borrowed(UnsafeRawBufferPointer, owner: AnyObject, isFile: Bool)

    var count: Int {
      switch self {
      case .owned(let bytes): bytes.count
      case .borrowed(let bytes, _, _): bytes.count
      }
    }
  }
  private var pieces: [(offset: Int, piece: Piece)] = []
  public private(set) var count = 0

  public init() {}

  public init(_ bytes: [UInt8]) { append(bytes, at: 0) }

  /// Adds bytes at an offset that is not before the end.
  public mutating func append(_ bytes: [UInt8], at offset: Int) { append(.owned(bytes), at: offset) }

  /// The same for bytes that are valid as long as their owner lives, which this value sees to.
  public mutating func append(
    borrowing bytes: UnsafeRawBufferPointer, of owner: AnyObject, isFile: Bool = false, at offset: Int
  ) {
    append(.borrowed(bytes, owner: owner, isFile: isFile), at: offset)
  }

  public mutating func append(_ other: ScatteredBytes, at offset: Int) {
    for (inner, piece) in other.pieces { append(piece, at: offset + inner) }
    count = max(count, offset + other.count)
  }

  private mutating func append(_ piece: Piece, at offset: Int) {
    precondition(offset >= count, "pieces come in order")
    pieces.append((offset, piece))
    count = offset + piece.count
  }

  /// Adds zeros up to a length.
  public mutating func extend(to length: Int) { count = max(count, length) }

  /// All of it in one array.
  public var array: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count)
    forEachChunk(of: 1 << 20) { result.append(contentsOf: $0) }
    return result
  }

  /// Calls `body` with runs of `size` bytes from the beginning to the end, the last one shorter.
  public func forEachChunk(of size: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
    // Chunks point into what the owners hold.
    defer { withExtendedLifetime(pieces) {} }
    var scratch: [UInt8] = []
    var next = 0
    for start in stride(from: 0, to: count, by: size) {
      let range = start..<min(start + size, count)
      while next < pieces.count, pieces[next].offset + pieces[next].piece.count <= start { next += 1 }
      if next < pieces.count, case .borrowed(let bytes, _, let isFile) = pieces[next].piece,
        pieces[next].offset <= start, pieces[next].offset + bytes.count >= range.upperBound
      {
        let first = start - pieces[next].offset
        let chunk = UnsafeRawBufferPointer(rebasing: bytes[first..<first + range.count])
        body(chunk)
        if isFile { csystem_forget(chunk.baseAddress, UInt64(chunk.count)) }
        continue
      }
      if scratch.isEmpty { scratch = Array(repeating: 0, count: size) }
      scratch.withUnsafeMutableBytes { gather(range, from: next, into: $0) }
      scratch.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[0..<range.count])) }
    }
  }

  /// Copies a range out of the pieces from an index on.
  private func gather(_ range: Range<Int>, from first: Int, into target: UnsafeMutableRawBufferPointer) {
    target.initializeMemory(as: UInt8.self, repeating: 0)
    for (offset, piece) in pieces[first...] {
      if offset >= range.upperBound { return }
      let overlap = range.clamped(to: offset..<offset + piece.count)
      if overlap.isEmpty { continue }
      let place = UnsafeMutableRawBufferPointer(rebasing: target[(overlap.lowerBound - range.lowerBound)...])
      let source = overlap.lowerBound - offset..<overlap.upperBound - offset
      switch piece {
      case .owned(let bytes):
        bytes.withUnsafeBytes { place.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[source])) }
      case .borrowed(let bytes, _, let isFile):
        let part = UnsafeRawBufferPointer(rebasing: bytes[source])
        place.copyMemory(from: part)
        if isFile { csystem_forget(part.baseAddress, UInt64(part.count)) }
      }
    }
  }
}
