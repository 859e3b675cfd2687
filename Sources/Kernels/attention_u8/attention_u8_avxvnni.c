// ATTENTION_U8 for AVX-VNNI.
#if defined(__x86_64__)
#define KERF_FN(name) name##_avxvnni
#define KERF_TARGET __attribute__((target("avx2,fma,avxvnni")))
#define KERF_Q8 kerf_q8_avxvnni
#include "attention_u8_soften_avx2.h"

#include "attention_u8_kernel.h"
#endif
