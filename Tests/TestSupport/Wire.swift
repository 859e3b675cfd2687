/// Protobuf wire format, written by hand: what a test wants to be wrong must be writable.
public enum Wire {
  public static func varint(_ value: UInt64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  public static func tag(_ field: UInt64, _ wire: UInt64) -> [UInt8] { varint(field << 3 | wire) }
  public static func int(_ field: UInt64, _ value: Int64) -> [UInt8] {
    tag(field, 0) + varint(UInt64(bitPattern: value))
  }
  public static func bytes(_ field: UInt64, _ content: [UInt8]) -> [UInt8] {
    tag(field, 2) + varint(UInt64(content.count)) + content
  }
  public static func text(_ field: UInt64, _ content: String) -> [UInt8] { bytes(field, Array(content.utf8)) }
  public static func float(_ field: UInt64, _ value: Float) -> [UInt8] { tag(field, 5) + raw([value]) }
  public static func raw<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
}
