#if defined(__x86_64__)
#include <immintrin.h>

#define SET avx512
#define VECTOR __m512i
#define BYTES 64
#define V(name) _mm512_##name
#define LOAD(from) _mm512_loadu_si512((const void *)(from))
#define STORE(to, x) _mm512_storeu_si512((void *)(to), x)
#define ZERO _mm512_setzero_si512()
#include "add_u8_pairs.h"
#endif
