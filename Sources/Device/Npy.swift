// Arrays in NumPy's file format: little-endian, C order.

import Bundle
import CSystem
import Runtime

/// An array read from a file, its elements on a 64-byte boundary.
final class NpyArray {
  let view: TensorView
  private let memory: UnsafeMutableRawPointer

  init(_ file: BundleFile) throws(RuntimeError) {
    var header = NpyHeader()
    let start = try header.read(file.bytes, file.path)
    let count = file.bytes.count - start
    let probe = TensorView(type: header.type, dims: header.dims, data: nil)
    guard probe.byteCount == count, let memory = csystem_allocate(UInt64(count)) else {
      throw .input("'\(file.path)': \(count) bytes of elements do not fit its shape")
    }
    UnsafeMutableRawBufferPointer(start: memory, count: count)
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: file.bytes[start...]))
    self.memory = memory
    view = TensorView(type: header.type, dims: header.dims, data: memory)
  }

  deinit { csystem_free(memory) }

  /// The file of a tensor.
  static func encode(_ view: TensorView) throws(RuntimeError) -> [UInt8] {
    guard let code = NpyHeader.codes.first(where: { $0.type == view.type })?.code else {
      throw .input("an output of \(ElementType.name(view.type)) has no form in .npy")
    }
    var shape = "("
    for dim in view.dims { shape += "\(dim), " }
    var text = [UInt8](("{'descr': '\(code)', 'fortran_order': False, 'shape': " + shape + "), }").utf8)
    while (text.count + 11) % 64 != 0 { text.append(32) }
    text.append(10)
    var bytes: [UInt8] = [0x93, 78, 85, 77, 80, 89, 1, 0]
    bytes.append(UInt8(truncatingIfNeeded: text.count))
    bytes.append(UInt8(truncatingIfNeeded: text.count >> 8))
    bytes += text
    bytes.append(contentsOf: view.bytes)
    return bytes
  }
}

/// The dictionary at the front: {'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }.
struct NpyHeader {
  static let codes: [(code: String, type: UInt8)] = [
    ("<f4", 1), ("|u1", 2), ("|i1", 3), ("<u2", 4), ("<i2", 5), ("<i4", 6), ("<i8", 7), ("|b1", 9), ("<f2", 10),
    ("<f8", 11), ("<u4", 12), ("<u8", 13),
  ]
  var type: UInt8 = 0
  var dims: [Int] = []

  /// - Returns: the offset of the elements.
  mutating func read(_ bytes: UnsafeRawBufferPointer, _ path: String) throws(RuntimeError) -> Int {
    let magic: [UInt8] = [0x93, 78, 85, 77, 80, 89]
    for index in magic.indices {
      guard index < bytes.count, bytes[index] == magic[index] else { throw .input("'\(path)' is no .npy file") }
    }
    guard bytes.count >= 12, bytes[6] >= 1, bytes[6] <= 3 else { throw .input("'\(path)': unknown version of .npy") }
    let isLong = bytes[6] > 1
    var length = Int(bytes[8]) | Int(bytes[9]) << 8
    if isLong { length |= Int(bytes[10]) << 16 | Int(bytes[11]) << 24 }
    let start = (isLong ? 12 : 10) + length
    guard start <= bytes.count else { throw .input("'\(path)' ends inside its header") }
    let text = [UInt8](UnsafeRawBufferPointer(rebasing: bytes[(start - length)..<start]))
    try parse(text, path)
    return start
  }

  private mutating func parse(_ text: [UInt8], _ path: String) throws(RuntimeError) {
    guard let descr = value("'descr':", text), let order = value("'fortran_order':", text),
      let shape = value("'shape':", text)
    else { throw .input("'\(path)': the header has no type, order or shape") }
    for entry in Self.codes where Self.begins(text, at: descr, with: "'" + entry.code + "'") { type = entry.type }
    guard type != 0 else { throw .input("'\(path)': its element type is not one that a model can take") }
    guard Self.begins(text, at: order, with: "False") else {
      throw .input("'\(path)' is in Fortran order, expected C order")
    }
    try parseShape(text, shape, path)
  }

  private mutating func parseShape(_ text: [UInt8], _ start: Int, _ path: String) throws(RuntimeError) {
    var index = start
    var number = -1
    guard index < text.count, text[index] == UInt8(ascii: "(") else { throw .input("'\(path)': the shape is no tuple") }
    while true {
      index += 1
      guard index < text.count else { throw .input("'\(path)': the shape does not end") }
      switch text[index] {
      case 48...57:
        number = max(number, 0) * 10 + Int(text[index] - 48)
        guard number < 1 << 48 else { throw .input("'\(path)': a dimension is too large") }
      case 44, 41:
        if number >= 0 { dims.append(number) }
        number = -1
        if text[index] == 41 {
          guard dims.count <= ProgramLimits.rank else {
            throw .input("'\(path)' has rank \(dims.count), at most 8 is allowed")
          }
          return
        }
      case 32: break
      default: throw .input("'\(path)': the shape holds something else than numbers")
      }
    }
  }

  /// Where the value after a key begins.
  private func value(_ key: String, _ text: [UInt8]) -> Int? {
    for index in text.indices where Self.begins(text, at: index, with: key) {
      var next = index + key.utf8.count
      while next < text.count, text[next] == 32 { next += 1 }
      return next
    }
    return nil
  }

  private static func begins(_ text: [UInt8], at index: Int, with part: String) -> Bool {
    var position = index
    for byte in part.utf8 {
      guard position < text.count, text[position] == byte else { return false }
      position += 1
    }
    return true
  }
}
