// A C view of ONNX protobuf files for Swift.
//
// A file is opened in two steps. A scan of the wire format (own code, iterative, allocation bounded by the limits)
// checks every length, depth and count and writes a skeleton: the same messages without weights, documentation,
// metadata and unknown fields. protobuf then parses the skeleton. Tensor contents stay where they are in the caller's
// bytes and are read through chunks. Nothing here throws; every pointer handed out lives until kx_close.
#pragma once
#include "confined.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Bytes inside the document or the caller's file; never NUL-terminated.
typedef struct {
  const uint8_t *data;
  size_t count;
} kx_bytes;

/// What a file may ask for. All counts are totals over the file unless they say otherwise.
typedef struct {
  uint64_t file_bytes;
  uint32_t depth;  // nested messages and groups, at most 100
  uint64_t nodes;
  uint64_t inputs_per_node;  // outputs likewise
  uint64_t attributes_per_node;
  uint64_t initializers;
  uint64_t functions;
  uint64_t opset_imports;  // of the model, and of each function
  uint64_t rank;
  uint64_t name_bytes;
  uint64_t heap_base_bytes;       // parsed structure may take base + factor * file size
  uint64_t heap_per_file_byte;
} kx_limits;

typedef enum { KX_MODEL = 0, KX_TENSOR = 1, KX_SEQUENCE = 2, KX_OPTIONAL = 3 } kx_root;

/// A refusal: one line of text, cut at the buffer's end.
typedef struct {
  char text[512];
} kx_error;

typedef struct kx_document kx_document;
typedef struct kx_model kx_model;
typedef struct kx_graph kx_graph;
typedef struct kx_node kx_node;
typedef struct kx_attribute kx_attribute;
typedef struct kx_tensor kx_tensor;
typedef struct kx_sparse kx_sparse;
typedef struct kx_value_info kx_value_info;
typedef struct kx_type kx_type;
typedef struct kx_function kx_function;
typedef struct kx_sequence kx_sequence;
typedef struct kx_map kx_map;
typedef struct kx_optional kx_optional;

/// Scans and parses `bytes`, which must stay mapped and unchanged until kx_close. NULL on refusal, with the reason.
kx_document *kx_open(const uint8_t *bytes, size_t count, kx_root root, const kx_limits *limits, kx_error *error);
void kx_close(kx_document *document);
/// A file that holds what ONNX defines as functions; lives for ever.
kx_bytes kx_function_bodies(void);
/// Bytes of the skeleton that protobuf parsed; for reports and tests.
size_t kx_skeleton_bytes(const kx_document *document);

const kx_model *kx_document_model(const kx_document *document);
/// Nodes of the model's main graph, which its kx_graph does not have. A node is valid until another one is asked for.
size_t kx_document_node_count(const kx_document *document);
const kx_node *kx_document_node(kx_document *document, size_t index);
const kx_tensor *kx_document_tensor(const kx_document *document);
const kx_sequence *kx_document_sequence(const kx_document *document);
const kx_optional *kx_document_optional(const kx_document *document);

// Model
int64_t kx_model_ir_version(const kx_model *model);
kx_bytes kx_model_producer(const kx_model *model);
kx_bytes kx_model_producer_version(const kx_model *model);
/// NULL when the file has none.
const kx_graph *kx_model_graph(const kx_model *model);
size_t kx_model_opset_count(const kx_model *model);
kx_bytes kx_model_opset_domain(const kx_model *model, size_t index);
int64_t kx_model_opset_version(const kx_model *model, size_t index);
size_t kx_model_function_count(const kx_model *model);
const kx_function *kx_model_function(const kx_model *model, size_t index);

// Function
kx_bytes kx_function_name(const kx_function *function);
kx_bytes kx_function_domain(const kx_function *function);
kx_bytes kx_function_overload(const kx_function *function);
size_t kx_function_input_count(const kx_function *function);
kx_bytes kx_function_input(const kx_function *function, size_t index);
size_t kx_function_output_count(const kx_function *function);
kx_bytes kx_function_output(const kx_function *function, size_t index);
size_t kx_function_parameter_count(const kx_function *function);
kx_bytes kx_function_parameter(const kx_function *function, size_t index);
size_t kx_function_node_count(const kx_function *function);
const kx_node *kx_function_node(const kx_function *function, size_t index);
size_t kx_function_opset_count(const kx_function *function);
kx_bytes kx_function_opset_domain(const kx_function *function, size_t index);
int64_t kx_function_opset_version(const kx_function *function, size_t index);
/// Attributes with a default value (IR 9); newer than the linked libonnx, so the document parses them itself.
size_t kx_function_default_count(const kx_document *document, const kx_function *function);
const kx_attribute *kx_function_default(const kx_document *document, const kx_function *function, size_t index);

