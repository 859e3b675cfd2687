// Nodes of a model's main graph, parsed one at a time: parsed protobuf messages of a large graph take some twenty times
// the bytes of the file.
#pragma once
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kerf_onnx {

class MainNodes {
 public:
  /// Takes the nodes out of a scanned model, whose bytes must stay as they are. What is left goes to `rest`.
  void split(const uint8_t *model, size_t count, std::string &rest);

  size_t count() const { return spans_.size(); }

  /// The node at an index. Valid until another is asked for. An empty node, which stands for no operator, where memory
  /// is used up.
  const onnx::NodeProto &node(size_t index);

 private:
  struct Span {
    uint32_t at, size;  // a file has less than 2^31 bytes
  };
  const uint8_t *bytes_ = nullptr;
  std::vector<Span> spans_;
  onnx::NodeProto current_;
  size_t current_index_ = SIZE_MAX;
};

}  // namespace kerf_onnx
