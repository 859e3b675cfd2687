import IR

extension ImporterCatalog {
  static let softmax: [(operators: [String], importer: NodeImporter)] = [
    (["Softmax", "LogSoftmax", "Hardmax"], importSoftmax)
  ]

  /// ONNX Softmax, LogSoftmax, Hardmax, opsets 1–13. Before opset 13 the input counted as a matrix, split at `axis`
  /// (default 1), and each row was normalised; from 13 on along `axis` alone (default -1).
  private static func importSoftmax(_ draft: inout Draft, _ builder: Builder) throws(Diagnostic) -> ImportResult {
    guard draft.opset < 13 else { return .node }
    let axis = try draft.takeInt("axis") ?? 1
    guard let shape = builder.shape(draft.input(0)) else {
      throw .unsupported("opset \(draft.opset) semantics on an input of unknown rank")
    }
    let rank = shape.count
    guard axis >= Int64(-rank), axis <= Int64(rank - 1) || (rank == 0 && axis == 0) else {
      throw .invalid("axis is \(axis), accepted range for rank \(rank) is \(-rank)...\(rank - 1)")
    }
    let start = axis < 0 ? Int(axis) + rank : Int(axis)
    // Trailing axes of 1 do not change a row.
    if rank == 0 || shape[(start + 1)...].allSatisfy({ $0 == 1 }) {
      draft.set("axis", .int(Int64(start)))
      return .node
    }
    let original = try builder.emit("Shape", [draft.input(0)], for: draft)
    let matrix = try builder.emit("Flatten", [draft.input(0)], [("axis", .int(Int64(start)))], for: draft)
    let rows = try builder.emit(draft.name, [matrix], [("axis", .int(-1))], for: draft)
    return .values([try builder.emit("Reshape", [rows, original], for: draft, isFinal: true)])
  }
}
