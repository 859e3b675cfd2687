#include "document.h"

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/unknown_field_set.h>

#include <cstdio>
#include <exception>
#include <mutex>

using namespace kerf_onnx;

namespace {

google::protobuf::MessageLite *create(kx_root root, google::protobuf::Arena *arena) {
  using google::protobuf::Arena;
  switch (root) {
    case KX_MODEL: return Arena::CreateMessage<onnx::ModelProto>(arena);
    case KX_TENSOR: return Arena::CreateMessage<onnx::TensorProto>(arena);
    case KX_SEQUENCE: return Arena::CreateMessage<onnx::SequenceProto>(arena);
    case KX_OPTIONAL: return Arena::CreateMessage<onnx::OptionalProto>(arena);
  }
  return nullptr;
}

Kind scan_root(kx_root root) {
  switch (root) {
    case KX_MODEL: return Kind::Model;
    case KX_TENSOR: return Kind::Tensor;
    case KX_SEQUENCE: return Kind::Sequence;
    case KX_OPTIONAL: return Kind::Optional;
  }
  return Kind::Model;
}

/// Parses the function attribute defaults that libonnx 1.12 leaves among the unknown fields.
bool parse_defaults(kx_document *document) {
  if (document->root != KX_MODEL) return true;
  const auto *model = static_cast<const onnx::ModelProto *>(document->message);
  for (const onnx::FunctionProto &function : model->functions()) {
    const auto &unknown = function.unknown_fields();
    for (int i = 0; i < unknown.field_count(); ++i) {
      const auto &field = unknown.field(i);
      if (field.number() != kFunctionDefault) continue;
      if (field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) continue;
      auto *attribute = google::protobuf::Arena::CreateMessage<onnx::AttributeProto>(&document->arena);
      if (!attribute->ParsePartialFromString(field.length_delimited())) return false;
      document->defaults[&function].push_back(attribute);
    }
  }
  return true;
}

/// Parses the scanned bytes: a model without its main graph's nodes, anything else whole.
bool parse(kx_document *document, const uint8_t *bytes) {
  const size_t count = document->skeleton_bytes;
  if (document->root != KX_MODEL) return document->message->ParsePartialFromArray(bytes, static_cast<int>(count));
  std::string rest;
  document->nodes.split(bytes, count, rest);
  return document->message->ParsePartialFromString(rest);
}

bool open(kx_document *document, size_t count, const kx_limits *limits, kx_error *error) {
  ScanResult result;
  if (!scan(document->bytes, count, scan_root(document->root), *limits, result, error)) return false;
  document->payloads = std::move(result.payloads);
  document->chunks = std::move(result.chunks);
  document->skeleton = std::move(result.skeleton);
  const bool is_cut = !document->skeleton.empty();
  const auto *bytes = is_cut ? reinterpret_cast<const uint8_t *>(document->skeleton.data()) : document->bytes;
  document->skeleton_bytes = is_cut ? document->skeleton.size() : count;
  document->message = create(document->root, &document->arena);
  if (document->message && parse(document, bytes) && parse_defaults(document)) return true;
  snprintf(error->text, sizeof error->text, "not a valid protobuf message");
  return false;
}

}  // namespace

namespace kerf_onnx {

kx_bytes unknown_bytes(const google::protobuf::Message &message, int number) {
  const auto &unknown = message.GetReflection()->GetUnknownFields(message);
  kx_bytes result = {nullptr, 0};
  for (int i = 0; i < unknown.field_count(); ++i) {
    const auto &field = unknown.field(i);
    if (field.number() == number && field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      result = view(field.length_delimited());
    }
  }
  return result;
}

}  // namespace kerf_onnx

extern "C" kx_document *kx_open(const uint8_t *bytes, size_t count, kx_root root, const kx_limits *limits,
                                kx_error *error) {
  static std::once_flag silence;
  std::call_once(silence, [] { google::protobuf::SetLogHandler(nullptr); });
  error->text[0] = 0;
  kx_document *document = nullptr;
  try {
    document = new kx_document;
    document->bytes = bytes;
    document->root = root;
    if (open(document, count, limits, error)) return document;
  } catch (const std::exception &) {
    snprintf(error->text, sizeof error->text, "not enough memory for the file's structure");
  }
  delete document;
  return nullptr;
}

extern "C" void kx_close(kx_document *document) { delete document; }
extern "C" size_t kx_skeleton_bytes(const kx_document *document) { return document->skeleton_bytes; }
