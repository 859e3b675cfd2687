// Measures the float32 peak of one thread.
#include "peak.h"

#include <time.h>

#define KERF_SET(suffix)                                               \
  float kerf_peak_rounds_##suffix(int64_t rounds, float factor);       \
  extern const int kerf_peak_lanes_##suffix;
KERF_SET(portable)
#if defined(__x86_64__)
KERF_SET(avx2)
KERF_SET(avx512)
#elif defined(__aarch64__)
KERF_SET(neon)
#endif

typedef float (*rounds_fn)(int64_t rounds, float factor);

static rounds_fn choose(uint32_t isa_mask, int *lanes) {
#if defined(__x86_64__)
  if (isa_mask >> KERF_ISA_AVX512 & 1) return *lanes = kerf_peak_lanes_avx512, kerf_peak_rounds_avx512;
  if (isa_mask >> KERF_ISA_AVX2 & 1) return *lanes = kerf_peak_lanes_avx2, kerf_peak_rounds_avx2;
#elif defined(__aarch64__)
  if (isa_mask >> KERF_ISA_NEON & 1) return *lanes = kerf_peak_lanes_neon, kerf_peak_rounds_neon;
#endif
  return *lanes = kerf_peak_lanes_portable, kerf_peak_rounds_portable;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double kerf_peak_gflops(uint32_t isa_mask) {
  enum { ROUNDS = 20000, TRIES = 100 };
  int lanes;
  const rounds_fn rounds = choose(isa_mask & kerf_isa_supported(), &lanes);
  volatile float factor = 0.5f, sink = 0;
  double best = 1e9;
  for (int i = 0; i < TRIES; i++) {
    const double begin = now();
    sink += rounds(ROUNDS, factor);
    const double seconds = now() - begin;
    if (seconds < best) best = seconds;
  }
  return best > 0 ? 2.0 * KERF_PEAK_SUMS * ROUNDS * lanes / best * 1e-9 : 0;
}
