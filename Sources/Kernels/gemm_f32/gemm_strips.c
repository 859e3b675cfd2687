// The float matrix product by addresses: strips of rows, each through its whole depth and its epilogue at once. What
// a task takes depends on shapes alone, so that results do not depend on the threads.
#include "gemm_f32.h"

enum {
  ROW_STEP = 6,              // rows of a tile on most instruction sets
  ROW_STEPS = 42,            // a multiple of every tile's rows
  CACHED_FLOATS = 48 * 1024, // of B that stays in the second-level cache while strips go by
  BLOCK_FLOATS = 64 * 1024,  // of A that does while panels of B go by
  MOST_ROWS = 252,           // of a task: its addresses take memory too
  TASKS = 16,                // wanted
};

/// A task is `rows` rows by `columns` columns; those of the same rows follow each other.
typedef struct plan {
  int64_t rows, columns, across, tasks, slots;
  uint64_t slot_bytes;
} plan;

static int64_t round_up(int64_t n, int64_t step) { return kerf_ceil_div(n, step) * step; }

static plan choose(const kerf_strips *s, const kerf_pool *pool) {
  plan p;
  const int64_t n = round_up(s->n, KERF_TILE_COLUMNS), depth = s->segments * s->k;
  const bool cached = depth <= CACHED_FLOATS / kerf_max(1, n);
  const int64_t room = kerf_max(ROW_STEP, BLOCK_FLOATS / kerf_max(1, s->footprint) / ROW_STEP * ROW_STEP);
  const int64_t most = cached ? kerf_min(room, ROW_STEPS) : kerf_min(room, MOST_ROWS);
  const int64_t blocks = kerf_max(kerf_ceil_div(s->m, most), cached ? TASKS : 1);
  p.rows = kerf_max(1, kerf_min(s->m, round_up(kerf_ceil_div(s->m, blocks), ROW_STEP)));
  p.columns = cached ? n : KERF_TILE_COLUMNS;
  p.across = kerf_ceil_div(s->n, kerf_max(1, p.columns));
  p.tasks = kerf_ceil_div(s->m, p.rows) * p.across;
  const double work = (double)s->m * (double)s->n * (double)kerf_max(depth, 1);
  p.slots = kerf_min(p.tasks, work > 3e5 ? kerf_pool_threads(pool) : 1);
  p.slot_bytes = kerf_align((uint64_t)(p.rows * s->segments) * sizeof(float *));
  return p;
}

uint64_t kerf_strips_scratch(const kerf_strips *s, const kerf_pool *pool) {
  const plan p = choose(s, pool);
  return p.slot_bytes * (uint64_t)p.slots;
}

typedef struct job {
  const kerf_strips *s;
  const kerf_gemm_isa *isa;
  plan p;
  char *scratch;
} job;

static void run_task(const job *j, int64_t m0, int64_t rows, int64_t n0, const float **a) {
  const kerf_strips *s = j->s;
  const kerf_gemm_isa *isa = j->isa;
  const int64_t columns = kerf_min(j->p.columns, s->n - n0), width = isa->panels * KERF_PANEL;
  const int64_t depth = s->b_rows ? s->b_depth : s->segments * s->k;
  kerf_whole w = {a, j->p.rows, s->segments, s->k, depth * KERF_PANEL, s->ldy, s->b_rows, &s->epilogue};
  for (int64_t n = 0; n < columns; n += width) {
    const float *b = s->b + (n0 + n) / KERF_PANEL * w.stride;
    for (int64_t m = 0; m < rows; m += isa->rows) {
      const int64_t at = (m0 + m) * s->ldy + n0 + n;
      w.a = a + m;
      isa->whole((int)kerf_min(isa->rows, rows - m), (int)kerf_min(width, columns - n), &w, b, s->y + at,
                 s->epilogue.residual ? s->epilogue.residual + at : NULL, n0 + n);
    }
  }
}

static void run_slot(void *context, int64_t slot) {
  const job *j = context;
  const plan *p = &j->p;
  const float **a = (const float **)(void *)(j->scratch + (uint64_t)slot * p->slot_bytes);
  const int64_t end = (int64_t)((__int128)p->tasks * (slot + 1) / p->slots);
  int64_t pointed = -1;
  for (int64_t t = (int64_t)((__int128)p->tasks * slot / p->slots); t < end; t++) {
    const int64_t block = t / p->across, m0 = block * p->rows, rows = kerf_min(p->rows, j->s->m - m0);
    if (block != pointed) j->s->point(j->s->source, m0, rows, p->rows, a);
    pointed = block;
    run_task(j, m0, rows, t % p->across * p->columns, a);
  }
}

static void run_row(const kerf_strips *s, const kerf_gemm_isa *isa, kerf_pool *pool) {
  kerf_gemm g = {.m = 1, .n = s->n, .k = s->k, .b = s->b, .y = s->y, .ldy = s->ldy, .epilogue = s->epilogue};
  if (s->b_rows) g.b += s->b_rows[0] * KERF_PANEL;
  s->point(s->source, 0, 1, 1, &g.a);
  kerf_gemm_run_row(&g, isa, pool);
}

void kerf_strips_run(const kerf_strips *s, const kerf_gemm_isa *isa, void *scratch, kerf_pool *pool) {
  if (s->m <= 0 || s->n <= 0) return;
  if (s->m == 1 && s->segments == 1) {
    run_row(s, isa, pool);
    return;
  }
  job j = {s, isa, choose(s, pool), scratch};
  kerf_parallel(pool, run_slot, &j, j.p.slots);
}
