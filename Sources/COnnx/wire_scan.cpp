#include "wire_scan.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "wire_cursor.h"

namespace kerf_onnx {
namespace {

constexpr size_t kMarkerBytes = 10;  // tag and length of raw_data, eight bytes of payload index

/// A message being read.
struct Frame {
  Kind kind;
  const Field *via;      // the parent's field, null for the root
  uint64_t end;
  uint64_t length_at;    // where the parent wrote this message's length
  uint64_t length_size;
  int64_t delta;         // bytes the skeleton's version is longer (usually negative)
  uint32_t seen;         // singular message fields met so far, by position in the schema
  bool has_payload;
  uint64_t counts[3];    // of the repeated fields that have a limit of their own
};

/// A change from the file to the skeleton: bytes [at, at + removed) become a marker, a new length or nothing.
struct Edit {
  enum Kind : uint8_t { cut, marker, length };
  uint64_t at;
  uint64_t removed;
  uint64_t value;
  Kind kind;
};

class Scanner {
 public:
  Scanner(const uint8_t *bytes, size_t count, const kx_limits &limits, ScanResult &result, kx_error *error)
      : bytes_(bytes), count_(count), limits_(limits), result_(result), error_(error) {}

  bool run(Kind root) {
    if (count_ == 0) return fail(0, "the file is empty");
    if (count_ > limits_.file_bytes) {
      return fail(0, "the file has %zu bytes, the limit is %llu", count_, ull(limits_.file_bytes));
    }
    stack_.push_back(Frame{root, nullptr, count_, 0, 0, 0, 0, false, {0, 0, 0}});
    while (true) {
      while (!stack_.empty() && at_ == stack_.back().end) close();
      if (stack_.empty()) break;
      if (!one_field()) return false;
    }
    build();
    return true;
  }

 private:
  const uint8_t *bytes_;
  const uint64_t count_;
  const kx_limits &limits_;
  ScanResult &result_;
  kx_error *error_;
  uint64_t at_ = 0;
  uint64_t heap_ = 0;
  uint64_t nodes_ = 0, initializers_ = 0, functions_ = 0;
  std::vector<Frame> stack_;
  std::vector<Edit> edits_;

  static unsigned long long ull(uint64_t v) { return v; }

  __attribute__((format(printf, 3, 4))) bool fail(uint64_t at, const char *format, ...) {
    int n = 0;
    if (!stack_.empty()) {
      n = snprintf(error_->text, sizeof error_->text, "byte %llu: %s: ", ull(at), schema(stack_.back().kind).name);
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error_->text + n, sizeof error_->text - n, format, arguments);
    va_end(arguments);
    return false;
  }

  bool varint(uint64_t end, uint64_t &value, const char *what) {
    const uint64_t start = at_;
    switch (read_varint(bytes_, at_, end, value)) {
      case VarintResult::ok: return true;
      case VarintResult::truncated: return fail(start, "%s is cut off", what);
      case VarintResult::tooLong: return fail(start, "%s is not a 64-bit varint", what);
    }
    return false;
  }

  bool take(uint64_t size, uint64_t end, const char *what) {
    if (size > end - at_) {
      return fail(at_, "%s takes %llu bytes, only %llu are left", what, ull(size), ull(end - at_));
    }
    at_ += size;
    return true;
  }

  bool charge(uint64_t bytes) {
    heap_ += bytes;
    const uint64_t allowed = limits_.heap_base_bytes + limits_.heap_per_file_byte * count_;
    if (heap_ <= allowed) return true;
    return fail(at_, "the structure would take more than %llu bytes of memory", ull(allowed));
  }

  bool one_field() {
    const uint64_t start = at_;
    const uint64_t end = stack_.back().end;
    uint64_t tag = 0;
    if (!varint(end, tag, "a field tag")) return false;
    if (tag > UINT32_MAX || tag >> 3 == 0) return fail(start, "field number %llu is not valid", ull(tag >> 3));
    const uint32_t wire = tag & 7;
    const Field *f = field(stack_.back().kind, static_cast<uint32_t>(tag >> 3));
    if (f == nullptr) return skip(start, wire, static_cast<uint32_t>(tag >> 3), end);
    switch (f->value) {
      case Value::Message: return open(*f, wire, start, end);
      case Value::Name:
      case Value::Text: return bytes(*f, wire, start, end);
      default: return numeric(*f, wire, start, end);
    }
  }

