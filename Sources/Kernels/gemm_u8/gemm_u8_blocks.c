// The blocked 8-bit product: blocks of rows that stay in the second cache, times panels of 16 columns two at a time.
//
// Rows of A are read where they lie, by their addresses, where the instruction set has a kernel for that. Else a task
// gathers its rows into a slot of the scratch; there are as many slots as tasks can run at once.
#include "gemm_u8_wide.h"

#include "../common/slots.h"

enum { BLOCK_BYTES = 128 << 10, CACHED_BYTES = 16 << 10, TILE_ROWS = 14, MAX_BLOCK = 168, LEAST_TASKS = 8 };

typedef struct plan {
  int64_t blocks, panels, ld;     // blocks of 4 k; ld: bytes of a gathered row
  int64_t rows, tiles, row_tasks; // rows of a task at most; those of row task i begin at tile tiles * i / row_tasks
  int64_t chunk, chunks;          // panels of a task
  int64_t tasks, slots;
  bool fetched;  // B is too large to stay in the first cache
} plan;

/// The part of a plan that depends on the caches alone. `footprint`: bytes of A that a row adds to those of the row before.
static plan make_blocks(int64_t m, int64_t n, int64_t k, int64_t footprint) {
  plan p = {.blocks = kerf_ceil_div(k, 4), .panels = kerf_ceil_div(n, KERF_Q8_PANEL)};
  p.ld = p.blocks * 4;
  p.tiles = kerf_ceil_div(m, TILE_ROWS);
  const int64_t rows = kerf_min(footprint ? BLOCK_BYTES / footprint : MAX_BLOCK, MAX_BLOCK);
  p.rows = kerf_max(rows / TILE_ROWS * TILE_ROWS, TILE_ROWS);
  p.fetched = p.blocks * 64 > CACHED_BYTES / kerf_max(1, p.panels);
  return p;
}

/// Shares the panels out, so that there are `least` tasks, each of `fewest` panels or more.
static void share_panels(plan *p, int64_t groups, int64_t least, int64_t fewest) {
  p->row_tasks = kerf_ceil_div(p->tiles, p->rows / TILE_ROWS);
  const int64_t wanted = p->row_tasks > 0 ? kerf_ceil_div(least, p->row_tasks * groups) : 1;
  p->chunk = kerf_max(kerf_ceil_div(p->panels, wanted), fewest);
  p->chunk += p->chunk & 1;
  p->chunks = kerf_ceil_div(p->panels, p->chunk);
  p->tasks = p->row_tasks * p->chunks * groups;
}

/// For rows that are gathered: each task that has other rows gathers them, so that small products have fewer rows.
static plan plan_gathered(int64_t m, int64_t n, int64_t k, int64_t groups) {
  plan p = make_blocks(m, n, k, kerf_ceil_div(k, 4) * 4);
  while (p.rows > 2 * TILE_ROWS && kerf_ceil_div(m, p.rows) * groups < LEAST_TASKS) {
    p.rows = p.rows / 2 / TILE_ROWS * TILE_ROWS;
  }
  share_panels(&p, groups, LEAST_TASKS, 4);
  p.slots = kerf_min(p.tasks, KERF_SLOTS);
  return p;
}

/// For rows that are read where they lie, on so many threads. The sums are exact, whoever makes them.
static plan plan_placed(int64_t m, int64_t n, int64_t k, int64_t groups, int64_t footprint, int threads) {
  plan p = make_blocks(m, n, k, footprint);
  share_panels(&p, groups, threads > 1 ? 2 * threads : 1, 2);
  if (threads > 1 && p.row_tasks > 1 && p.chunks * groups % threads) {
    p.row_tasks = kerf_min(kerf_ceil_div(p.row_tasks, threads) * threads, p.tiles);
  } else if (p.tasks < threads) {
    p.row_tasks = kerf_min(threads, p.tiles);
  }
  p.tasks = p.slots = p.row_tasks * p.chunks * groups;
  return p;
}

uint64_t kerf_q8_scratch(int64_t m, int64_t n, int64_t k, int64_t groups, bool filled) {
  const plan p = plan_gathered(m, n, k, groups);
  const uint64_t bytes = filled ? (uint64_t)p.slots * kerf_align((uint64_t)(kerf_min(p.rows, m) * p.ld)) : 0;
  const uint64_t wide = kerf_q8_is_wide(m) ? kerf_q8_wide_scratch(m, n, k, groups, filled) : 0;
  return bytes > wide ? bytes : wide;
}

