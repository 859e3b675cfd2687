import Foundation
import IR

/// Arrays in NumPy's .npy format, versions 1 to 3. Source: NEP 1, "A Simple File Format for NumPy Arrays".
public enum NumpyFile {
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// The array in a file. Throws where it is no .npy file, of a type Kerf has no element type for, or cut short.
  public static func read(_ path: String) throws -> Tensor {
    try parse(try mapped(path), name: path)
  }

  static func mapped(_ path: String) throws -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    } catch {
      throw KerfError("cannot read '\(path)': \(FileManager.default.fileExists(atPath: path) ? "not readable" : "no such file")")
    }
  }

  static func parse(_ data: Data, name: String) throws -> Tensor {
    func fail(_ what: String) -> KerfError { KerfError("'\(name)' is no usable .npy file: \(what)") }
    let bytes = [UInt8](data.prefix(12))
    guard bytes.count >= 10, Array(bytes[0..<6]) == magic else { throw fail("it does not start with NumPy's mark") }
    let isLong = bytes[6] >= 2
    guard bytes.count >= (isLong ? 12 : 10) else { throw fail("its header is cut short") }
    var length = Int(bytes[8]) | Int(bytes[9]) << 8
    if isLong { length |= Int(bytes[10]) << 16 | Int(bytes[11]) << 24 }
    let start = isLong ? 12 : 10
    guard length <= 1 << 16, data.count >= start + length else { throw fail("its header is cut short") }
    let text = String(decoding: data.dropFirst(start).prefix(length), as: UTF8.self)
    guard let header = NumpyHeader(text) else { throw fail("its header cannot be read") }
    guard let type = header.type else { throw fail("its type '\(header.descr)' is none Kerf has") }
    guard let count = Tensor.elementCount(of: header.shape) else { throw fail("its shape is too large") }
    let body = data.dropFirst(start + length)
    let (size, overflow) = count.multipliedReportingOverflow(by: header.itemSize)
    guard !overflow, body.count >= size else {
      throw fail("it holds \(body.count) bytes of elements, its shape \(describe(header.shape)) needs \(overflow ? Int.max : size)")
    }
    return try header.tensor(body.prefix(size), type, count, fail)
  }

  /// Writes an array. Types NumPy lacks are widened: bfloat16 and float8 to float32, 4- and 2-bit integers to 8 bits.
  public static func encode(_ tensor: Tensor) -> Data {
    if tensor.type == .string { return encodeStrings(tensor) }
    let (descr, stored) = storedForm(tensor)
    var data = header(descr, tensor.shape)
    data.append(contentsOf: stored.bytes)
    return data
  }

  private static func storedForm(_ tensor: Tensor) -> (String, Tensor) {
    if let known = NumpyHeader.descriptors.first(where: { $0.value == tensor.type }) { return (known.key, tensor) }
    switch tensor.type {
    case .int4, .int2: return ("|i1", Tensor(wide: tensor.wide(Int64.self), .int8, tensor.shape))
    case .uint4, .uint2: return ("|u1", Tensor(wide: tensor.wide(UInt64.self), .uint8, tensor.shape))
    default: return ("<f4", Tensor(wide: tensor.wide(Float.self), .float32, tensor.shape))
    }
  }

  private static func header(_ descr: String, _ shape: [Int]) -> Data {
    let dims = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text = "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(dims)), }"
    text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
    var data = Data(magic + [1, 0, UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)])
    data.append(contentsOf: Array(text.utf8))
    return data
  }

  private static func encodeStrings(_ tensor: Tensor) -> Data {
    let texts = tensor.strings.map { Array(String(decoding: $0, as: UTF8.self).unicodeScalars) }
    let width = max(1, texts.map(\.count).max() ?? 1)
    var data = header("<U\(width)", tensor.shape)
    for text in texts {
      for index in 0..<width {
        let code = index < text.count ? text[index].value : 0
        withUnsafeBytes(of: code.littleEndian) { data.append(contentsOf: $0) }
      }
    }
    return data
  }
}

/// The dictionary at the start of a .npy file.
struct NumpyHeader {
  let descr: String
  let isFortran: Bool
  let shape: [Int]

  static let descriptors: [String: ElementType] = [
    "<f4": .float32, "<f8": .float64, "<f2": .float16, "|i1": .int8, "<i2": .int16, "<i4": .int32, "<i8": .int64, "|u1": .uint8,
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
    if let text { return decodeStrings(body, count, text.width, text.unit) }
    let storage = TensorStorage(byteCount: body.count) { target in
      body.withUnsafeBytes { if $0.count > 0 { target.copyMemory(from: $0) } }
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
