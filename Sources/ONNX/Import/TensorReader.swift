import COnnx
import IR

/// Makes IR tensors from TensorProto and SparseTensorProto. Plain bytes (raw_data, packed float_data, external data)
/// are referenced where they are mapped; everything else is decoded within a budget.
final class TensorReader {
  let document: ProtoDocument
  let external: ExternalData
  private var budget: Int

  init(_ document: ProtoDocument, external: ExternalData, limits: ImportLimits) {
    self.document = document
    self.external = external
    let (scaled, overflow) = document.file.bytes.count.multipliedReportingOverflow(by: limits.decodedPerFileByte)
    let (sum, carry) = scaled.addingReportingOverflow(limits.decodedBaseBytes)
    budget = overflow || carry ? .max : sum
  }

  /// The tensor. Throws on an unknown element type, dims out of range, or elements that do not fill them.
  func read(_ proto: ProtoTensor) throws(Diagnostic) -> Tensor {
    let type = try elementType(proto.dataType)
    let shape = try Self.shape(proto.dims)
    guard let count = Tensor.elementCount(of: shape), let byteCount = type.byteCount(of: count) else {
      throw .invalid("dims \(describe(shape)) ask for too many elements")
    }
    if proto.hasSegment { throw .unsupported("the tensor is stored in segments") }
    let chunks = proto.chunks(document)
    let storage: TensorStorage
    if proto.isExternal {
      guard chunks.isEmpty else { throw .invalid("the tensor has both external data and elements in the file") }
      guard type != .string else { throw .invalid("a string tensor cannot be stored as external data") }
      storage = try external.storage(proto, byteCount: byteCount)
    } else {
      storage = try inline(chunks, type, count: count, byteCount: byteCount, shape)
    }
    guard let tensor = Tensor(type, shape, storage: storage) else {
      throw .invalid("the elements do not fill dims \(describe(shape))")
    }
    return tensor
  }

  /// dims as numbers; throws on a negative one.
  static func shape(_ dims: [Int64]) throws(Diagnostic) -> [Int] {
    if let bad = dims.first(where: { $0 < 0 }) { throw .invalid("dims hold \(bad), which is negative") }
    return dims.map { Int($0) }
  }

  private func inline(
    _ chunks: [kx_chunk], _ type: ElementType, count: Int, byteCount: Int, _ shape: [Int]
  ) throws(Diagnostic) -> TensorStorage {
    let field = chunks.first?.field
    if let other = chunks.first(where: { $0.field != field }), let field {
      throw .invalid("the elements are given twice, as \(Self.fieldName(field)) and as \(Self.fieldName(other.field))")
    }
    let isPlain = field == KX_RAW_DATA
    let expected = Self.field(for: type)
    guard field == nil || field == expected || (isPlain && type != .string) else {
      throw .invalid("a tensor of \(type.name) cannot be stored as \(field.map(Self.fieldName) ?? "nothing")")
    }
    let given = chunks.reduce(0) { $0 + $1.count }
    let wanted = isPlain ? byteCount : Self.entries(of: type, count: count)
    guard given == wanted else {
      let what = field.map(Self.fieldName) ?? Self.fieldName(KX_RAW_DATA)
      throw .invalid(
        "\(what) has \(given) \(isPlain ? "bytes" : "elements"), dims \(describe(shape)) ask for \(wanted)")
    }
    if let only = chunks.first, chunks.count == 1, only.packed,
      isPlain || only.field == KX_FLOAT_DATA || only.field == KX_DOUBLE_DATA
    {
      return TensorStorage(
        bytes: UnsafeRawBufferPointer(start: only.bytes.data, count: only.bytes.count), owner: document, isFile: true)
    }
    return try decode(chunks, type, byteCount: byteCount, entries: given)
  }

  private func decode(
    _ chunks: [kx_chunk], _ type: ElementType, byteCount: Int, entries: Int
  ) throws(Diagnostic) -> TensorStorage {
    if type == .string {
      try spend(chunks.reduce(0) { $0 + $1.count * 48 + $1.bytes.count })
      return TensorStorage(strings: Self.strings(chunks))
    }
    try spend(byteCount)
    return TensorStorage(byteCount: byteCount) { out in
      var position = 0
      for chunk in chunks {
        position += Self.decode(chunk, type, into: UnsafeMutableRawBufferPointer(rebasing: out[position...]))
      }
    }
  }

  /// Takes decoded bytes off the budget; throws when it is used up.
  func spend(_ bytes: Int) throws(Diagnostic) {
    guard bytes <= budget else {
      throw .invalid("decoding the tensors of this file would take more memory than the import limit allows")
    }
    budget -= bytes
  }

  private static func strings(_ chunks: [kx_chunk]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    for var chunk in chunks {
      var cursor = 0
      for _ in 0..<chunk.count { result.append(kx_chunk_next_string(&chunk, &cursor).array) }
    }
    return result
  }

  /// Writes one run; returns the bytes written.
  private static func decode(_ chunk: kx_chunk, _ type: ElementType, into out: UnsafeMutableRawBufferPointer) -> Int {
    var chunk = chunk
    if chunk.field == KX_FLOAT_DATA || chunk.field == KX_DOUBLE_DATA {
      kx_chunk_read_fixed(&chunk, out.baseAddress?.assumingMemoryBound(to: UInt8.self))
      return chunk.count * (chunk.field == KX_FLOAT_DATA ? 4 : 8)
    }
    // Types below 8 bits come packed, one byte in each int32_data entry.
    let width = max(type.bitWidth, 8) / 8
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: chunk.count) { values in
      kx_chunk_read_varints(&chunk, values.baseAddress)
      for index in 0..<chunk.count {
        withUnsafeBytes(of: values[index].littleEndian) { source in
          UnsafeMutableRawBufferPointer(rebasing: out[(index * width)..<((index + 1) * width)])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source.prefix(width)))
        }
      }
    }
    return chunk.count * width
  }

  /// The typed field of TensorProto that holds elements of a type.
  private static func field(for type: ElementType) -> kx_data_field {
    switch type {
    case .float32, .complex64: KX_FLOAT_DATA
    case .float64, .complex128: KX_DOUBLE_DATA
    case .int64: KX_INT64_DATA
    case .uint32, .uint64: KX_UINT64_DATA
    case .string: KX_STRING_DATA
    default: KX_INT32_DATA
    }
  }

  /// Entries of that field for so many elements.
  private static func entries(of type: ElementType, count: Int) -> Int {
    switch type {
    case .complex64, .complex128: count * 2
    default: type.bitWidth > 0 && type.bitWidth < 8 ? type.byteCount(of: count) ?? 0 : count
    }
  }

  private static func fieldName(_ field: kx_data_field) -> String {
    switch field {
    case KX_FLOAT_DATA: "float_data"
    case KX_INT32_DATA: "int32_data"
    case KX_STRING_DATA: "string_data"
    case KX_INT64_DATA: "int64_data"
    case KX_DOUBLE_DATA: "double_data"
    case KX_UINT64_DATA: "uint64_data"
    default: "raw_data"
    }
  }
}

/// The element type of an ONNX number; throws where there is none.
func elementType(_ number: Int32) throws(Diagnostic) -> ElementType {
  guard let raw = UInt8(exactly: number), let type = ElementType(rawValue: raw) else {
    throw .invalid("element type \(number) does not exist")
  }
  return type
}
