// Checks and small helpers that every operation's `prepare` and driver use. Not part of the interface.
#ifndef KERF_INTERNAL_H
#define KERF_INTERNAL_H

#include <stdbool.h>
#include <string.h>

#include "../include/kerf_kernels.h"

#define KERF_ALIGN 64
#define KERF_MAX_BYTES ((int64_t)1 << 47)
#define KERF_MAX_GEOMETRY ((int64_t)INT32_MAX)

/// Returns from the calling function with the code of a check that failed.
#define KERF_TRY(expression)                      \
  do {                                            \
    const int kerf_try_code = (expression);       \
    if (kerf_try_code != KERF_OK) return kerf_try_code; \
  } while (0)
/// Returns `code` from the calling function unless the condition holds.
#define KERF_REQUIRE(condition, code) \
  do {                                \
    if (!(condition)) return (code);  \
  } while (0)

static inline int64_t kerf_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t kerf_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t kerf_ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }
static inline int64_t kerf_round_up(int64_t n, int64_t step) { return kerf_ceil_div(n, step) * step; }
static inline uint64_t kerf_align(uint64_t bytes) { return (bytes + KERF_ALIGN - 1) & ~(uint64_t)(KERF_ALIGN - 1); }

/// a*b of non-negative numbers up to 2^47; false when out of range.
static inline bool kerf_product(int64_t a, int64_t b, int64_t *result) {
  return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, result) && *result <= KERF_MAX_BYTES;
}

#if defined(__x86_64__)
/// Whether the processor permutes bytes across 512 bits, as nearly all do that have VNNI (AVX-512 VBMI).
bool kerf_has_vbmi(void);
#endif

/// Bytes of an element, 0 for none of the numbered types.
int kerf_element_bytes(int32_t type);
/// Product of dims[begin ..< end]; the tensor has passed kerf_check_tensor.
int64_t kerf_dims_product(const kerf_tensor *t, int begin, int end);
/// Elements from one row, which is the last axis, to the next; the rank is at least 1.
static inline int64_t kerf_pitch(const kerf_tensor *t) { return t->pitch ? t->pitch : t->dims[t->rank - 1]; }
static inline int64_t kerf_count(const kerf_tensor *t) { return kerf_dims_product(t, 0, t->rank); }
/// Rank 0...8, no negative dimension, the product of the non-zero dimensions at most 2^47 bytes; a known type.
int kerf_check_tensor(const kerf_tensor *t);
/// The same, of exactly that type.
int kerf_check_typed(const kerf_tensor *t, int32_t type);
/// Type, rank 1 and exactly `n` elements.
int kerf_check_vector(const kerf_tensor *t, int32_t type, int64_t n);
/// Rank and dimensions equal (types are not compared).
bool kerf_same_shape(const kerf_tensor *a, const kerf_tensor *b);
/// A KERF_PACKED tensor of exactly `bytes` bytes; 0 bytes (a size out of range) is refused.
int kerf_check_packed(const kerf_tensor *t, uint64_t bytes);
/// The same, or float32 [d0,d1,KH,KW] as ONNX stores a filter: made while running, it is packed into the scratch by each
/// run. Sets the bytes that takes.
int kerf_check_filter(const kerf_tensor *t, uint64_t bytes, const int64_t dims[4], uint64_t *scratch_bytes);

/// The number of inputs is within [least, most] (missing ones count as absent), of outputs and attributes exact; none
/// of the pointers is NULL.
int kerf_check_counts(const kerf_call *call, int least, int most, int outputs, int attributes);
/// The i-th input, or NULL when absent.
static inline const kerf_tensor *kerf_input(const kerf_call *call, int i) {
  return i < call->input_count && call->inputs[i]->type != KERF_NONE ? call->inputs[i] : NULL;
}
/// The i-th output, or NULL when absent.
static inline kerf_tensor *kerf_output(const kerf_call *call, int i) {
  return i < call->output_count && call->outputs[i]->type != KERF_NONE ? call->outputs[i] : NULL;
}
static inline int64_t kerf_int(const kerf_call *call, int i) { return call->attrs[i].i; }
static inline float kerf_float(const kerf_call *call, int i) { return (float)call->attrs[i].f; }
/// KERF_OK when low <= attribute <= high.
static inline int kerf_check_range(const kerf_call *call, int i, int64_t low, int64_t high) {
  return call->attrs[i].i >= low && call->attrs[i].i <= high ? KERF_OK : KERF_BAD_ATTR;
}

/// y's shape is the numpy broadcast of a's and b's.
int kerf_check_broadcast(const kerf_tensor *a, const kerf_tensor *b, const kerf_tensor *y);

/// The ten geometry attributes.
typedef struct kerf_geometry {
  int64_t kh, kw, sh, sw, dh, dw, pt, pl, pb, pr;
} kerf_geometry;
/// Reads and bounds the geometry at attrs[at …].
int kerf_read_geometry(const kerf_call *call, int at, kerf_geometry *g);
/// Output length of a convolution along one axis; 0 when the window does not fit.
int64_t kerf_window_count(int64_t length, int64_t before, int64_t after, int64_t kernel, int64_t stride,
                          int64_t dilation);
/// x and y are rank 4 with equal N, and y's H and W are the window counts; with `ceil`, also those of ceil mode.
int kerf_check_windows(const kerf_tensor *x, const kerf_tensor *y, const kerf_geometry *g, bool ceil);

/// An activation: function (KERF_UNARY_…) and its parameters.
typedef struct kerf_act {
  int32_t function;
  float p0, p1;
} kerf_act;
/// Whether the code is a float32 unary function.
bool kerf_unary_known(int64_t function);
/// Reads three attributes at attrs[at …].
int kerf_read_act(const kerf_call *call, int at, kerf_act *act);
/// Residual mode at attrs[at] against the residual tensor (NULL: absent), whose shape must be y's.
int kerf_check_residual(const kerf_call *call, int at, const kerf_tensor *residual, const kerf_tensor *y);

/// The pool when the work (in nanoseconds, roughly) is worth splitting, else NULL.
static inline kerf_pool *kerf_pool_for(const kerf_call *call, double nanoseconds) {
  return kerf_pool_worth(call->pool, nanoseconds);
}

#endif
