// MATMUL_F32: a, b (batched, the leading axes broadcast), bias[N], residual -> y; trans_a, trans_b, alpha, activation,
// residual mode. ONNX: MatMul 1-13, Gemm 1-13, FusedMatMul, the products of attention.
//
// b is packed into scratch (alpha goes into it), a transposed a is gathered block by block. Several products run side
// by side, a single large one is split.
#include "matmul_f32.h"

typedef struct product {
  int64_t m, n, k, batch;
  int trans_a, trans_b, rank;       // rank of the leading axes
  int64_t dims[KERF_MAX_RANK];      // of y's leading axes
  int64_t step_a[KERF_MAX_RANK], step_b[KERF_MAX_RANK];  // in matrices; 0 where repeated
  bool joined;                      // b is one matrix: all of a's rows are one product
} product;

/// The leading axes of an operand under y's.
static int read_steps(const kerf_tensor *t, const kerf_tensor *y, int64_t *steps) {
  int64_t step = 1;
  for (int i = y->rank - 3; i >= 0; i--) {
    const int at = i - (y->rank - t->rank);
    const int64_t d = at < 0 ? 1 : t->dims[at];
    KERF_REQUIRE(d == y->dims[i] || d == 1, KERF_BAD_SHAPE);
    steps[i] = d == 1 ? 0 : step;
    step *= d;
  }
  return KERF_OK;
}

static int check_leading(const kerf_tensor *a, const kerf_tensor *b, const kerf_tensor *y) {
  for (int i = 3; i <= y->rank; i++) {
    const int64_t da = i <= a->rank ? a->dims[a->rank - i] : 1, db = i <= b->rank ? b->dims[b->rank - i] : 1;
    KERF_REQUIRE(y->dims[y->rank - i] == (da == 1 ? db : da), KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

static int read(const kerf_call *call, product *p) {
  const kerf_tensor *a = call->inputs[0], *b = call->inputs[1], *y = call->outputs[0];
  KERF_REQUIRE(a->rank >= 2 && b->rank >= 2 && y->rank == (a->rank > b->rank ? a->rank : b->rank), KERF_BAD_SHAPE);
  for (int i = 0; i < 2; i++) KERF_TRY(kerf_check_range(call, i, 0, 1));
  p->trans_a = (int)kerf_int(call, 0), p->trans_b = (int)kerf_int(call, 1);
  p->m = y->dims[y->rank - 2], p->n = y->dims[y->rank - 1];
  p->k = a->dims[a->rank - 1 - p->trans_a];
  KERF_REQUIRE(a->dims[a->rank - 2 + p->trans_a] == p->m, KERF_BAD_SHAPE);
  KERF_REQUIRE(b->dims[b->rank - 2 + p->trans_b] == p->k && b->dims[b->rank - 1 - p->trans_b] == p->n, KERF_BAD_SHAPE);
  KERF_TRY(check_leading(a, b, y));
  KERF_TRY(read_steps(a, y, p->step_a));
  KERF_TRY(read_steps(b, y, p->step_b));
  p->rank = y->rank - 2;
  p->batch = kerf_dims_product(y, 0, p->rank);
  memcpy(p->dims, y->dims, sizeof p->dims);
  const bool one_b = kerf_dims_product(b, 0, b->rank - 2) == 1;
  p->joined = one_b && !p->trans_a && p->batch > 1 && kerf_dims_product(a, 0, a->rank - 2) == p->batch;
  if (p->joined) p->m *= p->batch, p->batch = 1, p->rank = 0;
  return KERF_OK;
}

enum { SLOTS = 8, FEW_ROWS = 3 };

/// So few rows that b is better read where it is (every tile has that many rows).
static bool few_rows(const product *p) { return p->m <= FEW_ROWS && (!p->trans_a || p->m == 1); }

static uint64_t slot_bytes(const product *p) {
  if (few_rows(p)) return kerf_pack_gemm_f32_size(p->k, KERF_PANEL);
  return kerf_pack_gemm_f32_size(p->k, p->n) + kerf_align(kerf_gemm_scratch(p->m, p->n, p->k, p->trans_a));
}

int kerf_prepare_matmul_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  product p;
  kerf_act act;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 2, 4, 1, 7));
  const kerf_tensor *bias = kerf_input(call, 2), *y = call->outputs[0];
  for (int i = 0; i < 2; i++) KERF_TRY(kerf_check_typed(call->inputs[i], KERF_F32));
  KERF_TRY(kerf_check_typed(y, KERF_F32));
  KERF_TRY(read(call, &p));
  if (bias) KERF_TRY(kerf_check_vector(bias, KERF_F32, p.n));
  KERF_TRY(kerf_read_act(call, 3, &act));
  KERF_TRY(kerf_check_residual(call, 6, kerf_input(call, 3), y));
  KERF_REQUIRE(kerf_pack_gemm_f32_size(p.k, p.n), KERF_BAD_SHAPE);
  *scratch_bytes = slot_bytes(&p) * (uint64_t)kerf_min(SLOTS, kerf_max(1, p.batch));
  return KERF_OK;
}

