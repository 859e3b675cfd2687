import CZlib
import Foundation
import IR

/// Arrays in NumPy's .npz format: a zip archive of .npy files, stored or deflated. Source: PKWARE APPNOTE 6.3.
public enum NumpyArchive {
  /// Bytes a deflated member may unfold to, for each byte it takes.
  private static let largestRatio = 1100

  /// The arrays by name, in the order of the archive. Throws where it is damaged.
  public static func read(_ path: String) throws -> [(name: String, tensor: Tensor)] {
    let data = try NumpyFile.mapped(path)
    func fail(_ what: String) -> KerfError { KerfError("'\(path)' is no usable .npz file: \(what)") }
    guard let end = endRecord(data) else { throw fail("it has no directory") }
    let count = Int(data.number(end + 10, 2) ?? 0)
    var at = Int(data.number(end + 16, 4) ?? 0)
    var arrays: [(String, Tensor)] = []
    for _ in 0..<count {
      guard data.number(at, 4) == 0x0201_4B50, let method = data.number(at + 10, 2), let crc = data.number(at + 16, 4),
        var packed = data.number(at + 20, 4), var size = data.number(at + 24, 4),
        let nameLength = data.number(at + 28, 2),
        let extraLength = data.number(at + 30, 2), let commentLength = data.number(at + 32, 2),
        var offset = data.number(at + 42, 4), let nameBytes = data.slice(at + 46, Int(nameLength))
      else { throw fail("its directory is damaged") }
      let name = String(decoding: nameBytes, as: UTF8.self)
      let extra = data.slice(at + 46 + Int(nameLength), Int(extraLength)) ?? Data()
      zip64(extra, &size, &packed, &offset)
      at += 46 + Int(nameLength) + Int(extraLength) + Int(commentLength)
      guard name.hasSuffix(".npy") else { continue }
      guard let local = Int(exactly: offset), let n = data.number(local + 26, 2), let e = data.number(local + 28, 2),
        let packedCount = Int(exactly: packed), let sizeCount = Int(exactly: size),
        let body = data.slice(local + 30 + Int(n) + Int(e), packedCount)
      else { throw fail("member '\(name)' is cut short") }
      let bytes = try unpack(body, method, sizeCount, crc) ?? { throw fail("member '\(name)' is damaged") }()
      arrays.append((String(name.dropLast(4)), try NumpyFile.parse(bytes, name: "\(path):\(name)")))
    }
    return arrays
  }

  private static func unpack(_ body: Data, _ method: UInt64, _ size: Int, _ crc: UInt64) throws -> Data? {
    var bytes = body
    if method == 8 {
      guard size / largestRatio <= body.count else { return nil }
      var target = Data(count: size)
      let isWhole = target.withUnsafeMutableBytes { to in
        body.withUnsafeBytes { from in
          guard let source = from.bindMemory(to: UInt8.self).baseAddress,
            let out = to.bindMemory(to: UInt8.self).baseAddress
          else {
            return size == 0
          }
          return kerf_inflate(source, body.count, out, size) == 1
        }
      }
      guard isWhole else { return nil }
      bytes = target
    } else if method != 0 || size != body.count {
      return nil
    }
    let sum = bytes.withUnsafeBytes {
      $0.bindMemory(to: UInt8.self).baseAddress.map { kerf_crc32($0, bytes.count) } ?? 0
    }
    return UInt64(sum) == crc ? Data(bytes) : nil
  }

  private static func endRecord(_ data: Data) -> Int? {
    var at = data.count - 22
    let lowest = max(0, data.count - 22 - 65_535)
    while at >= lowest {
      if data.number(at, 4) == 0x0605_4B50 { return at }
      at -= 1
    }
    return nil
  }

  /// Fields that are all ones in the directory stand in the zip64 extra field instead.
  private static func zip64(_ extra: Data, _ size: inout UInt64, _ packed: inout UInt64, _ offset: inout UInt64) {
    var at = 0
    while let id = extra.number(at, 2), let length = extra.number(at + 2, 2) {
      if id == 1 {
        var field = at + 4
        func next(_ value: inout UInt64) {
          guard value == 0xFFFF_FFFF, let wide = extra.number(field, 8) else { return }
          value = wide
          field += 8
        }
        next(&size)
        next(&packed)
        next(&offset)
      }
      at += 4 + Int(length)
    }
  }
}

extension Data {
  /// A little-endian number of so many bytes, counted from the data's start; nil past its end.
  fileprivate func number(_ offset: Int, _ bytes: Int) -> UInt64? {
    guard offset >= 0, offset <= count - bytes else { return nil }
    return (0..<bytes).reduce(UInt64(0)) { $0 | UInt64(self[startIndex + offset + $1]) << UInt64(8 * $1) }
  }

  fileprivate func slice(_ offset: Int, _ length: Int) -> Data? {
    guard offset >= 0, length >= 0, offset <= count, length <= count - offset else { return nil }
    return self[(startIndex + offset)..<(startIndex + offset + length)]
  }
}
