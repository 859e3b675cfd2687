#if defined(__x86_64__)
#include <immintrin.h>

#define SET avx2
#define VECTOR __m256i
#define BYTES 32
#define V(name) _mm256_##name
#define LOAD(from) _mm256_loadu_si256((const void *)(from))
#define STORE(to, x) _mm256_storeu_si256((void *)(to), x)
#define ZERO _mm256_setzero_si256()
#include "add_u8_pairs.h"
#endif
