// GEMM_F32_CODES: a f32[..., K], packed codes, bias[N]?, residual? -> f32[..., N]; K N bits block act residual (ONNX
// MatMul and Gemm whose weights come from DequantizeLinear of constants, com.microsoft MatMulNBits). Few rows read the
// codes directly: the time is that of reading them. More rows share each panel, expanded into the scratch.
#include "gemm_f32_codes.h"

#include "../common/slots.h"

enum { K, N, BITS, BLOCK, ACT, RESIDUAL = ACT + 3, COUNT, PAIR = 2 };

/// Scratch: sums of the rows of a by block; or of each slot a pair of expanded panels and what the float product needs.
typedef struct plan {
  int64_t m, panels, tasks, slots;
  uint64_t sums_bytes, pair_bytes, slot_bytes;
} plan;

static plan make_plan(const kerf_codes *w, int64_t m) {
  plan p = {.m = m, .panels = w->columns / KERF_PANEL};
  if (m <= KERF_CODES_ROWS) {
    p.sums_bytes = kerf_align((uint64_t)(m * w->blocks) * sizeof(float));
    return p;
  }
  p.tasks = kerf_ceil_div(p.panels, PAIR);
  p.slots = kerf_min(p.tasks, 16);
  p.pair_bytes = (uint64_t)(w->k * PAIR * KERF_PANEL) * sizeof(float);
  p.slot_bytes = kerf_align(p.pair_bytes) + kerf_align(kerf_gemm_scratch(m, PAIR * KERF_PANEL, w->k, false));
  return p;
}

int kerf_prepare_gemm_f32_codes(const kerf_call *c, uint64_t *scratch) {
  kerf_act act;
  kerf_codes w;
  *scratch = 0;
  KERF_TRY(kerf_check_counts(c, 2, 4, 1, COUNT));
  const kerf_tensor *a = c->inputs[0], *bias = kerf_input(c, 2), *y = c->outputs[0];
  KERF_TRY(kerf_check_typed(a, KERF_F32));
  KERF_TRY(kerf_check_typed(y, KERF_F32));
  KERF_REQUIRE(kerf_codes_sizes(kerf_int(c, K), kerf_int(c, N), kerf_int(c, BITS), kerf_int(c, BLOCK), &w),
               KERF_BAD_ATTR);
  KERF_TRY(kerf_check_packed(c->inputs[1], kerf_pack_gemm_codes_size(w.k, w.n, w.bits, w.block)));
  KERF_REQUIRE(a->rank >= 1 && y->rank == a->rank, KERF_BAD_SHAPE);
  KERF_REQUIRE(a->dims[a->rank - 1] == w.k && y->dims[a->rank - 1] == w.n, KERF_BAD_SHAPE);
  for (int i = 0; i + 1 < a->rank; i++) KERF_REQUIRE(a->dims[i] == y->dims[i], KERF_BAD_SHAPE);
  if (bias) KERF_TRY(kerf_check_vector(bias, KERF_F32, w.n));
  KERF_TRY(kerf_read_act(c, ACT, &act));
  KERF_TRY(kerf_check_residual(c, RESIDUAL, kerf_input(c, 3), y));
  const plan p = make_plan(&w, kerf_dims_product(a, 0, a->rank - 1));
  *scratch = p.sums_bytes + (uint64_t)p.slots * p.slot_bytes;
  return KERF_OK;
}

typedef struct job {
  kerf_codes w;
  const kerf_codes_isa *isa;
  kerf_gemm g;  // the whole product, but for b
  plan p;
  uint8_t *scratch;
  uint32_t taken;
} job;

static const float *at(const float *p, int64_t offset) { return p ? p + offset : NULL; }

/// Panels begin ..< end of a product of few rows.
static void run_few(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const float *sums = (const float *)(const void *)j->scratch;
  const int rows = (int)j->g.m;
  _Alignas(64) float acc[KERF_CODES_ROWS * KERF_PANEL];
  for (int64_t i = begin; i < end; i++) {
    const int64_t column = i * KERF_PANEL;
    const int count = (int)kerf_min(KERF_PANEL, j->w.n - column);
    j->isa->product(&j->w, column, rows, j->g.a, sums, acc);
    for (int r = 0; r < rows; r++) {
      const int64_t to = r * j->g.ldy + column;
      j->isa->gemm->store(1, count, acc + r * KERF_PANEL, j->g.y + to, at(j->g.epilogue.residual, to), j->g.ldy,
                          &j->g.epilogue, column);
    }
  }
}

