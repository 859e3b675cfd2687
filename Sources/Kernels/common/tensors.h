// Checks and small helpers shared by the integer, 8-bit and data movement kernels.
//
// Sizes come from plans that may be hostile: `kerf_check_tensor` bounds every tensor to 2^47 bytes, so products of a
// few of its strides and counts cannot overflow afterwards.
#ifndef KERF_COMMON_TENSORS_H
#define KERF_COMMON_TENSORS_H

#include "../core/internal.h"

#define KERF_INLINE static inline __attribute__((always_inline, unused))
#define KERF_HELPER static inline __attribute__((unused))
/// At file scope: no fused multiply-add that the source does not spell (GCC: -ffp-contract=off).
#if defined(__clang__)
#define KERF_NO_CONTRACT _Pragma("STDC FP_CONTRACT OFF")
#else
#define KERF_NO_CONTRACT
#endif

/// Bytes of one element, 0 for types that are no element type.
KERF_HELPER int64_t kerf_width(int32_t type) {
  switch (type) {
  case KERF_U8: case KERF_I8: case KERF_BOOL: return 1;
  case KERF_U16: case KERF_I16: case KERF_F16: case KERF_BF16: return 2;
  case KERF_F32: case KERF_I32: case KERF_U32: return 4;
  case KERF_F64: case KERF_I64: case KERF_U64: return 8;
  default: return 0;
  }
}

/// Product of dims[from ..< to].
#define kerf_span kerf_dims_product
#define kerf_elements kerf_count
KERF_HELPER int64_t kerf_bytes(const kerf_tensor *t) { return kerf_elements(t) * kerf_width(t->type); }

/// Counts, presence of the first `required` inputs and of all outputs, known types, bounded shapes.
KERF_HELPER int kerf_check_call(const kerf_call *c, int required, int max_inputs, int outputs, int attrs) {
  KERF_TRY(kerf_check_counts(c, required, max_inputs, outputs, attrs));
  for (int i = 0; i < c->input_count; i++) {
    if (c->inputs[i]->type != KERF_NONE) KERF_TRY(kerf_check_tensor(c->inputs[i]));
  }
  for (int i = 0; i < c->output_count; i++) {
    KERF_REQUIRE(c->outputs[i]->type != KERF_PACKED, KERF_BAD_TYPE);
    KERF_TRY(kerf_check_tensor(c->outputs[i]));
  }
  return KERF_OK;
}

/// As `kerf_check_call`, for kernels that take no packed weights: every input has an element type.
KERF_HELPER int kerf_check_plain(const kerf_call *c, int required, int max_inputs, int outputs, int attrs) {
  KERF_TRY(kerf_check_call(c, required, max_inputs, outputs, attrs));
  for (int i = 0; i < c->input_count; i++) {
    KERF_REQUIRE(c->inputs[i]->type != KERF_PACKED, KERF_BAD_TYPE);
  }
  return KERF_OK;
}

/// The rank of the first input, for operations with attributes per axis; -1 when there is none that is in bounds.
KERF_HELPER int kerf_first_rank(const kerf_call *c) {
  if (c->input_count < 1 || !c->inputs[0]) return -1;
  int32_t rank = c->inputs[0]->rank;
  return rank >= 0 && rank <= KERF_MAX_RANK ? rank : -1;
}

KERF_HELPER bool kerf_is_integer(int32_t type) {
  return type == KERF_U8 || type == KERF_I8 || type == KERF_U16 || type == KERF_I16 || type == KERF_I32 ||
         type == KERF_I64 || type == KERF_U32 || type == KERF_U64;
}

KERF_HELPER bool kerf_is_index(int32_t type) { return type == KERF_I32 || type == KERF_I64; }

/// Index i of an i32 or i64 array, negative values wrapped once; -1 when out of 0 ..< n.
KERF_HELPER int64_t kerf_index_at(const kerf_tensor *indices, int64_t i, int64_t n) {
  int64_t v = indices->type == KERF_I64 ? ((const int64_t *)indices->data)[i] : ((const int32_t *)indices->data)[i];
  if (v < 0) v = v < -n ? -1 : v + n;
  return v < n ? v : -1;
}

/// The error seen by any of the parallel tasks of one run.
typedef struct kerf_status {
  int error;
} kerf_status;
KERF_HELPER void kerf_fail(kerf_status *status, int error) {
  __atomic_store_n(&status->error, error, __ATOMIC_RELAXED);
}

typedef void (*kerf_range_fn)(void *context, int64_t begin, int64_t end);
/// Runs `range` over 0 ..< n in pieces of at least `grain`; the pieces depend on n and grain alone.
void kerf_ranges(kerf_pool *pool, int64_t n, int64_t grain, kerf_range_fn range, void *context);

#endif