typedef struct job {
  const kerf_q8 *g;
  const kerf_q8_isa *isa;
  plan p;
  uint8_t *scratch;
  int64_t slot_bytes;
  uint32_t taken;  // slots in use, as a mask
} job;

void kerf_q8_load_columns(const kerf_q8 *g, const kerf_q8_isa *isa, int64_t group, int64_t column, int columns,
                          kerf_q8_columns *p) {
  const int32_t *sums = (const int32_t *)(const void *)(g->packed + group * g->packed_group) + column;
  int64_t at = group * g->n + column;
  uint32_t correction = (uint32_t)(isa->offset - g->x_zero);
  memset(p, 0, sizeof *p);
  for (int c = 0; c < columns; c++) p->init[c] = (int32_t)(correction * (uint32_t)sums[c]);
  if (g->y_u8) {
    for (int c = 0; c < columns; c++) {
      p->init[c] = (int32_t)((uint32_t)p->init[c] + (uint32_t)g->bias[at + c]);
      p->multiplier[c] = g->multiplier[at + c];
    }
    for (int c = 0; c < KERF_Q8_TILE; c++) p->shift[c] = c < columns ? kerf_q8_shift(g->shift[at + c]) : 33;
    const kerf_q8_residual *r = &g->output.added;
    for (int c = 0; r->codes && c < columns; c++) {
      p->factor[c] = r->factor[at + c];
      p->init[c] = (int32_t)(((uint32_t)p->init[c] << r->shift) - (uint32_t)p->factor[c] * (uint32_t)r->zero);
    }
  } else if (g->y_f32) {
    memcpy(p->scale, g->scale + at, (size_t)columns * sizeof(float));
    if (g->bias_f32) memcpy(p->bias, g->bias_f32 + at, (size_t)columns * sizeof(float));
  }
}

void kerf_q8_correct(const kerf_q8 *g, int rows, const int32_t *sums, int64_t group, int64_t column, int columns,
                     int32_t *acc) {
  const int32_t *zero = g->b_zero + (group * g->n + column) * g->b_zero_step;
  const uint32_t most = (uint32_t)g->k * (uint32_t)g->x_zero;
  for (int r = 0; r < rows; r++, acc += KERF_Q8_TILE) {
    const uint32_t sum = (uint32_t)sums[r] - most, same = sum * (uint32_t)zero[0];
    if (g->b_zero_step == 0) {
      for (int p = 0; p < columns; p += KERF_Q8_PANEL) {
        for (int c = p; c < p + KERF_Q8_PANEL; c++) acc[c] = (int32_t)((uint32_t)acc[c] - same);
      }
    } else {
      for (int c = 0; c < columns; c++) acc[c] = (int32_t)((uint32_t)acc[c] - sum * (uint32_t)zero[c]);
    }
  }
}

void kerf_q8_sum_rows(int64_t rows, int64_t k, const uint8_t *a, int64_t lda, int32_t *sums) {
  for (int64_t r = 0; r < rows; r++, a += lda) {
    const int64_t whole = k / 16 * 16;
    uint32_t sum = 0;
    for (int64_t i = 0; i < whole; i++) sum += a[i];
    for (int64_t i = whole; i < k; i += 4) {
      uint32_t four;
      memcpy(&four, a + i, 4);
      const uint32_t pairs = (four & 0xff00ff) + (four >> 8 & 0xff00ff);
      sum += (pairs & 0xffff) + (pairs >> 16);
    }
    sums[r] = (int32_t)sum;
  }
}

/// tile[r][c] += x[r][c], rows of x `ld` apart.
static void add_rows(int rows, int columns, const float *x, int64_t ld, float *tile) {
  for (int r = 0; r < rows; r++, x += ld, tile += columns) {
    for (int c = 0; c < columns; c++) tile[c] += x[c];
  }
}

