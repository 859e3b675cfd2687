import COnnx
import IR

struct ProtoTensor {
  let pointer: OpaquePointer

  var name: Name { kx_tensor_name(pointer).name }
  var dataType: Int32 { kx_tensor_data_type(pointer) }
  var dims: [Int64] { Array(UnsafeBufferPointer(start: kx_tensor_dims(pointer), count: kx_tensor_rank(pointer))) }
  var hasSegment: Bool { kx_tensor_has_segment(pointer) }
  var isExternal: Bool { kx_tensor_is_external(pointer) }
  var externalCount: Int { kx_tensor_external_count(pointer) }
  func externalEntry(_ index: Int) -> (key: Name, value: [UInt8]) {
    (kx_tensor_external_key(pointer, index).name, kx_tensor_external_value(pointer, index).array)
  }
  /// Runs of elements as they stand in the file.
  func chunks(_ document: ProtoDocument) -> [kx_chunk] {
    list(kx_tensor_chunk_count(document.handle, pointer)) { kx_tensor_chunk(document.handle, pointer, $0) }
  }
}

struct ProtoSparse {
  let pointer: OpaquePointer

  var values: ProtoTensor? { kx_sparse_values(pointer).map(ProtoTensor.init) }
  var indices: ProtoTensor? { kx_sparse_indices(pointer).map(ProtoTensor.init) }
  var dims: [Int64] { Array(UnsafeBufferPointer(start: kx_sparse_dims(pointer), count: kx_sparse_rank(pointer))) }
}

/// Kinds are SequenceProto.DataType: 1 tensor, 2 sparse tensor, 3 sequence, 4 map, 5 optional.
struct ProtoSequence {
  let pointer: OpaquePointer

  var kind: Int { Int(kx_sequence_kind(pointer)) }
  var count: Int { kx_sequence_count(pointer) }
  func tensor(_ index: Int) -> ProtoTensor { ProtoTensor(pointer: kx_sequence_tensor(pointer, index)) }
  func sequence(_ index: Int) -> ProtoSequence { ProtoSequence(pointer: kx_sequence_sequence(pointer, index)) }
  func map(_ index: Int) -> ProtoMap { ProtoMap(pointer: kx_sequence_map(pointer, index)) }
  func optional(_ index: Int) -> ProtoOptional { ProtoOptional(pointer: kx_sequence_optional(pointer, index)) }
}

struct ProtoMap {
  let pointer: OpaquePointer

  var keyType: Int32 { kx_map_key_type(pointer) }
  var intKeys: [Int64] {
    Array(UnsafeBufferPointer(start: kx_map_int_keys(pointer), count: kx_map_int_key_count(pointer)))
  }
  var stringKeys: [[UInt8]] { list(kx_map_string_key_count(pointer)) { kx_map_string_key(pointer, $0).array } }
  var values: ProtoSequence? { kx_map_values(pointer).map(ProtoSequence.init) }
}

/// Kinds as in `ProtoSequence`; 0 is empty.
struct ProtoOptional {
  let pointer: OpaquePointer

  var kind: Int { Int(kx_optional_kind(pointer)) }
  var tensor: ProtoTensor { ProtoTensor(pointer: kx_optional_tensor(pointer)) }
  var sequence: ProtoSequence { ProtoSequence(pointer: kx_optional_sequence(pointer)) }
  var map: ProtoMap { ProtoMap(pointer: kx_optional_map(pointer)) }
  var optional: ProtoOptional { ProtoOptional(pointer: kx_optional_optional(pointer)) }
}
