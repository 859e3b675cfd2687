// Packing of Winograd weights: G w G^T of every filter, for each position of the tile a packed matrix [C, OC].
#include "winograd_f32.h"

/// G of F(2,3), F(4,3) and F(2,5), rows by points (winograd_f32.h). A row is (1, p, p^2, …) / prod(p - q).
static void filter_rows(int side, int taps, double g[KERF_WINOGRAD_SIDE][5]) {
  static const double points4[] = {0, 1, -1};
  static const double points6[] = {0, 0.70710678118654752440, -0.70710678118654752440, 1.41421356237309504880,
                                   -1.41421356237309504880};
  const double *points = side == 4 ? points4 : points6;
  for (int i = 0; i < side; i++) {
    double product = 1, power = 1;
    for (int j = 0; j + 1 < side; j++)
      if (i + 1 < side && j != i) product *= points[i] - points[j];
    for (int t = 0; t < taps; t++) {
      g[i][t] = i + 1 < side ? power / product : t == taps - 1;
      if (i + 1 < side) power *= points[i];
    }
  }
}

uint64_t kerf_pack_winograd_f32_size(int64_t oc, int64_t c, int64_t taps, int64_t tile) {
  const int side = kerf_winograd_side(tile, taps);
  int64_t total;
  if (!side || oc < 1 || c < 1) return 0;
  const uint64_t one = kerf_pack_gemm_f32_size(c, oc);
  return one && kerf_product((int64_t)one, side * side, &total) ? (uint64_t)total : 0;
}

/// u[side][side] = G w G^T of one filter.
static void transform(int side, int taps, double g[KERF_WINOGRAD_SIDE][5], const float *w, double *u) {
  double columns[KERF_WINOGRAD_SIDE][5];
  for (int i = 0; i < side; i++)
    for (int t = 0; t < taps; t++) {
      columns[i][t] = 0;
      for (int s = 0; s < taps; s++) columns[i][t] += g[i][s] * (double)w[s * taps + t];
    }
  for (int i = 0; i < side; i++)
    for (int j = 0; j < side; j++) {
      double sum = 0;
      for (int t = 0; t < taps; t++) sum += columns[i][t] * g[j][t];
      u[i * side + j] = sum;
    }
}

void kerf_pack_winograd_f32(int64_t oc, int64_t c, int64_t taps, int64_t tile, const float *w, void *packed) {
  const int side = kerf_winograd_side(tile, taps);
  const int64_t position = (int64_t)kerf_pack_gemm_f32_size(c, oc) / (int64_t)sizeof(float);
  double g[KERF_WINOGRAD_SIDE][5], u[KERF_WINOGRAD_SIDE * KERF_WINOGRAD_SIDE];
  filter_rows(side, (int)taps, g);
  for (int64_t o0 = 0; o0 < oc; o0 += KERF_PANEL)
    for (int64_t k = 0; k < c; k++) {
      float *out = (float *)packed + o0 * c + k * KERF_PANEL;
      for (int64_t o = 0; o < KERF_PANEL; o++) {
        memset(u, 0, sizeof u);
        if (o0 + o < oc) transform(side, (int)taps, g, w + ((o0 + o) * c + k) * taps * taps, u);
        for (int p = 0; p < side * side; p++) out[p * position + o] = (float)u[p];
      }
    }
}
