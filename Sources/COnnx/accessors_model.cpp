// Model, function, graph, node, value info and type accessors.
#include "document.h"

using namespace kerf_onnx;

namespace {
const onnx::ModelProto &m(const kx_model *p) { return *reinterpret_cast<const onnx::ModelProto *>(p); }
const onnx::FunctionProto &m(const kx_function *p) { return *reinterpret_cast<const onnx::FunctionProto *>(p); }
const onnx::GraphProto &m(const kx_graph *p) { return *reinterpret_cast<const onnx::GraphProto *>(p); }
const onnx::NodeProto &m(const kx_node *p) { return *reinterpret_cast<const onnx::NodeProto *>(p); }
const onnx::ValueInfoProto &m(const kx_value_info *p) { return *reinterpret_cast<const onnx::ValueInfoProto *>(p); }
const onnx::TypeProto &m(const kx_type *p) { return *reinterpret_cast<const onnx::TypeProto *>(p); }

const kx_graph *h(const onnx::GraphProto &g) { return reinterpret_cast<const kx_graph *>(&g); }
const kx_node *h(const onnx::NodeProto &n) { return reinterpret_cast<const kx_node *>(&n); }
const kx_attribute *h(const onnx::AttributeProto &a) { return reinterpret_cast<const kx_attribute *>(&a); }
const kx_tensor *h(const onnx::TensorProto &t) { return reinterpret_cast<const kx_tensor *>(&t); }
const kx_sparse *h(const onnx::SparseTensorProto &s) { return reinterpret_cast<const kx_sparse *>(&s); }
const kx_value_info *h(const onnx::ValueInfoProto &v) { return reinterpret_cast<const kx_value_info *>(&v); }
const kx_type *h(const onnx::TypeProto &t) { return reinterpret_cast<const kx_type *>(&t); }
const kx_function *h(const onnx::FunctionProto &f) { return reinterpret_cast<const kx_function *>(&f); }
int at(size_t index) { return static_cast<int>(index); }
size_t size(int n) { return static_cast<size_t>(n); }
}  // namespace

