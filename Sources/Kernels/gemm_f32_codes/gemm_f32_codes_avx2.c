#if defined(__x86_64__)
#include "../core/simd_avx2.h"
#include "gemm_f32_codes_kernel.h"
#include "../core/simd_end.h"
#endif
