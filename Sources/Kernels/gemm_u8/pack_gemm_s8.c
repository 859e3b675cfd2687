#include "gemm_u8.h"

uint64_t kerf_q8_packed_size(int64_t k, int64_t n) {
  int64_t bytes;
  if (k < 0 || n < 0 || k > KERF_MAX_BYTES || n > KERF_MAX_BYTES) return 0;
  if (!kerf_product(kerf_ceil_div(k, 4) + 1, kerf_ceil_div(n, KERF_Q8_PANEL), &bytes)) return 0;
  if (!kerf_product(bytes, 64, &bytes)) return 0;
  return (uint64_t)bytes;
}

void kerf_q8_pack(int64_t k, int64_t n, kerf_q8_get_fn get, const void *source, void *packed) {
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
