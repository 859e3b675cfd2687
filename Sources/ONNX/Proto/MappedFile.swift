import Glibc
import IR

/// A file mapped read-only for as long as the object lives.
final class MappedFile: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let isMapped: Bool

  /// Bytes of this program itself, which are always there.
  init(builtIn bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    isMapped = false
  }

  /// Maps `size` bytes of an open descriptor, which it closes. Nil when the kernel refuses.
  init?(descriptor: Int32, size: Int) {
    defer { close(descriptor) }
    isMapped = size > 0
    guard size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else { return nil }
    bytes = UnsafeRawBufferPointer(start: base, count: size)
  }

  /// Opens and maps the file the user named. Throws when it is missing, no regular file, or above the limit.
  static func open(_ path: String, limit: Int) throws(Diagnostic) -> MappedFile {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .invalid("cannot open the file: \(String(cString: strerror(errno)))") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .invalid("it is not a regular file")
    }
    guard status.st_size <= limit else {
      close(descriptor)
      throw .invalid(
        "the file has \(status.st_size) bytes, the limit is \(limit); keep weights of larger models in external data")
    }
    guard let file = MappedFile(descriptor: descriptor, size: Int(status.st_size)) else {
      throw .invalid("cannot map the file: \(String(cString: strerror(errno)))")
    }
    return file
  }

  deinit {
    if isMapped, let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }
}
