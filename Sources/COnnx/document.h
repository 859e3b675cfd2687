#pragma once
#include <google/protobuf/arena.h>
#include <onnx/onnx_pb.h>
#include <onnx/onnx-data.pb.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "connx.h"
#include "main_nodes.h"
#include "wire_scan.h"

/// A parsed file. Messages live in the arena; tensor contents stay in the caller's bytes, and the nodes of a model's main
/// graph are parsed when they are asked for.
struct kx_document {
  const uint8_t *bytes = nullptr;
  kx_root root = KX_MODEL;
  size_t skeleton_bytes = 0;
  std::vector<kerf_onnx::Payload> payloads;
  std::vector<kerf_onnx::Chunk> chunks;
  google::protobuf::Arena arena;
  google::protobuf::MessageLite *message = nullptr;
  /// The file without tensor contents; empty where it has none and is read as it is.
  std::string skeleton;
  kerf_onnx::MainNodes nodes;
  /// FunctionProto.attribute_proto, by function.
  std::unordered_map<const onnx::FunctionProto *, std::vector<onnx::AttributeProto *>> defaults;
};

namespace kerf_onnx {

inline kx_bytes view(const std::string &s) { return {reinterpret_cast<const uint8_t *>(s.data()), s.size()}; }

/// Fields that the linked libonnx is too old to know.
constexpr int kNodeOverload = 8;
constexpr int kFunctionDefault = 11;
constexpr int kFunctionOverload = 13;

/// The last value of a length-delimited field that libonnx does not know, empty when absent.
kx_bytes unknown_bytes(const google::protobuf::Message &message, int number);

}  // namespace kerf_onnx
