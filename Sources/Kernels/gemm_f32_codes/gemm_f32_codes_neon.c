#if defined(__aarch64__)
#include "../core/simd_neon.h"
#include "gemm_f32_codes_kernel.h"
#include "../core/simd_end.h"
#endif