static void store_f32(const kerf_q8 *g, const kerf_q8_isa *isa, int rows, int columns, const int32_t *acc,
                      const kerf_q8_columns *p, int64_t offset, int64_t ld) {
  // One call of the activation for all rows: rows of 16 columns alone would be too short for it.
  _Alignas(64) float tile[KERF_Q8_MOST_ROWS * KERF_Q8_TILE];
  float *y = g->y_f32 + offset, *at = g->residual_mode || g->act.function != KERF_UNARY_IDENTITY ? tile : y;
  const int64_t width = at == y ? ld : columns;
  isa->scale(rows, columns, acc, p, at, width);
  if (at == y) return;
  if (g->residual_mode == 1) add_rows(rows, columns, g->residual + offset, ld, tile);
  if (g->act.function != KERF_UNARY_IDENTITY) isa->unary(tile, tile, rows * columns, &g->act);
  if (g->residual_mode == 2) add_rows(rows, columns, g->residual + offset, ld, tile);
  for (int r = 0; r < rows; r++) memcpy(y + r * ld, tile + r * columns, (size_t)columns * sizeof(float));
}

static void store_u8(const kerf_q8 *g, const kerf_q8_isa *isa, int rows, int columns, int32_t *acc,
                     const kerf_q8_columns *p, int64_t row, int64_t column) {
  const int64_t ld = g->ldy;
  uint8_t *y = g->y_u8 + row * ld + column;
  kerf_q8_output output = g->output;
  kerf_q8_residual *added = &output.added;
  if (added->codes) added->codes += row * added->ld + column;
  if (added->codes && isa->add_residual) {
    isa->add_residual(rows, columns, acc, p, added->shift, added->codes, added->ld);
  }
  isa->requantize(rows, columns, acc, p, &output, y, ld);
  const uint8_t *table = g->output.table;
  if (!table) return;
  if (isa->look_up) {
    isa->look_up(rows, columns, y, ld, table);
    return;
  }
  for (int r = 0; r < rows; r++, y += ld) {
    for (int c = 0; c < columns; c++) y[c] = table[y[c]];
  }
}

static void store_i32(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, int32_t *y, int64_t ld) {
  for (int r = 0; r < rows; r++, y += ld, acc += KERF_Q8_TILE) {
    for (int c = 0; c < columns; c++) y[c] = (int32_t)((uint32_t)acc[c] + (uint32_t)p->init[c]);
  }
}

void kerf_q8_store(const kerf_q8 *g, const kerf_q8_isa *isa, int rows, int columns, int32_t *acc,
                   const kerf_q8_columns *p, int64_t row, int64_t column) {
  const int64_t ld = g->ldy, offset = row * ld + column;
  if (g->y_u8) store_u8(g, isa, rows, columns, acc, p, row, column);
  else if (g->y_f32) store_f32(g, isa, rows, columns, acc, p, offset, ld);
  else store_i32(rows, columns, acc, p, g->y_i32 + offset, ld);
}


