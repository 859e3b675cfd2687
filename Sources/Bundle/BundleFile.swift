import CSystem

/// The bytes of a bundle in memory: a file mapped read-only, or a copy on a page boundary.
public final class BundleFile: @unchecked Sendable {
  /// Valid as long as this object lives.
  public let bytes: UnsafeRawBufferPointer
  /// The file behind it, or "" for a copy.
  public let path: String
  private let descriptor: Int32
  private let opened: csystem_status

  /// Maps a regular file.
  ///
  /// The file must not be changed in place while it is mapped (cutting it short ends the process with SIGBUS);
  /// replacing it by renaming another over it, as `AtomicFile` does, is fine.
  public init(path: String) throws(BundleError) {
    let name = path.utf8.contains(0) ? [0] : [UInt8](path.utf8) + [0]
    let file = name.withUnsafeBufferPointer { csystem_open_read(charPointer($0)) }
    guard file >= 0 else { throw .system("cannot open '\(printable([UInt8](path.utf8)))': \(errorText(file))") }
    var status = csystem_status()
    let result = csystem_status_of(file, &status)
    guard result == 0, status.is_regular == 1, status.size > 0, status.size < UInt64(Int.max),
      let base = csystem_map(file, status.size)
    else {
      _ = csystem_close(file)
      let reason =
        result != 0
        ? errorText(result) : status.is_regular != 1 ? "it is no regular file" : "it is empty or too large to map"
      throw .system("cannot read '\(printable([UInt8](path.utf8)))': \(reason)")
    }
    self.path = path
    descriptor = file
    opened = status
    bytes = UnsafeRawBufferPointer(start: base, count: Int(status.size))
  }

  /// Copies bytes that the caller holds.
  public init(copying source: UnsafeRawBufferPointer) throws(BundleError) {
    guard let memory = csystem_allocate(UInt64(max(source.count, 4096))) else {
      throw .system("no memory for a bundle of \(source.count) bytes")
    }
    let copy = UnsafeMutableRawBufferPointer(start: memory, count: source.count)
    if source.count > 0 { copy.copyMemory(from: source) }
    bytes = UnsafeRawBufferPointer(copy)
    path = ""
    descriptor = -1
    opened = csystem_status()
  }

  deinit {
    guard let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return }
    if descriptor >= 0 {
      csystem_unmap(base, UInt64(bytes.count))
      _ = csystem_close(descriptor)
    } else {
      csystem_free(base)
    }
  }

  /// Whether the file is still what it was when it was opened: size, time of change, identity.
  public func checkUnchanged() throws(BundleError) {
    guard descriptor >= 0 else { return }
    var now = csystem_status()
    guard csystem_status_of(descriptor, &now) == 0, now.size == opened.size, now.inode == opened.inode,
      now.modified_seconds == opened.modified_seconds, now.modified_nanoseconds == opened.modified_nanoseconds
    else { throw .damaged("'\(printable([UInt8](path.utf8)))' changed while it was read") }
  }
}

func errorText(_ error: Int32) -> String {
  guard let text = csystem_error_text(error) else { return "error \(error)" }
  var bytes: [UInt8] = []
  var index = 0
  while text[index] != 0 {
    bytes.append(UInt8(bitPattern: Int8(text[index])))
    index += 1
  }
  return printable(bytes)
}

func charPointer(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafePointer<CChar>? {
  UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
}
