/// Elements of tensors as text: shortest numbers that read back to the same bits; `bits(0x…)` where no number does
/// (NaN payloads).
enum ElementText {
  /// Type of the numbers an element consists of: a complex element is printed as two numbers, real part first.
  static func component(_ type: ElementType) -> ElementType {
    switch type {
    case .complex64: .float32
    case .complex128: .float64
    default: type
    }
  }

  /// Bits of the numbers a tensor (not of strings) consists of.
  static func codes(_ tensor: Tensor) -> [UInt64] {
    let width = component(tensor.type).bitWidth
    let bytes = tensor.bytes
    if width < 8 {
      let perByte = 8 / width
      return (0..<tensor.count).map { i in
        UInt64((bytes[i / perByte] >> UInt8((i % perByte) * width)) & UInt8((1 << width) - 1))
      }
    }
    let size = width / 8
    return (0..<bytes.count / size).map { i in
      (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[i * size + $1]) << UInt64($1 * 8) }
    }
  }

  /// The inverse; nil where the number of codes is not what type and shape ask for.
  static func tensor(_ codes: [UInt64], _ type: ElementType, _ shape: [Int]) -> Tensor? {
    let width = component(type).bitWidth
    var bytes: [UInt8] = []
    if width < 8 {
      let perByte = 8 / width
      bytes = [UInt8](repeating: 0, count: (codes.count + perByte - 1) / perByte)
      for (i, code) in codes.enumerated() { bytes[i / perByte] |= UInt8(code) << UInt8((i % perByte) * width) }
    } else {
      for code in codes { for i in 0..<width / 8 { bytes.append(UInt8(truncatingIfNeeded: code >> UInt64(i * 8))) } }
    }
    let expected = Tensor.elementCount(of: shape).map { type == component(type) ? $0 : $0 * 2 }
    guard expected == codes.count else { return nil }
    return tensor(bytes: bytes, type, shape)
  }

  static func tensor(bytes: [UInt8], _ type: ElementType, _ shape: [Int]) -> Tensor? {
    let storage = TensorStorage(byteCount: bytes.count) { memory in bytes.withUnsafeBytes { memory.copyBytes(from: $0) }
    }
    return Tensor(type, shape, storage: storage)
  }

  /// One number as text.
  static func text(_ code: UInt64, _ type: ElementType) -> String {
    let text = plainText(code, type)
    return bits(text, type) == code ? text : "bits(0x\(String(code, radix: 16)))"
  }

  private static func plainText(_ code: UInt64, _ type: ElementType) -> String {
    switch type {
    case .bool: code == 0 ? "false" : "true"
    case .float64: Double(bitPattern: code).description
    case .float32: Float(bitPattern: UInt32(truncatingIfNeeded: code)).description
    case .float16: Float16(bitPattern: UInt16(truncatingIfNeeded: code)).description
    case .bfloat16: LowPrecision.decodeBFloat16(UInt16(truncatingIfNeeded: code)).description
    case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float4e2m1, .float8e8m0:
      LowPrecision.decode(UInt8(truncatingIfNeeded: code), type).description
    case .int2, .int4, .int8, .int16, .int32, .int64: String(signExtended(code, type.bitWidth))
    default: String(code)
    }
  }

  private static func signExtended(_ code: UInt64, _ width: Int) -> Int64 {
    let shift = Int64(64 - width)
    return (Int64(bitPattern: code) << shift) >> shift
  }

  /// Bits of the number a text stands for; nil where it is none, or out of the type's range.
  static func bits(_ text: String, _ type: ElementType) -> UInt64? {
    switch type {
    case .bool: return text == "true" ? 1 : text == "false" ? 0 : nil
    case .float64: return Double(text).map { $0.bitPattern }
    case .float32: return Float(text).map { UInt64($0.bitPattern) }
    case .float16: return Float16(text).map { UInt64($0.bitPattern) }
    case .bfloat16: return Float(text).map { UInt64(LowPrecision.encodeBFloat16($0)) }
    case .float8e4m3fn, .float8e4m3fnuz, .float4e2m1, .float8e8m0:
      return Float(text).map { UInt64(LowPrecision.encode($0, type)) }
    case .float8e5m2, .float8e5m2fnuz:
      return Float(text).map { UInt64(LowPrecision.encode($0, type, saturate: $0.isFinite)) }
    case .int2, .int4, .int8, .int16, .int32, .int64:
      guard let number = Int64(text) else { return nil }
      let code = UInt64(bitPattern: number) & mask(type.bitWidth)
      return signExtended(code, type.bitWidth) == number ? code : nil
    case .uint2, .uint4, .uint8, .uint16, .uint32, .uint64:
      guard let number = UInt64(text), number & mask(type.bitWidth) == number else { return nil }
      return number
    case .string, .complex64, .complex128: return nil
    }
  }

  static func mask(_ width: Int) -> UInt64 { width >= 64 ? .max : (1 << UInt64(width)) - 1 }
}

/// Quoting of bytes.
enum QuotedText {
  /// `"…"` with everything but printable ASCII as `\xNN`.
  static func quoted(_ bytes: [UInt8]) -> String {
    var text = "\""
    for byte in bytes {
      if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "\\x" + hex(byte)
      }
    }
    return text + "\""
  }

  static func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

  /// Bare where it consists of letters, digits, `_`, `.` and `/`, else quoted.
  static func identifier(_ bytes: [UInt8]) -> String {
    !bytes.isEmpty && bytes.allSatisfy(isBare) ? String(decoding: bytes, as: UTF8.self) : quoted(bytes)
  }

  static func isBare(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95 || byte == 46
      || byte == 47
  }
}
