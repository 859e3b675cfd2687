// Recurrent products on codes for AVX2.
#if defined(__x86_64__)
#include "../core/simd_avx2.h"
#include "rnn_codes_kernel.h"
#include "../core/simd_end.h"
#endif