typedef struct job {
  product p;
  const float *a, *b, *bias, *residual;
  float *y, alpha;
  int mode;
  kerf_act act;
  const kerf_gemm_isa *isa;
  char *scratch;
  kerf_pool *pool;  // for inside a product
  int64_t slots;
} job;

/// One panel of b, transposed or not, times alpha, to `out`.
static void pack_panel(const job *j, const float *b, float *out, int64_t panel) {
  const int64_t k = j->p.k, n = j->p.n, j0 = panel * KERF_PANEL, used = kerf_min(KERF_PANEL, n - j0);
  if (used < KERF_PANEL) memset(out, 0, (size_t)(k * KERF_PANEL) * sizeof *out);
  if (j->p.trans_b) {
    for (int64_t p = 0; p < k; p++)
      for (int64_t c = 0; c < used; c++) out[p * KERF_PANEL + c] = b[(j0 + c) * k + p];
  } else if (used == KERF_PANEL) {
    for (int64_t p = 0; p < k; p++) memcpy(out + p * KERF_PANEL, b + p * n + j0, KERF_PANEL * sizeof *out);
  } else {
    for (int64_t p = 0; p < k; p++)
      for (int64_t c = 0; c < used; c++) out[p * KERF_PANEL + c] = b[p * n + j0 + c];
  }
  if (j->alpha == 1) return;
  for (int64_t i = 0; i < k * KERF_PANEL; i++) out[i] *= j->alpha;
}

typedef struct packing {
  const job *j;
  const float *b;
  float *packed;
} packing;

static void pack_task(void *context, int64_t panel) {
  const packing *p = context;
  pack_panel(p->j, p->b, p->packed + panel * p->j->p.k * KERF_PANEL, panel);
}

/// Rows of a transposed a[K, M].
typedef struct columns {
  const float *a;
  int64_t m;
} columns;

static void gather(const void *source, int64_t row, int64_t rows, int64_t k0, int64_t k, float *dst) {
  const columns *s = source;
  for (int64_t p = 0; p < k; p++) {
    const float *line = s->a + (k0 + p) * s->m + row;
    for (int64_t i = 0; i < rows; i++) dst[i * k + p] = line[i];
  }
}

/// Where matrix `index` of the batch lies in a and b, in matrices.
static void locate(const product *p, int64_t index, int64_t *a, int64_t *b) {
  *a = *b = 0;
  for (int i = p->rank - 1; i >= 0; i--) {
    const int64_t at = index % p->dims[i];
    index /= p->dims[i];
    *a += at * p->step_a[i];
    *b += at * p->step_b[i];
  }
}

