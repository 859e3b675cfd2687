import CSystem

/// Writes files whole or not at all: to a temporary file in the same folder, flushed, read back, renamed, and the
/// folder flushed. Whenever the process or the machine stops, the name has the old file, none, or the new one; a
/// temporary file that then stays is taken over when the name is written next.
public enum AtomicFile {
  public static func write(_ bytes: [UInt8], to path: String) throws(BundleError) {
    try write(ScatteredBytes(bytes), to: path)
  }

  public static func write(_ bytes: ScatteredBytes, to path: String) throws(BundleError) {
    let name = [UInt8](path.utf8)
    guard !name.isEmpty, !name.contains(0), name.last != 47 else {
      throw .system("'\(printable(name))' is no file name")
    }
    let result = replace(name + [0], bytes)
    guard result == 0 else { throw .system("cannot write '\(printable(name))': \(errorText(result))") }
  }

  /// Who writes the same name at the same time, at most.
  private static let writers = 1000

  /// `folder/.name.0.tmp`, `.1.tmp` and so on, ended by a zero: a writer takes the first that nobody has open.
  private static func temporary(_ name: [UInt8], _ number: Int) -> [UInt8] {
    let slash = name.lastIndex(of: 47)
    let folder = slash.map { name[...$0] } ?? []
    let file = slash.map { name[($0 + 1)...] } ?? name[...]
    return folder + [46] + file.prefix(200) + [UInt8](".\(number).tmp".utf8) + [0]
  }

  private static func replace(_ final: [UInt8], _ bytes: ScatteredBytes) -> Int32 {
    let name = Array(final.dropLast())
    let inUse: Int32 = -17
    var path: [UInt8] = []
    var file = inUse
    for number in 0..<writers where file == inUse {
      path = temporary(name, number)
      file = path.withUnsafeBufferPointer { csystem_open_temporary(charPointer($0)) }
    }
    guard file >= 0 else { return file }
    // Open to the end: what is open is not taken over.
    defer { _ = csystem_close(file) }
    path.withUnsafeBufferPointer { csystem_guard(charPointer($0)) }
    let result = fill(file, path, final, bytes)
    csystem_guard(nil)
    if result != 0 { _ = path.withUnsafeBufferPointer { csystem_remove(charPointer($0)) } }
    return result
  }

  private static func fill(
    _ file: Int32, _ temporary: [UInt8], _ final: [UInt8], _ bytes: ScatteredBytes
  ) -> Int32 {
    var crc: UInt32 = 0
    var result = append(file, bytes, &crc)
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
  private static func append(_ file: Int32, _ bytes: ScatteredBytes, _ crc: inout UInt32) -> Int32 {
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
