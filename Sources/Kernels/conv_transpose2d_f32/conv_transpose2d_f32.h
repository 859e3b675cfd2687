// Transposed float convolution.
#ifndef KERF_CONV_TRANSPOSE2D_F32_H
#define KERF_CONV_TRANSPOSE2D_F32_H

#include "../gemm_f32/gemm_f32.h"

int kerf_run_conv_transpose2d(const kerf_call *call, const kerf_gemm_isa *isa);

#endif