  // Messages

  bool open(const Field &f, uint32_t wire, uint64_t start, uint64_t end) {
    if (wire != 2) return wrong_wire(f, wire, start);
    const uint64_t length_at = at_;
    uint64_t length = 0;
    if (!varint(end, length, f.name)) return false;
    if (length > end - at_) {
      return fail(start, "%s takes %llu bytes, only %llu are left", f.name, ull(length), ull(end - at_));
    }
    if (stack_.size() >= limits_.depth) {
      return fail(start, "messages are nested deeper than %u", limits_.depth);
    }
    const Schema &child = schema(f.child);
    const bool empty_is_valid = child.may_be_empty || (f.child == Kind::Tensor && f.role == Role::Keep);
    if (length == 0 && !empty_is_valid) return fail(start, "%s is empty", f.name);
    if (f.role == Role::Keep && !once(f, start)) return false;
    if (!count_message(f, start) || !charge(child.heap_bytes)) return false;
    stack_.push_back(Frame{f.child, &f, at_ + length, length_at, at_ - length_at, 0, 0, false, {0, 0, 0}});
    return true;
  }

  bool once(const Field &f, uint64_t start) {
    Frame &top = stack_.back();
    const uint32_t bit = 1u << (&f - schema(top.kind).fields);
    if (top.seen & bit) return fail(start, "%s is given twice", f.name);
    top.seen |= bit;
    return true;
  }

  bool limit(uint64_t &counter, uint64_t maximum, const char *what, uint64_t start) {
    if (++counter <= maximum) return true;
    return fail(start, "more than %llu %s", ull(maximum), what);
  }

  bool count_message(const Field &f, uint64_t start) {
    Frame &top = stack_.back();
    switch (f.child) {
      case Kind::Node: return limit(nodes_, limits_.nodes, "nodes", start);
      case Kind::Function: return limit(functions_, limits_.functions, "functions", start);
      case Kind::Opset: return limit(top.counts[0], limits_.opset_imports, "opset imports", start);
      case Kind::Attribute: return limit(top.counts[2], limits_.attributes_per_node, "attributes on one node", start);
      case Kind::Dimension: return limit(top.counts[0], limits_.rank, "dimensions", start);
      case Kind::Tensor:
      case Kind::Sparse:
        if (top.kind != Kind::Graph) return true;
        return limit(initializers_, limits_.initializers, "initializers", start);
      default: return true;
    }
  }

  void close() {
    const Frame frame = stack_.back();
    stack_.pop_back();
    if (stack_.empty() || frame.delta == 0) return;
    const uint64_t old = frame.end - (frame.length_at + frame.length_size);
    const uint64_t length = old + static_cast<uint64_t>(frame.delta);
    edits_.push_back(Edit{frame.length_at, frame.length_size, length, Edit::length});
    stack_.back().delta += frame.delta + static_cast<int64_t>(varint_size(length))
        - static_cast<int64_t>(frame.length_size);
  }

  // Numbers

  bool numeric(const Field &f, uint32_t wire, uint64_t start, uint64_t end) {
    const uint32_t expected = f.value == Value::Float ? 5 : f.value == Value::Double ? 1 : 0;
    const bool packed = wire == 2 && f.role != Role::Keep;
    if (wire != expected && !packed) return wrong_wire(f, wire, start);
    uint64_t content_at = at_;
    uint64_t elements = 1;
    if (packed) {
      uint64_t length = 0;
      if (!varint(end, length, f.name)) return false;
      content_at = at_;
      if (!packed_content(f, expected, length, end, elements)) return false;
    } else if (expected == 0) {
      uint64_t value = 0;
      if (!varint(end, value, f.name) || !in_range(f, value, content_at)) return false;
    } else if (!take(expected == 5 ? 4 : 8, end, f.name)) {
      return false;
    }
    if (f.role == Role::Payload) return payload(f, packed, start, packed ? content_at : start, elements);
    if (f.role == Role::Keep) return true;
    if (!count_dims(f, elements, start)) return false;
    return charge(elements * 16);
  }

