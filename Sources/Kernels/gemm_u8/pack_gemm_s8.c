#include "gemm_u8.h"

enum { MOST = 128, TRAILER = 64 };

uint64_t kerf_q8_packed_size(int64_t k, int64_t n) {
  int64_t bytes;
  if (k < 0 || n < 1 || k > KERF_MAX_BYTES || n > KERF_MAX_BYTES) return 0;
  if (!kerf_product(kerf_ceil_div(k, 4) + 1, kerf_ceil_div(n, KERF_Q8_PANEL), &bytes)) return 0;
  if (!kerf_product(bytes, 64, &bytes)) return 0;
  return (uint64_t)bytes + TRAILER;
}

bool kerf_q8_fits_pairs(const kerf_q8 *g) {
  const uint64_t bytes = kerf_q8_packed_size(g->k, g->n);
  for (int64_t i = 0; i < g->groups; i++) {
    if (!g->packed[(uint64_t)(i * g->packed_group) + bytes - TRAILER]) return false;
  }
  return true;
}

/// Whether no two neighbouring weights of a packed column have the same sign and more than MOST together.
static bool fits_pairs(const int8_t *b, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 2) {
    const int first = b[i], second = b[i + 1];
    const int above = (first > 0 ? first : 0) + (second > 0 ? second : 0);
    const int below = (first < 0 ? first : 0) + (second < 0 ? second : 0);
    if (above > MOST || below < -MOST) return false;
  }
  return true;
}

void kerf_q8_pack(int64_t k, int64_t n, kerf_q8_get_fn get, const void *source, void *packed) {
  if (n == 0) return;
  memset(packed, 0, kerf_q8_packed_size(k, n));
  int32_t *sums = packed;
  int64_t blocks = kerf_ceil_div(k, 4), panels = kerf_ceil_div(n, KERF_Q8_PANEL);
  int8_t *b = (int8_t *)packed + panels * 64;
  for (int64_t column = 0; column < n; column++) {
    int8_t *panel = b + column / KERF_Q8_PANEL * blocks * 64 + column % KERF_Q8_PANEL * 4;
    uint32_t sum = 0;
    for (int64_t row = 0; row < k; row++) {
      int8_t v = get(source, row, column);
      panel[row / 4 * 64 + row % 4] = v;
      sum += (uint32_t)v;
    }
    sums[column] = (int32_t)sum;
  }
  b[panels * blocks * 64] = fits_pairs(b, panels * blocks * 64);
}

uint64_t kerf_pack_gemm_s8_size(int64_t k, int64_t n) { return kerf_q8_packed_size(k, n); }

typedef struct matrix {
  const int8_t *b;
  int64_t k_stride, n_stride;
} matrix;

static int8_t matrix_at(const void *source, int64_t k, int64_t n) {
  const matrix *m = source;
  return m->b[k * m->k_stride + n * m->n_stride];
}

void kerf_pack_gemm_s8(int64_t k, int64_t n, int transposed, const int8_t *b, void *packed) {
  matrix m = {b, transposed ? 1 : n, transposed ? k : 1};
  kerf_q8_pack(k, n, matrix_at, &m, packed);
}
