// ATTENTION_U8 for NEON.
#if defined(__aarch64__)
#define KERF_FN(name) name##_neon
#define KERF_TARGET
#define KERF_Q8 kerf_q8_neon
#include "attention_u8_kernel.h"
#endif
