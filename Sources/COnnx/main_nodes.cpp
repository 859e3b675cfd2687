#include "main_nodes.h"

#include <exception>

#include "wire_cursor.h"

namespace kerf_onnx {
namespace {

constexpr uint32_t kModelGraph = 7;
constexpr uint32_t kGraphNode = 1;

/// A field as it stands in the bytes: [start, end), with the content of a length-delimited one at [content, end).
struct WireField {
  uint32_t number = 0;
  uint32_t wire = 0;
  uint64_t start = 0, content = 0, end = 0;
};

/// The field at `at`, which moves behind it. The scan has accepted these bytes and cut what it does not know, so only
/// wire types 0, 1, 2 and 5 occur; false ends the walk on anything else.
bool next_field(const uint8_t *bytes, uint64_t &at, uint64_t end, WireField &field) {
  uint64_t tag = 0, value = 0;
  field.start = at;
  if (read_varint(bytes, at, end, tag) != VarintResult::ok) return false;
  field.number = static_cast<uint32_t>(tag >> 3);
  field.wire = tag & 7;
  uint64_t size = 0;
  switch (field.wire) {
    case 0:
      if (read_varint(bytes, at, end, value) != VarintResult::ok) return false;
      break;
    case 1: size = 8; break;
    case 2:
      if (read_varint(bytes, at, end, size) != VarintResult::ok) return false;
      break;
    case 5: size = 4; break;
    default: return false;
  }
  if (size > end - at) return false;
  field.content = at;
  at += size;
  field.end = at;
  return true;
}

void append(std::string &out, const uint8_t *bytes, const WireField &field) {
  out.append(reinterpret_cast<const char *>(bytes + field.start), field.end - field.start);
}

}  // namespace

void MainNodes::split(const uint8_t *model, size_t count, std::string &rest) {
  bytes_ = model;
  WireField outer, inner;
  for (uint64_t at = 0; at < count && next_field(model, at, count, outer);) {
    if (outer.number != kModelGraph || outer.wire != 2) {
      append(rest, model, outer);
      continue;
    }
    std::string graph;
    for (uint64_t in = outer.content; in < outer.end && next_field(model, in, outer.end, inner);) {
      if (inner.number == kGraphNode && inner.wire == 2) {
        spans_.push_back({static_cast<uint32_t>(inner.content), static_cast<uint32_t>(inner.end - inner.content)});
      } else {
        append(graph, model, inner);
      }
    }
    uint8_t head[20];
    size_t size = write_varint(kModelGraph << 3 | 2, head);
    size += write_varint(graph.size(), head + size);
    rest.append(reinterpret_cast<const char *>(head), size);
    rest.append(graph);
  }
  spans_.shrink_to_fit();
}

const onnx::NodeProto &MainNodes::node(size_t index) {
  if (index == current_index_) return current_;
  current_index_ = SIZE_MAX;
  try {
    current_.Clear();
    const Span span = spans_[index];
    if (!current_.ParsePartialFromArray(bytes_ + span.at, static_cast<int>(span.size))) current_.Clear();
    current_index_ = index;
  } catch (const std::exception &) {
    current_.Clear();
  }
  return current_;
}

}  // namespace kerf_onnx
