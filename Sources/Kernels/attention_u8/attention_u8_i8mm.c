// ATTENTION_U8 for the matrix product of arm64.
#if defined(__aarch64__)
#define KERF_FN(name) name##_i8mm
#define KERF_TARGET
#define KERF_Q8 kerf_q8_i8mm
#include "attention_u8_kernel.h"
#endif
