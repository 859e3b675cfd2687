// WINOGRAD_F32 in plain C.
#include "../core/simd_portable.h"
#include "winograd_f32_kernel.h"
#include "../core/simd_end.h"
