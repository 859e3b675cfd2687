// CONV_TRANSPOSE2D_F32 in plain C.
#include "../core/simd_portable.h"
#include "conv_transpose2d_f32_kernel.h"
#include "../core/simd_end.h"
