#if defined(__x86_64__)
#include <immintrin.h>

#include "../common/look_up_avx512.h"
#include "lut_u8.h"

static void range(void *context, int64_t begin, int64_t end) {
  const kerf_lut_u8 *j = context;
  kerf_look_up_vbmi(j->x + begin, j->y + begin, end - begin, j->table);
}

int kerf_run_lut_u8_avx512(const kerf_call *c) {
  return kerf_run_lut_u8(c, kerf_has_vbmi() ? range : kerf_lut_u8_range);
}
#endif
