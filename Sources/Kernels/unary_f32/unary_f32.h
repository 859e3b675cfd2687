// Activations and unary functions on a run of floats: the epilogue of every float kernel.
#ifndef KERF_UNARY_F32_H
#define KERF_UNARY_F32_H

#include "../core/internal.h"

/// y[i] = function(x[i]); y may be x.
typedef void (*kerf_unary_fn)(const float *x, float *y, int64_t n, const kerf_act *act);
void kerf_unary_portable(const float *x, float *y, int64_t n, const kerf_act *act);
void kerf_unary_avx2(const float *x, float *y, int64_t n, const kerf_act *act);
void kerf_unary_avx512(const float *x, float *y, int64_t n, const kerf_act *act);
void kerf_unary_neon(const float *x, float *y, int64_t n, const kerf_act *act);
/// The functions that have no vector form, by the C library, one element at a time.
void kerf_unary_scalar(const float *x, float *y, int64_t n, const kerf_act *act);

int kerf_run_unary(const kerf_call *call, kerf_unary_fn function);
/// A rough cost of one element in nanoseconds, to decide whether threads pay.
static inline double kerf_unary_cost(const kerf_act *act) {
  if (act->function >= KERF_UNARY_SIN && act->function <= KERF_UNARY_ATANH) return 8;
  return act->function >= KERF_UNARY_SIGMOID ? 0.8 : 0.15;
}

#endif
