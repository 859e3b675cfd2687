#include "connx_writer.h"

#include <onnx/onnx_pb.h>

#include <exception>
#include <new>
#include <string>

struct kx_writer {
  onnx::ModelProto model;
  std::string bytes;
};

namespace {

std::string text(kx_bytes bytes) {
  return bytes.count == 0 ? std::string() : std::string(reinterpret_cast<const char *>(bytes.data), bytes.count);
}

onnx::GraphProto *of(kx_out_graph *graph) { return reinterpret_cast<onnx::GraphProto *>(graph); }
onnx::NodeProto *of(kx_out_node *node) { return reinterpret_cast<onnx::NodeProto *>(node); }
onnx::AttributeProto *of(kx_out_attribute *a) { return reinterpret_cast<onnx::AttributeProto *>(a); }
onnx::TensorProto *of(kx_out_tensor *tensor) { return reinterpret_cast<onnx::TensorProto *>(tensor); }
onnx::TypeProto *of(kx_out_type *type) { return reinterpret_cast<onnx::TypeProto *>(type); }

kx_out_graph *handle(onnx::GraphProto *graph) { return reinterpret_cast<kx_out_graph *>(graph); }
kx_out_tensor *handle(onnx::TensorProto *tensor) { return reinterpret_cast<kx_out_tensor *>(tensor); }
kx_out_type *handle(onnx::TypeProto *type) { return reinterpret_cast<kx_out_type *>(type); }

kx_out_type *named(onnx::ValueInfoProto *info, kx_bytes name) {
  info->set_name(text(name));
  return handle(info->mutable_type());
}

}  // namespace

kx_writer *kx_writer_create(int64_t ir_version, kx_bytes producer, kx_bytes version) {
  kx_writer *writer = new (std::nothrow) kx_writer;
  if (writer == nullptr) return nullptr;
  writer->model.set_ir_version(ir_version);
  writer->model.set_producer_name(text(producer));
  writer->model.set_producer_version(text(version));
  return writer;
}

void kx_writer_free(kx_writer *writer) { delete writer; }

void kx_writer_import_opset(kx_writer *writer, kx_bytes domain, int64_t version) {
  onnx::OperatorSetIdProto *opset = writer->model.add_opset_import();
  opset->set_domain(text(domain));
  opset->set_version(version);
}

kx_out_graph *kx_writer_graph(kx_writer *writer) { return handle(writer->model.mutable_graph()); }

kx_bytes kx_writer_serialize(kx_writer *writer) {
  try {
    // protobuf's limit for one message.
    if (writer->model.ByteSizeLong() > 0x7fffffff) return {nullptr, 0};
    if (!writer->model.SerializeToString(&writer->bytes)) return {nullptr, 0};
  } catch (const std::exception &) {
    return {nullptr, 0};
  }
  return {reinterpret_cast<const uint8_t *>(writer->bytes.data()), writer->bytes.size()};
}

void kx_out_graph_set_name(kx_out_graph *graph, kx_bytes name) { of(graph)->set_name(text(name)); }

kx_out_node *kx_out_graph_add_node(kx_out_graph *graph, kx_bytes operator_name, kx_bytes domain, kx_bytes name) {
  onnx::NodeProto *node = of(graph)->add_node();
  node->set_op_type(text(operator_name));
  if (domain.count > 0) node->set_domain(text(domain));
  if (name.count > 0) node->set_name(text(name));
  return reinterpret_cast<kx_out_node *>(node);
}

kx_out_tensor *kx_out_graph_add_initializer(kx_out_graph *graph) { return handle(of(graph)->add_initializer()); }
kx_out_type *kx_out_graph_add_input(kx_out_graph *graph, kx_bytes name) { return named(of(graph)->add_input(), name); }
kx_out_type *kx_out_graph_add_output(kx_out_graph *graph, kx_bytes name) {
  return named(of(graph)->add_output(), name);
}

void kx_out_node_add_input(kx_out_node *node, kx_bytes name) { of(node)->add_input(text(name)); }
void kx_out_node_add_output(kx_out_node *node, kx_bytes name) { of(node)->add_output(text(name)); }

kx_out_attribute *kx_out_node_add_attribute(kx_out_node *node, kx_bytes name, int32_t type) {
  onnx::AttributeProto *attribute = of(node)->add_attribute();
  attribute->set_name(text(name));
  attribute->set_type(static_cast<onnx::AttributeProto_AttributeType>(type));
  return reinterpret_cast<kx_out_attribute *>(attribute);
}

void kx_out_attribute_set_int(kx_out_attribute *attribute, int64_t value) { of(attribute)->set_i(value); }
void kx_out_attribute_set_float(kx_out_attribute *attribute, float value) { of(attribute)->set_f(value); }
void kx_out_attribute_set_string(kx_out_attribute *attribute, kx_bytes value) { of(attribute)->set_s(text(value)); }
void kx_out_attribute_add_int(kx_out_attribute *attribute, int64_t value) { of(attribute)->add_ints(value); }
void kx_out_attribute_add_float(kx_out_attribute *attribute, float value) { of(attribute)->add_floats(value); }
void kx_out_attribute_add_string(kx_out_attribute *attribute, kx_bytes value) {
  of(attribute)->add_strings(text(value));
}
kx_out_graph *kx_out_attribute_graph(kx_out_attribute *attribute) { return handle(of(attribute)->mutable_g()); }
kx_out_tensor *kx_out_attribute_tensor(kx_out_attribute *attribute) { return handle(of(attribute)->mutable_t()); }
kx_out_tensor *kx_out_attribute_add_tensor(kx_out_attribute *attribute) {
  return handle(of(attribute)->add_tensors());
}
kx_out_type *kx_out_attribute_type(kx_out_attribute *attribute) { return handle(of(attribute)->mutable_tp()); }

bool kx_out_tensor_set(
    kx_out_tensor *tensor, kx_bytes name, int32_t element, const int64_t *dims, size_t rank, kx_bytes raw) {
  try {
    if (name.count > 0) of(tensor)->set_name(text(name));
    of(tensor)->set_data_type(element);
    for (size_t i = 0; i < rank; i++) of(tensor)->add_dims(dims[i]);
    if (element != onnx::TensorProto::STRING) of(tensor)->set_raw_data(text(raw));
    return true;
  } catch (const std::exception &) {
    return false;
  }
}

void kx_out_tensor_add_string(kx_out_tensor *tensor, kx_bytes value) { of(tensor)->add_string_data(text(value)); }

void kx_out_type_set_tensor(kx_out_type *type, int32_t element) {
  of(type)->mutable_tensor_type()->set_elem_type(element);
}
void kx_out_type_set_rank_known(kx_out_type *type) { of(type)->mutable_tensor_type()->mutable_shape(); }
void kx_out_type_add_size(kx_out_type *type, int64_t size) {
  of(type)->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(size);
}
void kx_out_type_add_symbol(kx_out_type *type, kx_bytes symbol) {
  auto *dim = of(type)->mutable_tensor_type()->mutable_shape()->add_dim();
  if (symbol.count > 0) dim->set_dim_param(text(symbol));
}
kx_out_type *kx_out_type_sequence(kx_out_type *type) {
  return handle(of(type)->mutable_sequence_type()->mutable_elem_type());
}
kx_out_type *kx_out_type_optional(kx_out_type *type) {
  return handle(of(type)->mutable_optional_type()->mutable_elem_type());
}
kx_out_type *kx_out_type_map(kx_out_type *type, int32_t key) {
  of(type)->mutable_map_type()->set_key_type(key);
  return handle(of(type)->mutable_map_type()->mutable_value_type());
}
