// CONV2D_F32 in plain C.
#include "../core/simd_portable.h"
#include "conv2d_f32_kernel.h"
#include "../core/simd_end.h"
