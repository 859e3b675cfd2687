import CSystem

/// Writes files whole or not at all: to a temporary file in the same folder, flushed, read back, renamed, and the
/// folder flushed. Whenever the process or the machine stops, the name has the old file, none, or the new one; a
/// temporary file that then stays is removed when the name is written next.
public enum AtomicFile {
  public static func write(_ bytes: [UInt8], to path: String) throws(BundleError) {
    try write(ScatteredBytes(bytes), to: path)
  }

  public static func write(_ bytes: ScatteredBytes, to path: String) throws(BundleError) {
    let name = [UInt8](path.utf8)
    guard !name.isEmpty, !name.contains(0), name.last != 47 else {
      throw .system("'\(printable(name))' is no file name")
    }
    let final = name + [0]
    let prefix = temporaryPrefix(name)
    let temporary = prefix + [UInt8]("\(csystem_process())".utf8) + suffix
    removeAbandoned(prefix)
    temporary.withUnsafeBufferPointer { csystem_guard(charPointer($0)) }
    let result = replace(final, temporary, bytes)
    csystem_guard(nil)
    guard result == 0 else {
      _ = temporary.withUnsafeBufferPointer { csystem_remove(charPointer($0)) }
      throw .system("cannot write '\(printable(name))': \(errorText(result))")
    }
  }

  /// `.tmp`, ended by a zero.
  private static let suffix: [UInt8] = [46, 116, 109, 112, 0]

  /// `folder/.name.`: temporary files are that, the number of the process, and `.tmp`.
  private static func temporaryPrefix(_ name: [UInt8]) -> [UInt8] {
    let slash = name.lastIndex(of: 47)
    let folder = slash.map { [UInt8](name[...$0]) } ?? []
    let file = slash.map { [UInt8](name[($0 + 1)...]) } ?? name
    return folder + [46] + file.prefix(200) + [46]
  }

  /// Removes what processes left that were stopped while they wrote this file.
  private static func removeAbandoned(_ prefix: [UInt8]) {
    (prefix + [0]).withUnsafeBufferPointer { start in
      suffix.withUnsafeBufferPointer { end in csystem_remove_abandoned(charPointer(start), charPointer(end)) }
    }
  }

  private static func replace(_ final: [UInt8], _ temporary: [UInt8], _ bytes: ScatteredBytes) -> Int32 {
    let file = temporary.withUnsafeBufferPointer { csystem_open_new(charPointer($0)) }
    guard file >= 0 else { return file }
    // Open to the end: what is open is not abandoned.
    defer { _ = csystem_close(file) }
    var crc: UInt32 = 0
    var result = fill(file, bytes, &crc)
    if result == 0 { result = csystem_sync(file) }
    if result == 0 { result = check(temporary, bytes.count, crc) }
    if result == 0 {
      result = temporary.withUnsafeBufferPointer { from in
        final.withUnsafeBufferPointer { to in csystem_rename(charPointer(from), charPointer(to)) }
      }
    }
    if result == 0 { result = final.withUnsafeBufferPointer { csystem_sync_folder(charPointer($0)) } }
    return result
  }

  /// Writes the bytes and gives their checksum.
  private static func fill(_ file: Int32, _ bytes: ScatteredBytes, _ crc: inout UInt32) -> Int32 {
    var result: Int32 = 0
    bytes.forEachChunk(of: 1 << 20) { chunk in
      guard result == 0 else { return }
      let written = csystem_write(file, chunk.baseAddress, UInt64(chunk.count))
      if written < 0 { result = Int32(truncatingIfNeeded: written) }
      crc = CRC32C.checksum(chunk, continuing: crc)
    }
    return result
  }

  /// Reads a file back: 0 when it has this length and checksum, EIO when it does not.
  private static func check(_ path: [UInt8], _ count: Int, _ crc: UInt32) -> Int32 {
    let file = path.withUnsafeBufferPointer { csystem_open_read(charPointer($0)) }
    guard file >= 0 else { return file }
    defer { _ = csystem_close(file) }
    var buffer = [UInt8](repeating: 0, count: min(max(count, 1), 1 << 20))
    var total = 0
    var found: UInt32 = 0
    while true {
      let read = buffer.withUnsafeMutableBytes { csystem_read(file, $0.baseAddress, UInt64($0.count)) }
      guard read >= 0 else { return Int32(truncatingIfNeeded: read) }
      if read == 0 { break }
      total += Int(read)
      found = buffer.withUnsafeBytes {
        CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[..<Int(read)]), continuing: found)
      }
    }
    return total == count && found == crc ? 0 : -5
  }
}
