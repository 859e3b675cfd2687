import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A file of an array, read in parts. Reads rather than maps, so that a file that shrinks meanwhile is an error and no
/// fault.
final class ArrayFile: @unchecked Sendable {
  let path: String
  let size: Int
  private let descriptor: Int32

  /// Opens a regular file. Throws where it is missing, not readable, or something else (a folder, a pipe, a device).
  init(_ path: String) throws {
    guard !path.utf8.contains(0) else { throw KerfError("a file name holds a zero byte") }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw KerfError("cannot read '\(path)': \(String(cString: strerror(errno)))") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw KerfError("cannot read '\(path)': it is no regular file")
    }
    self.path = path
    self.descriptor = descriptor
    size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills memory from an offset of the file. Throws where the file ends before.
  func read(_ offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
    var done = 0
    while done < target.count {
      let count = pread(descriptor, target.baseAddress.map { $0 + done }, target.count - done, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let reason = count < 0 ? String(cString: strerror(errno)) : "it became shorter while it was read"
        throw KerfError("cannot read '\(path)': \(reason)")
      }
      done += count
    }
  }

  /// The bytes at an offset. Throws where there are fewer, or more than the machine has memory for.
  func bytes(_ offset: Int, _ count: Int) throws -> Data {
    guard count <= ArrayFile.memoryOfMachine else {
      throw KerfError("'\(path)' has \(count) bytes, more than this machine's memory")
    }
    var data = Data(count: count)
    try data.withUnsafeMutableBytes { try read(offset, into: $0) }
    return data
  }

  static let memoryOfMachine: Int = {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let size = sysconf(Int32(_SC_PAGESIZE))
    return pages > 0 && size > 0 ? pages * size : 1 << 32
  }()
}