  bool packed_content(const Field &f, uint32_t expected, uint64_t length, uint64_t end, uint64_t &elements) {
    if (length > end - at_) {
      return fail(at_, "%s takes %llu bytes, only %llu are left", f.name, ull(length), ull(end - at_));
    }
    const uint64_t content_end = at_ + length;
    if (expected != 0) {
      const uint64_t width = expected == 5 ? 4 : 8;
      if (length % width) return fail(at_, "%s has %llu bytes, not a multiple of %llu", f.name, ull(length), ull(width));
      elements = length / width;
      at_ = content_end;
      return true;
    }
    elements = 0;
    uint64_t value = 0;
    for (; at_ < content_end; ++elements) {
      if (!varint(content_end, value, f.name)) return false;
    }
    return true;
  }

  bool in_range(const Field &f, uint64_t value, uint64_t at) {
    const int64_t v = static_cast<int64_t>(value);
    if (f.value == Value::Int32 && (v < INT32_MIN || v > INT32_MAX)) {
      return fail(at, "%s is %lld, out of range", f.name, static_cast<long long>(v));
    }
    if (f.value == Value::Enum && value > f.limit) {
      return fail(at, "%s is %lld, the accepted range is 0...%u", f.name, static_cast<long long>(v), f.limit);
    }
    return true;
  }

  /// Counts toward the rank when the list is dims of a tensor or sparse tensor.
  bool count_dims(const Field &f, uint64_t elements, uint64_t start) {
    Frame &top = stack_.back();
    if (top.kind != Kind::Tensor && top.kind != Kind::Sparse) return true;
    top.counts[0] += elements;
    if (top.counts[0] <= limits_.rank) return true;
    return fail(start, "%s has more than %llu entries", f.name, ull(limits_.rank));
  }

  // Bytes

  bool bytes(const Field &f, uint32_t wire, uint64_t start, uint64_t end) {
    if (wire != 2) return wrong_wire(f, wire, start);
    uint64_t length = 0;
    if (!varint(end, length, f.name)) return false;
    if (f.value == Value::Name && length > limits_.name_bytes && length <= end - at_) {
      return fail(start, "%s has %llu bytes, the limit is %llu", f.name, ull(length), ull(limits_.name_bytes));
    }
    const uint64_t content_at = at_;
    if (!take(length, end, f.name)) return false;
    if (f.role == Role::Payload) {
      const bool raw = f.number == KX_RAW_DATA;
      if (raw && !once(f, start)) return false;
      return payload(f, raw, start, raw ? content_at : start, raw ? length : 1);
    }
    Frame &top = stack_.back();
    if (f.role == Role::Repeated && top.kind == Kind::Node) {
      const bool input = f.number == 1;
      if (!limit(top.counts[input ? 0 : 1], limits_.inputs_per_node, input ? "inputs on one node"
          : "outputs of one node", start)) return false;
    }
    return charge(48 + (length > 15 ? length : 0));
  }

  /// Notes elements at [from, at_) and cuts the field that began at `start` from the skeleton.
  bool payload(const Field &f, bool packed, uint64_t start, uint64_t from, uint64_t elements) {
    Frame &top = stack_.back();
    if (elements == 0 && f.number != KX_RAW_DATA) return cut(start);
    const auto number = static_cast<kx_data_field>(f.number);
    if (!top.has_payload) {
      top.has_payload = true;
      edits_.push_back(Edit{start, at_ - start, result_.payloads.size(), Edit::marker});
      top.delta += static_cast<int64_t>(kMarkerBytes) - static_cast<int64_t>(at_ - start);
      result_.payloads.push_back(Payload{static_cast<uint32_t>(result_.chunks.size()), 0});
    } else {
      if (!cut(start)) return false;
      Chunk &last = result_.chunks.back();
      if (!packed && !last.packed && last.field == number && last.offset + last.size == start) {
        last.size = at_ - last.offset;
        last.count += 1;
        return true;
      }
    }
    result_.payloads.back().count += 1;
    result_.chunks.push_back(Chunk{number, packed, from, at_ - from, elements});
    return charge(sizeof(Chunk) + sizeof(Edit));
  }

