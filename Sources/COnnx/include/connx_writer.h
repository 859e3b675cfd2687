// Building an ONNX model for Swift, on libonnx's messages. Every handle lives until kx_writer_free. Nothing here throws;
// what cannot be made is NULL or false.
#pragma once
#include "connx.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kx_writer kx_writer;
typedef struct kx_out_graph kx_out_graph;
typedef struct kx_out_node kx_out_node;
typedef struct kx_out_attribute kx_out_attribute;
typedef struct kx_out_tensor kx_out_tensor;
typedef struct kx_out_type kx_out_type;

kx_writer *kx_writer_create(int64_t ir_version, kx_bytes producer, kx_bytes version);
void kx_writer_free(kx_writer *writer);
void kx_writer_import_opset(kx_writer *writer, kx_bytes domain, int64_t version);
/// The model's graph.
kx_out_graph *kx_writer_graph(kx_writer *writer);
/// The finished file, valid until kx_writer_free; count 0 where it does not fit into 2 GB of memory.
kx_bytes kx_writer_serialize(kx_writer *writer);

void kx_out_graph_set_name(kx_out_graph *graph, kx_bytes name);
kx_out_node *kx_out_graph_add_node(kx_out_graph *graph, kx_bytes operator_name, kx_bytes domain, kx_bytes name);
kx_out_tensor *kx_out_graph_add_initializer(kx_out_graph *graph);
/// An input or output; gives its type to fill in.
kx_out_type *kx_out_graph_add_input(kx_out_graph *graph, kx_bytes name);
kx_out_type *kx_out_graph_add_output(kx_out_graph *graph, kx_bytes name);

void kx_out_node_add_input(kx_out_node *node, kx_bytes name);
void kx_out_node_add_output(kx_out_node *node, kx_bytes name);
/// `type` is an AttributeProto.AttributeType.
kx_out_attribute *kx_out_node_add_attribute(kx_out_node *node, kx_bytes name, int32_t type);

void kx_out_attribute_set_int(kx_out_attribute *attribute, int64_t value);
void kx_out_attribute_set_float(kx_out_attribute *attribute, float value);
void kx_out_attribute_set_string(kx_out_attribute *attribute, kx_bytes value);
void kx_out_attribute_add_int(kx_out_attribute *attribute, int64_t value);
void kx_out_attribute_add_float(kx_out_attribute *attribute, float value);
void kx_out_attribute_add_string(kx_out_attribute *attribute, kx_bytes value);
kx_out_graph *kx_out_attribute_graph(kx_out_attribute *attribute);
kx_out_tensor *kx_out_attribute_tensor(kx_out_attribute *attribute);
kx_out_tensor *kx_out_attribute_add_tensor(kx_out_attribute *attribute);
kx_out_type *kx_out_attribute_type(kx_out_attribute *attribute);

/// `raw` are the elements as ONNX's raw_data; false where memory does not suffice.
bool kx_out_tensor_set(
    kx_out_tensor *tensor, kx_bytes name, int32_t element, const int64_t *dims, size_t rank, kx_bytes raw);
void kx_out_tensor_add_string(kx_out_tensor *tensor, kx_bytes value);

void kx_out_type_set_tensor(kx_out_type *type, int32_t element);
void kx_out_type_set_rank_known(kx_out_type *type);
void kx_out_type_add_size(kx_out_type *type, int64_t size);
/// An empty symbol: unknown.
void kx_out_type_add_symbol(kx_out_type *type, kx_bytes symbol);
kx_out_type *kx_out_type_sequence(kx_out_type *type);
kx_out_type *kx_out_type_optional(kx_out_type *type);
kx_out_type *kx_out_type_map(kx_out_type *type, int32_t key);

#ifdef __cplusplus
}
#endif
