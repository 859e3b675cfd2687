import IR

extension ImporterCatalog {
  static let casting: [(operators: [String], importer: NodeImporter)] = [(["Cast"], importCast)]

  /// ONNX Cast, opsets 1–25: the type was a string before opset 6.
  private static func importCast(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 6, let name = try draft.takeString("to") else { return .node }
    let types: [String: ElementType] = [
      "FLOAT": .float32, "UINT8": .uint8, "INT8": .int8, "UINT16": .uint16, "INT16": .int16, "INT32": .int32,
      "INT64": .int64, "STRING": .string, "BOOL": .bool, "FLOAT16": .float16, "DOUBLE": .float64, "UINT32": .uint32,
      "UINT64": .uint64, "COMPLEX64": .complex64, "COMPLEX128": .complex128,
    ]
    guard let type = types[name.uppercased()] else {
      throw .invalid("attribute 'to' is '\(Name(name))', which is no element type")
    }
    draft.set("to", .int(Int64(type.rawValue)))
    return .node
  }
}