// Graph
kx_bytes kx_graph_name(const kx_graph *graph);
size_t kx_graph_node_count(const kx_graph *graph);
const kx_node *kx_graph_node(const kx_graph *graph, size_t index);
size_t kx_graph_initializer_count(const kx_graph *graph);
const kx_tensor *kx_graph_initializer(const kx_graph *graph, size_t index);
size_t kx_graph_sparse_initializer_count(const kx_graph *graph);
const kx_sparse *kx_graph_sparse_initializer(const kx_graph *graph, size_t index);
size_t kx_graph_input_count(const kx_graph *graph);
const kx_value_info *kx_graph_input(const kx_graph *graph, size_t index);
size_t kx_graph_output_count(const kx_graph *graph);
const kx_value_info *kx_graph_output(const kx_graph *graph, size_t index);
size_t kx_graph_value_info_count(const kx_graph *graph);
const kx_value_info *kx_graph_value_info(const kx_graph *graph, size_t index);

// Node
kx_bytes kx_node_name(const kx_node *node);
kx_bytes kx_node_operator(const kx_node *node);
kx_bytes kx_node_domain(const kx_node *node);
kx_bytes kx_node_overload(const kx_node *node);
size_t kx_node_input_count(const kx_node *node);
kx_bytes kx_node_input(const kx_node *node, size_t index);
size_t kx_node_output_count(const kx_node *node);
kx_bytes kx_node_output(const kx_node *node, size_t index);
size_t kx_node_attribute_count(const kx_node *node);
const kx_attribute *kx_node_attribute(const kx_node *node, size_t index);

// Attribute. `fields` has bit n set when the field that holds values of AttributeType n is present.
kx_bytes kx_attribute_name(const kx_attribute *attribute);
kx_bytes kx_attribute_reference(const kx_attribute *attribute);
int32_t kx_attribute_type(const kx_attribute *attribute);
uint32_t kx_attribute_fields(const kx_attribute *attribute);
float kx_attribute_float(const kx_attribute *attribute);
int64_t kx_attribute_int(const kx_attribute *attribute);
kx_bytes kx_attribute_string(const kx_attribute *attribute);
const kx_tensor *kx_attribute_tensor(const kx_attribute *attribute);
const kx_graph *kx_attribute_graph(const kx_attribute *attribute);
const kx_sparse *kx_attribute_sparse(const kx_attribute *attribute);
const kx_type *kx_attribute_type_proto(const kx_attribute *attribute);
size_t kx_attribute_float_count(const kx_attribute *attribute);
const float *kx_attribute_floats(const kx_attribute *attribute);
size_t kx_attribute_int_count(const kx_attribute *attribute);
const int64_t *kx_attribute_ints(const kx_attribute *attribute);
size_t kx_attribute_string_count(const kx_attribute *attribute);
kx_bytes kx_attribute_string_at(const kx_attribute *attribute, size_t index);
size_t kx_attribute_tensor_count(const kx_attribute *attribute);
const kx_tensor *kx_attribute_tensor_at(const kx_attribute *attribute, size_t index);
size_t kx_attribute_graph_count(const kx_attribute *attribute);
const kx_graph *kx_attribute_graph_at(const kx_attribute *attribute, size_t index);

// Value info and types
kx_bytes kx_value_info_name(const kx_value_info *info);
/// NULL when the file has none.
const kx_type *kx_value_info_type(const kx_value_info *info);

typedef enum {
  KX_TYPE_NONE = 0,
  KX_TYPE_TENSOR = 1,
  KX_TYPE_SEQUENCE = 4,
  KX_TYPE_MAP = 5,
  KX_TYPE_OPAQUE = 7,
  KX_TYPE_SPARSE = 8,
  KX_TYPE_OPTIONAL = 9
} kx_type_kind;

typedef enum { KX_DIM_UNKNOWN = 0, KX_DIM_VALUE = 1, KX_DIM_SYMBOL = 2 } kx_dim_kind;

