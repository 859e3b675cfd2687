// The products of GEMM_F32_CODES, over the vocabulary of a simd_... header.
#include "gemm_f32_codes.h"

enum { PV = KERF_PANEL / VW };

/// One k: c[r][v] += a[r] * x.
V void add_k(const int rows, const float *a, int64_t lda, const int v, vf x, vf *c) {
  for (int r = 0; r < rows; r++) c[r * PV + v] = vfma(vset(a[r * lda]), x, c[r * PV + v]);
}

V void add_8(const int rows, const uint8_t *codes, const float *a, int64_t lda, vf *c) {
  for (int v = 0; v < PV; v++) add_k(rows, a, lda, v, vfloat(vibytes((const int8_t *)codes + v * VW)), c);
}

/// Two k, the second of which may be past the end.
V void add_4(const int rows, const uint8_t *codes, const float *a, int64_t lda, bool both, vf *first, vf *second) {
  for (int v = 0; v < PV; v++) {
    const vi pair = viand(vibytes((const int8_t *)codes + v * VW), viset(255));
    add_k(rows, a, lda, v, vfloat(viand(pair, viset(15))), first);
    if (both) add_k(rows, a + 1, lda, v, vfloat(vishr(pair, 4)), second);
  }
}

/// Codes times A over `count` k of one block. Several sums per element hide the latency of the multiply-add.
V void add_block(const int rows, const int bits, const int sets, const uint8_t *codes, const float *a, int64_t lda,
                 int64_t count, vf *c) {
  const int set = rows * PV;
  int64_t p = 0;
  for (; (bits == 8 || sets > 1) && p + sets <= count; p += sets) {
    for (int i = 0; bits == 8 && i < sets; i++) add_8(rows, codes + (p + i) * KERF_PANEL, a + p + i, lda, c + i * set);
    for (int i = 0; bits == 4 && sets > 1 && i < sets; i += 2) {
      add_4(rows, codes + (p + i) / 2 * KERF_PANEL, a + p + i, lda, true, c + i * set, c + (i + 1) * set);
    }
  }
  for (; bits == 8 && p < count; p++) add_8(rows, codes + p * KERF_PANEL, a + p, lda, c);
  for (; bits == 4 && p < count; p += 2) {
    add_4(rows, codes + p / 2 * KERF_PANEL, a + p, lda, p + 1 < count, c, sets > 1 ? c + set : c);
  }
}

V void product_rows(const int rows, const int bits, const kerf_codes *w, int64_t column, const float *a,
                    const float *sums, float *acc) {
  const uint8_t *codes = w->panels + column / KERF_PANEL * kerf_codes_panel_bytes(w);
  const float *scale = w->scale + column, *offset = w->offset + column;
  const int sets = rows == 1 ? 4 : rows == 2 ? 2 : 1;
  vf total[KERF_CODES_ROWS * PV];
  for (int i = 0; i < rows * PV; i++) total[i] = vzero();
  for (int64_t b = 0; b < w->blocks; b++, scale += w->columns, offset += w->columns) {
    const int64_t first = b * w->block, count = kerf_min(w->block, w->k - first);
    vf c[KERF_CODES_ROWS * PV];
    for (int i = 0; i < sets * rows * PV; i++) c[i] = vzero();
    add_block(rows, bits, sets, codes + first * bits / 8 * KERF_PANEL, a + first, w->k, count, c);
    for (int i = rows * PV; i < sets * rows * PV; i++) c[i % (rows * PV)] = vadd(c[i % (rows * PV)], c[i]);
    for (int i = 0; i < rows * PV; i++) {
      const vf shift = vmul(vset(sums[i / PV * w->blocks + b]), vload(offset + i % PV * VW));
      total[i] = vfma(c[i], vload(scale + i % PV * VW), vadd(total[i], shift));
    }
  }
  for (int i = 0; i < rows * PV; i++) vstore(acc + i / PV * KERF_PANEL + i % PV * VW, total[i]);
}

#define KERF_ROWS(r)                                                       \
  case r:                                                                  \
    if (w->bits == 8) product_rows(r, 8, w, column, a, sums, acc);         \
    else product_rows(r, 4, w, column, a, sums, acc);                      \
    break;

static void product(const kerf_codes *w, int64_t column, int rows, const float *a, const float *sums, float *acc) {
  switch (rows) {
    KERF_ROWS(1)
    KERF_ROWS(2)
    KERF_ROWS(3)
    KERF_ROWS(4)
    default: break;
  }
}

V void expand_k(vi code, const float *scale, const float *offset, float *to) {
  vstore(to, vfma(vfloat(code), vload(scale), vload(offset)));
}

static void expand(const kerf_codes *w, int64_t column, float *to) {
  const uint8_t *codes = w->panels + column / KERF_PANEL * kerf_codes_panel_bytes(w);
  for (int64_t p = 0; p < w->k; p++, to += KERF_PANEL) {
    const float *scale = w->scale + p / w->block * w->columns + column;
    const float *offset = w->offset + p / w->block * w->columns + column;
    for (int v = 0; v < PV; v++) {
      vi code;
      if (w->bits == 8) code = vibytes((const int8_t *)codes + p * KERF_PANEL + v * VW);
      else {
        const vi both = vibytes((const int8_t *)codes + p / 2 * KERF_PANEL + v * VW);
        code = viand(p % 2 ? vishr(both, 4) : both, viset(15));
      }
      expand_k(code, scale + v * VW, offset + v * VW, to + v * VW);
    }
  }
}

static const kerf_codes_isa isa = {product, expand, &KERF_FN(kerf_gemm_isa)};

int KERF_FN(kerf_run_gemm_f32_codes)(const kerf_call *call) { return kerf_run_gemm_codes(call, &isa); }
