// The fields of ONNX messages (onnx.proto3 up to IR version 14) as far as the importer reads them. A field that is not
// listed is skipped, its content unread.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kerf_onnx {

enum class Kind : uint8_t {
  Model, Graph, Node, Attribute, Tensor, Segment, Sparse, ValueInfo, Type, TypeTensor, TypeSequence, TypeMap,
  TypeOptional, TypeSparse, TypeOpaque, Shape, Dimension, Opset, Entry, Function, Sequence, Map, Optional, count
};

/// How a field's value is checked.
enum class Value : uint8_t {
  Int64,    // any varint
  Int32,    // varint in the range of int32
  Enum,     // varint in 0...limit
  Float,    // fixed 32 bits
  Double,   // fixed 64 bits
  Name,     // bytes, at most limits.name_bytes
  Text,     // bytes of any length
  Message,  // child
};

/// What the scan does with a field beyond checking it.
enum class Role : uint8_t {
  Keep,      // goes to protobuf as it is
  Repeated,  // the same; may occur many times and, for numbers, packed
  Payload,   // tensor elements: referenced by position, cut from the skeleton
};

struct Field {
  uint8_t number;
  Value value;
  Role role;
  Kind child;      // of Value::Message
  uint8_t limit;   // of Value::Enum
  const char *name;
};

struct Schema {
  const char *name;
  const Field *fields;
  uint8_t count;
  uint16_t heap_bytes;  // about what protobuf takes for one, without strings and lists
  bool may_be_empty;    // zero bytes can be a valid message of this kind
};

const Schema &schema(Kind kind);
const Field *field(Kind kind, uint32_t number);

}  // namespace kerf_onnx
