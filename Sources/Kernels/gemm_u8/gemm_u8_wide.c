// The blocked product on 16-bit operands: a block of widened rows that stays in the second cache, times one widened
// panel of 16 columns after another.
#include "gemm_u8_wide.h"

#include "../common/slots.h"

enum { BLOCK_BYTES = 160 << 10, MAX_BLOCK = 192, LEAST_TASKS = 8, STRIP = 8, GROUP = 24 };

typedef struct plan {
  int64_t blocks, panels, ld;        // blocks of 4 k; ld: elements of a widened row
  int64_t rows, row_tasks;           // rows of a task
  int64_t chunk, chunks;             // panels of a task
  int64_t tasks, slots;
  int64_t strip_bytes, panel_bytes, sum_bytes, slot_bytes;  // of a slot: gathered rows, the panel, sums, then the rows
} plan;

static plan make_plan(int64_t m, int64_t n, int64_t k, int64_t groups, bool filled) {
  plan p = {.blocks = kerf_ceil_div(k, 4), .panels = kerf_ceil_div(n, KERF_Q8_PANEL)};
  // Rows whose distance is a multiple of 4 KiB would compete for the same lines of the first cache.
  p.ld = p.blocks * 4 + (p.blocks % 64 == 0 ? 32 : 0);
  const int64_t most = kerf_max(kerf_min(BLOCK_BYTES / (2 * p.ld + 1), MAX_BLOCK), 2 * KERF_Q16_ROWS);
  p.rows = kerf_round_up(kerf_ceil_div(m, kerf_ceil_div(kerf_max(m, 1), most)), KERF_Q16_ROWS);
  p.row_tasks = kerf_ceil_div(m, p.rows);
  const int64_t wanted = kerf_ceil_div(LEAST_TASKS, kerf_max(p.row_tasks * groups, 1));
  p.chunk = kerf_ceil_div(p.panels, wanted);
  p.chunks = p.chunk ? kerf_ceil_div(p.panels, p.chunk) : 0;
  p.tasks = p.row_tasks * p.chunks * groups;
  p.slots = kerf_min(p.tasks, KERF_SLOTS);
  p.strip_bytes = filled ? (int64_t)kerf_align((uint64_t)(STRIP * p.blocks * 4)) : 0;
  p.panel_bytes = p.blocks * 128;
  p.sum_bytes = (int64_t)kerf_align((uint64_t)p.rows * sizeof(int32_t));
  p.slot_bytes = p.strip_bytes + p.panel_bytes + p.sum_bytes + (int64_t)kerf_align((uint64_t)(kerf_min(p.rows, m) * p.ld * 2));
  return p;
}

uint64_t kerf_q8_wide_scratch(int64_t m, int64_t n, int64_t k, int64_t groups, bool filled) {
  const plan p = make_plan(m, n, k, groups, filled);
  return (uint64_t)(p.slots * p.slot_bytes);
}

typedef struct job {
  const kerf_q8 *g;
  const kerf_q8_isa *isa;
  plan p;
  uint8_t *scratch;
  uint32_t taken;               // slots in use, as a mask
  int64_t filled[KERF_SLOTS];   // which rows a slot holds
} job;

/// The rows of a task, widened into `to`, and their sums where B has zero points; `strip` has room for a few rows as bytes.
static void load_rows(const job *j, int64_t group, int64_t row, int64_t rows, uint8_t *strip, int16_t *to,
                      int32_t *sums) {
  const kerf_q8 *g = j->g;
  const int64_t ld = j->p.ld, k = j->p.blocks * 4;
  if (!g->fill) {
    const uint8_t *a = g->a + group * g->a_group + row * g->lda;
    j->isa->wide->widen_rows(rows, k, a, g->lda, to, ld);
    if (g->b_zero) kerf_q8_sum_rows(rows, k, a, g->lda, sums);
    return;
  }
  for (int64_t r = 0; r < rows && k > 0; r += STRIP) {
    const int64_t n = kerf_min(STRIP, rows - r);
    g->fill(g, group, row + r, n, strip, k);
    j->isa->wide->widen_rows(n, k, strip, k, to + r * ld, ld);
    if (g->b_zero) kerf_q8_sum_rows(n, k, strip, k, sums + r);
  }
}

/// Rows row ..< row + rows of a group, widened at `a`, with their sums, times panels first ..< last, each widened into `panel`.
static void run_block(const job *j, int64_t group, int64_t row, int64_t rows, int64_t first, int64_t last,
                      const int16_t *a, const int32_t *sums, int16_t *panel) {
  const kerf_q8 *g = j->g;
  const plan *p = &j->p;
  const int8_t *b = (const int8_t *)g->packed + group * g->packed_group + p->panels * 64;
  _Alignas(64) int32_t acc[GROUP * KERF_Q8_TILE];
  _Alignas(64) kerf_q8_columns columns;
  for (int64_t i = first; i < last; i++) {
    const int64_t column = i * KERF_Q8_PANEL;
    const int count = (int)kerf_min(KERF_Q8_PANEL, g->n - column);
    kerf_q8_load_columns(g, j->isa, group, column, count, &columns);
    j->isa->wide->widen_panel(p->blocks, b + i * p->blocks * 64, panel);
    for (int64_t r = 0; r < rows; r += GROUP) {
      const int n = (int)kerf_min(GROUP, rows - r);
      for (int t = 0; t < n; t += KERF_Q16_ROWS) {
        const int tile = (int)kerf_min(KERF_Q16_ROWS, n - t);
        j->isa->wide->tile(tile, p->blocks, a + (r + t) * p->ld, p->ld, panel, acc + t * KERF_Q8_TILE);
      }
      if (g->b_zero) kerf_q8_correct(g, n, sums + r, group, column, count, acc);
      kerf_q8_store(g, j->isa, n, count, acc, &columns, row + r, group * g->n + column);
    }
  }
}

static void run_slot(void *context, int64_t index) {
  job *j = context;
  const plan *p = &j->p;
  const int slot = kerf_take_slot(&j->taken);
  uint8_t *strip = j->scratch + slot * p->slot_bytes;
  int16_t *panel = (int16_t *)(void *)(strip + p->strip_bytes);
  int32_t *sums = (int32_t *)(void *)(strip + p->strip_bytes + p->panel_bytes);
  int16_t *rows_at = (int16_t *)(void *)(strip + p->strip_bytes + p->panel_bytes + p->sum_bytes);
  for (int64_t task = p->tasks * index / p->slots; task < p->tasks * (index + 1) / p->slots; task++) {
    const int64_t rest = task / p->chunks, first = task % p->chunks * p->chunk;
    const int64_t row = rest % p->row_tasks * p->rows, group = rest / p->row_tasks;
    const int64_t rows = kerf_min(p->rows, j->g->m - row);
    if (j->filled[slot] != rest + 1) load_rows(j, group, row, rows, strip, rows_at, sums);
    j->filled[slot] = rest + 1;
    run_block(j, group, row, rows, first, kerf_min(first + p->chunk, p->panels), rows_at, sums, panel);
  }
  kerf_give_slot(&j->taken, slot);
}

void kerf_q8_run_wide(const kerf_q8 *g, const kerf_q8_isa *isa, void *scratch, kerf_pool *pool) {
  job j = {.g = g, .isa = isa, .p = make_plan(g->m, g->n, g->k, g->groups, g->fill != NULL), .scratch = scratch};
  const double work = (double)g->m * (double)g->n * (double)g->k * (double)g->groups;
  kerf_parallel(kerf_pool_worth(pool, work / KERF_U8_RATE), run_slot, &j, j.p.slots);
}
