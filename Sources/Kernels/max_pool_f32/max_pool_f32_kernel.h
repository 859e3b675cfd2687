// MAX_POOL_F32 over the vocabulary of a simd_… header.
#include "../core/pool_f32.h"

V vf load_some(const float *p, int64_t n) { return n >= VW ? vload(p) : vloadn(p, n); }

static void pixel(const float *x, int64_t kh, int64_t kw, int64_t row, int64_t column, int64_t c, float scale,
                  float *y) {
  (void)scale;
  int64_t i = 0;
  for (; i + 2 * VW <= c; i += 2 * VW) {
    vf a = vset(-INFINITY), b = a;
    for (int64_t r = 0; r < kh; r++)
      for (int64_t t = 0; t < kw; t++) {
        a = vmax(a, vload(x + r * row + t * column + i));
        b = vmax(b, vload(x + r * row + t * column + i + VW));
      }
    vstore(y + i, a);
    vstore(y + i + VW, b);
  }
  for (; i < c; i += VW) {
    vf a = vset(-INFINITY);
    for (int64_t r = 0; r < kh; r++)
      for (int64_t t = 0; t < kw; t++) a = vmax(a, load_some(x + r * row + t * column + i, c - i));
    if (c - i >= VW) vstore(y + i, a);
    else vstoren(y + i, a, c - i);
  }
}

int KERF_FN(kerf_run_max_pool_f32)(const kerf_call *call) { return kerf_run_pool(call, false, pixel); }
