// MATMUL_INT, MATMUL_INT_U8, MATMUL_INT_F32: products of two 8-bit matrices that are both made while running (ONNX
// MatMulInteger, QLinearMatMul, and MatMul after quantization).
//
// a becomes u8 and b s8 by flipping the sign bit where needed (adding or taking 128, the zero points with them). b is
// packed into the scratch, once for all products that follow each other with the same one. Products of a batch that are
// small run side by side, others one after another on all threads. Parameters per row make a product of every row.
#include "../gemm_u8/gemm_u8.h"

enum { A, B, A_ZERO, B_ZERO, A_SCALE, B_SCALE, Y_SCALE, Y_ZERO };
enum { TRANSPOSED, Y_MIN, Y_MAX, ACT = 1, RESIDUAL_MODE = 4, RESIDUAL = 6 };
/// At most so many products side by side, of at most so many multiplications each.
enum { SLOTS = 8, SMALL = 1 << 22 };

typedef struct shape {
  int64_t m, n, k, batch, slots;
  bool transposed, per_row;
  uint64_t packed, columns, product;  // bytes of a slot: packed b; one number per column; what the product needs
  uint64_t slot;
} shape;

static bool is_byte(const kerf_tensor *t) { return t->type == KERF_U8 || t->type == KERF_I8; }

static bool is_transposed(const kerf_call *c) { return c->attr_count > 0 && kerf_int(c, TRANSPOSED); }

/// Whether a parameter belongs to rows, which are more than one.
static bool has_rows(const kerf_call *c, int at) {
  const kerf_tensor *t = kerf_input(c, at);
  return t && kerf_elements(t) > 1;
}

static shape read_shape(const kerf_call *c) {
  const kerf_tensor *a = c->inputs[A], *b = c->inputs[B], *y = c->outputs[0];
  shape s = {.m = a->dims[a->rank - 2], .k = a->dims[a->rank - 1], .transposed = is_transposed(c)};
  s.n = b->dims[b->rank - (s.transposed ? 2 : 1)];
  s.batch = kerf_span(y, 0, y->rank - 2);
  s.per_row = has_rows(c, A_ZERO) || has_rows(c, A_SCALE);
  if (y->type != KERF_F32 && y->type != KERF_I32) s.per_row = s.per_row || has_rows(c, Y_SCALE) || has_rows(c, Y_ZERO);
  const bool small = (double)s.m * (double)s.n * (double)s.k <= SMALL;
  s.slots = small ? kerf_max(kerf_min(s.batch, SLOTS), 1) : 1;
  s.packed = kerf_align(kerf_q8_packed_size(s.k, s.n));
  s.columns = kerf_align((uint64_t)s.n * sizeof(int32_t));
  s.product = kerf_align(kerf_q8_scratch(s.per_row ? 1 : s.m, s.n, s.k, 1, true));
  s.slot = s.packed + 4 * s.columns + s.product;
  return s;
}

/// Leading axes of a (or b) against those of y: equal or 1, aligned at the end.
static bool batch_ok(const kerf_tensor *t, const kerf_tensor *y) {
  for (int d = 3; d <= t->rank; d++) {
    int64_t n = t->dims[t->rank - d];
    if (n != 1 && n != y->dims[y->rank - d]) return false;
  }
  return true;
}

static int check_vector(const kerf_tensor *t, int32_t type, int64_t n) {
  if (!t) return KERF_OK;
  KERF_REQUIRE(t->type == type, KERF_BAD_TYPE);
  int64_t count = kerf_elements(t);
  return count == 1 || count == n ? KERF_OK : KERF_BAD_SHAPE;
}

