// WINOGRAD_F32: x[N,H,W,C], packed weights, bias[OC], residual -> y[N,OH,OW,OC]; geometry (square filter, stride and
// dilation 1), OC, outputs of a tile along a side, activation, residual mode. ONNX: Conv 1-22, channels last.
//
// Tiles are taken in blocks whose transforms stay in the second-level cache. Many blocks are spread over the threads;
// few are taken one after another, the threads sharing the steps of each. Shapes alone decide which.
#include "winograd_f32.h"

enum {
  ROW_STEP = 6,               // rows of a tile of the product, on most instruction sets
  BLOCK_FLOATS = 80 * 1024,  // of transformed inputs and sums
  LEAST_TILES = 24,           // of a block: each loads all weights once
  MANY = 8,                   // blocks that are worth spreading
  LINE = 16,                  // floats between positions, so that they do not share a set of the cache; of a line
  READ_AHEAD = 8,             // tiles
  WRITE_AHEAD = 4,
};

typedef struct job {
  kerf_geometry g;
  int64_t m, n, h, w, c, oh, ow, oc, pitch;  // m: outputs of a tile along a side
  int side;
  int64_t across, down, tiles, block, blocks;  // tiles of an image along its sides, of all images, of a block
  int64_t depth, panels, in_step, out_step;    // padded channels; floats between positions
  int64_t slots, slot_floats;
  const float *x, *weights;
  float *y, *scratch;
  kerf_epilogue epilogue;
  const kerf_winograd_isa *isa;
  kerf_pool *pool;
} job;

/// Tiles of a block, and its memory; room for the padding of the widest instruction set.
static void plan(job *j, const kerf_pool *pool) {
  const int64_t positions = j->side * j->side;
  j->across = kerf_ceil_div(j->ow, j->m);
  j->down = kerf_ceil_div(j->oh, j->m);
  j->tiles = j->n * j->across * j->down;
  j->depth = kerf_round_up(j->c, KERF_PANEL);
  j->panels = kerf_ceil_div(j->oc, KERF_PANEL);
  const int64_t floats = (j->depth + kerf_round_up(j->oc, KERF_TILE_COLUMNS)) * positions;
  const int64_t most = kerf_max(LEAST_TILES, BLOCK_FLOATS / kerf_max(1, floats));
  j->blocks = kerf_max(1, kerf_ceil_div(j->tiles, most));
  j->block = kerf_min(j->tiles, kerf_round_up(kerf_ceil_div(j->tiles, j->blocks), ROW_STEP));
  j->blocks = j->tiles ? kerf_ceil_div(j->tiles, j->block) : 0;
  j->in_step = j->block * j->depth + LINE;
  j->out_step = j->block * kerf_round_up(j->oc, KERF_TILE_COLUMNS) + LINE;
  j->slots = j->blocks < MANY ? 1 : kerf_min(j->blocks, kerf_pool_threads(pool));
  j->slot_floats = (j->in_step + j->out_step) * positions;
}

static int read(const kerf_call *call, job *j) {
  const kerf_tensor *x = call->inputs[0], *y = call->outputs[0];
  KERF_TRY(kerf_read_geometry(call, 0, &j->g));
  j->oc = kerf_int(call, 10);
  j->m = kerf_int(call, 11);
  const kerf_geometry *g = &j->g;
  KERF_REQUIRE(g->kh == g->kw && g->sh == 1 && g->sw == 1 && g->dh == 1 && g->dw == 1, KERF_BAD_ATTR);
  KERF_REQUIRE((j->side = kerf_winograd_side(j->m, g->kh)) != 0 && j->oc >= 1, KERF_BAD_ATTR);
  KERF_REQUIRE(x->rank == 4 && y->rank == 4 && y->dims[3] == j->oc, KERF_BAD_SHAPE);
  j->n = x->dims[0], j->h = x->dims[1], j->w = x->dims[2], j->c = x->dims[3];
  j->oh = y->dims[1], j->ow = y->dims[2], j->pitch = kerf_pitch(y);
  plan(j, call->pool);
  j->epilogue.residual_mode = (int)kerf_int(call, 15);
  return kerf_read_act(call, 12, &j->epilogue.act);
}

