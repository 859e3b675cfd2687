/// Custom operators in C: what a library gives to Kerf so that models may use operators of its own.
///
/// The library exports `kerf_custom_operators`, which returns a table ended by NULL. `--custom-operators LIBRARY` or
/// `CustomOperators.load(path:)` registers what it lists. This header needs nothing else of Kerf.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Goes up when the structures change. A table of another version is refused.
#define KERF_CUSTOM_OPERATOR_VERSION 1
#define KERF_CUSTOM_MAX_RANK 8

/// Element types, numbered as in ONNX TensorProto.DataType.
enum {
  KERF_CUSTOM_ABSENT = 0,  // an optional input that the node does not have
  KERF_CUSTOM_FLOAT32 = 1,
  KERF_CUSTOM_UINT8 = 2,
  KERF_CUSTOM_INT8 = 3,
  KERF_CUSTOM_UINT16 = 4,
  KERF_CUSTOM_INT16 = 5,
  KERF_CUSTOM_INT32 = 6,
  KERF_CUSTOM_INT64 = 7,
  KERF_CUSTOM_BOOL = 9,
  KERF_CUSTOM_FLOAT16 = 10,
  KERF_CUSTOM_FLOAT64 = 11,
  KERF_CUSTOM_UINT32 = 12,
  KERF_CUSTOM_UINT64 = 13,
  KERF_CUSTOM_BFLOAT16 = 16
};

/// A dense tensor in C order.
typedef struct kerf_custom_tensor {
  int32_t type;
  int32_t rank;  // at most KERF_CUSTOM_MAX_RANK
  /// While types are inferred a dimension can be unknown: -1 is one that nothing is known of; each number below stands
  /// for one symbol, so that equal numbers are equal dimensions. An output may repeat the numbers of inputs, or use -1.
  int64_t dims[KERF_CUSTOM_MAX_RANK];
  /// NULL where the value is not known (inference on an input that is no constant) or there is none.
  void *data;
  size_t byte_count;
} kerf_custom_tensor;

/// An attribute: a number as a scalar, a list as a vector, a string as a vector of bytes.
typedef struct kerf_custom_attribute {
  const char *name;
  kerf_custom_tensor value;
} kerf_custom_attribute;

typedef struct kerf_custom_call {
  size_t input_count;
  const kerf_custom_tensor *inputs;
  size_t attribute_count;
  const kerf_custom_attribute *attributes;
  size_t output_count;
  kerf_custom_tensor *outputs;
  /// Room for one line that says what is wrong, ended by a zero.
  char *message;
  size_t message_size;
} kerf_custom_call;

typedef struct kerf_custom_operator {
  uint32_t version;  // KERF_CUSTOM_OPERATOR_VERSION
  const char *domain;
  const char *name;
  /// Sets type, rank and dims of each output. Called when a model is compiled, and again before each evaluation, then
  /// with the inputs' data, when every dimension of the outputs must come out as a number. Returns 0, or another number
  /// with `message` set.
  int32_t (*infer)(const kerf_custom_call *call);
  /// Fills `data` of each output, which has room for what `infer` asked for. Returns 0, or another number with `message`
  /// set. Both functions are called from any thread, also at the same time, and give equal results for equal inputs.
  int32_t (*evaluate)(const kerf_custom_call *call);
} kerf_custom_operator;

/// What a library exports under this name.
typedef const kerf_custom_operator *const *(*kerf_custom_operators_fn)(void);

#ifdef __cplusplus
}
#endif
