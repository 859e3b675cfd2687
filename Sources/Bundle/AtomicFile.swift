import CSystem

/// Writes files whole or not at all: to a temporary file in the same folder, flushed, read back, renamed, and the
/// folder flushed. Whenever the process or the machine stops, the name has the old file, none, or the new one.
public enum AtomicFile {
  public static func write(_ bytes: [UInt8], to path: String) throws(BundleError) {
    let failure: BundleError? = bytes.withUnsafeBytes { buffer in
      do throws(BundleError) {
        try write(buffer, to: path)
        return nil
      } catch { return error }
    }
    if let failure { throw failure }
  }

  public static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(BundleError) {
    let name = [UInt8](path.utf8)
    guard !name.isEmpty, !name.contains(0), name.last != 47 else {
      throw .system("'\(printable(name))' is no file name")
    }
    let final = name + [0]
    let temporary = temporaryName(name)
    let result = replace(final, temporary, bytes)
    guard result == 0 else {
      _ = temporary.withUnsafeBufferPointer { csystem_remove(charPointer($0)) }
      throw .system("cannot write '\(printable(name))': \(errorText(result))")
    }
  }

  /// `folder/.name.<process>.tmp`, ended by a zero.
  private static func temporaryName(_ name: [UInt8]) -> [UInt8] {
    let slash = name.lastIndex(of: 47)
    let folder = slash.map { [UInt8](name[...$0]) } ?? []
    let file = slash.map { [UInt8](name[($0 + 1)...]) } ?? name
    return folder + [46] + file.prefix(200) + [UInt8]((".\(csystem_process()).tmp").utf8) + [0]
  }

  private static func replace(_ final: [UInt8], _ temporary: [UInt8], _ bytes: UnsafeRawBufferPointer) -> Int32 {
    var file = temporary.withUnsafeBufferPointer { csystem_open_new(charPointer($0)) }
    if file < 0 {
      // A process of this number stopped here before.
      _ = temporary.withUnsafeBufferPointer { csystem_remove(charPointer($0)) }
      file = temporary.withUnsafeBufferPointer { csystem_open_new(charPointer($0)) }
    }
    guard file >= 0 else { return file }
    let written = csystem_write(file, bytes.baseAddress, UInt64(bytes.count))
    var result = written < 0 ? Int32(truncatingIfNeeded: written) : csystem_sync(file)
    let closed = csystem_close(file)
    if result == 0 { result = closed }
    if result == 0 { result = compare(temporary, bytes) }
    if result == 0 {
      result = temporary.withUnsafeBufferPointer { from in
        final.withUnsafeBufferPointer { to in csystem_rename(charPointer(from), charPointer(to)) }
      }
    }
    if result == 0 { result = final.withUnsafeBufferPointer { csystem_sync_folder(charPointer($0)) } }
    return result
  }

  /// Reads a file back: 0 when it holds these bytes, EIO when it does not.
  private static func compare(_ path: [UInt8], _ bytes: UnsafeRawBufferPointer) -> Int32 {
    let file = path.withUnsafeBufferPointer { csystem_open_read(charPointer($0)) }
    guard file >= 0 else { return file }
    defer { _ = csystem_close(file) }
    var status = csystem_status()
    guard csystem_status_of(file, &status) == 0, status.size == UInt64(bytes.count) else { return -5 }
    if bytes.count == 0 { return 0 }
    guard let base = csystem_map(file, status.size) else { return -5 }
    defer { csystem_unmap(base, status.size) }
    let written = CRC32C.checksum(UnsafeRawBufferPointer(start: base, count: bytes.count))
    return written == CRC32C.checksum(bytes) ? 0 : -5
  }
}
