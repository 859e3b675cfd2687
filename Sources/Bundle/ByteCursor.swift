/// Reads a section from front to back. Every read compares with the bytes left; counts are compared with the least
/// bytes their elements take before anything is allocated.
struct ByteCursor {
  let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var left: Int { bytes.count - position }

  mutating func byte() throws(BundleError) -> UInt8 {
    guard position < bytes.count else { throw .program("it ends after \(bytes.count) bytes, in the middle of a value") }
    let value = bytes[position]
    position += 1
    return value
  }

  /// LEB128 of at most 64 bits, in its shortest form.
  mutating func unsigned() throws(BundleError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      if shift == 63, next > 1 { throw .program("number at byte \(position) does not fit 64 bits") }
      value |= UInt64(next & 127) &<< shift
      if next < 128 {
        if next == 0, shift > 0 { throw .program("number at byte \(position) is not in its shortest form") }
        return value
      }
      shift += 7
    }
  }

  /// Zigzag LEB128.
  mutating func signed() throws(BundleError) -> Int64 {
    let value = try unsigned()
    return Int64(bitPattern: value &>> 1) ^ (0 &- Int64(bitPattern: value & 1))
  }

  mutating func index() throws(BundleError) -> Int32 {
    let value = try signed()
    guard let index = Int32(exactly: value) else { throw .program("index \(value) does not fit 32 bits") }
    return index
  }

  /// A number of elements that take at least `minimum` bytes each and are at most `limit`.
  mutating func count(minimum: Int, limit: Int = Int(Int32.max), of what: String) throws(BundleError) -> Int {
    let value = try unsigned()
    guard value <= UInt64(limit) else { throw .program("\(value) \(what), at most \(limit) are allowed") }
    guard value <= UInt64(left / minimum) else { throw .program("\(value) \(what), but only \(left) bytes follow") }
    return Int(value)
  }

  mutating func double() throws(BundleError) -> Double {
    guard left >= 8 else { throw .program("it ends after \(bytes.count) bytes, in the middle of a value") }
    let bits = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
    position += 8
    return Double(bitPattern: UInt64(littleEndian: bits))
  }

  mutating func string(limit: Int, of what: String) throws(BundleError) -> [UInt8] {
    let length = try count(minimum: 1, limit: limit, of: what)
    let part = UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
    position += length
    return [UInt8](part)
  }
}

/// Writes what `ByteCursor` reads.
struct ByteSink {
  private(set) var bytes: [UInt8] = []

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func unsigned(_ value: UInt64) {
    var value = value
    while value >= 128 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 128)
      value >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: value))
  }

  mutating func signed(_ value: Int64) { unsigned(UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))) }

  mutating func count(_ value: Int) { unsigned(UInt64(UInt(bitPattern: value))) }

  mutating func double(_ value: Double) {
    var bits = value.bitPattern
    for _ in 0..<8 {
      bytes.append(UInt8(truncatingIfNeeded: bits))
      bits >>= 8
    }
  }

  mutating func string(_ value: [UInt8]) {
    count(value.count)
    bytes.append(contentsOf: value)
  }
}
