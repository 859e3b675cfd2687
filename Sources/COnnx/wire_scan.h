// One pass over the wire format of an untrusted file: every length, depth and count is checked before protobuf sees
// anything, tensor contents are noted by position, and a skeleton without them is produced.
#pragma once
#include <string>
#include <vector>

#include "connx.h"
#include "wire_schema.h"

namespace kerf_onnx {

/// Element runs of one tensor: chunks[first ..< first + count].
struct Payload {
  uint32_t first;
  uint32_t count;
};

struct Chunk {
  kx_data_field field;
  bool packed;
  uint64_t offset;
  uint64_t size;
  uint64_t count;
};

struct ScanResult {
  std::string skeleton;  // empty where nothing had to be cut: the bytes are their own skeleton
  std::vector<Payload> payloads;  // by the marker in the skeleton's raw_data
  std::vector<Chunk> chunks;
};

/// False on refusal, with one line in `error`.
bool scan(const uint8_t *bytes, size_t count, Kind root, const kx_limits &limits, ScanResult &result, kx_error *error);

}  // namespace kerf_onnx
