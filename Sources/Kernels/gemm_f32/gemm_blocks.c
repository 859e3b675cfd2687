// Blocking of the float matrix product: which rows, columns and depth a task takes, the same on all instruction sets
// and for any number of threads, so that results do not depend on the threads.
#include "gemm_f32.h"

enum {
  ROW_STEP = 30,             // a multiple of every tile's rows
  DEPTH = 512,               // k of a chunk, when k is split
  DEPTH_WHOLE = 768,         // up to here k is not split
  BLOCK_FLOATS = 64 * 1024,  // of A that a task works on, so that it stays in the second-level cache
  SUM_FLOATS = 32 * 1024,    // of sums that a task keeps while it goes through the chunks
  GATHER_FLOATS = 48 * 1024, // of gathered A
  TASKS = 8,                 // wanted, and the most that have scratch of their own
};

typedef struct blocks {
  int64_t rows, columns, depth;  // of a task and a chunk
  int64_t row_blocks, column_blocks, chunks;
  int64_t slots;                 // tasks that run at a time; each has its own scratch
  uint64_t gathered_bytes, sum_bytes;
} blocks;

static void choose_depth(blocks *p, int64_t m, int64_t k) {
  const bool whole = k <= DEPTH_WHOLE || (m <= 28 && k <= 16 * DEPTH);
  p->chunks = whole ? 1 : kerf_ceil_div(k, DEPTH);
  p->depth = whole ? k : kerf_round_up(kerf_ceil_div(k, p->chunks), KERF_PANEL);
  p->chunks = whole ? 1 : kerf_ceil_div(k, p->depth);
}

static void choose_rows(blocks *p, int64_t m, bool gathered) {
  const int64_t room = (gathered ? GATHER_FLOATS : BLOCK_FLOATS) / (ROW_STEP * kerf_max(p->depth, 32));
  const int64_t steps = kerf_ceil_div(m, ROW_STEP), share = kerf_ceil_div(steps, TASKS);
  p->rows = ROW_STEP * kerf_max(1, kerf_min(room, share));
  p->row_blocks = kerf_ceil_div(m, p->rows);
}

static void choose_columns(blocks *p, int64_t n, bool gathered) {
  const int64_t pairs = kerf_ceil_div(n, KERF_TILE_COLUMNS);
  int64_t parts = kerf_ceil_div(TASKS, kerf_max(1, p->row_blocks));
  if (gathered && parts > 2) parts = 2;
  int64_t share = kerf_ceil_div(pairs, parts);
  if (p->chunks > 1) share = kerf_min(share, kerf_max(1, SUM_FLOATS / (p->rows * KERF_TILE_COLUMNS)));
  p->columns = kerf_max(1, share) * KERF_TILE_COLUMNS;
  p->column_blocks = kerf_ceil_div(n, p->columns);
}

static blocks choose(int64_t m, int64_t n, int64_t k, bool gathered) {
  blocks p;
  choose_depth(&p, m, k);
  choose_rows(&p, m, gathered);
  choose_columns(&p, n, gathered);
  const int64_t most = kerf_min(p.rows, m);
  p.gathered_bytes = gathered ? kerf_align((uint64_t)(most * p.depth) * sizeof(float)) : 0;
  p.sum_bytes = p.chunks > 1 ? kerf_align((uint64_t)(p.rows * p.columns) * sizeof(float)) : 0;
  const int64_t tasks = p.row_blocks * p.column_blocks;
  p.slots = p.gathered_bytes + p.sum_bytes ? kerf_min(tasks, TASKS) : tasks;
  return p;
}

uint64_t kerf_gemm_scratch(int64_t m, int64_t n, int64_t k, bool gathered) {
  const blocks p = choose(m, n, k, gathered);
  return (p.gathered_bytes + p.sum_bytes) * (uint64_t)p.slots;
}

typedef struct job {
  const kerf_gemm *g;
  const kerf_gemm_isa *isa;
  blocks p;
  char *scratch;
} job;

