// Attribute, tensor, sparse tensor and test data accessors.
#include "document.h"

#include <cstring>

#include "wire_cursor.h"

using namespace kerf_onnx;

namespace {
const onnx::AttributeProto &m(const kx_attribute *p) { return *reinterpret_cast<const onnx::AttributeProto *>(p); }
const onnx::TensorProto &m(const kx_tensor *p) { return *reinterpret_cast<const onnx::TensorProto *>(p); }
const onnx::SparseTensorProto &m(const kx_sparse *p) { return *reinterpret_cast<const onnx::SparseTensorProto *>(p); }
const onnx::SequenceProto &m(const kx_sequence *p) { return *reinterpret_cast<const onnx::SequenceProto *>(p); }
const onnx::MapProto &m(const kx_map *p) { return *reinterpret_cast<const onnx::MapProto *>(p); }
const onnx::OptionalProto &m(const kx_optional *p) { return *reinterpret_cast<const onnx::OptionalProto *>(p); }

const kx_graph *h(const onnx::GraphProto &g) { return reinterpret_cast<const kx_graph *>(&g); }
const kx_tensor *h(const onnx::TensorProto &t) { return reinterpret_cast<const kx_tensor *>(&t); }
const kx_sparse *h(const onnx::SparseTensorProto &s) { return reinterpret_cast<const kx_sparse *>(&s); }
const kx_type *h(const onnx::TypeProto &t) { return reinterpret_cast<const kx_type *>(&t); }
const kx_sequence *h(const onnx::SequenceProto &s) { return reinterpret_cast<const kx_sequence *>(&s); }
const kx_map *h(const onnx::MapProto &s) { return reinterpret_cast<const kx_map *>(&s); }
const kx_optional *h(const onnx::OptionalProto &s) { return reinterpret_cast<const kx_optional *>(&s); }
int at(size_t index) { return static_cast<int>(index); }
size_t size(int n) { return static_cast<size_t>(n); }

/// The payload that the scan's marker names, null when the tensor has no elements in the file.
const Payload *payload(const kx_document *d, const kx_tensor *p) {
  const std::string &marker = m(p).raw_data();
  if (marker.size() != 8) return nullptr;
  uint64_t index = 0;
  memcpy(&index, marker.data(), 8);
  return index < d->payloads.size() ? &d->payloads[index] : nullptr;
}

/// Reads past the tag of an unpacked element. The scan checked these bytes.
uint64_t value_at(const kx_chunk *chunk, uint64_t &cursor) {
  uint64_t tag = 0;
  if (!chunk->packed) read_varint(chunk->bytes.data, cursor, chunk->bytes.count, tag);
  return cursor;
}
}  // namespace

