// ATTENTION_U8 for AVX2.
#if defined(__x86_64__)
#define KERF_FN(name) name##_avx2
#define KERF_TARGET __attribute__((target("avx2,fma")))
#define KERF_Q8 kerf_q8_avx2
#include "attention_u8_soften_avx2.h"

#include "attention_u8_kernel.h"
#endif
