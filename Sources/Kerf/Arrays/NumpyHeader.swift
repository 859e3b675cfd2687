import Foundation
import IR

/// The dictionary at the start of a .npy file.
struct NumpyHeader {
  let descr: String
  let isFortran: Bool
  let shape: [Int]

  static let descriptors: [String: ElementType] = [
    "<f4": .float32, "<f8": .float64, "<f2": .float16, "|i1": .int8, "<i2": .int16, "<i4": .int32, "<i8": .int64,
    "|u1": .uint8,
    "<u2": .uint16, "<u4": .uint32, "<u8": .uint64, "|b1": .bool, "<c8": .complex64, "<c16": .complex128,
  ]

  init?(_ text: String) {
    guard let descr = NumpyHeader.quoted(after: "'descr'", in: text), let order = text.range(of: "'fortran_order'"),
      let open = text.range(of: "(", range: order.upperBound..<text.endIndex) ?? text.range(of: "("),
      let close = text.range(of: ")", range: open.upperBound..<text.endIndex)
    else { return nil }
    self.descr = descr
    isFortran = text[order.upperBound...].drop(while: { $0 == ":" || $0 == " " }).hasPrefix("True")
    var dims: [Int] = []
    for part in text[open.upperBound..<close.lowerBound].split(separator: ",") {
      let word = part.trimmingCharacters(in: .whitespaces)
      if word.isEmpty { continue }
      guard let value = Int(word), value >= 0, dims.count < 64 else { return nil }
      dims.append(value)
    }
    shape = dims
  }

  private static func quoted(after key: String, in text: String) -> String? {
    guard let found = text.range(of: key), let open = text.range(of: "'", range: found.upperBound..<text.endIndex),
      let close = text.range(of: "'", range: open.upperBound..<text.endIndex)
    else { return nil }
    return String(text[open.upperBound..<close.lowerBound])
  }

  /// Characters of a fixed-width string type, with bytes per character: `<U5`, `|S5`.
  private var text: (width: Int, unit: Int)? {
    for (prefix, unit) in [("<U", 4), ("|S", 1)] where descr.hasPrefix(prefix) {
      if let width = Int(descr.dropFirst(2)), width >= 0, width <= 1 << 20 { return (width, unit) }
    }
    return nil
  }

  private var canonical: String { descr.hasPrefix("=") ? "<" + descr.dropFirst() : descr == "<b1" ? "|b1" : descr }
  var type: ElementType? { text != nil ? .string : NumpyHeader.descriptors[canonical] }
  var itemSize: Int { text.map { $0.width * $0.unit } ?? (type?.bitWidth ?? 0) / 8 }

  func tensor(_ body: Data, _ type: ElementType, _ count: Int, _ fail: (String) -> KerfError) throws -> Tensor {
    if let text {
      guard text.width > 0 || count <= 1 << 20 else { throw fail("it has \(count) empty strings") }
      guard !isFortran || shape.count < 2 else { throw fail("strings in Fortran order are not supported") }
      return decodeStrings(body, count, text.width, text.unit)
    }
    let storage = TensorStorage(byteCount: body.count) { target in
      body.withUnsafeBytes { if $0.count > 0 { target.copyMemory(from: $0) } }
      if type == .bool { target.normalizeBooleans() }
    }
    let stored = isFortran ? Array(shape.reversed()) : shape
    guard let tensor = Tensor(type, stored, storage: storage) else { throw fail("its elements do not fill its shape") }
    return isFortran && shape.count > 1 ? tensor.transposedAll() : tensor
  }

  private func decodeStrings(_ body: Data, _ count: Int, _ width: Int, _ unit: Int) -> Tensor {
    let bytes = [UInt8](body)
    let strings = (0..<count).map { index -> [UInt8] in
      let cell = bytes[(index * width * unit)..<((index + 1) * width * unit)]
      if unit == 1 { return Array(cell.prefix { $0 != 0 }) }
      var text = ""
      for c in 0..<width {
        let code = (0..<4).reduce(UInt32(0)) { $0 | UInt32(cell[cell.startIndex + c * 4 + $1]) << UInt32(8 * $1) }
        guard code != 0, let scalar = Unicode.Scalar(code) else { break }
        text.unicodeScalars.append(scalar)
      }
      return Array(text.utf8)
    }
    return Tensor(strings: strings, shape: shape)
  }
}

extension Tensor {
  /// With all axes in reverse order.
  fileprivate func transposedAll() -> Tensor {
    let result = Array(shape.reversed())
    let strides = Array(rowMajorStrides(shape).reversed())
    let width = type.bitWidth / 8
    let source = bytes
    let storage = TensorStorage(byteCount: source.count) { target in
      guard let from = source.baseAddress, let to = target.baseAddress else { return }
      var position = 0
      forEachOffset(result, [strides]) { offsets in
        (to + position).copyMemory(from: from + offsets[0] * width, byteCount: width)
        position += width
      }
    }
    return Tensor(type, result, storage: storage) ?? self
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Every byte that is not 0 becomes 1: kernels rely on it.
  func normalizeBooleans() { for index in indices { self[index] = self[index] == 0 ? 0 : 1 } }
}
