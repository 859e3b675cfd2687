// WINOGRAD_F32 for AVX2 with FMA.
#if defined(__x86_64__)
#include "../core/simd_avx2.h"
#include "winograd_f32_kernel.h"
#include "../core/simd_end.h"
#endif
