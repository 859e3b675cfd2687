import IR
import TestSupport
import Testing

@Suite struct ImageTests {
  func decode(_ bytes: [UInt8], _ format: ImageDecoder.PixelFormat = .rgb) throws(Diagnostic) -> Tensor {
    var op = ImageDecoder()
    op.format = format
    return try run(op, [Tensor(bytes)])[0]
  }

  static let pixels: [UInt8] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30]

  @Test func anymaps() throws {
    let expected = Tensor(Self.pixels, shape: [2, 2, 3])
    #expect(try decode(Array("P6\n# two by two\n2 2\n255\n".utf8) + Self.pixels) == expected)
    #expect(try decode(Array("P3 2 2 255 255 0 0  0 255 0  0 0 255  10 20 30".utf8)) == expected)
    #expect(try decode(Array("P5 2 1 255 ".utf8) + [7, 9]) == Tensor([UInt8(7), 7, 7, 9, 9, 9], shape: [1, 2, 3]))
    // Nine bits take two bytes a row, from the highest bit on; 1 is black.
    let bitmap = try decode(Array("P4 9 1 ".utf8) + [0b1010_0000, 0b1000_0000], .gray)
    #expect(bitmap == Tensor([UInt8(0), 255, 0, 255, 255, 255, 255, 255, 0], shape: [1, 9, 1]))
    #expect(try decode(Array("P2 2 1 15 15 3".utf8), .gray) == Tensor([UInt8(255), 51], shape: [1, 2, 1]))
  }

  /// Two by two pixels of 24 bits, bottom row first.
  static let bitmap: [UInt8] =
    Array("BM".utf8) + [70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0]
    + [UInt8](repeating: 0, count: 24) + [255, 0, 0, 30, 20, 10, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0]

  @Test func bitmaps() throws {
    #expect(try decode(Self.bitmap) == Tensor(Self.pixels, shape: [2, 2, 3]))
    let bgr: [UInt8] = [0, 0, 255, 0, 255, 0, 255, 0, 0, 30, 20, 10]
    #expect(try decode(Self.bitmap, .bgr) == Tensor(bgr, shape: [2, 2, 3]))
    #expect(try decode(Self.bitmap, .gray) == Tensor([UInt8(76), 150, 29, 18], shape: [2, 2, 1]))
  }

  /// One red pixel.
  static let png: [UInt8] = [
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 144, 119, 83,
    222, 0, 0, 0, 12, 73, 68, 65, 84, 120, 156, 99, 248, 207, 192, 0, 0, 3, 1, 1, 0, 201, 254, 146, 239, 0, 0, 0, 0, 73,
    69, 78, 68, 174, 66, 96, 130,
  ]

  @Test func compressedFormats() throws {
    #expect(try decode(Self.png) == Tensor([UInt8(255), 0, 0], shape: [1, 1, 3]))
  }

  @Test func damageIsAnError() throws {
    // The padding of a bitmap's last row may be missing.
    for file in [Self.png, Self.bitmap.dropLast(2), Array("P6 2 2 255 ".utf8) + Self.pixels] {
      for length in 0..<file.count { #expect(throws: Diagnostic.self) { try decode(Array(file[..<length])) } }
    }
    #expect(message { try decode([1, 2, 3]) }.contains("no image of a known format"))
    #expect(message { try decode(Array("P5 99999 99999 255 ".utf8)) }.contains("the limit is"))
    var huge = Self.bitmap
    huge[21] = 0x7F
    #expect(throws: Diagnostic.self) { try decode(huge) }
    var generator = SeededGenerator(seed: 5)
    for file in [Self.png, Self.bitmap] {
      for _ in 0..<500 {
        var mutant = file
        mutant[Int.random(in: 2..<file.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        _ = try? decode(mutant)
      }
    }
  }

  func message(_ body: () throws -> Tensor) -> String {
    do {
      _ = try body()
      return ""
    } catch {
      return "\(error)"
    }
  }
}
