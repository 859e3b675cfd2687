#include "../core/simd_portable.h"
#include "gemm_f32_codes_kernel.h"
#include "../core/simd_end.h"
