import Foundation
import IR

/// Arrays in NumPy's .npy format, versions 1 to 3. Source: NEP 1, "A Simple File Format for NumPy Arrays".
public enum NumpyFile {
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// The array in a file. Throws where it is no .npy file, of a type Kerf has no element type for, or cut short.
  public static func read(_ path: String) throws -> Tensor { try NumpyArray(path).all() }

  /// All bytes of a file.
  static func mapped(_ path: String) throws -> Data {
    let file = try ArrayFile(path)
    return try file.bytes(0, file.size)
  }

  /// The array in the bytes of a .npy file; `name` is for errors.
  static func parse(_ data: Data, name: String) throws -> Tensor {
    let layout = try NumpyLayout(head: [UInt8](data.prefix(NumpyLayout.longestHead)), fileSize: data.count, name: name)
    return try layout.header.tensor(data.dropFirst(layout.start).prefix(layout.size), layout.type, layout.count) {
      NumpyFile.error(name, $0)
    }
  }

  static func error(_ name: String, _ what: String) -> KerfError {
    KerfError("'\(name)' is no usable .npy file: \(what)")
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
