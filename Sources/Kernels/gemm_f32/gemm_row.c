// The float matrix product of one row: every element of B is used once, so its way from memory is all that counts.
#include "gemm_f32.h"

enum { BLOCK_PANELS = 16 };

typedef struct job {
  const kerf_gemm *g;
  const kerf_gemm_isa *isa;
} job;

static void run_block(void *context, int64_t block) {
  const job *j = context;
  const kerf_gemm *g = j->g;
  float acc[BLOCK_PANELS * KERF_PANEL] __attribute__((aligned(64)));
  const int64_t n = block * BLOCK_PANELS * KERF_PANEL, columns = kerf_min(BLOCK_PANELS * KERF_PANEL, g->n - n);
  j->isa->row(g->k, g->a, g->b + n * g->k, kerf_ceil_div(columns, KERF_PANEL), acc);
  const float *residual = g->epilogue.residual ? g->epilogue.residual + n : NULL;
  j->isa->store(1, (int)columns, acc, g->y + n, residual, g->ldy, &g->epilogue, n);
}

void kerf_gemm_run_row(const kerf_gemm *g, const kerf_gemm_isa *isa, kerf_pool *pool) {
  const job j = {g, isa};
  const double work = (double)g->n * (double)kerf_max(g->k, 1);
  kerf_parallel(kerf_pool_worth(pool, work / 10), run_block, (void *)&j, kerf_ceil_div(g->n, BLOCK_PANELS * KERF_PANEL));
}
