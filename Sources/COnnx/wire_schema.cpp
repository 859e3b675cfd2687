#include "wire_schema.h"

namespace kerf_onnx {
namespace {

constexpr Field number(uint8_t n, Value v, const char *name) { return {n, v, Role::Keep, Kind::Model, 0, name}; }
constexpr Field list(uint8_t n, Value v, const char *name) { return {n, v, Role::Repeated, Kind::Model, 0, name}; }
constexpr Field payload(uint8_t n, Value v, const char *name) { return {n, v, Role::Payload, Kind::Model, 0, name}; }
constexpr Field choice(uint8_t n, uint8_t limit, const char *name) {
  return {n, Value::Enum, Role::Keep, Kind::Model, limit, name};
}
constexpr Field one(uint8_t n, Kind kind, const char *name) { return {n, Value::Message, Role::Keep, kind, 0, name}; }
constexpr Field many(uint8_t n, Kind kind, const char *name) {
  return {n, Value::Message, Role::Repeated, kind, 0, name};
}

const Field model[] = {
    number(1, Value::Int64, "ir_version"), number(2, Value::Name, "producer_name"),
    number(3, Value::Name, "producer_version"), one(7, Kind::Graph, "graph"),
    many(8, Kind::Opset, "opset_import"), many(25, Kind::Function, "functions")};
const Field graph[] = {
    many(1, Kind::Node, "node"), number(2, Value::Name, "name"), many(5, Kind::Tensor, "initializer"),
    many(11, Kind::ValueInfo, "input"), many(12, Kind::ValueInfo, "output"),
    many(13, Kind::ValueInfo, "value_info"), many(15, Kind::Sparse, "sparse_initializer")};
const Field node[] = {
    list(1, Value::Name, "input"), list(2, Value::Name, "output"), number(3, Value::Name, "name"),
    number(4, Value::Name, "op_type"), many(5, Kind::Attribute, "attribute"), number(7, Value::Name, "domain"),
    number(8, Value::Name, "overload")};
const Field attribute[] = {
    number(1, Value::Name, "name"), number(2, Value::Float, "f"), number(3, Value::Int64, "i"),
    number(4, Value::Text, "s"), one(5, Kind::Tensor, "t"), one(6, Kind::Graph, "g"),
    list(7, Value::Float, "floats"), list(8, Value::Int64, "ints"), list(9, Value::Text, "strings"),
    many(10, Kind::Tensor, "tensors"), many(11, Kind::Graph, "graphs"), one(14, Kind::Type, "tp"),
    many(15, Kind::Type, "type_protos"), choice(20, 14, "type"), number(21, Value::Name, "ref_attr_name"),
    one(22, Kind::Sparse, "sparse_tensor"), many(23, Kind::Sparse, "sparse_tensors")};
const Field tensor[] = {
    list(1, Value::Int64, "dims"), number(2, Value::Int32, "data_type"), one(3, Kind::Segment, "segment"),
    payload(4, Value::Float, "float_data"), payload(5, Value::Int64, "int32_data"),
    payload(6, Value::Text, "string_data"), payload(7, Value::Int64, "int64_data"), number(8, Value::Name, "name"),
    payload(9, Value::Text, "raw_data"), payload(10, Value::Double, "double_data"),
    payload(11, Value::Int64, "uint64_data"), many(13, Kind::Entry, "external_data"), choice(14, 1, "data_location")};
const Field segment[] = {number(1, Value::Int64, "begin"), number(2, Value::Int64, "end")};
const Field sparse[] = {
    one(1, Kind::Tensor, "values"), one(2, Kind::Tensor, "indices"), list(3, Value::Int64, "dims")};
const Field value_info[] = {number(1, Value::Name, "name"), one(2, Kind::Type, "type")};
const Field type[] = {
    one(1, Kind::TypeTensor, "tensor_type"), one(4, Kind::TypeSequence, "sequence_type"),
    one(5, Kind::TypeMap, "map_type"), one(7, Kind::TypeOpaque, "opaque_type"),
    one(8, Kind::TypeSparse, "sparse_tensor_type"), one(9, Kind::TypeOptional, "optional_type")};
const Field type_tensor[] = {number(1, Value::Int32, "elem_type"), one(2, Kind::Shape, "shape")};
const Field type_sequence[] = {one(1, Kind::Type, "elem_type")};
const Field type_map[] = {number(1, Value::Int32, "key_type"), one(2, Kind::Type, "value_type")};
const Field type_opaque[] = {number(1, Value::Name, "domain"), number(2, Value::Name, "name")};
const Field shape[] = {many(1, Kind::Dimension, "dim")};
const Field dimension[] = {number(1, Value::Int64, "dim_value"), number(2, Value::Name, "dim_param")};
const Field opset[] = {number(1, Value::Name, "domain"), number(2, Value::Int64, "version")};
const Field entry[] = {number(1, Value::Name, "key"), number(2, Value::Name, "value")};
const Field function[] = {
    number(1, Value::Name, "name"), list(4, Value::Name, "input"), list(5, Value::Name, "output"),
    list(6, Value::Name, "attribute"), many(7, Kind::Node, "node"), many(9, Kind::Opset, "opset_import"),
    number(10, Value::Name, "domain"), many(11, Kind::Attribute, "attribute_proto"),
    number(13, Value::Name, "overload")};
const Field sequence[] = {
    number(1, Value::Name, "name"), choice(2, 5, "elem_type"), many(3, Kind::Tensor, "tensor_values"),
    many(4, Kind::Sparse, "sparse_tensor_values"), many(5, Kind::Sequence, "sequence_values"),
    many(6, Kind::Map, "map_values"), many(7, Kind::Optional, "optional_values")};
const Field map[] = {
    number(1, Value::Name, "name"), number(2, Value::Int32, "key_type"), list(3, Value::Int64, "keys"),
    list(4, Value::Name, "string_keys"), one(5, Kind::Sequence, "values")};
const Field optional[] = {
    number(1, Value::Name, "name"), choice(2, 5, "elem_type"), one(3, Kind::Tensor, "tensor_value"),
    one(4, Kind::Sparse, "sparse_tensor_value"), one(5, Kind::Sequence, "sequence_value"),
    one(6, Kind::Map, "map_value"), one(7, Kind::Optional, "optional_value")};

template <uint8_t N>
constexpr Schema make(const char *name, const Field (&fields)[N], uint16_t heap, bool may_be_empty) {
  return {name, fields, N, heap, may_be_empty};
}

const Schema schemas[] = {
    make("ModelProto", model, 256, false),
    make("GraphProto", graph, 256, true),
    make("NodeProto", node, 160, false),
    make("AttributeProto", attribute, 272, false),
    make("TensorProto", tensor, 288, false),
    make("TensorProto.Segment", segment, 40, true),
    make("SparseTensorProto", sparse, 80, false),
    make("ValueInfoProto", value_info, 56, false),
    make("TypeProto", type, 56, true),
    make("TypeProto.Tensor", type_tensor, 48, true),
    make("TypeProto.Sequence", type_sequence, 40, true),
    make("TypeProto.Map", type_map, 48, true),
    make("TypeProto.Optional", type_sequence, 40, true),
    make("TypeProto.SparseTensor", type_tensor, 48, true),
    make("TypeProto.Opaque", type_opaque, 48, true),
    make("TensorShapeProto", shape, 48, true),
    make("TensorShapeProto.Dimension", dimension, 48, true),
    make("OperatorSetIdProto", opset, 48, true),
    make("StringStringEntryProto", entry, 48, false),
    make("FunctionProto", function, 256, false),
    make("SequenceProto", sequence, 176, true),
    make("MapProto", map, 128, true),
    make("OptionalProto", optional, 96, true),
};
static_assert(sizeof(schemas) / sizeof(schemas[0]) == static_cast<size_t>(Kind::count), "one schema per kind");

}  // namespace

const Schema &schema(Kind kind) { return schemas[static_cast<size_t>(kind)]; }

const Field *field(Kind kind, uint32_t number) {
  const Schema &s = schema(kind);
  for (uint8_t i = 0; i < s.count; ++i) {
    if (s.fields[i].number == number) return &s.fields[i];
  }
  return nullptr;
}

}  // namespace kerf_onnx
