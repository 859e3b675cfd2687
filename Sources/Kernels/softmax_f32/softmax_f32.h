// Softmax and log-softmax along one axis.
#ifndef KERF_SOFTMAX_F32_H
#define KERF_SOFTMAX_F32_H

#include "../core/internal.h"

/// One contiguous row; y may be x.
typedef void (*kerf_softmax_row_fn)(const float *x, float *y, int64_t n, int log);
/// `columns` neighbouring softmaxes whose n elements lie `stride` apart.
typedef void (*kerf_softmax_columns_fn)(const float *x, float *y, int64_t n, int64_t stride, int64_t columns, int log);
void kerf_softmax_row_portable(const float *x, float *y, int64_t n, int log);
void kerf_softmax_row_avx2(const float *x, float *y, int64_t n, int log);
void kerf_softmax_row_avx512(const float *x, float *y, int64_t n, int log);
void kerf_softmax_row_neon(const float *x, float *y, int64_t n, int log);

int kerf_run_softmax(const kerf_call *call, kerf_softmax_row_fn row, kerf_softmax_columns_fn columns);

#endif
