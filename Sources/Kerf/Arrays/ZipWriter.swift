import CZlib
import Foundation
import IR

extension NumpyArchive {
  /// The bytes of an archive of these arrays, stored without compression. The same arrays give the same bytes.
  /// - Throws: `KerfError` above the format's 4 GB and 65,535 members.
  static func encode(_ arrays: [(name: String, tensor: Tensor)]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var directory: [UInt8] = []
    for (name, tensor) in arrays {
      let body = NumpyFile.encode(tensor)
      let title = Array("\(name).npy".utf8)
      guard bytes.count + body.count + title.count < Int(UInt32.max), arrays.count <= Int(UInt16.max) else {
        throw KerfError("the arrays are too large for one .npz file")
      }
      let sum = body.withUnsafeBytes {
        $0.bindMemory(to: UInt8.self).baseAddress.map { kerf_crc32($0, body.count) } ?? 0
      }
      // Version 2.0, no flags, stored, 1980-01-01.
      var entry: [UInt8] = []
      entry.appendNumber(20, 2)
      entry.appendNumber(0, 2)
      entry.appendNumber(0, 2)
      entry.appendNumber(0, 2)
      entry.appendNumber(33, 2)
      entry.appendNumber(Int(sum), 4)
      entry.appendNumber(body.count, 4)
      entry.appendNumber(body.count, 4)
      entry.appendNumber(title.count, 2)
      entry.appendNumber(0, 2)
      directory.appendNumber(0x0201_4B50, 4)
      directory.appendNumber(20, 2)
      directory += entry
      directory += [UInt8](repeating: 0, count: 10)
      directory.appendNumber(bytes.count, 4)
      directory += title
      bytes.appendNumber(0x0403_4B50, 4)
      bytes += entry
      bytes += title
      bytes += body
    }
    return bytes + directory + end(arrays.count, directory.count, bytes.count)
  }

  private static func end(_ count: Int, _ size: Int, _ offset: Int) -> [UInt8] {
    var end: [UInt8] = []
    end.appendNumber(0x0605_4B50, 4)
    end.appendNumber(0, 4)
    end.appendNumber(count, 2)
    end.appendNumber(count, 2)
    end.appendNumber(size, 4)
    end.appendNumber(offset, 4)
    end.appendNumber(0, 2)
    return end
  }
}

extension [UInt8] {
  fileprivate mutating func appendNumber(_ number: Int, _ bytes: Int) {
    for index in 0..<bytes { append(UInt8(truncatingIfNeeded: number >> (8 * index))) }
  }
}