extern "C" {

kx_bytes kx_attribute_name(const kx_attribute *p) { return view(m(p).name()); }
kx_bytes kx_attribute_reference(const kx_attribute *p) { return view(m(p).ref_attr_name()); }
int32_t kx_attribute_type(const kx_attribute *p) { return m(p).type(); }

uint32_t kx_attribute_fields(const kx_attribute *p) {
  const onnx::AttributeProto &a = m(p);
  const auto bit = [](bool on, int type) { return on ? 1u << type : 0u; };
  return bit(a.has_f(), 1) | bit(a.has_i(), 2) | bit(a.has_s(), 3) | bit(a.has_t(), 4) | bit(a.has_g(), 5)
      | bit(a.floats_size() > 0, 6) | bit(a.ints_size() > 0, 7) | bit(a.strings_size() > 0, 8)
      | bit(a.tensors_size() > 0, 9) | bit(a.graphs_size() > 0, 10) | bit(a.has_sparse_tensor(), 11)
      | bit(a.sparse_tensors_size() > 0, 12) | bit(a.has_tp(), 13) | bit(a.type_protos_size() > 0, 14);
}

float kx_attribute_float(const kx_attribute *p) { return m(p).f(); }
int64_t kx_attribute_int(const kx_attribute *p) { return m(p).i(); }
kx_bytes kx_attribute_string(const kx_attribute *p) { return view(m(p).s()); }
const kx_tensor *kx_attribute_tensor(const kx_attribute *p) { return h(m(p).t()); }
const kx_graph *kx_attribute_graph(const kx_attribute *p) { return h(m(p).g()); }
const kx_sparse *kx_attribute_sparse(const kx_attribute *p) { return h(m(p).sparse_tensor()); }
const kx_type *kx_attribute_type_proto(const kx_attribute *p) { return h(m(p).tp()); }
size_t kx_attribute_float_count(const kx_attribute *p) { return size(m(p).floats_size()); }
const float *kx_attribute_floats(const kx_attribute *p) { return m(p).floats().data(); }
size_t kx_attribute_int_count(const kx_attribute *p) { return size(m(p).ints_size()); }
const int64_t *kx_attribute_ints(const kx_attribute *p) { return m(p).ints().data(); }
size_t kx_attribute_string_count(const kx_attribute *p) { return size(m(p).strings_size()); }
kx_bytes kx_attribute_string_at(const kx_attribute *p, size_t i) { return view(m(p).strings(at(i))); }
size_t kx_attribute_tensor_count(const kx_attribute *p) { return size(m(p).tensors_size()); }
const kx_tensor *kx_attribute_tensor_at(const kx_attribute *p, size_t i) { return h(m(p).tensors(at(i))); }
size_t kx_attribute_graph_count(const kx_attribute *p) { return size(m(p).graphs_size()); }
const kx_graph *kx_attribute_graph_at(const kx_attribute *p, size_t i) { return h(m(p).graphs(at(i))); }

const kx_tensor *kx_document_tensor(const kx_document *d) {
  return d->root == KX_TENSOR ? h(*static_cast<const onnx::TensorProto *>(d->message)) : nullptr;
}
kx_bytes kx_tensor_name(const kx_tensor *p) { return view(m(p).name()); }
int32_t kx_tensor_data_type(const kx_tensor *p) { return m(p).data_type(); }
size_t kx_tensor_rank(const kx_tensor *p) { return size(m(p).dims_size()); }
const int64_t *kx_tensor_dims(const kx_tensor *p) { return m(p).dims().data(); }
bool kx_tensor_has_segment(const kx_tensor *p) { return m(p).has_segment(); }
bool kx_tensor_is_external(const kx_tensor *p) { return m(p).data_location() == onnx::TensorProto::EXTERNAL; }
size_t kx_tensor_external_count(const kx_tensor *p) { return size(m(p).external_data_size()); }
kx_bytes kx_tensor_external_key(const kx_tensor *p, size_t i) { return view(m(p).external_data(at(i)).key()); }
kx_bytes kx_tensor_external_value(const kx_tensor *p, size_t i) { return view(m(p).external_data(at(i)).value()); }

size_t kx_tensor_chunk_count(const kx_document *d, const kx_tensor *p) {
  const Payload *found = payload(d, p);
  return found ? found->count : 0;
}

kx_chunk kx_tensor_chunk(const kx_document *d, const kx_tensor *p, size_t i) {
  const Chunk &c = d->chunks[payload(d, p)->first + i];
  return {c.field, c.packed, c.offset, {d->bytes + c.offset, c.size}, c.count};
}

void kx_chunk_read_varints(const kx_chunk *chunk, int64_t *out) {
  uint64_t cursor = 0, value = 0;
  for (size_t i = 0; i < chunk->count; ++i) {
    value_at(chunk, cursor);
    read_varint(chunk->bytes.data, cursor, chunk->bytes.count, value);
    out[i] = static_cast<int64_t>(value);
  }
}

void kx_chunk_read_fixed(const kx_chunk *chunk, uint8_t *out) {
  const size_t width = chunk->field == KX_DOUBLE_DATA ? 8 : 4;
  if (chunk->packed) {
    if (chunk->bytes.count) memcpy(out, chunk->bytes.data, chunk->bytes.count);
    return;
  }
  uint64_t cursor = 0;
  for (size_t i = 0; i < chunk->count; ++i, cursor += width) {
    memcpy(out + i * width, chunk->bytes.data + value_at(chunk, cursor), width);
  }
}

kx_bytes kx_chunk_next_string(const kx_chunk *chunk, size_t *cursor) {
  uint64_t position = *cursor, length = 0;
  value_at(chunk, position);
  read_varint(chunk->bytes.data, position, chunk->bytes.count, length);
  if (length > chunk->bytes.count - position) length = chunk->bytes.count - position;
  *cursor = static_cast<size_t>(position + length);
  return {chunk->bytes.data + position, static_cast<size_t>(length)};
}

const kx_tensor *kx_sparse_values(const kx_sparse *p) { return m(p).has_values() ? h(m(p).values()) : nullptr; }
const kx_tensor *kx_sparse_indices(const kx_sparse *p) { return m(p).has_indices() ? h(m(p).indices()) : nullptr; }
size_t kx_sparse_rank(const kx_sparse *p) { return size(m(p).dims_size()); }
const int64_t *kx_sparse_dims(const kx_sparse *p) { return m(p).dims().data(); }

const kx_sequence *kx_document_sequence(const kx_document *d) {
  return d->root == KX_SEQUENCE ? h(*static_cast<const onnx::SequenceProto *>(d->message)) : nullptr;
}
const kx_optional *kx_document_optional(const kx_document *d) {
  return d->root == KX_OPTIONAL ? h(*static_cast<const onnx::OptionalProto *>(d->message)) : nullptr;
}

int32_t kx_sequence_kind(const kx_sequence *p) { return m(p).elem_type(); }
size_t kx_sequence_count(const kx_sequence *p) {
  const onnx::SequenceProto &s = m(p);
  switch (s.elem_type()) {
    case onnx::SequenceProto::TENSOR: return size(s.tensor_values_size());
    case onnx::SequenceProto::SEQUENCE: return size(s.sequence_values_size());
    case onnx::SequenceProto::MAP: return size(s.map_values_size());
    case onnx::SequenceProto::OPTIONAL: return size(s.optional_values_size());
    default: return 0;
  }
}
const kx_tensor *kx_sequence_tensor(const kx_sequence *p, size_t i) { return h(m(p).tensor_values(at(i))); }
const kx_sequence *kx_sequence_sequence(const kx_sequence *p, size_t i) { return h(m(p).sequence_values(at(i))); }
const kx_map *kx_sequence_map(const kx_sequence *p, size_t i) { return h(m(p).map_values(at(i))); }
const kx_optional *kx_sequence_optional(const kx_sequence *p, size_t i) { return h(m(p).optional_values(at(i))); }

int32_t kx_map_key_type(const kx_map *p) { return m(p).key_type(); }
size_t kx_map_int_key_count(const kx_map *p) { return size(m(p).keys_size()); }
const int64_t *kx_map_int_keys(const kx_map *p) { return m(p).keys().data(); }
size_t kx_map_string_key_count(const kx_map *p) { return size(m(p).string_keys_size()); }
kx_bytes kx_map_string_key(const kx_map *p, size_t i) { return view(m(p).string_keys(at(i))); }
const kx_sequence *kx_map_values(const kx_map *p) { return m(p).has_values() ? h(m(p).values()) : nullptr; }

int32_t kx_optional_kind(const kx_optional *p) {
  const onnx::OptionalProto &o = m(p);
  if (o.has_tensor_value()) return 1;
  if (o.has_sparse_tensor_value()) return 2;
  if (o.has_sequence_value()) return 3;
  if (o.has_map_value()) return 4;
  return o.has_optional_value() ? 5 : 0;
}
const kx_tensor *kx_optional_tensor(const kx_optional *p) { return h(m(p).tensor_value()); }
const kx_sequence *kx_optional_sequence(const kx_optional *p) { return h(m(p).sequence_value()); }
const kx_map *kx_optional_map(const kx_optional *p) { return h(m(p).map_value()); }
const kx_optional *kx_optional_optional(const kx_optional *p) { return h(m(p).optional_value()); }

}  // extern "C"
