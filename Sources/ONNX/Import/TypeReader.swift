import COnnx
import IR

/// IR types of TypeProto.
enum TypeReader {
  /// The type; nil where the file states none. Throws on element types, dimensions or kinds that do not exist.
  static func read(_ proto: ProtoType?, depth: Int = 0) throws(Diagnostic) -> ValueType? {
    guard let proto, proto.kind != KX_TYPE_NONE else { return nil }
    guard depth < 32 else { throw .unsupported("a type is nested more than 32 deep") }
    switch proto.kind {
    case KX_TYPE_TENSOR: return .tensor(try tensor(proto))
    case KX_TYPE_SEQUENCE: return .sequence(try inner(proto, depth, "sequence"))
    case KX_TYPE_OPTIONAL: return .optional(try inner(proto, depth, "optional"))
    case KX_TYPE_MAP: return .map(key: try elementType(proto.element), value: try inner(proto, depth, "map"))
    case KX_TYPE_SPARSE: throw .unsupported("sparse tensors as values of the graph")
    default: throw .unsupported("opaque types")
    }
  }

  private static func inner(_ proto: ProtoType, _ depth: Int, _ what: String) throws(Diagnostic) -> ValueType {
    guard let type = try read(proto.inner, depth: depth + 1) else {
      throw .invalid("a \(what) type does not say of what")
    }
    return type
  }

  private static func tensor(_ proto: ProtoType) throws(Diagnostic) -> TensorType {
    let element = try elementType(proto.element)
    guard proto.hasShape else { return TensorType(element, nil as Shape?) }
    var shape: Shape = []
    for axis in 0..<proto.rank { shape.append(try dim(proto, axis)) }
    return TensorType(element, shape)
  }

  private static func dim(_ proto: ProtoType, _ axis: Int) throws(Diagnostic) -> Dim {
    switch proto.dimKind(axis) {
    case KX_DIM_VALUE:
      let value = proto.dimValue(axis)
      // -1 is how some exporters spell "not known".
      if value == -1 { return .unknown }
      guard value >= 0, value <= Int64(Dim.limit) else {
        throw .invalid("dimension \(axis) is \(value), accepted range is 0...\(Dim.limit)")
      }
      return Dim(Int(value))
    case KX_DIM_SYMBOL: return symbol(proto.dimSymbol(axis))
    default: return .unknown
    }
  }

  /// A symbol named in the file. Names that IR keeps for itself count as unknown; bytes outside ASCII are spelled out,
  /// so that two names equal as text are equal as bytes.
  private static func symbol(_ bytes: [UInt8]) -> Dim {
    guard let first = bytes.first, first != UInt8(ascii: "?") else { return .unknown }
    var text = ""
    for byte in bytes {
      if byte < 0x80 {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "\\x" + String(byte, radix: 16)
      }
    }
    return .symbol(text)
  }
}
