// MATMUL_INT: a, b u8/i8 (batched, numpy broadcasting), a_zero? (scalar or [M]), b_zero? (scalar or [N]) -> i32 (ONNX
// MatMulInteger).
//
// a becomes u8 and b s8 by flipping the sign bit where needed (adding or taking 128, the zero points with them); b is
// packed into the scratch, and with the sums of the rows and columns
//   sum (a - za)(b - zb) = sum a b - za sum b - zb (sum a - K za).
#include "../gemm_u8/gemm_u8.h"

typedef struct shape {
  int64_t m, n, k, batch;
  uint64_t packed, rows;  // bytes of scratch: packed b; sums of a's rows
} shape;

static bool is_byte(const kerf_tensor *t) { return t->type == KERF_U8 || t->type == KERF_I8; }

/// Leading axes of a (or b) against those of y: equal or 1, aligned at the end.
static bool batch_ok(const kerf_tensor *t, const kerf_tensor *y) {
  for (int d = 3; d <= t->rank; d++) {
    int64_t n = t->dims[t->rank - d];
    if (n != 1 && n != y->dims[y->rank - d]) return false;
  }
  return true;
}

static int check_zero(const kerf_tensor *zero, const kerf_tensor *of, int64_t n) {
  if (!zero) return KERF_OK;
  KERF_REQUIRE(zero->type == of->type, KERF_BAD_TYPE);
  int64_t count = kerf_elements(zero);
  return count == 1 || count == n ? KERF_OK : KERF_BAD_SHAPE;
}

static shape read_shape(const kerf_call *c) {
  const kerf_tensor *a = c->inputs[0], *b = c->inputs[1], *y = c->outputs[0];
  shape s = {.m = a->dims[a->rank - 2], .n = b->dims[b->rank - 1], .k = a->dims[a->rank - 1]};
  s.batch = kerf_span(y, 0, y->rank - 2);
  s.packed = kerf_align(kerf_q8_packed_size(s.k, s.n));
  s.rows = kerf_align((uint64_t)s.m * sizeof(int32_t));
  return s;
}

int kerf_prepare_matmul_int(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 4, 1, 0));
  const kerf_tensor *a = c->inputs[0], *b = c->inputs[1], *y = c->outputs[0];
  KERF_REQUIRE(is_byte(a) && is_byte(b) && y->type == KERF_I32, KERF_BAD_TYPE);
  KERF_REQUIRE(a->rank >= 2 && b->rank >= 2 && y->rank == (int)kerf_max(a->rank, b->rank), KERF_BAD_SHAPE);
  KERF_REQUIRE(a->dims[a->rank - 1] == b->dims[b->rank - 2], KERF_BAD_SHAPE);
  shape s = read_shape(c);
  KERF_REQUIRE(y->dims[y->rank - 2] == s.m && y->dims[y->rank - 1] == s.n, KERF_BAD_SHAPE);
  KERF_REQUIRE(batch_ok(a, y) && batch_ok(b, y), KERF_BAD_SHAPE);
  for (int d = 3; d <= y->rank; d++) {
    int64_t na = d <= a->rank ? a->dims[a->rank - d] : 1, nb = d <= b->rank ? b->dims[b->rank - d] : 1;
    KERF_REQUIRE(y->dims[y->rank - d] == (na == 1 ? nb : na), KERF_BAD_SHAPE);
  }
  KERF_TRY(check_zero(kerf_input(c, 2), a, s.m));
  KERF_TRY(check_zero(kerf_input(c, 3), b, s.n));
  // Zero only for an empty b, whose packing is empty too, or past the limit.
  KERF_REQUIRE(s.packed > 0 || s.n == 0, KERF_BAD_SHAPE);
  *scratch = s.packed + s.rows + kerf_q8_scratch(s.m, s.n, s.k, 1, true);
  return KERF_OK;
}

/// Element offset of a matrix of t in the batch item `index` of y.
static int64_t batch_offset(const kerf_tensor *t, const kerf_tensor *y, int64_t index) {
  int64_t offset = 0, stride = t->dims[t->rank - 2] * t->dims[t->rank - 1];
  for (int d = 3; d <= y->rank; d++) {
    int64_t at = index % y->dims[y->rank - d];
    index /= y->dims[y->rank - d];
    if (d > t->rank) continue;
    if (t->dims[t->rank - d] != 1) offset += at * stride;
    stride *= t->dims[t->rank - d];
  }
  return offset;
}