int kerf_prepare_winograd_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  job j;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 2, 4, 1, 16));
  const kerf_tensor *x = call->inputs[0], *bias = kerf_input(call, 2), *y = call->outputs[0];
  KERF_TRY(kerf_check_typed(x, KERF_F32));
  KERF_TRY(kerf_check_typed(y, KERF_F32));
  KERF_TRY(read(call, &j));
  KERF_TRY(kerf_check_windows(x, y, &j.g, false));
  KERF_TRY(kerf_check_packed(call->inputs[1], kerf_pack_winograd_f32_size(j.oc, j.c, j.g.kh, j.m)));
  if (bias) KERF_TRY(kerf_check_vector(bias, KERF_F32, j.oc));
  KERF_TRY(kerf_check_residual(call, 15, kerf_input(call, 3), y));
  *scratch_bytes = (uint64_t)(j.slots * j.slot_floats) * sizeof(float);
  return KERF_OK;
}

/// A block at work.
typedef struct block {
  const job *j;
  int64_t first, tiles;  // of all images
  float *in, *sums;
} block;

typedef struct place {
  int64_t image, row, column;  // of the first output
} place;

static place place_of(const job *j, int64_t tile) {
  const int64_t of_image = tile % (j->across * j->down);
  return (place){tile / (j->across * j->down), of_image / j->across * j->m, of_image % j->across * j->m};
}

/// 16 channels of a tile that reaches past the image or the channels, zeros there.
static void copy_part(const job *j, const float *image, int64_t ih, int64_t iw, int64_t c, float *part) {
  const int64_t n = kerf_min(KERF_PANEL, j->c - c);
  for (int64_t i = 0; i < j->side; i++)
    for (int64_t k = 0; k < j->side; k++, part += KERF_PANEL) {
      const int64_t row = ih + i, column = iw + k;
      const bool inside = row >= 0 && row < j->h && column >= 0 && column < j->w;
      if (!inside || n < KERF_PANEL) memset(part, 0, KERF_PANEL * sizeof *part);
      if (inside) memcpy(part, image + (row * j->w + column) * j->c + c, (size_t)n * sizeof *part);
    }
}

/// Pixels from a tile to one further right, or to what it is on the next line of tiles, in images of that width. Past the
/// last image nothing is fetched.
static inline int64_t ahead(const job *j, place p, int64_t tiles, int64_t width) {
  const int64_t pixels = tiles * j->m;
  return p.column + pixels < width ? pixels : pixels + j->m * (width - j->across);
}

/// Fetches a block of pixels of `channels`, `pixel` floats apart, in lines that are `row` floats apart.
static inline void fetch(const float *at, int64_t rows, int64_t row, int64_t columns, int64_t pixel, int64_t channels,
                         bool to_write) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < columns; k++)
      for (int64_t c = 0; c < channels; c += LINE) {
        if (to_write) __builtin_prefetch(at + i * row + k * pixel + c, 1);
        else __builtin_prefetch(at + i * row + k * pixel + c, 0);
      }
}

static void transform_input(void *context, int64_t tile) {
  const block *b = context;
  const job *j = b->j;
  const place p = place_of(j, b->first + tile);
  const int64_t ih = p.row - j->g.pt, iw = p.column - j->g.pl;
  const float *image = j->x + p.image * j->h * j->w * j->c;
  float *in = b->in + tile * j->depth;
  const bool inside = ih >= 0 && iw >= 0 && ih + j->side <= j->h && iw + j->side <= j->w;
  const int64_t whole = inside ? j->c / KERF_PANEL * KERF_PANEL : 0;
  if (whole)
    fetch(image + (ih * j->w + iw + ahead(j, p, READ_AHEAD, j->w)) * j->c, j->side, j->w * j->c, j->m, j->c, j->c,
          false);
  if (whole)
    j->isa->input(j->side, image + (ih * j->w + iw) * j->c, j->w * j->c, j->c, whole, in, j->in_step);
  float part[KERF_WINOGRAD_SIDE * KERF_WINOGRAD_SIDE * KERF_PANEL];
  for (int64_t c = whole; c < j->c; c += KERF_PANEL) {
    copy_part(j, image, ih, iw, c, part);
    j->isa->input(j->side, part, j->side * KERF_PANEL, KERF_PANEL, KERF_PANEL, in + c, j->in_step);
  }
}