/// A block of A for one chunk: its address and row stride.
typedef struct part {
  const float *a;
  int64_t lda, k0, k;
  bool first, last;
} part;

/// All tiles of the rows and columns of a task, for one chunk.
static void run_chunk(const job *j, int64_t m0, int64_t rows, int64_t n0, int64_t columns, const part *c, float *sums) {
  const kerf_gemm *g = j->g;
  const kerf_gemm_isa *isa = j->isa;
  const int64_t width = isa->panels * KERF_PANEL, stride = g->k * KERF_PANEL;
  float local[KERF_TILE_ROWS * KERF_TILE_COLUMNS] __attribute__((aligned(64)));
  for (int64_t n = 0; n < columns; n += width) {
    const int64_t wide = kerf_min(width, columns - n), used = kerf_ceil_div(wide, KERF_PANEL);
    const float *b = g->b + (n0 + n) / KERF_PANEL * stride + c->k0 * KERF_PANEL;
    for (int64_t m = 0; m < rows; m += isa->rows) {
      const int tall = (int)kerf_min(isa->rows, rows - m);
      float *acc = sums ? sums + n * j->p.rows + m * width : local;
      isa->tile(tall, (int)used, c->k, c->a + m * c->lda, c->lda, b, KERF_PANEL, stride, acc, c->first);
      if (!c->last) continue;
      const int64_t at = (m0 + m) * g->ldy + n0 + n;
      isa->store(tall, (int)wide, acc, g->y + at, g->epilogue.residual ? g->epilogue.residual + at : NULL, g->ldy,
                 &g->epilogue, n0 + n);
    }
  }
}

static void run_task(const job *j, int64_t task, char *scratch) {
  const kerf_gemm *g = j->g;
  const int64_t m0 = task / j->p.column_blocks * j->p.rows, n0 = task % j->p.column_blocks * j->p.columns;
  const int64_t rows = kerf_min(j->p.rows, g->m - m0), columns = kerf_min(j->p.columns, g->n - n0);
  float *gathered = (float *)scratch, *sums = j->p.sum_bytes ? (float *)(scratch + j->p.gathered_bytes) : NULL;
  for (int64_t i = 0; i < j->p.chunks; i++) {
    part c = {NULL, g->lda, i * j->p.depth, 0, i == 0, i == j->p.chunks - 1};
    c.k = kerf_min(j->p.depth, g->k - c.k0);
    if (g->a) {
      c.a = g->a + m0 * g->lda + c.k0;
    } else {
      g->gather(g->source, m0, rows, c.k0, c.k, gathered);
      c.a = gathered;
      c.lda = c.k;
    }
    run_chunk(j, m0, rows, n0, columns, &c, sums);
  }
}

static void run_slot(void *context, int64_t slot) {
  const job *j = context;
  const int64_t tasks = j->p.row_blocks * j->p.column_blocks;
  char *scratch = j->scratch + (uint64_t)slot * (j->p.gathered_bytes + j->p.sum_bytes);
  const int64_t end = (int64_t)((__int128)tasks * (slot + 1) / j->p.slots);
  for (int64_t t = (int64_t)((__int128)tasks * slot / j->p.slots); t < end; t++) run_task(j, t, scratch);
}

void kerf_gemm_run(const kerf_gemm *g, const kerf_gemm_isa *isa, void *scratch, kerf_pool *pool) {
  if (g->m <= 0 || g->n <= 0) return;
  if (g->m == 1 && g->a) {
    kerf_gemm_run_row(g, isa, pool);
    return;
  }
  job j = {g, isa, choose(g->m, g->n, g->k, !g->a), scratch};
  const double work = (double)g->m * (double)g->n * (double)kerf_max(g->k, 1);
  kerf_parallel(kerf_pool_worth(pool, work / KERF_F32_RATE), run_slot, &j, j.p.slots);
}