/// A pair of panels, expanded, times all rows.
static void run_pair(void *context, int64_t index) {
  job *j = context;
  const int slot = kerf_take_slot(&j->taken);
  uint8_t *memory = j->scratch + (uint64_t)slot * j->p.slot_bytes;
  float *b = (float *)(void *)memory;
  for (int64_t task = j->p.tasks * index / j->p.slots; task < j->p.tasks * (index + 1) / j->p.slots; task++) {
    const int64_t column = task * PAIR * KERF_PANEL;
    for (int64_t i = 0; i < PAIR && column + i * KERF_PANEL < j->w.n; i++) {
      j->isa->expand(&j->w, column + i * KERF_PANEL, b + i * j->w.k * KERF_PANEL);
    }
    kerf_gemm g = j->g;
    g.n = kerf_min(PAIR * KERF_PANEL, j->w.n - column);
    g.b = b;
    g.y += column;
    g.epilogue.bias = at(g.epilogue.bias, column);
    g.epilogue.residual = at(g.epilogue.residual, column);
    kerf_gemm_run(&g, j->isa->gemm, memory + kerf_align(j->p.pair_bytes), NULL);
  }
  kerf_give_slot(&j->taken, slot);
}

static void sum_blocks(const job *j) {
  float *sums = (float *)(void *)j->scratch;
  for (int64_t r = 0; r < j->g.m; r++) {
    const float *a = j->g.a + r * j->w.k;
    for (int64_t b = 0; b < j->w.blocks; b++) {
      float lanes[8] = {0};
      const int64_t end = kerf_min((b + 1) * j->w.block, j->w.k);
      for (int64_t p = b * j->w.block; p < end; p++) lanes[p % 8] += a[p];
      sums[r * j->w.blocks + b] = ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
    }
  }
}

int kerf_run_gemm_codes(const kerf_call *c, const kerf_codes_isa *isa) {
  const kerf_tensor *a = c->inputs[0], *bias = kerf_input(c, 2), *residual = kerf_input(c, 3);
  job j = {.isa = isa, .scratch = c->scratch};
  (void)kerf_codes_sizes(kerf_int(c, K), kerf_int(c, N), kerf_int(c, BITS), kerf_int(c, BLOCK), &j.w);
  j.w.scale = c->inputs[1]->data;
  j.w.offset = j.w.scale + j.w.blocks * j.w.columns;
  j.w.panels = (const uint8_t *)(j.w.offset + j.w.blocks * j.w.columns);
  j.g = (kerf_gemm){.m = kerf_dims_product(a, 0, a->rank - 1), .n = j.w.n, .k = j.w.k, .a = a->data, .lda = j.w.k};
  j.g.y = c->outputs[0]->data;
  j.g.ldy = j.w.n;
  j.g.epilogue.bias = bias ? bias->data : NULL;
  j.g.epilogue.residual = residual ? residual->data : NULL;
  j.g.epilogue.residual_mode = (int)kerf_int(c, RESIDUAL);
  KERF_TRY(kerf_read_act(c, ACT, &j.g.epilogue.act));
  if (j.g.m == 0) return KERF_OK;
  j.p = make_plan(&j.w, j.g.m);
  if (j.g.m <= KERF_CODES_ROWS) {
    sum_blocks(&j);
    kerf_ranges(c->pool, j.p.panels, kerf_max(1, (1 << 20) / (j.w.k * KERF_PANEL)), run_few, &j);
    return KERF_OK;
  }
  const double work = (double)j.g.m * (double)j.w.n * (double)j.w.k;
  kerf_parallel(kerf_pool_worth(c->pool, work / KERF_F32_RATE), run_pair, &j, j.p.slots);
  return KERF_OK;
}
