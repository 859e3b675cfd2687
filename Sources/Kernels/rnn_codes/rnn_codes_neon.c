// Recurrent products on codes for NEON.
#if defined(__aarch64__)
#include "../core/simd_neon.h"
#include "rnn_codes_kernel.h"
#include "../core/simd_end.h"
#endif
