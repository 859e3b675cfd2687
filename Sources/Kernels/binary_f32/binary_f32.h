// Float functions of two broadcast operands.
#ifndef KERF_BINARY_F32_H
#define KERF_BINARY_F32_H

#include "../core/broadcast.h"
#include "../unary_f32/unary_f32.h"

/// y[i] = function(a[i or 0], b[i or 0]): `step` 0 repeats the operand's only element.
typedef void (*kerf_binary_fn)(int function, const float *a, int a_step, const float *b, int b_step, float *y,
                               int64_t n);
/// The functions without a vector form.
void kerf_binary_scalar(int function, const float *a, int a_step, const float *b, int b_step, float *y, int64_t n);

int kerf_run_binary(const kerf_call *call, kerf_binary_fn function, kerf_unary_fn unary);

#endif
