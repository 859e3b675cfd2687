// WINOGRAD_F32 for AVX-512.
#if defined(__x86_64__)
#include "../core/simd_avx512.h"
#include "winograd_f32_kernel.h"
#include "../core/simd_end.h"
#endif
