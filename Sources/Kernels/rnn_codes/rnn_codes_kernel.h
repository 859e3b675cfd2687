// The products of rnn_codes.h, over the vocabulary of a simd_... header.
#include "rnn_codes.h"

enum { CV = KERF_PANEL / VW };

static float quantize(int64_t k, int64_t pairs, const float *x, float limit, int16_t *q) {
  // 0, or NaN where a value is not finite.
  vf most = vzero(), odd = vzero();
  int64_t i = 0;
  for (; i + VW <= k; i += VW) {
    const vf v = vload(x + i);
    most = vmax(most, vabs(v)), odd = vadd(odd, vsub(v, v));
  }
  float top = vtop(most), rest = vsum(odd);
  for (; i < k; i++) top = fabsf(x[i]) > top ? fabsf(x[i]) : top, rest += x[i] - x[i];
  memset(q, 0, (size_t)pairs * 2 * sizeof *q);
  if (!(rest == 0)) return NAN;
  if (top < KERF_RNN_CODES_LEAST) return 0;
  const float inverse = limit / top;
  for (i = 0; i + VW <= k; i += VW) {
    int32_t codes[VW];
    const vi code = vint(vround(vmul(vload(x + i), vset(inverse))));
    memcpy(codes, &code, sizeof codes);
    for (int j = 0; j < VW; j++) q[i + j] = (int16_t)codes[j];
  }
  for (; i < k; i++) q[i] = (int16_t)nearbyintf(x[i] * inverse);
  return top / limit;
}

/// Rows times panels that follow each other; each pair of codes meets all columns of the panels.
V void block(const int rows, const int panels, int64_t pairs, const int16_t *q, const float *scale, const int8_t *b,
             const float *columns, float *y, int64_t ldy) {
  vi c[16];
  for (int i = 0; i < rows * panels * CV; i++) c[i] = viset(0);
  for (int64_t p = 0; p < pairs; p++) {
    vi x[4];
    for (int r = 0; r < rows; r++) {
      int32_t pair;
      memcpy(&pair, q + (r * pairs + p) * 2, sizeof pair);
      x[r] = viset(pair);
    }
    for (int v = 0; v < panels * CV; v++) {
      const vi w = vihalves(b + (v / CV * pairs + p) * 2 * KERF_PANEL + v % CV * 2 * VW);
      for (int r = 0; r < rows; r++) c[r * panels * CV + v] = viadd(c[r * panels * CV + v], vimadd(x[r], w));
    }
  }
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < panels * CV; v++) {
      const vf factor = vmul(vset(scale[r]), vload(columns + v * VW));
      vstore(y + r * ldy + v * VW, vmul(vfloat(c[r * panels * CV + v]), factor));
    }
}

enum { ROW_PANELS = 16 / CV > 4 ? 4 : 16 / CV, ROWS = 16 / CV > 4 ? 4 : 16 / CV };

static void multiply(int64_t m, int64_t panels, int64_t pairs, const int16_t *q, const float *scale, const int8_t *b,
                     const float *columns, float *y, int64_t ldy) {
  const int64_t bytes = pairs * 2 * KERF_PANEL;
  if (m == 1) {
    int64_t i = 0;
    for (; i + ROW_PANELS <= panels; i += ROW_PANELS)
      block(1, ROW_PANELS, pairs, q, scale, b + i * bytes, columns + i * KERF_PANEL, y + i * KERF_PANEL, ldy);
    for (; i < panels; i++) block(1, 1, pairs, q, scale, b + i * bytes, columns + i * KERF_PANEL, y + i * KERF_PANEL, ldy);
    return;
  }
  for (int64_t i = 0; i < panels; i++, b += bytes, columns += KERF_PANEL, y += KERF_PANEL) {
    int64_t r = 0;
    for (; r + ROWS <= m; r += ROWS) block(ROWS, 1, pairs, q + r * pairs * 2, scale + r, b, columns, y + r * ldy, ldy);
    for (; r < m; r++) block(1, 1, pairs, q + r * pairs * 2, scale + r, b, columns, y + r * ldy, ldy);
  }
}

const kerf_rnn_codes KERF_FN(kerf_rnn_codes) = {quantize, multiply};
