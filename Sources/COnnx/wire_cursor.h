// Bounds-checked reading of protobuf's wire primitives.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kerf_onnx {

enum class VarintResult { ok, truncated, tooLong };

/// Reads a varint in [at, end); on success `at` is behind it.
inline VarintResult read_varint(const uint8_t *bytes, uint64_t &at, uint64_t end, uint64_t &value) {
  uint64_t result = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at >= end) return VarintResult::truncated;
    const uint8_t byte = bytes[at++];
    if (shift == 63 && byte > 1) return VarintResult::tooLong;
    result |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (!(byte & 0x80)) {
      value = result;
      return VarintResult::ok;
    }
  }
  return VarintResult::tooLong;
}

inline size_t write_varint(uint64_t value, uint8_t *out) {
  size_t n = 0;
  while (value >= 0x80) {
    out[n++] = static_cast<uint8_t>(value) | 0x80;
    value >>= 7;
  }
  out[n++] = static_cast<uint8_t>(value);
  return n;
}

inline size_t varint_size(uint64_t value) {
  uint8_t scratch[10];
  return write_varint(value, scratch);
}

}  // namespace kerf_onnx
