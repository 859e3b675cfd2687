// RESIZE_F32 for NEON.
#if defined(__aarch64__)
#include "../core/simd_neon.h"
#include "resize_f32_kernel.h"
#include "../core/simd_end.h"
#endif
