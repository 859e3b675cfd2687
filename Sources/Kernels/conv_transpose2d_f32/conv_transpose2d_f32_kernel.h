// CONV_TRANSPOSE2D_F32 on the tiles of the matrix product.
#include "conv_transpose2d_f32.h"

int KERF_FN(kerf_run_conv_transpose2d_f32)(const kerf_call *call) {
  return kerf_run_conv_transpose2d(call, &KERF_FN(kerf_gemm_isa));
}
