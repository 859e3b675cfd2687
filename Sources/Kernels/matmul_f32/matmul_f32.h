// The float matrix product of two tensors that are both computed at run time.
#ifndef KERF_MATMUL_F32_H
#define KERF_MATMUL_F32_H

#include "../gemm_f32/gemm_f32.h"

int kerf_run_matmul(const kerf_call *call, const kerf_gemm_isa *isa);

#endif
