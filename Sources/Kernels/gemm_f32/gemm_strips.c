// The float matrix product by addresses: strips of rows, each through its whole depth and its epilogue at once, or
// through chunks of a large depth. What a task takes depends on shapes alone, so that results do not depend on the
// threads.
#include "gemm_f32.h"

#include "../common/small_copy.h"

enum {
  ROW_STEP = 6,               // rows of a tile on most instruction sets
  ROW_STEPS = 30,             // a multiple of every tile's rows
  CHUNK = 512,                // depth of a chunk, where it is
  CACHED_FLOATS = 48 * 1024,  // of B that stays in the second-level cache while strips go by
  BLOCK_FLOATS = 104 * 1024,  // of a chunk of A that does while panels of B go by
  MOST_ROWS = 240,            // of a task: its addresses take memory too
  WIDE_COLUMNS = 128,         // of a task whose depth has chunks: so many sums wait
  TASKS = 16,                 // wanted
};

/// The depth in chunks: `segments` whole segments each, or a `split` of one, k deep.
typedef struct chunks {
  int64_t segments, split, k, count;
} chunks;

/// A task is `rows` rows by `columns` columns; those of the same rows follow each other.
typedef struct plan {
  chunks depth;
  int64_t rows, columns, across, tasks, slots;
  bool fetched;  // B is too large to stay in the cache
  uint64_t address_bytes, slot_bytes;
} plan;

/// Rows of A of which `floats` stay in the second-level cache while panels of B go by.
static int64_t rows_that_stay(int64_t floats) {
  return kerf_max(ROW_STEP, BLOCK_FLOATS / kerf_max(1, floats) / ROW_STEP * ROW_STEP);
}

/// The whole depth, unless too few rows of it stay in the cache; then chunks of about equal depth.
static chunks split(const kerf_strips *s) {
  if (s->m <= 5 * rows_that_stay(s->footprint)) return (chunks){s->segments, 1, s->k, 1};
  const int64_t parts = kerf_ceil_div(s->k, CHUNK);
  if (parts > 1) {
    const int64_t k = kerf_round_up(kerf_ceil_div(s->k, parts), KERF_PANEL);
    return (chunks){1, kerf_ceil_div(s->k, k), k, s->segments * kerf_ceil_div(s->k, k)};
  }
  const int64_t count = kerf_ceil_div(s->segments, kerf_max(1, CHUNK / kerf_max(1, s->k)));
  const int64_t together = kerf_ceil_div(s->segments, kerf_max(1, count));
  return (chunks){together, 1, s->k, kerf_ceil_div(s->segments, kerf_max(1, together))};
}