/// Few rows of a: packing b would cost more than the product, so b is read where it is.
static void run_few_rows(const job *j, const float *a, const float *b, float *scratch, int64_t index) {
  const product *p = &j->p;
  const int64_t width = j->isa->panels * KERF_PANEL, whole = p->trans_b ? p->n : p->n / KERF_PANEL * KERF_PANEL;
  const kerf_epilogue e = {j->bias, j->residual, j->mode, j->act};
  float acc[KERF_TILE_ROWS * KERF_TILE_COLUMNS] __attribute__((aligned(64)));
  if (whole < p->n) pack_panel(j, b, scratch, whole / KERF_PANEL);  // the last, partial panel
  for (int64_t n = 0; n < p->n;) {
    const int64_t end = n < whole ? whole : p->n, wide = kerf_min(width, end - n);
    if (p->trans_b) {
      for (int64_t i = 0; i < p->m; i++)
        j->isa->dots(p->k, a + i * p->k, b + n * p->k, p->k, (int)wide, acc + i * width);
    } else {
      const int used = (int)kerf_ceil_div(wide, KERF_PANEL);
      const float *at = n < whole ? b + n : scratch;
      j->isa->tile((int)p->m, used, p->k, a, p->k, at, n < whole ? p->n : KERF_PANEL, KERF_PANEL, acc, 1);
    }
    for (int64_t i = 0; j->alpha != 1 && n < whole && i < p->m; i++)
      for (int64_t c = 0; c < wide; c++) acc[i * width + c] *= j->alpha;
    const int64_t to = index * p->m * p->n + n;
    j->isa->store((int)p->m, (int)wide, acc, j->y + to, j->residual ? j->residual + to : NULL, p->n, &e, n);
    n += wide;
  }
}

/// One matrix; `packed_for` remembers which b the slot's packed panels hold.
static void run_matrix(const job *j, int64_t index, char *scratch, int64_t *packed_for) {
  const product *p = &j->p;
  int64_t at_a, at_b;
  locate(p, index, &at_a, &at_b);
  const packing source = {j, j->b + at_b * p->k * p->n, (float *)scratch};
  if (few_rows(p)) {
    run_few_rows(j, j->a + at_a * p->m * p->k, source.b, source.packed, index);
    return;
  }
  if (*packed_for != at_b)
    kerf_parallel(j->pool, pack_task, (void *)&source, kerf_ceil_div(p->n, KERF_PANEL));
  *packed_for = at_b;
  const columns transposed = {j->a + at_a * p->m * p->k, p->m};
  kerf_gemm g = {.m = p->m, .n = p->n, .k = p->k, .lda = p->k, .ldy = p->n, .gather = gather, .source = &transposed};
  g.a = p->trans_a ? NULL : transposed.a;
  g.b = source.packed;
  g.y = j->y + index * p->m * p->n;
  g.epilogue = (kerf_epilogue){j->bias, j->residual ? j->residual + index * p->m * p->n : NULL, j->mode, j->act};
  kerf_gemm_run(&g, j->isa, scratch + kerf_pack_gemm_f32_size(p->k, p->n), j->pool);
}

static void run_slot(void *context, int64_t slot) {
  const job *j = context;
  int64_t packed_for = -1;
  const int64_t end = (int64_t)((__int128)j->p.batch * (slot + 1) / j->slots);
  for (int64_t i = (int64_t)((__int128)j->p.batch * slot / j->slots); i < end; i++)
    run_matrix(j, i, j->scratch + slot_bytes(&j->p) * (uint64_t)slot, &packed_for);
}

int kerf_run_matmul(const kerf_call *call, const kerf_gemm_isa *isa) {
  const kerf_tensor *bias = kerf_input(call, 2), *residual = kerf_input(call, 3);
  job j = {.a = call->inputs[0]->data, .b = call->inputs[1]->data, .y = call->outputs[0]->data, .isa = isa};
  KERF_TRY(read(call, &j.p));
  KERF_TRY(kerf_read_act(call, 3, &j.act));
  if (kerf_count(call->outputs[0]) == 0) return KERF_OK;
  if (j.p.k == 0) j.a = j.b = j.y;  // not read
  j.bias = bias ? bias->data : NULL, j.residual = residual ? residual->data : NULL;
  j.mode = (int)kerf_int(call, 6);
  j.alpha = kerf_float(call, 2);
  j.scratch = call->scratch;
  j.slots = kerf_min(SLOTS, j.p.batch);
  const double work = (double)j.p.batch * (double)j.p.m * (double)j.p.n * (double)kerf_max(1, j.p.k);
  kerf_pool *pool = kerf_pool_for(call, work / KERF_F32_RATE);
  j.pool = j.slots == 1 ? pool : NULL;
  kerf_parallel(pool, run_slot, &j, j.slots);
  return KERF_OK;
}
