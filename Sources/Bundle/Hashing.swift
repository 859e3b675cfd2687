import CSystem

/// A SHA-256 digest.
public struct Digest: Equatable, Sendable {
  /// The eight words of the state, most significant first.
  var words: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32)

  public static func == (a: Digest, b: Digest) -> Bool {
    (a.words.0, a.words.1, a.words.2, a.words.3) == (b.words.0, b.words.1, b.words.2, b.words.3)
      && (a.words.4, a.words.5, a.words.6, a.words.7) == (b.words.4, b.words.5, b.words.6, b.words.7)
  }

  /// The 32 bytes.
  public var bytes: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(32)
    withWords { words in
      for index in 0..<8 {
        let word = words[index]
        for shift: UInt32 in [24, 16, 8, 0] { result.append(UInt8(truncatingIfNeeded: word >> shift)) }
      }
    }
    return result
  }

  /// 64 hexadecimal digits.
  public var hexadecimal: String {
    let digits: [UInt8] = [48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102]
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  private func withWords(_ body: (UnsafePointer<UInt32>) -> Void) {
    var copy = words
    withUnsafeMutablePointer(to: &copy) { pointer in
      body(UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt32.self))
    }
  }
}

/// SHA-256 over bytes that come in parts.
public struct SHA256: Sendable {
  private var state: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19
  )
  private var tail: [UInt8] = []
  private var total: UInt64 = 0

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    total &+= UInt64(bytes.count)
    var offset = 0
    if !tail.isEmpty {
      offset = min(64 - tail.count, bytes.count)
      tail.append(contentsOf: bytes[0..<offset])
      if tail.count < 64 { return }
      absorbTail()
    }
    let blocks = (bytes.count - offset) / 64
    absorb(base + offset, blocks)
    tail.append(contentsOf: bytes[(offset + blocks * 64)...])
  }

  public mutating func finish() -> Digest {
    let bits = total &* 8
    tail.append(0x80)
    while tail.count % 64 != 56 { tail.append(0) }
    for shift: UInt64 in [56, 48, 40, 32, 24, 16, 8, 0] { tail.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    absorbTail()
    return Digest(words: state)
  }

  public static func hash(_ bytes: UnsafeRawBufferPointer) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }

  public static func hash(_ bytes: [UInt8]) -> Digest { bytes.withUnsafeBytes { hash($0) } }

  /// The hashes of two pieces of equal length, a multiple of 64 bytes: quicker than one after the other.
  static func hash(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> (Digest, Digest) {
    var a = SHA256()
    var b = SHA256()
    if let p = first.baseAddress, let q = second.baseAddress {
      withUnsafeMutablePointer(to: &a.state) { one in
        withUnsafeMutablePointer(to: &b.state) { two in
          csystem_sha256_pair(
            UnsafeMutableRawPointer(one).assumingMemoryBound(to: UInt32.self),
            UnsafeMutableRawPointer(two).assumingMemoryBound(to: UInt32.self),
            p.assumingMemoryBound(to: UInt8.self), q.assumingMemoryBound(to: UInt8.self), UInt64(first.count / 64))
        }
      }
    }
    a.total = UInt64(first.count)
    b.total = a.total
    return (a.finish(), b.finish())
  }

  private mutating func absorbTail() {
    let copy = tail
    copy.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress { absorb(base, bytes.count / 64) }
    }
    tail.removeAll(keepingCapacity: true)
  }

  private mutating func absorb(_ bytes: UnsafeRawPointer, _ blocks: Int) {
    guard blocks > 0 else { return }
    withUnsafeMutablePointer(to: &state) { pointer in
      csystem_sha256_blocks(
        UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt32.self),
        bytes.assumingMemoryBound(to: UInt8.self), UInt64(blocks))
    }
  }
}

/// The hash of a section: SHA-256 of the SHA-256 hashes of its pieces of 1 MiB (the last may be shorter), one after the
/// other. So pieces can be hashed side by side.
public enum SectionHash {
  public static let pieceBytes = 1 << 20