static int check_product(const kerf_call *c, uint64_t *scratch) {
  const kerf_tensor *a = c->inputs[A], *b = c->inputs[B], *y = c->outputs[0];
  KERF_REQUIRE(is_byte(a) && is_byte(b), KERF_BAD_TYPE);
  KERF_REQUIRE(a->rank >= 2 && b->rank >= 2 && y->rank == (int)kerf_max(a->rank, b->rank), KERF_BAD_SHAPE);
  KERF_REQUIRE(a->dims[a->rank - 1] == b->dims[b->rank - (is_transposed(c) ? 1 : 2)], KERF_BAD_SHAPE);
  KERF_REQUIRE(y->dims[y->rank - 2] == a->dims[a->rank - 2], KERF_BAD_SHAPE);
  KERF_REQUIRE(y->dims[y->rank - 1] == b->dims[b->rank - (is_transposed(c) ? 2 : 1)], KERF_BAD_SHAPE);
  KERF_REQUIRE(batch_ok(a, y) && batch_ok(b, y), KERF_BAD_SHAPE);
  for (int d = 3; d <= y->rank; d++) {
    int64_t na = d <= a->rank ? a->dims[a->rank - d] : 1, nb = d <= b->rank ? b->dims[b->rank - d] : 1;
    KERF_REQUIRE(y->dims[y->rank - d] == (na == 1 ? nb : na), KERF_BAD_SHAPE);
  }
  const shape s = read_shape(c);
  KERF_TRY(check_vector(kerf_input(c, A_ZERO), a->type, s.m));
  KERF_TRY(check_vector(kerf_input(c, B_ZERO), b->type, s.n));
  // Zero only for an empty b, whose packing is empty too, or past the limit.
  KERF_REQUIRE(s.packed > 0 || s.n == 0, KERF_BAD_SHAPE);
  *scratch = (uint64_t)s.slots * s.slot;
  return KERF_OK;
}

/// Scales of rows and columns, which must be there.
static int check_scales(const kerf_call *c) {
  const kerf_tensor *y = c->outputs[0];
  KERF_REQUIRE(kerf_input(c, A_SCALE) && kerf_input(c, B_SCALE), KERF_BAD_COUNT);
  KERF_TRY(check_vector(c->inputs[A_SCALE], KERF_F32, y->dims[y->rank - 2]));
  return check_vector(c->inputs[B_SCALE], KERF_F32, y->dims[y->rank - 1]);
}

int kerf_prepare_matmul_int(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 4, 1, 0));
  KERF_REQUIRE(c->outputs[0]->type == KERF_I32, KERF_BAD_TYPE);
  return check_product(c, scratch);
}

int kerf_prepare_matmul_int_u8(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 8, 1, 3));
  const kerf_tensor *y = c->outputs[0];
  KERF_REQUIRE(is_byte(y), KERF_BAD_TYPE);
  KERF_TRY(check_product(c, scratch));
  KERF_TRY(check_scales(c));
  KERF_REQUIRE(kerf_input(c, Y_SCALE) && kerf_input(c, Y_ZERO), KERF_BAD_COUNT);
  KERF_TRY(check_vector(c->inputs[Y_SCALE], KERF_F32, y->dims[y->rank - 2]));
  KERF_TRY(check_vector(c->inputs[Y_ZERO], y->type, y->dims[y->rank - 2]));
  KERF_TRY(kerf_check_range(c, Y_MIN, 0, 255));
  KERF_TRY(kerf_check_range(c, Y_MAX, 0, 255));
  return kerf_int(c, Y_MIN) <= kerf_int(c, Y_MAX) ? KERF_OK : KERF_BAD_ATTR;
}

