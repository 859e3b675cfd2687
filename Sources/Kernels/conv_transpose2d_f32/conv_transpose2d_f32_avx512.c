// CONV_TRANSPOSE2D_F32 for AVX-512.
#if defined(__x86_64__)
#include "../core/simd_avx512.h"
#include "conv_transpose2d_f32_kernel.h"
#include "../core/simd_end.h"
#endif
