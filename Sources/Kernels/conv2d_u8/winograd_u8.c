#include "winograd_u8.h"

#include "../common/slots.h"

enum { BLOCK_BYTES = 256 << 10, MAX_TILES = 96, LEAST_TASKS = 8, SLOTS = 16 };

/// Tiles of 2x2 pixels in rows of `across`; a task is a block of tiles and a chunk of panels.
typedef struct plan {
  int64_t c, down, across, all;
  int64_t tiles, tile_tasks, panels, chunk, chunks, tasks, slots;
  int64_t zero_bytes, u_bytes, slot_bytes;  // a pixel of zero points; of a slot: weights, then inputs
} plan;

static plan make_plan(int64_t n, int64_t oh, int64_t ow, int64_t c, int64_t oc) {
  plan p = {.c = c, .down = kerf_ceil_div(oh, 2), .across = kerf_ceil_div(ow, 2)};
  p.all = n * p.down * p.across;
  p.panels = kerf_ceil_div(oc, KERF_Q8_PANEL);
  const int64_t most = kerf_max(kerf_min(BLOCK_BYTES / (32 * c), MAX_TILES), 2 * KERF_WINOGRAD_TILES);
  p.tiles = kerf_max(kerf_ceil_div(p.all, kerf_max(kerf_ceil_div(p.all, most), 1)), 1);
  p.tile_tasks = kerf_ceil_div(p.all, p.tiles);
  p.chunk = kerf_ceil_div(p.panels, kerf_ceil_div(LEAST_TASKS, kerf_max(p.tile_tasks, 1)));
  p.chunks = kerf_ceil_div(p.panels, kerf_max(p.chunk, 1));
  p.tasks = p.tile_tasks * p.chunks;
  p.slots = kerf_min(p.tasks, SLOTS);
  p.zero_bytes = (int64_t)kerf_align((uint64_t)c);
  p.u_bytes = c * KERF_Q8_PANEL * KERF_WINOGRAD_POINTS * 2;
  p.slot_bytes = p.u_bytes + p.tiles * c * KERF_WINOGRAD_POINTS * 2;
  return p;
}

bool kerf_winograd_u8_fits(const kerf_tensor *x, const kerf_tensor *y, const kerf_geometry *g, int64_t groups) {
  const bool window = g->kh == 3 && g->kw == 3 && g->sh == 1 && g->sw == 1 && g->dh == 1 && g->dw == 1;
  if (!window || groups != 1) return false;
  const int64_t c = x->dims[3], all = y->dims[0] * kerf_ceil_div(y->dims[1], 2) * kerf_ceil_div(y->dims[2], 2);
  return c % 16 == 0 && c >= 32 && c <= KERF_WINOGRAD_FAST && y->dims[3] >= 16 && all >= 12;
}

uint64_t kerf_winograd_u8_scratch(const kerf_tensor *x, const kerf_tensor *y) {
  const plan p = make_plan(y->dims[0], y->dims[1], y->dims[2], x->dims[3], y->dims[3]);
  return (uint64_t)(p.zero_bytes + p.slots * p.slot_bytes);
}

typedef struct job {
  const kerf_q8 *g;
  const kerf_q8_isa *isa;
  plan p;
  uint8_t *zero, *memory;
  uint32_t taken;         // slots in use, as a mask
  int64_t filled[SLOTS];  // which tiles a slot holds
} job;

/// The 16 pixels that the tile `index` reads.
static void find_pixels(const job *j, int64_t index, const uint8_t *pixels[KERF_WINOGRAD_POINTS]) {
  const kerf_conv_u8 *s = j->g->source;
  const int64_t across = index % j->p.across, down = index / j->p.across % j->p.down;
  const int64_t top = 2 * down - s->geometry.pt, left = 2 * across - s->geometry.pl;
  const uint8_t *image = s->x + index / j->p.across / j->p.down * s->h * s->w * s->c;
  for (int64_t i = 0; i < 4; i++) {
    for (int64_t k = 0; k < 4; k++) {
      const bool inside = top + i >= 0 && top + i < s->h && left + k >= 0 && left + k < s->w;
      pixels[i * 4 + k] = inside ? image + ((top + i) * s->w + left + k) * s->c : j->zero;
    }
  }
}

static void load_tiles(const job *j, int64_t first, int64_t count, int16_t *v) {
  const uint8_t *pixels[KERF_WINOGRAD_POINTS];
  for (int64_t i = 0; i < count; i++) {
    find_pixels(j, first + i, pixels);
    j->isa->wide->winograd->input(pixels, j->p.c, v + i * j->p.c, j->p.tiles * j->p.c);
  }
}

