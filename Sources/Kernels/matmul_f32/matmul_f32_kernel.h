// MATMUL_F32 on the tiles of the matrix product.
#include "matmul_f32.h"

int KERF_FN(kerf_run_matmul_f32)(const kerf_call *call) { return kerf_run_matmul(call, &KERF_FN(kerf_gemm_isa)); }