extern "C" {

const kx_model *kx_document_model(const kx_document *d) {
  return d->root == KX_MODEL ? reinterpret_cast<const kx_model *>(static_cast<onnx::ModelProto *>(d->message))
                             : nullptr;
}

size_t kx_document_node_count(const kx_document *d) { return d->nodes.count(); }
const kx_node *kx_document_node(kx_document *d, size_t i) { return h(d->nodes.node(i)); }

int64_t kx_model_ir_version(const kx_model *p) { return m(p).ir_version(); }
kx_bytes kx_model_producer(const kx_model *p) { return view(m(p).producer_name()); }
kx_bytes kx_model_producer_version(const kx_model *p) { return view(m(p).producer_version()); }
const kx_graph *kx_model_graph(const kx_model *p) { return m(p).has_graph() ? h(m(p).graph()) : nullptr; }
size_t kx_model_opset_count(const kx_model *p) { return size(m(p).opset_import_size()); }
kx_bytes kx_model_opset_domain(const kx_model *p, size_t i) { return view(m(p).opset_import(at(i)).domain()); }
int64_t kx_model_opset_version(const kx_model *p, size_t i) { return m(p).opset_import(at(i)).version(); }
size_t kx_model_function_count(const kx_model *p) { return size(m(p).functions_size()); }
const kx_function *kx_model_function(const kx_model *p, size_t i) { return h(m(p).functions(at(i))); }

kx_bytes kx_function_name(const kx_function *p) { return view(m(p).name()); }
kx_bytes kx_function_domain(const kx_function *p) { return view(m(p).domain()); }
kx_bytes kx_function_overload(const kx_function *p) { return unknown_bytes(m(p), kFunctionOverload); }
size_t kx_function_input_count(const kx_function *p) { return size(m(p).input_size()); }
kx_bytes kx_function_input(const kx_function *p, size_t i) { return view(m(p).input(at(i))); }
size_t kx_function_output_count(const kx_function *p) { return size(m(p).output_size()); }
kx_bytes kx_function_output(const kx_function *p, size_t i) { return view(m(p).output(at(i))); }
size_t kx_function_parameter_count(const kx_function *p) { return size(m(p).attribute_size()); }
kx_bytes kx_function_parameter(const kx_function *p, size_t i) { return view(m(p).attribute(at(i))); }
size_t kx_function_node_count(const kx_function *p) { return size(m(p).node_size()); }
const kx_node *kx_function_node(const kx_function *p, size_t i) { return h(m(p).node(at(i))); }
size_t kx_function_opset_count(const kx_function *p) { return size(m(p).opset_import_size()); }
kx_bytes kx_function_opset_domain(const kx_function *p, size_t i) { return view(m(p).opset_import(at(i)).domain()); }
int64_t kx_function_opset_version(const kx_function *p, size_t i) { return m(p).opset_import(at(i)).version(); }

size_t kx_function_default_count(const kx_document *d, const kx_function *p) {
  const auto found = d->defaults.find(&m(p));
  return found == d->defaults.end() ? 0 : found->second.size();
}
const kx_attribute *kx_function_default(const kx_document *d, const kx_function *p, size_t i) {
  return h(*d->defaults.find(&m(p))->second[i]);
}

kx_bytes kx_graph_name(const kx_graph *p) { return view(m(p).name()); }
size_t kx_graph_node_count(const kx_graph *p) { return size(m(p).node_size()); }
const kx_node *kx_graph_node(const kx_graph *p, size_t i) { return h(m(p).node(at(i))); }
size_t kx_graph_initializer_count(const kx_graph *p) { return size(m(p).initializer_size()); }
const kx_tensor *kx_graph_initializer(const kx_graph *p, size_t i) { return h(m(p).initializer(at(i))); }
size_t kx_graph_sparse_initializer_count(const kx_graph *p) { return size(m(p).sparse_initializer_size()); }
const kx_sparse *kx_graph_sparse_initializer(const kx_graph *p, size_t i) {
  return h(m(p).sparse_initializer(at(i)));
}
size_t kx_graph_input_count(const kx_graph *p) { return size(m(p).input_size()); }
const kx_value_info *kx_graph_input(const kx_graph *p, size_t i) { return h(m(p).input(at(i))); }
size_t kx_graph_output_count(const kx_graph *p) { return size(m(p).output_size()); }
const kx_value_info *kx_graph_output(const kx_graph *p, size_t i) { return h(m(p).output(at(i))); }
size_t kx_graph_value_info_count(const kx_graph *p) { return size(m(p).value_info_size()); }
const kx_value_info *kx_graph_value_info(const kx_graph *p, size_t i) { return h(m(p).value_info(at(i))); }

kx_bytes kx_node_name(const kx_node *p) { return view(m(p).name()); }
kx_bytes kx_node_operator(const kx_node *p) { return view(m(p).op_type()); }
kx_bytes kx_node_domain(const kx_node *p) { return view(m(p).domain()); }
kx_bytes kx_node_overload(const kx_node *p) { return unknown_bytes(m(p), kNodeOverload); }
size_t kx_node_input_count(const kx_node *p) { return size(m(p).input_size()); }
kx_bytes kx_node_input(const kx_node *p, size_t i) { return view(m(p).input(at(i))); }
size_t kx_node_output_count(const kx_node *p) { return size(m(p).output_size()); }
kx_bytes kx_node_output(const kx_node *p, size_t i) { return view(m(p).output(at(i))); }
size_t kx_node_attribute_count(const kx_node *p) { return size(m(p).attribute_size()); }
const kx_attribute *kx_node_attribute(const kx_node *p, size_t i) { return h(m(p).attribute(at(i))); }

kx_bytes kx_value_info_name(const kx_value_info *p) { return view(m(p).name()); }
const kx_type *kx_value_info_type(const kx_value_info *p) { return m(p).has_type() ? h(m(p).type()) : nullptr; }

kx_type_kind kx_type_case(const kx_type *p) { return static_cast<kx_type_kind>(m(p).value_case()); }

int32_t kx_type_element(const kx_type *p) {
  switch (m(p).value_case()) {
    case onnx::TypeProto::kTensorType: return m(p).tensor_type().elem_type();
    case onnx::TypeProto::kSparseTensorType: return m(p).sparse_tensor_type().elem_type();
    case onnx::TypeProto::kMapType: return m(p).map_type().key_type();
    default: return 0;
  }
}

const kx_type *kx_type_inner(const kx_type *p) {
  const onnx::TypeProto &t = m(p);
  switch (t.value_case()) {
    case onnx::TypeProto::kSequenceType:
      return t.sequence_type().has_elem_type() ? h(t.sequence_type().elem_type()) : nullptr;
    case onnx::TypeProto::kMapType: return t.map_type().has_value_type() ? h(t.map_type().value_type()) : nullptr;
    case onnx::TypeProto::kOptionalType:
      return t.optional_type().has_elem_type() ? h(t.optional_type().elem_type()) : nullptr;
    default: return nullptr;
  }
}

static const onnx::TensorShapeProto *shape(const kx_type *p) {
  const onnx::TypeProto &t = m(p);
  if (t.has_tensor_type() && t.tensor_type().has_shape()) return &t.tensor_type().shape();
  if (t.has_sparse_tensor_type() && t.sparse_tensor_type().has_shape()) return &t.sparse_tensor_type().shape();
  return nullptr;
}

bool kx_type_has_shape(const kx_type *p) { return shape(p) != nullptr; }
size_t kx_type_rank(const kx_type *p) { return shape(p) ? size(shape(p)->dim_size()) : 0; }

kx_dim_kind kx_type_dim_kind(const kx_type *p, size_t i) {
  const auto &dim = shape(p)->dim(at(i));
  if (dim.has_dim_value()) return KX_DIM_VALUE;
  return dim.has_dim_param() ? KX_DIM_SYMBOL : KX_DIM_UNKNOWN;
}
int64_t kx_type_dim_value(const kx_type *p, size_t i) { return shape(p)->dim(at(i)).dim_value(); }
kx_bytes kx_type_dim_symbol(const kx_type *p, size_t i) { return view(shape(p)->dim(at(i)).dim_param()); }

}  // extern "C"
