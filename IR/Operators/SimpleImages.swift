/// Portable anymaps, plain and binary: P1–P6 of Netpbm. Deeper samples are scaled to 8 bits.
struct PNMReader {
  private let bytes: UnsafeRawBufferPointer
  private var at = 2

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func read(_ maximumPixels: Int) throws(Diagnostic) -> RasterImage {
    let kind = Int(bytes[1] - UInt8(ascii: "0"))
    let (width, height) = (try number(), try number())
    let isBitmap = kind == 1 || kind == 4
    let depth = isBitmap ? 1 : try number()
    guard (1...65535).contains(depth) else { throw .invalid("the image's largest sample is \(depth)") }
    let image = try RasterImage(width: width, height: height, maximumPixels: maximumPixels)
    // One white space ends the header.
    if kind >= 4 { at += 1 }
    let channels = kind == 3 || kind == 6 ? 3 : 1
    for y in 0..<height {
      for x in 0..<width {
        for channel in 0..<channels {
          let sample: Int
          switch kind {
          case 4: sample = try bit(x, isLast: x == width - 1)
          case 5, 6: sample = try depth > 255 ? byte() << 8 | byte() : byte()
          case 1: sample = try digit()
          default: sample = try number()
          }
          let value = UInt8(isBitmap ? (sample == 0 ? 255 : 0) : (min(sample, depth) * 255 + depth / 2) / depth)
          let pixel = 3 * (y * width + x)
          for place in channels == 3 ? channel...channel : 0...2 { image.pixels[pixel + place] = value }
        }
      }
    }
    return image
  }

  private mutating func byte() throws(Diagnostic) -> Int {
    guard at < bytes.count else { throw .invalid("the image cannot be decoded: the file is cut short") }
    defer { at += 1 }
    return Int(bytes[at])
  }

  /// Bits from the highest on; a row begins with a new byte.
  private mutating func bit(_ x: Int, isLast: Bool) throws(Diagnostic) -> Int {
    let value = try byte() >> (7 - x & 7) & 1
    if x & 7 != 7 && !isLast { at -= 1 }
    return value
  }

  private mutating func skipBlanks() throws(Diagnostic) {
    while true {
      let next = try byte()
      if next == UInt8(ascii: "#") { while try byte() != UInt8(ascii: "\n") {} }
      if next != UInt8(ascii: "#"), next != 32, !(9...13).contains(next) { break }
    }
    at -= 1
  }

  private mutating func digit() throws(Diagnostic) -> Int {
    try skipBlanks()
    let value = try byte() - Int(UInt8(ascii: "0"))
    guard value == 0 || value == 1 else { throw .invalid("the image cannot be decoded: a bit is neither 0 nor 1") }
    return value
  }

  private mutating func number() throws(Diagnostic) -> Int {
    try skipBlanks()
    var value = 0
    var digits = 0
    while at < bytes.count, (48...57).contains(bytes[at]), digits < 10 {
      value = value * 10 + Int(bytes[at]) - 48
      at += 1
      digits += 1
    }
    guard digits > 0 else { throw .invalid("the image cannot be decoded: a number is missing at byte \(at)") }
    return value
  }
}

/// Windows bitmaps of 1, 4, 8, 16, 24 and 32 bits, not run-length encoded. Source: Microsoft, BITMAPINFOHEADER.
struct BMPReader {
  private let bytes: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  private func number(_ at: Int, _ count: Int) throws(Diagnostic) -> Int {
    guard at >= 0, count <= bytes.count, at <= bytes.count - count else {
      throw .invalid("the image cannot be decoded: the file is cut short")
    }
    return (0..<count).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
  }

  func read(_ maximumPixels: Int) throws(Diagnostic) -> RasterImage {
    let header = try number(14, 4)
    guard header == 12 || (40...124).contains(header) else {
      throw .invalid("the image cannot be decoded: its header has \(header) bytes")
    }
    let isOld = header == 12
    let width = isOld ? try number(18, 2) : Int(Int32(truncatingIfNeeded: try number(18, 4)))
    let rows = isOld ? try number(20, 2) : Int(Int32(truncatingIfNeeded: try number(22, 4)))
    let bits = try number(isOld ? 24 : 28, 2)
    let compression = isOld ? 0 : try number(30, 4)
    guard [1, 4, 8, 16, 24, 32].contains(bits), compression == 0 || (compression == 3 && bits >= 16) else {
      throw .unsupported("a BMP image of \(bits) bits with compression \(compression)")
    }
    let image = try RasterImage(width: width, height: abs(rows), maximumPixels: maximumPixels)
    let palette = bits <= 8 ? try self.palette(header, bits) : []
    let masks = try self.masks(header, bits, hasMasks: compression == 3)
    let stride = (width * bits + 31) / 32 * 4
    let first = try number(10, 4)
    // The last row must be there before anything is read.
    _ = try number(first + stride * abs(rows) - stride, (width * bits + 7) / 8)
    for y in 0..<image.height {
      let row = first + stride * (rows < 0 ? y : image.height - 1 - y)
      for x in 0..<width {
        let color = try bits <= 8 ? palette[index(row, x, bits)] : unpacked(number(row + x * bits / 8, bits / 8), masks)
        for channel in 0..<3 { image.pixels[3 * (y * width + x) + channel] = color[channel] }
      }
    }
    return image
  }

  private func index(_ row: Int, _ x: Int, _ bits: Int) throws(Diagnostic) -> Int {
    let bit = x * bits
    return try number(row + bit / 8, 1) >> (8 - bits - bit % 8) & (1 << bits - 1)
  }

  /// Red, green, blue of every code; codes that the file leaves out are black.
  private func palette(_ header: Int, _ bits: Int) throws(Diagnostic) -> [[UInt8]] {
    let entry = header == 12 ? 3 : 4
    var count = 1 << bits
    if header > 12 {
      let used = try number(46, 4)
      if used > 0 { count = min(count, used) }
    }
    var colors = Array(repeating: [UInt8](repeating: 0, count: 3), count: 1 << bits)
    for code in 0..<count {
      for channel in 0..<3 { colors[code][channel] = UInt8(try number(14 + header + code * entry + 2 - channel, 1)) }
    }
    return colors
  }

  /// The bits of red, green and blue in a pixel.
  private func masks(_ header: Int, _ bits: Int, hasMasks: Bool) throws(Diagnostic) -> [Int] {
    guard hasMasks else { return bits == 16 ? [0x7C00, 0x3E0, 0x1F] : [0xFF0000, 0xFF00, 0xFF] }
    return [try number(54, 4), try number(58, 4), try number(62, 4)]
  }

  private func unpacked(_ pixel: Int, _ masks: [Int]) -> [UInt8] {
    masks.map { mask in
      guard mask > 0 else { return 0 }
      let shift = mask.trailingZeroBitCount
      return UInt8((pixel & mask) >> shift * 255 / (mask >> shift))
    }
  }
}