static void multiply(void *context, int64_t position) {
  const block *b = context;
  const job *j = b->j;
  const kerf_gemm_isa *gemm = j->isa->gemm;
  const int64_t stride = j->c * KERF_PANEL, width = gemm->panels * KERF_PANEL;
  const float *weights = j->weights + position * j->panels * stride, *in = b->in + position * j->in_step;
  float *sums = b->sums + position * j->out_step;
  for (int64_t panel = 0; panel < j->panels; panel += gemm->panels, weights += gemm->panels * stride)
    for (int64_t t = 0; t < b->tiles; t += gemm->rows) {
      const int rows = (int)kerf_min(gemm->rows, b->tiles - t), used = (int)kerf_min(gemm->panels, j->panels - panel);
      gemm->tile(rows, used, j->c, in + t * j->depth, j->depth, weights, KERF_PANEL, stride,
                 sums + panel * KERF_PANEL * j->block + t * width, 1);
    }
}

static void transform_output(void *context, int64_t tile) {
  const block *b = context;
  const job *j = b->j;
  const int64_t wide = j->isa->gemm->panels;
  const place p = place_of(j, b->first + tile);
  const int64_t at = ((p.image * j->oh + p.row) * j->ow + p.column) * j->pitch;
  kerf_winograd_out o = {.step = j->out_step, .pixel = j->pitch, .row = j->ow * j->pitch, .epilogue = &j->epilogue};
  o.rows = (int)kerf_min(j->m, j->oh - p.row);
  o.columns = (int)kerf_min(j->m, j->ow - p.column);
  fetch(j->y + at + ahead(j, p, WRITE_AHEAD, j->ow) * j->pitch, o.rows, o.row, j->m, j->pitch, j->oc, true);
  for (int64_t panel = 0; panel < j->panels; panel++) {
    o.channel = panel * KERF_PANEL;
    o.channels = (int)kerf_min(KERF_PANEL, j->oc - o.channel);
    o.sums = b->sums + (panel / wide * j->block + tile) * wide * KERF_PANEL + panel % wide * KERF_PANEL;
    o.y = j->y + at + o.channel;
    o.residual = j->epilogue.residual ? j->epilogue.residual + at + o.channel : NULL;
    j->isa->output((int)j->m, (int)j->g.kh, &o);
  }
}

static void run_block(const job *j, int64_t index, float *scratch) {
  block b = {j, index * j->block, 0, scratch, scratch + j->in_step * j->side * j->side};
  b.tiles = kerf_min(j->block, j->tiles - b.first);
  kerf_parallel(j->pool, transform_input, &b, b.tiles);
  kerf_parallel(j->pool, multiply, &b, j->side * j->side);
  kerf_parallel(j->pool, transform_output, &b, b.tiles);
}

/// The pool is busy while the slots are spread, so that the steps of their blocks run serially.
static void run_slot(void *context, int64_t slot) {
  const job *j = context;
  const int64_t begin = j->blocks * slot / j->slots, end = j->blocks * (slot + 1) / j->slots;
  for (int64_t i = begin; i < end; i++) run_block(j, i, j->scratch + slot * j->slot_floats);
}

int kerf_run_winograd(const kerf_call *call, const kerf_winograd_isa *isa) {
  job j = {.isa = isa, .scratch = call->scratch};
  KERF_TRY(read(call, &j));
  j.x = call->inputs[0]->data;
  j.weights = call->inputs[1]->data;
  j.y = call->outputs[0]->data;
  j.epilogue.bias = kerf_input(call, 2) ? call->inputs[2]->data : NULL;
  j.epilogue.residual = kerf_input(call, 3) ? call->inputs[3]->data : NULL;
  const double taps = (double)(j.m + j.g.kh - 1) * (double)(j.m + j.g.kh - 1);
  const double work = (double)j.tiles * taps * (double)(j.c + 6) * (double)(j.oc + 6) / KERF_F32_RATE;
  j.pool = kerf_pool_for(call, j.slots > 1 ? work : work / (double)(3 * kerf_max(1, j.blocks)));
  kerf_parallel(j.pool, run_slot, &j, j.blocks ? j.slots : 0);
  return KERF_OK;
}
