// ATTENTION_U8 for the dot product of arm64.
#if defined(__aarch64__)
#define KERF_FN(name) name##_dotprod
#define KERF_TARGET
#define KERF_Q8 kerf_q8_dotprod
#include "attention_u8_kernel.h"
#endif
