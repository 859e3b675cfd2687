// Float convolution as a matrix product over patches.
#ifndef KERF_CONV2D_F32_H
#define KERF_CONV2D_F32_H

#include "../gemm_f32/gemm_f32.h"

int kerf_run_conv2d(const kerf_call *call, const kerf_gemm_isa *isa);

#endif