/// Neighbouring tiles of one row, whose inputs begin at `v`: their products, then both lines of pixels.
static void run_tiles(const job *j, int64_t index, int tiles, const int16_t *v, const int16_t *u, int64_t column,
                      const kerf_q8_columns *columns) {
  const kerf_q8_wide *wide = j->isa->wide;
  const kerf_conv_u8 *s = j->g->source;
  const plan *p = &j->p;
  _Alignas(64) int32_t acc[KERF_WINOGRAD_POINTS * KERF_WINOGRAD_TILES * KERF_Q8_TILE];
  _Alignas(64) int32_t y[4 * KERF_WINOGRAD_TILES * KERF_Q8_TILE];
  for (int64_t i = 0; i < KERF_WINOGRAD_POINTS; i++) {
    wide->tile(tiles, p->c / 4, v + i * p->tiles * p->c, p->c, u + i * p->c * KERF_Q8_PANEL,
               acc + i * KERF_WINOGRAD_TILES * KERF_Q8_TILE);
  }
  wide->winograd->output(tiles, acc, y);
  const int64_t ow = 2 * (index % p->across), oh = 2 * (index / p->across % p->down);
  const int64_t line = index / p->across / p->down * s->oh + oh;
  const int count = (int)kerf_min(KERF_Q8_PANEL, j->g->n - column), pixels = (int)kerf_min(2 * tiles, s->ow - ow);
  for (int64_t i = 0; i < kerf_min(2, s->oh - oh); i++) {
    kerf_q8_store(j->g, j->isa, pixels, count, y + i * 2 * KERF_WINOGRAD_TILES * KERF_Q8_TILE, columns,
                  (line + i) * s->ow + ow, column);
  }
}

/// Tiles of one row are shared out evenly, so that none of the calls has a tile or two alone.
static void run_panel(const job *j, int64_t first, int64_t count, const int16_t *v, const int16_t *u, int64_t column) {
  _Alignas(64) kerf_q8_columns columns;
  kerf_q8_load_columns(j->g, j->isa, 0, column, (int)kerf_min(KERF_Q8_PANEL, j->g->n - column), &columns);
  for (int64_t i = 0; i < count;) {
    const int64_t row = kerf_min(j->p.across - (first + i) % j->p.across, count - i);
    const int64_t tiles = kerf_ceil_div(row, kerf_ceil_div(row, KERF_WINOGRAD_TILES));
    run_tiles(j, first + i, (int)tiles, v + i * j->p.c, u, column, &columns);
    i += tiles;
  }
}

static void run_slot(void *context, int64_t index) {
  job *j = context;
  const plan *p = &j->p;
  const int slot = kerf_take_slot(&j->taken);
  int16_t *u = (int16_t *)(void *)(j->memory + slot * p->slot_bytes);
  int16_t *v = (int16_t *)(void *)(j->memory + slot * p->slot_bytes + p->u_bytes);
  const int8_t *b = (const int8_t *)j->g->packed + p->panels * 64;
  for (int64_t task = p->tasks * index / p->slots; task < p->tasks * (index + 1) / p->slots; task++) {
    const int64_t first = task / p->chunks * p->tiles, count = kerf_min(p->tiles, p->all - first);
    if (j->filled[slot] != first + 1) load_tiles(j, first, count, v);
    j->filled[slot] = first + 1;
    const int64_t begin = task % p->chunks * p->chunk, end = kerf_min(begin + p->chunk, p->panels);
    for (int64_t panel = begin; panel < end; panel++) {
      j->isa->wide->winograd->weights(p->c, b + panel * 9 * p->c * KERF_Q8_PANEL, u);
      run_panel(j, first, count, v, u, panel * KERF_Q8_PANEL);
    }
  }
  kerf_give_slot(&j->taken, slot);
}

void kerf_winograd_u8_run(const kerf_q8 *g, const kerf_q8_isa *isa, void *scratch, kerf_pool *pool) {
  const kerf_conv_u8 *s = g->source;
  job j = {.g = g, .isa = isa, .zero = scratch};
  j.p = make_plan(g->m / (s->oh * s->ow), s->oh, s->ow, s->c, g->n);
  j.memory = j.zero + j.p.zero_bytes;
  memset(j.zero, s->zero, (size_t)j.p.zero_bytes);
  const double work = (double)g->m * (double)g->n * (double)g->k;
  kerf_parallel(kerf_pool_worth(pool, work / (2 * KERF_U8_RATE)), run_slot, &j, j.p.slots);
}