static plan choose(const kerf_strips *s, const kerf_pool *pool) {
  plan p = {.depth = split(s)};
  const int64_t n = kerf_round_up(s->n, KERF_TILE_COLUMNS), depth = s->segments * s->k;
  const bool cached = depth <= CACHED_FLOATS / kerf_max(1, n);
  const int64_t room = rows_that_stay(kerf_min(s->footprint, p.depth.k));
  const int64_t most = cached ? kerf_min(room, ROW_STEPS) : kerf_min(room, MOST_ROWS);
  const int64_t blocks = kerf_max(kerf_ceil_div(s->m, most), cached ? TASKS : 1);
  p.rows = kerf_max(1, kerf_min(s->m, kerf_round_up(kerf_ceil_div(s->m, blocks), ROW_STEP)));
  const int64_t wide = kerf_min(WIDE_COLUMNS, kerf_round_up(n * blocks / TASKS, KERF_TILE_COLUMNS));
  p.columns = cached ? n : kerf_max(KERF_TILE_COLUMNS, p.depth.count > 1 ? wide : 0);
  p.fetched = !cached;
  p.across = kerf_ceil_div(s->n, kerf_max(1, p.columns));
  p.tasks = kerf_ceil_div(s->m, p.rows) * p.across;
  const double work = (double)s->m * (double)s->n * (double)kerf_max(depth, 1);
  p.slots = kerf_min(p.tasks, work > 3e5 ? kerf_pool_threads(pool) : 1);
  p.address_bytes = kerf_align((uint64_t)(p.rows * s->segments) * sizeof(float *));
  const int64_t sums = p.depth.count > 1 ? p.rows * p.columns : 0;
  p.slot_bytes = p.address_bytes + kerf_align((uint64_t)sums * sizeof(float));
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

/// Rows m0 ..< m0 + rows and columns n0 ..< n0 + columns of y.
typedef struct task {
  int64_t m0, rows, n0, columns;
  const float **a;
  float *sums;
} task;

/// Rows of a tile to their places.
static void put_rows(const kerf_strips *s, int64_t row, int64_t rows, int64_t column, int64_t columns,
                     const float *tile, int64_t step) {
  while (rows > 0) {
    int64_t run = rows;
    float *y = s->y + s->place(s->source, row, &run) + column;
    run = kerf_min(run, rows);
    kerf_copy_rows(run, columns * 4, (uint8_t *)y, s->ldy * 4, (const uint8_t *)tile, step * 4);
    row += run, rows -= run, tile += run * step;
  }
}

/// All tiles of a task for the chunk w of the depth, which begins at `at` floats of each panel. Meanwhile the panels that
/// come next are fetched, a share for each tile.
static void run_chunk(const job *j, const task *t, kerf_whole w, int64_t at) {
  const kerf_strips *s = j->s;
  const kerf_gemm_isa *isa = j->isa;
  const int64_t width = isa->panels * KERF_PANEL, steps = kerf_max(1, w.segments * w.k / 8);
  const int64_t share = w.segments * w.k * width / kerf_ceil_div(t->rows, isa->rows) / 16 * 16;
  const float *const *a = w.a;
  float tile[KERF_TILE_ROWS * KERF_TILE_COLUMNS] __attribute__((aligned(64)));
  if (j->p.fetched) w.next_step = kerf_max(16, kerf_round_up(share / steps, 16));
  for (int64_t n = 0; n < t->columns; n += width) {
    const float *b = s->b + (t->n0 + n) / KERF_PANEL * w.stride + at;
    const int columns = (int)kerf_min(width, t->columns - n);
    for (int64_t m = 0; m < t->rows; m += isa->rows) {
      const int64_t rows = kerf_min(isa->rows, t->rows - m), row = t->m0 + m;
      int64_t run = rows;
      const int64_t y = (s->place ? s->place(s->source, row, &run) : row * s->ldy) + t->n0 + n;
      w.a = a + m;
      w.sums = t->sums + n * j->p.rows + m * width;
      w.next = b + isa->panels * w.stride + m / isa->rows * share;
      w.ldy = run < rows ? width : s->ldy;
      isa->whole((int)rows, columns, &w, b, run < rows ? tile : s->y + y,
                 s->epilogue.residual ? s->epilogue.residual + y : NULL, t->n0 + n);
      if (run < rows && !w.more) put_rows(s, row, rows, t->n0 + n, columns, tile, width);
    }
  }
}

static void run_task(const job *j, const task *t) {
  const kerf_strips *s = j->s;
  const chunks *c = &j->p.depth;
  const int64_t depth = s->b_rows ? s->b_depth : s->segments * s->k;
  for (int64_t i = 0; i < c->count; i++) {
    const int64_t segment = i / c->split * c->segments, k0 = i % c->split * c->k;
    const kerf_whole w = {
        .a = t->a + segment * j->p.rows,
        .a_step = j->p.rows,
        .segments = kerf_min(c->segments, s->segments - segment),
        .k0 = k0,
        .k = kerf_min(c->k, s->k - k0),
        .stride = depth * KERF_PANEL,
        .b_rows = s->b_rows ? s->b_rows + segment : NULL,
        .begun = i > 0,
        .more = i + 1 < c->count,
        .epilogue = &s->epilogue,
    };
    run_chunk(j, t, w, (s->b_rows ? k0 : segment * s->k + k0) * KERF_PANEL);
  }
}

static void run_slot(void *context, int64_t slot) {
  const job *j = context;
  const plan *p = &j->p;
  char *scratch = j->scratch + (uint64_t)slot * p->slot_bytes;
  task t = {.a = (const float **)(void *)scratch, .sums = (float *)(void *)(scratch + p->address_bytes)};
  const int64_t end = (int64_t)((__int128)p->tasks * (slot + 1) / p->slots);
  int64_t pointed = -1;
  for (int64_t i = (int64_t)((__int128)p->tasks * slot / p->slots); i < end; i++) {
    const int64_t block = i / p->across;
    t.m0 = block * p->rows, t.rows = kerf_min(p->rows, j->s->m - t.m0);
    t.n0 = i % p->across * p->columns, t.columns = kerf_min(p->columns, j->s->n - t.n0);
    if (block != pointed) j->s->point(j->s->source, t.m0, t.rows, p->rows, t.a);
    pointed = block;
    run_task(j, &t);
  }
}

static void run_row(const kerf_strips *s, const kerf_gemm_isa *isa, kerf_pool *pool) {
  kerf_gemm g = {.m = 1, .n = s->n, .k = s->k, .b = s->b, .y = s->y, .ldy = s->ldy, .epilogue = s->epilogue};
  int64_t run;
  if (s->b_rows) g.b += s->b_rows[0] * KERF_PANEL;
  if (s->place) g.y += s->place(s->source, 0, &run);
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
  const double work = (double)s->m * (double)s->n * (double)kerf_max(s->segments * s->k, 1);
  kerf_parallel(kerf_pool_worth(pool, work / KERF_F32_RATE), run_slot, &j, j.p.slots);
}
