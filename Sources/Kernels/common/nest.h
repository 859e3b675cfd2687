// Loops over dense outputs whose operands are read with strides: broadcasting, transposition, slicing, tiling.
#ifndef KERF_COMMON_NEST_H
#define KERF_COMMON_NEST_H

#include "tensors.h"

#define KERF_NEST_RANK 16
#define KERF_NEST_OPERANDS 3

/// dims of the output (dense) and, per operand, strides in elements. After `kerf_nest_collapse` there is at least one
/// axis, none has length one (but for a single one), and neighbours that could be one axis are one.
typedef struct kerf_nest {
  int rank, operands;
  int64_t dims[KERF_NEST_RANK];
  int64_t strides[KERF_NEST_OPERANDS][KERF_NEST_RANK];
  int64_t base[KERF_NEST_OPERANDS];
} kerf_nest;

/// One run along the last axis: output elements at `y`, operand k from element x[k] on with the last axis' stride.
typedef void (*kerf_row_fn)(void *context, int64_t y, const int64_t x[KERF_NEST_OPERANDS], int64_t n);

void kerf_nest_collapse(kerf_nest *nest);
/// Appends an operand that is broadcast (numpy) to y's shape; false when the shapes do not fit.
bool kerf_nest_add(kerf_nest *nest, const kerf_tensor *operand, const kerf_tensor *y);
/// A nest over y's dims with no operands.
void kerf_nest_start(kerf_nest *nest, const kerf_tensor *y);
/// The collapsed nest over the output with the first `count` inputs as operands, whose shapes were checked. Gives its
/// last axis.
int kerf_nest_broadcast(kerf_nest *nest, const kerf_call *c, int count);
/// Calls `row` for all elements, in parallel pieces of at least `grain` elements.
void kerf_nest_run(const kerf_nest *nest, kerf_pool *pool, int64_t grain, kerf_row_fn row, void *context);
/// y[dense] = x[strided] for elements of `width` bytes (1, 2, 4, 8); one operand.
void kerf_nest_copy(const kerf_nest *nest, kerf_pool *pool, int64_t width, const void *x, void *y);

#endif