/// Rows row ..< row + rows of a group, whose A begins at `a`, times panels first ..< last.
static void run_block(const job *j, int64_t group, int64_t row, int64_t rows, int64_t first, int64_t last,
                      const uint8_t *a, int64_t lda) {
  const kerf_q8 *g = j->g;
  const int64_t stride = j->p.blocks * 64;
  const int8_t *b = (const int8_t *)g->packed + group * g->packed_group + j->p.panels * 64;
  // Tiles of about equal height: a low last one would be slow.
  const int64_t tiles = kerf_ceil_div(rows, j->isa->rows), height = kerf_ceil_div(rows, tiles);
  const int64_t group_rows = KERF_Q8_MOST_ROWS / height * height;
  _Alignas(64) int32_t acc[KERF_Q8_MOST_ROWS * KERF_Q8_TILE];
  _Alignas(64) kerf_q8_columns columns;
  const uint8_t *at[MAX_BLOCK];
  int32_t sums[MAX_BLOCK];
  const int64_t none = 0;
  const kerf_q8_pieces whole = {1, j->p.blocks * 4, &none}, *pieces = g->point ? &g->pieces : &whole;
  if (g->point) g->point(g, group, row, rows, at);
  else if (j->isa->strip) for (int64_t r = 0; r < rows; r++) at[r] = a + r * lda;
  if (g->b_zero) kerf_q8_sum_rows(rows, j->p.blocks * 4, a, lda, sums);
  // The next panels are fetched while these are multiplied, a share by each tile.
  const int64_t steps = kerf_max(1, j->p.blocks / KERF_Q8_TOGETHER);
  const int64_t share = kerf_ceil_div(2 * stride, tiles * 64) * 64;
  for (int64_t panel = first; panel < last; panel += 2) {
    kerf_q8_next next = {b + (panel + 2) * stride, j->p.fetched ? kerf_ceil_div(share, steps * 64) * 64 : 0};
    const int panels = (int)kerf_min(2, last - panel);
    const int64_t column = panel * KERF_Q8_PANEL;
    const int count = (int)kerf_min(panels * KERF_Q8_PANEL, g->n - column);
    kerf_q8_load_columns(g, j->isa, group, column, count, &columns);
    for (int64_t r = 0; r < rows; r += group_rows) {
      const int n = (int)kerf_min(group_rows, rows - r);

      for (int t = 0; t < n; t += (int)height) {
        const int tile = (int)kerf_min(height, n - t);
        int32_t *to = acc + t * KERF_Q8_TILE;
        if (j->isa->strip) j->isa->strip(tile, panels, pieces, at + r + t, b + panel * stride, stride, next, to);
        else j->isa->tile(tile, panels, j->p.blocks, a + (r + t) * lda, lda, b + panel * stride, stride, to);
        next.at += share;
      }
      if (g->b_zero) kerf_q8_correct(g, n, sums + r, group, column, count, acc);
      kerf_q8_store(g, j->isa, n, count, acc, &columns, row + r, group * g->n + column);
    }
  }
}

static void run_slot(void *context, int64_t index) {
  job *j = context;
  const kerf_q8 *g = j->g;
  const plan *p = &j->p;
  int64_t begin = p->tasks * index / p->slots, end = p->tasks * (index + 1) / p->slots, filled = -1;
  int slot = g->fill ? kerf_take_slot(&j->taken) : 0;
  uint8_t *rows_at = g->fill ? j->scratch + slot * j->slot_bytes : NULL;
  for (int64_t task = begin; task < end; task++) {
    const int64_t chunk = task % p->chunks, rest = task / p->chunks, group = rest / p->row_tasks;
    const int64_t row = p->tiles * (rest % p->row_tasks) / p->row_tasks * TILE_ROWS, first = chunk * p->chunk;
    const int64_t end_row = p->tiles * (rest % p->row_tasks + 1) / p->row_tasks * TILE_ROWS;
    const int64_t rows = kerf_min(end_row, g->m) - row;
    const uint8_t *a = g->fill ? rows_at : g->point ? NULL : g->a + group * g->a_group + row * g->lda;
    if (g->fill && filled != rest) g->fill(g, group, row, rows, rows_at, p->ld);
    filled = rest;
    run_block(j, group, row, rows, first, kerf_min(first + p->chunk, p->panels), a, g->fill ? p->ld : g->lda);
  }
  if (g->fill) kerf_give_slot(&j->taken, slot);
}

void kerf_q8_run(const kerf_q8 *g, const kerf_q8_isa *isa, void *scratch, kerf_pool *pool) {
  if (g->m == 0 || g->n == 0 || g->groups == 0) return;
  if (isa->pairs && kerf_q8_fits_pairs(g)) isa = isa->pairs;
  if (isa->wide && kerf_q8_is_wide(g->m)) {
    kerf_q8_run_wide(g, isa, scratch, pool);
    return;
  }
  const double work = (double)g->m * (double)g->n * (double)g->k * (double)g->groups;
  kerf_pool *team = kerf_pool_worth(pool, work / KERF_U8_RATE);
  const int64_t footprint = g->point ? g->footprint : kerf_ceil_div(g->k, 4) * 4;
  job j = {.g = g, .isa = isa, .scratch = scratch};
  j.p = g->fill ? plan_gathered(g->m, g->n, g->k, g->groups)
                : plan_placed(g->m, g->n, g->k, g->groups, footprint, kerf_pool_threads(team));
  j.slot_bytes = (int64_t)kerf_align((uint64_t)(kerf_min(j.p.rows, g->m) * j.p.ld));
  kerf_parallel(team, run_slot, &j, j.p.slots);
}