  // Fields that are not read

  bool cut(uint64_t start) {
    stack_.back().delta -= static_cast<int64_t>(at_ - start);
    if (!edits_.empty() && edits_.back().kind == Edit::cut && edits_.back().at + edits_.back().removed == start) {
      edits_.back().removed += at_ - start;
      return true;
    }
    edits_.push_back(Edit{start, at_ - start, 0, Edit::cut});
    return charge(sizeof(Edit));
  }

  bool skip(uint64_t start, uint32_t wire, uint32_t number, uint64_t end) {
    uint64_t value = 0;
    switch (wire) {
      case 0:
        if (!varint(end, value, "an unknown field")) return false;
        break;
      case 1:
        if (!take(8, end, "an unknown field")) return false;
        break;
      case 2:
        if (!varint(end, value, "an unknown field") || !take(value, end, "an unknown field")) return false;
        break;
      case 3:
        if (!skip_group(start, number, end)) return false;
        break;
      case 5:
        if (!take(4, end, "an unknown field")) return false;
        break;
      default: return fail(start, wire == 4 ? "a group ends that never began" : "wire type %u does not exist", wire);
    }
    return cut(start);
  }

  bool skip_group(uint64_t start, uint32_t number, uint64_t end) {
    std::vector<uint32_t> open{number};
    while (!open.empty()) {
      if (open.size() + stack_.size() > limits_.depth) {
        return fail(start, "groups are nested deeper than %u", limits_.depth);
      }
      uint64_t tag = 0, value = 0;
      if (!varint(end, tag, "a group")) return false;
      if (tag > UINT32_MAX || tag >> 3 == 0) return fail(at_, "a group has a field of number 0 or out of range");
      switch (tag & 7) {
        case 0:
          if (!varint(end, value, "a group")) return false;
          break;
        case 1:
          if (!take(8, end, "a group")) return false;
          break;
        case 2:
          if (!varint(end, value, "a group") || !take(value, end, "a group")) return false;
          break;
        case 3: open.push_back(static_cast<uint32_t>(tag >> 3)); break;
        case 4:
          if (tag >> 3 != open.back()) return fail(at_, "a group ends with another group's number");
          open.pop_back();
          break;
        case 5:
          if (!take(4, end, "a group")) return false;
          break;
        default: return fail(at_, "wire type %u does not exist", static_cast<unsigned>(tag & 7));
      }
    }
    return true;
  }

  bool wrong_wire(const Field &f, uint32_t wire, uint64_t start) {
    return fail(start, "%s is stored with wire type %u", f.name, wire);
  }

  // Skeleton

  void build() {
    if (edits_.empty()) return;
    std::sort(edits_.begin(), edits_.end(), [](const Edit &a, const Edit &b) { return a.at < b.at; });
    std::string &out = result_.skeleton;
    const auto base = reinterpret_cast<const char *>(bytes_);
    uint64_t size = count_;
    for (const Edit &e : edits_) size += (e.kind == Edit::cut ? 0 : kMarkerBytes) - e.removed;
    out.reserve(size);
    uint64_t from = 0;
    for (const Edit &e : edits_) {
      out.append(base + from, e.at - from);
      from = e.at + e.removed;
      if (e.kind == Edit::length) {
        uint8_t digits[10];
        out.append(reinterpret_cast<const char *>(digits), write_varint(e.value, digits));
      } else if (e.kind == Edit::marker) {
        const char head[2] = {KX_RAW_DATA << 3 | 2, 8};
        out.append(head, 2);
        out.append(reinterpret_cast<const char *>(&e.value), 8);
      }
    }
    out.append(base + from, count_ - from);
    std::vector<Edit>().swap(edits_);
  }
};

}  // namespace

bool scan(const uint8_t *bytes, size_t count, Kind root, const kx_limits &limits, ScanResult &result,
          kx_error *error) {
  return Scanner(bytes, count, limits, result, error).run(root);
}

}  // namespace kerf_onnx