/// b[K, N], flipped, into panels with their column sums.
static void pack(const uint8_t *b, uint8_t flip, const shape *s, uint8_t *packed) {
  const int64_t blocks = kerf_ceil_div(s->k, 4), panels = kerf_ceil_div(s->n, KERF_Q8_PANEL);
  uint32_t *sums = (uint32_t *)(void *)packed;
  memset(packed, 0, s->packed);
  for (int64_t p = 0; p < panels; p++) {
    const int64_t column = p * KERF_Q8_PANEL, width = kerf_min(KERF_Q8_PANEL, s->n - column);
    uint8_t *to = packed + panels * 64 + p * blocks * 64;
    for (int64_t k = 0; k < s->k; k++) {
      for (int64_t n = 0; n < width; n++) {
        uint8_t v = b[k * s->n + column + n] ^ flip;
        to[k / 4 * 64 + n * 4 + k % 4] = v;
        sums[column + n] += (uint32_t)(int8_t)v;
      }
    }
  }
}

typedef struct matrix {
  const uint8_t *a;
  uint8_t flip;
} matrix;

static void fill_rows(const kerf_q8 *g, int64_t group, int64_t row, int64_t rows, uint8_t *dst, int64_t ld) {
  const matrix *m = g->source;
  const uint8_t *a = m->a + row * g->k;
  (void)group;
  for (int64_t r = 0; r < rows; r++, dst += ld, a += g->k) {
    memset(dst + ld - 4, 0, 4);
    for (int64_t k = 0; k < g->k; k++) dst[k] = a[k] ^ m->flip;
  }
}

/// Zero point i as the flipped operand has it; without a tensor the type's own zero.
static int32_t zero_at(const kerf_tensor *zero, int64_t i, uint8_t flip) {
  if (!zero) return flip;
  return ((const uint8_t *)zero->data)[kerf_elements(zero) == 1 ? 0 : i] ^ flip;
}

/// Takes the zero points' part from the raw products.
static void correct(const kerf_call *c, const shape *s, const uint8_t *packed, int32_t *rows, const matrix *a,
                    uint8_t flip_b, int32_t *y) {
  const uint32_t *sums = (const uint32_t *)(const void *)packed;
  for (int64_t m = 0; m < s->m; m++, y += s->n) {
    uint32_t za = (uint32_t)zero_at(kerf_input(c, 2), m, a->flip), sum = 0;
    for (int64_t k = 0; k < s->k; k++) sum += (uint8_t)(a->a[m * s->k + k] ^ a->flip);
    rows[m] = (int32_t)(sum - (uint32_t)s->k * za);
    for (int64_t n = 0; n < s->n; n++) {
      uint32_t zb = (uint32_t)(int8_t)zero_at(kerf_input(c, 3), n, flip_b);
      y[n] = (int32_t)((uint32_t)y[n] - za * sums[n] - zb * (uint32_t)rows[m]);
    }
  }
}

static int run_matmul(const kerf_call *c, const kerf_q8_isa *isa) {
  const kerf_tensor *a = c->inputs[0], *b = c->inputs[1], *y = c->outputs[0];
  shape s = read_shape(c);
  if (kerf_elements(y) == 0) return KERF_OK;
  uint8_t *packed = c->scratch, flip_b = b->type == KERF_U8 ? 0x80 : 0;
  int32_t *rows = (int32_t *)(void *)(packed + s.packed);
  int64_t last = -1;
  for (int64_t i = 0; i < s.batch; i++) {
    matrix source = {(const uint8_t *)a->data + batch_offset(a, y, i), a->type == KERF_I8 ? 0x80 : 0};
    int64_t at = batch_offset(b, y, i);
    if (at != last) pack((const uint8_t *)b->data + at, flip_b, &s, packed);
    last = at;
    kerf_q8 g = {.m = s.m, .n = s.n, .k = s.k, .groups = 1, .source = &source, .packed = packed};
    g.a = source.a;
    g.lda = s.k;
    g.fill = s.k % 4 == 0 && !source.flip ? NULL : fill_rows;
    g.y_i32 = (int32_t *)y->data + i * s.m * s.n;
    kerf_q8_run(&g, isa, packed + s.packed + s.rows, c->pool);
    correct(c, &s, packed, rows, &source, flip_b, g.y_i32);
  }
  return KERF_OK;
}

#define RUN(set) \
  int kerf_run_matmul_int_##set(const kerf_call *c) { return run_matmul(c, &kerf_q8_##set); }
RUN(portable)
#if defined(__x86_64__)
RUN(avx2)
RUN(avx512vnni)
#elif defined(__aarch64__)
RUN(neon)
RUN(dotprod)
RUN(i8mm)
#endif
