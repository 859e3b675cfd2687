import COnnx
import IR

/// Reads a TensorProto, SequenceProto or OptionalProto file (`.pb`, as the ONNX backend tests keep them).
/// `type` says which of the three the file holds. Throws what is wrong with the file.
public func readTestData(path: String, as type: ValueType, limits: ImportLimits = ImportLimits()) throws(Diagnostic)
  -> Datum
{
  do throws(Diagnostic) {
    let file = try MappedFile.open(path, limit: limits.fileBytes)
    return try TestDataReader(file, type, limits).datum()
  } catch {
    throw error.about(path)
  }
}

private struct TestDataReader {
  let document: ProtoDocument
  let tensors: TensorReader
  let type: ValueType

  init(_ file: MappedFile, _ type: ValueType, _ limits: ImportLimits) throws(Diagnostic) {
    let root =
      switch type {
      case .tensor: KX_TENSOR
      case .optional: KX_OPTIONAL
      case .sequence, .map: KX_SEQUENCE
      }
    self.type = type
    document = try ProtoDocument(file, root: root, limits: limits)
    tensors = TensorReader(document, external: ExternalData(directory: "."), limits: limits)
  }

  func datum() throws(Diagnostic) -> Datum {
    switch type {
    case .tensor:
      guard let proto = document.tensor else { throw .invalid("it holds no tensor") }
      return .tensor(try read(proto))
    case .sequence(let element):
      guard let proto = document.sequence else { throw .invalid("it holds no sequence") }
      return try sequence(proto, of: element)
    case .optional(let element):
      guard let proto = document.optional else { throw .invalid("it holds no optional") }
      return try optional(proto, of: element)
    case .map: throw .unsupported("maps as test data")
    }
  }

  private func read(_ proto: ProtoTensor) throws(Diagnostic) -> Tensor {
    guard !proto.isExternal else { throw .unsupported("test data with external data") }
    return try tensors.read(proto)
  }

  /// Recursive over sequences and optionals, whose depth the wire scan has bounded.
  private func sequence(_ proto: ProtoSequence, of element: ValueType) throws(Diagnostic) -> Datum {
    var items: [Datum] = []
    for index in 0..<proto.count {
      switch (proto.kind, element) {
      case (1, _): items.append(.tensor(try read(proto.tensor(index))))
      case (3, .sequence(let inner)): items.append(try sequence(proto.sequence(index), of: inner))
      case (4, .map(let key, let value)): items.append(try map(proto.map(index), key: key, value: value))
      case (5, .optional(let inner)): items.append(try optional(proto.optional(index), of: inner))
      default: throw .invalid("the sequence holds elements of kind \(proto.kind), expected \(element)")
      }
    }
    return .sequence(items, of: element)
  }

  private func optional(_ proto: ProtoOptional, of element: ValueType) throws(Diagnostic) -> Datum {
    switch (proto.kind, element) {
    case (0, _): return .optional(nil, of: element)
    case (1, _): return .optional(.tensor(try read(proto.tensor)), of: element)
    case (3, .sequence(let inner)): return .optional(try sequence(proto.sequence, of: inner), of: element)
    case (4, .map(let key, let value)): return .optional(try map(proto.map, key: key, value: value), of: element)
    case (5, .optional(let inner)): return .optional(try optional(proto.optional, of: inner), of: element)
    default: throw .invalid("the optional holds a value of kind \(proto.kind), expected \(element)")
    }
  }

  private func map(_ proto: ProtoMap, key: ElementType, value: ValueType) throws(Diagnostic) -> Datum {
    let keys: [Datum.MapKey] = key == .string ? proto.stringKeys.map { .string($0) } : proto.intKeys.map { .int($0) }
    guard let list = proto.values, case .sequence(let values, _) = try sequence(list, of: value),
      values.count == keys.count
    else { throw .invalid("the map has \(keys.count) keys and another number of values") }
    return .map(keys: keys, values: values, key: key, value: value)
  }
}