kx_type_kind kx_type_case(const kx_type *type);
/// Element type of a tensor or sparse tensor, key type of a map.
int32_t kx_type_element(const kx_type *type);
/// Element of a sequence or optional, value of a map; NULL when absent.
const kx_type *kx_type_inner(const kx_type *type);
bool kx_type_has_shape(const kx_type *type);
size_t kx_type_rank(const kx_type *type);
kx_dim_kind kx_type_dim_kind(const kx_type *type, size_t index);
int64_t kx_type_dim_value(const kx_type *type, size_t index);
kx_bytes kx_type_dim_symbol(const kx_type *type, size_t index);

// Tensor
kx_bytes kx_tensor_name(const kx_tensor *tensor);
int32_t kx_tensor_data_type(const kx_tensor *tensor);
size_t kx_tensor_rank(const kx_tensor *tensor);
const int64_t *kx_tensor_dims(const kx_tensor *tensor);
bool kx_tensor_has_segment(const kx_tensor *tensor);
bool kx_tensor_is_external(const kx_tensor *tensor);
size_t kx_tensor_external_count(const kx_tensor *tensor);
kx_bytes kx_tensor_external_key(const kx_tensor *tensor, size_t index);
kx_bytes kx_tensor_external_value(const kx_tensor *tensor, size_t index);

/// Field numbers of TensorProto that hold elements.
typedef enum {
  KX_FLOAT_DATA = 4,
  KX_INT32_DATA = 5,
  KX_STRING_DATA = 6,
  KX_INT64_DATA = 7,
  KX_RAW_DATA = 9,
  KX_DOUBLE_DATA = 10,
  KX_UINT64_DATA = 11
} kx_data_field;

/// One run of elements as it stands in the file. `packed`: values only; otherwise each value follows its field tag.
/// `count` is elements (raw_data: bytes).
typedef struct {
  kx_data_field field;
  bool packed;
  uint64_t offset;
  kx_bytes bytes;
  size_t count;
} kx_chunk;

size_t kx_tensor_chunk_count(const kx_document *document, const kx_tensor *tensor);
kx_chunk kx_tensor_chunk(const kx_document *document, const kx_tensor *tensor, size_t index);
/// Decodes a chunk of int32_data, int64_data or uint64_data into `out`, which has room for `chunk->count`.
void kx_chunk_read_varints(const kx_chunk *chunk, int64_t *out);
/// Copies a chunk of float_data or double_data into `out`, which has room for count * 4 or count * 8 bytes.
void kx_chunk_read_fixed(const kx_chunk *chunk, uint8_t *out);
/// The string at `*cursor` (start with 0) of a string_data chunk; moves the cursor on.
kx_bytes kx_chunk_next_string(const kx_chunk *chunk, size_t *cursor);

// Sparse tensor; NULL when the part is absent.
const kx_tensor *kx_sparse_values(const kx_sparse *sparse);
const kx_tensor *kx_sparse_indices(const kx_sparse *sparse);
size_t kx_sparse_rank(const kx_sparse *sparse);
const int64_t *kx_sparse_dims(const kx_sparse *sparse);

// Test data: sequences, maps, optionals. Kinds are SequenceProto.DataType: 1 tensor, 2 sparse, 3 sequence, 4 map,
// 5 optional.
int32_t kx_sequence_kind(const kx_sequence *sequence);
size_t kx_sequence_count(const kx_sequence *sequence);
const kx_tensor *kx_sequence_tensor(const kx_sequence *sequence, size_t index);
const kx_sequence *kx_sequence_sequence(const kx_sequence *sequence, size_t index);
const kx_map *kx_sequence_map(const kx_sequence *sequence, size_t index);
const kx_optional *kx_sequence_optional(const kx_sequence *sequence, size_t index);
int32_t kx_map_key_type(const kx_map *map);
size_t kx_map_int_key_count(const kx_map *map);
const int64_t *kx_map_int_keys(const kx_map *map);
size_t kx_map_string_key_count(const kx_map *map);
kx_bytes kx_map_string_key(const kx_map *map, size_t index);
const kx_sequence *kx_map_values(const kx_map *map);
/// The kind of what the optional holds; 0 when it is empty.
int32_t kx_optional_kind(const kx_optional *optional);
const kx_tensor *kx_optional_tensor(const kx_optional *optional);
const kx_sequence *kx_optional_sequence(const kx_optional *optional);
const kx_map *kx_optional_map(const kx_optional *optional);
const kx_optional *kx_optional_optional(const kx_optional *optional);

#ifdef __cplusplus
}
#endif