int kerf_prepare_matmul_int_f32(const kerf_call *c, uint64_t *scratch) {
  kerf_act act;
  KERF_TRY(kerf_check_plain(c, 2, 7, 1, 5));
  KERF_REQUIRE(c->outputs[0]->type == KERF_F32, KERF_BAD_TYPE);
  KERF_TRY(check_product(c, scratch));
  KERF_TRY(check_scales(c));
  KERF_TRY(kerf_read_act(c, ACT, &act));
  return kerf_check_residual(c, RESIDUAL_MODE, kerf_input(c, RESIDUAL), c->outputs[0]);
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

/// What turns the type's bytes into the product's: a into u8, b into s8, y from u8.
static uint8_t flip_of(const kerf_tensor *t, int32_t kept) { return t->type == kept ? 0 : 0x80; }

/// Zero point i as a byte of the flipped operand; without a tensor the type's own zero.
static uint8_t zero_at(const kerf_tensor *zero, int64_t i, uint8_t flip) {
  if (!zero) return flip;
  return ((const uint8_t *)zero->data)[kerf_elements(zero) == 1 ? 0 : i] ^ flip;
}

static float scale_at(const kerf_tensor *scale, int64_t i) {
  return ((const float *)scale->data)[kerf_elements(scale) == 1 ? 0 : i];
}

typedef struct matrix {
  const uint8_t *a;
  uint8_t flip;
} matrix;

static void fill_rows(const kerf_q8 *g, int64_t group, int64_t row, int64_t rows, uint8_t *dst, int64_t ld) {
  const matrix *m = g->source;
  const int64_t n = g->k;
  const uint8_t *a = m->a + row * n, flip = m->flip;
  (void)group;
  for (int64_t r = 0; r < rows; r++, dst += ld, a += n) {
    memset(dst + ld - 4, 0, 4);
    memcpy(dst, a, (size_t)n);
    for (int64_t k = 0; flip && k < n; k++) dst[k] ^= flip;
  }
}

typedef struct job {
  const kerf_call *call;
  const kerf_q8_isa *isa;
  shape s;
  kerf_pool *inner;  // of a single product
  int error;
} job;

/// The parameters of one slot: four rows of numbers, one per column.
typedef struct columns {
  int32_t *zero, *bias, *multiplier, *shift;
  float *scale;
} columns;

static columns columns_of(const shape *s, uint8_t *slot) {
  uint8_t *at = slot + s->packed;
  columns c = {(int32_t *)(void *)at, (int32_t *)(void *)(at + s->columns), (int32_t *)(void *)(at + 2 * s->columns),
               (int32_t *)(void *)(at + 3 * s->columns), (float *)(void *)(at + 2 * s->columns)};
  return c;
}

/// Zero points of b into `zero`; the step between them, or -1 when all are 0.
static int load_zeros(const job *j, int32_t *zero) {
  const kerf_tensor *b = j->call->inputs[B], *t = kerf_input(j->call, B_ZERO);
  const int64_t count = t && kerf_elements(t) > 1 ? j->s.n : 1;
  bool any = false;
  for (int64_t i = 0; i < count; i++) {
    zero[i] = (int8_t)zero_at(t, i, flip_of(b, KERF_I8));
    any = any || zero[i] != 0;
  }
  return any ? count > 1 : -1;
}

/// y / 2^shift = sum of codes as codes of y. A scale that is negative or no number is the caller's error; one past all
/// bounds saturates.
static bool load_factors(const job *j, int64_t row, const columns *p) {
  const kerf_tensor *b = j->call->inputs[B_SCALE];
  const double a = scale_at(j->call->inputs[A_SCALE], row), y = scale_at(j->call->inputs[Y_SCALE], row);
  const bool one = kerf_elements(b) == 1;
  for (int64_t i = 0; i < j->s.n; i++) {
    p->bias[i] = 0;
    if (one && i > 0) {
      p->multiplier[i] = p->multiplier[0];
      p->shift[i] = p->shift[0];
      continue;
    }
    const double factor = a * scale_at(b, i) / y;
    if (!(factor >= 0)) return false;
    if (kerf_fixed_point(factor, p->multiplier + i, p->shift + i)) continue;
    p->multiplier[i] = INT32_MAX;
    p->shift[i] = 1;
  }
  return true;
}

/// What the row (or all rows) of a product do with its sums.
static bool load_epilogue(const job *j, int64_t row, const columns *p, kerf_q8 *g) {
  const kerf_call *c = j->call;
  const kerf_tensor *y = c->outputs[0];
  if (y->type == KERF_F32) {
    const float a = scale_at(c->inputs[A_SCALE], row);
    for (int64_t i = 0; i < j->s.n; i++) p->scale[i] = a * scale_at(c->inputs[B_SCALE], i);
    g->scale = p->scale;
  } else if (y->type != KERF_I32) {
    if (!load_factors(j, row, p)) return false;
    g->bias = p->bias;
    g->multiplier = p->multiplier;
    g->shift = p->shift;
    g->output = (kerf_q8_output){zero_at(c->inputs[Y_ZERO], row, flip_of(y, KERF_U8)), (int32_t)kerf_int(c, Y_MIN),
                                 (int32_t)kerf_int(c, Y_MAX), NULL};
  }
  return true;
}

/// Where the results go, from element `at` of y.
static void set_output(const kerf_call *c, int64_t at, kerf_q8 *g) {
  const kerf_tensor *y = c->outputs[0], *residual = y->type == KERF_F32 ? kerf_input(c, RESIDUAL) : NULL;
  if (y->type == KERF_I32) g->y_i32 = (int32_t *)y->data + at;
  else if (y->type != KERF_F32) g->y_u8 = (uint8_t *)y->data + at;
  else {
    g->y_f32 = (float *)y->data + at;
    g->residual = residual ? (const float *)residual->data + at : NULL;
    g->residual_mode = (int)kerf_int(c, RESIDUAL_MODE);
    (void)kerf_read_act(c, ACT, &g->act);
  }
}

/// The product of batch item i, with b packed.
static bool run_item(const job *j, int64_t i, uint8_t *slot) {
  const kerf_call *c = j->call;
  const kerf_tensor *a = c->inputs[A], *y = c->outputs[0];
  const shape *s = &j->s;
  const columns p = columns_of(s, slot);
  matrix source = {(const uint8_t *)a->data + batch_offset(a, y, i), flip_of(a, KERF_U8)};
  const int step = load_zeros(j, p.zero);
  kerf_q8 g = {.m = s->per_row ? 1 : s->m, .n = s->n, .k = s->k, .groups = 1, .source = &source, .packed = slot};
  g.ldy = s->n;
  g.lda = s->k;
  g.fill = s->k == 0 || (s->k % 4 == 0 && !source.flip) ? NULL : fill_rows;
  if (step >= 0) g.b_zero = p.zero;
  g.b_zero_step = step > 0;
  for (int64_t row = 0; row < s->m; row += g.m, source.a += g.m * s->k) {
    g.a = source.a;
    g.x_zero = zero_at(kerf_input(c, A_ZERO), row, source.flip);
    if (!load_epilogue(j, row, &p, &g)) return false;
    set_output(c, (i * s->m + row) * s->n, &g);
    kerf_q8_run(&g, j->isa, slot + s->packed + 4 * s->columns, j->inner);
  }
  uint8_t *bytes = (uint8_t *)y->data + i * s->m * s->n;
  for (int64_t e = 0; y->type == KERF_I8 && e < s->m * s->n; e++) bytes[e] ^= 0x80;
  return true;
}

static void run_slot(void *context, int64_t index) {
  job *j = context;
  const kerf_tensor *b = j->call->inputs[B], *y = j->call->outputs[0];
  const shape *s = &j->s;
  uint8_t *slot = (uint8_t *)j->call->scratch + (uint64_t)index * s->slot;
  int64_t last = -1;
  for (int64_t i = s->batch * index / s->slots; i < s->batch * (index + 1) / s->slots; i++) {
    const int64_t at = batch_offset(b, y, i);
    const uint8_t *matrix = (const uint8_t *)b->data + at;
    if (at != last) kerf_q8_pack_bytes(s->k, s->n, s->transposed, matrix, flip_of(b, KERF_I8), slot);
    last = at;
    if (!run_item(j, i, slot)) __atomic_store_n(&j->error, KERF_BAD_ATTR, __ATOMIC_RELAXED);
  }
}

static int run_matmul(const kerf_call *c, const kerf_q8_isa *isa) {
  if (kerf_elements(c->outputs[0]) == 0) return KERF_OK;
  job j = {.call = c, .isa = isa, .s = read_shape(c)};
  const double work = (double)j.s.batch * (double)j.s.m * (double)j.s.n * (double)j.s.k;
  if (j.s.slots == 1) j.inner = c->pool;
  kerf_parallel(j.s.slots == 1 ? NULL : kerf_pool_worth(c->pool, work / KERF_U8_RATE), run_slot, &j, j.s.slots);
  return j.error;
}

#define RUN(set)                                                                                    \
  int kerf_run_matmul_int_##set(const kerf_call *c) { return run_matmul(c, &kerf_q8_##set); }       \
  int kerf_run_matmul_int_u8_##set(const kerf_call *c) { return run_matmul(c, &kerf_q8_##set); }    \
  int kerf_run_matmul_int_f32_##set(const kerf_call *c) { return run_matmul(c, &kerf_q8_##set); }
RUN(portable)
#if defined(__x86_64__)
RUN(avx2)
RUN(avx512vnni)
#elif defined(__aarch64__)
RUN(neon)
RUN(dotprod)
RUN(i8mm)
#endif
