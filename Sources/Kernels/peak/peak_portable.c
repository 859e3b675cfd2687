// The peak of plain C.
#include "../core/simd_portable.h"
#include "peak_kernel.h"
#include "../core/simd_end.h"