  /// - Parameter parallel: calls a task with 0 ..< count, in any order, on any threads, and returns when all are done.
  public static func hash(
    _ bytes: UnsafeRawBufferPointer, parallel: (_ count: Int, _ task: (Int) -> Void) -> Void = serial
  ) -> Digest {
    let count = (bytes.count + pieceBytes - 1) / pieceBytes
    let digests = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, count * 32))
    defer { digests.deallocate() }
    parallel((count + 1) / 2) { pair in hash(pair, bytes, into: digests) }
    return SHA256.hash(UnsafeRawBufferPointer(start: digests, count: count * 32))
  }

  public static func hash(_ bytes: [UInt8]) -> Digest { bytes.withUnsafeBytes { hash($0) } }

  /// Hash and CRC-32C of bytes in several places.
  static func hash(_ bytes: ScatteredBytes) -> (hash: Digest, crc: UInt32) {
    var digests: [UInt8] = []
    var crc: UInt32 = 0
    bytes.forEachChunk(of: 2 * pieceBytes) { chunk in
      let start = digests.count
      digests.append(contentsOf: repeatElement(0, count: chunk.count > pieceBytes ? 64 : 32))
      digests.withUnsafeMutableBufferPointer { target in
        if let base = target.baseAddress { hash(0, chunk, into: base + start) }
      }
      crc = CRC32C.checksum(chunk, continuing: crc)
    }
    return (SHA256.hash(digests), crc)
  }

  public static func serial(_ count: Int, _ task: (Int) -> Void) {
    for index in 0..<count { task(index) }
  }

  /// Pieces 2 * pair and the next.
  private static func hash(_ pair: Int, _ bytes: UnsafeRawBufferPointer, into digests: UnsafeMutablePointer<UInt8>) {
    let start = 2 * pair * pieceBytes
    let middle = min(start + pieceBytes, bytes.count)
    let end = min(middle + pieceBytes, bytes.count)
    let first = UnsafeRawBufferPointer(rebasing: bytes[start..<middle])
    let second = UnsafeRawBufferPointer(rebasing: bytes[middle..<end])
    if first.count == second.count, first.count % 64 == 0 {
      let (one, two) = SHA256.hash(first, second)
      store(one, digests + 64 * pair)
      store(two, digests + 64 * pair + 32)
    } else {
      store(SHA256.hash(first), digests + 64 * pair)
      if second.count > 0 { store(SHA256.hash(second), digests + 64 * pair + 32) }
    }
  }

  private static func store(_ digest: Digest, _ target: UnsafeMutablePointer<UInt8>) {
    for (index, byte) in digest.bytes.enumerated() { target[index] = byte }
  }
}

/// CRC-32C (Castagnoli).
public enum CRC32C {
  public static func checksum(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
    guard let base = bytes.baseAddress else { return crc }
    return csystem_crc32c(crc, base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
  }

  /// The same, of pieces of 1 MiB side by side.
  /// - Parameter parallel: as for `SectionHash.hash`.
  public static func checksum(
    _ bytes: UnsafeRawBufferPointer, parallel: (_ count: Int, _ task: (Int) -> Void) -> Void
  ) -> UInt32 {
    let size = SectionHash.pieceBytes
    let count = (bytes.count + size - 1) / size
    let sums = UnsafeMutablePointer<UInt32>.allocate(capacity: max(1, count))
    defer { sums.deallocate() }
    parallel(count) { index in
      let piece = index * size..<min((index + 1) * size, bytes.count)
      (sums + index).initialize(to: checksum(UnsafeRawBufferPointer(rebasing: bytes[piece])))
    }
    var result: UInt32 = 0
    for index in 0..<count {
      result = csystem_crc32c_join(result, sums[index], UInt64(min(size, bytes.count - index * size)))
    }
    return result
  }
}
