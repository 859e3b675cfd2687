/// Element types of slots, numbered as ONNX TensorProto.DataType; 255 stands for packed weights.
public enum ElementType {
  public static let float32: UInt8 = 1
  public static let int32: UInt8 = 6
  public static let int64: UInt8 = 7
  public static let bool: UInt8 = 9
  public static let packed: UInt8 = 255

  /// Bytes of one element, or 0 for a type that no tensor slot can have (strings, 4-bit types, unknown numbers).
  public static func width(_ type: UInt8) -> Int {
    switch type {
    case 2, 3, 9, 17, 18, 19, 20, 24, 255: 1
    case 4, 5, 10, 16: 2
    case 1, 6, 12: 4
    case 7, 11, 13, 14: 8
    case 15: 16
    default: 0
    }
  }

  /// The short name used in messages: f32, i64, bool.
  public static func name(_ type: UInt8) -> String {
    switch type {
    case 1: "f32"
    case 2: "u8"
    case 3: "i8"
    case 4: "u16"
    case 5: "i16"
    case 6: "i32"
    case 7: "i64"
    case 8: "string"
    case 9: "bool"
    case 10: "f16"
    case 11: "f64"
    case 12: "u32"
    case 13: "u64"
    case 14: "c64"
    case 15: "c128"
    case 16: "bf16"
    case 17: "f8e4m3fn"
    case 18: "f8e4m3fnuz"
    case 19: "f8e5m2"
    case 20: "f8e5m2fnuz"
    case 24: "f8e8m0"
    case 255: "packed"
    default: "type \(type)"
    }
  }
}
