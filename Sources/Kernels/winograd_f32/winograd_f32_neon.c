// WINOGRAD_F32 for NEON.
#if defined(__aarch64__)
#include "../core/simd_neon.h"
#include "winograd_f32_kernel.h"
#include "../core/simd_end.h"
#endif
