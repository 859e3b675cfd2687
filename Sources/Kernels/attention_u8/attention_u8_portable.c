// ATTENTION_U8 for plain C.
#define KERF_FN(name) name##_portable
#define KERF_TARGET
#define KERF_Q8 kerf_q8_portable
#include "attention_u8_kernel.h"
