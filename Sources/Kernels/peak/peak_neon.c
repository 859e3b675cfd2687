// The peak of NEON.
#if defined(__aarch64__)
#include "../core/simd_neon.h"
#include "peak_kernel.h"
#include "../core/simd_end.h"
#endif
