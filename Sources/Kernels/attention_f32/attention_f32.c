// ATTENTION_F32: q, k, v, mask? -> y; heads, key heads, sizes, columns, scale, softcap, causal as in kerf_ops.h.
// ONNX: Attention 23-25, and the MatMul - Softmax - MatMul of exported models.
//
// Keys and values are packed once, head by head. Then every block of queries goes through the keys tile by tile: scores,
// softmax with a running maximum and sum (Milakov and Gimelshein 2018), product with the values. Rows of hidden keys only
// are zero, as ONNX Attention has it.
#include "attention_f32.h"

#include "../transpose/tiles.h"
#include "attention_shape.h"

enum { SLOTS = 8, ROW_STEP = 6 };

typedef struct attention {
  kerf_attention shape;
  int64_t rows, blocks;  // queries of a task, tasks of a head
} attention;

static int read(const kerf_call *call, attention *p) {
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_TRY(kerf_read_attention(call, KERF_F32, KERF_F32, &p->shape));
  const int64_t length = p->shape.length;
  const int64_t share = kerf_ceil_div(length, kerf_max(1, kerf_ceil_div(length, KERF_ATTENTION_ROWS)));
  p->rows = kerf_max(ROW_STEP, kerf_ceil_div(share, ROW_STEP) * ROW_STEP);
  p->blocks = kerf_ceil_div(length, p->rows);
  return KERF_OK;
}

static int64_t panels(int64_t n) { return kerf_ceil_div(n, KERF_PANEL); }
/// Floats of a head's packed keys: panels of 16 keys, [size][16]; and values: panels of 16 columns, [total][16].
static int64_t key_floats(const kerf_attention *p) { return panels(p->total) * KERF_PANEL * p->size; }
static int64_t value_floats(const kerf_attention *p) { return panels(p->value_size) * KERF_PANEL * p->total; }

/// Floats of a task: scores, probabilities, sums, a row of the mask.
static int64_t sum_floats(const kerf_attention *p) {
  return KERF_ATTENTION_ROWS * kerf_ceil_div(p->value_size, KERF_TILE_COLUMNS) * KERF_TILE_COLUMNS;
}
static int64_t slot_floats(const kerf_attention *p) {
  return KERF_ATTENTION_ROWS * (KERF_ATTENTION_KEYS + KERF_ATTENTION_PITCH) + KERF_ATTENTION_KEYS + sum_floats(p);
}
static int64_t slot_count(const attention *p) {
  return kerf_max(1, kerf_min(SLOTS, p->shape.batch * p->shape.heads * p->blocks));
}

int kerf_prepare_attention_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  attention whole;
  int64_t packed, heads, sums;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 3, 4, 1, 10));
  KERF_TRY(read(call, &whole));
  const kerf_attention p = whole.shape;
  // Sizes and lengths are below 2^31: what follows is checked before it is used.
  KERF_REQUIRE(kerf_product(p.batch, p.heads, &heads) && kerf_product(heads, whole.blocks, &heads), KERF_BAD_SHAPE);
  KERF_REQUIRE(kerf_product(panels(p.total) * KERF_PANEL, p.size, &packed), KERF_BAD_SHAPE);
  KERF_REQUIRE(kerf_product(panels(p.value_size) * KERF_PANEL, p.total, &sums), KERF_BAD_SHAPE);
  KERF_REQUIRE(kerf_product(packed + sums, p.batch * p.key_heads, &packed), KERF_BAD_SHAPE);
  KERF_REQUIRE(kerf_product(packed, (int64_t)sizeof(float), &packed), KERF_BAD_SHAPE);
  *scratch_bytes = (uint64_t)packed + (uint64_t)(slot_floats(&p) * slot_count(&whole)) * sizeof(float);
  return KERF_OK;
}

typedef struct job {
  attention p;
  const kerf_attention_isa *isa;
  const float *q, *k, *v;
  float *y, *keys, *values, *slots;
} job;

/// A panel: keys `first` ..., 16 of them or the last ones, to [size][16]; missing ones are zero.
static void pack_keys(const float *k, int64_t row, int64_t size, int64_t count, float *out) {
  const int64_t whole = count == KERF_PANEL ? size / 4 * 4 : 0;
  for (int64_t c = 0; c < KERF_PANEL; c += 4)
    for (int64_t d = 0; d < whole; d += 4)
      kerf_tile_u32((const uint32_t *)(const void *)(k + c * row + d), row,
                    (uint32_t *)(void *)(out + d * KERF_PANEL + c), KERF_PANEL);
  for (int64_t d = whole; d < size; d++)
    for (int64_t c = 0; c < KERF_PANEL; c++) out[d * KERF_PANEL + c] = c < count ? k[c * row + d] : 0;
}

/// Columns of the values, 16 or the last ones, to [total][16]; missing ones are zero.
static void pack_values(const float *v, int64_t row, int64_t total, int64_t count, float *out) {
  for (int64_t t = 0; t < total; t++) {
    float *to = out + t * KERF_PANEL;
    if (count == KERF_PANEL) {
      memcpy(to, v + t * row, KERF_PANEL * sizeof *to);
      continue;
    }
    for (int64_t c = 0; c < KERF_PANEL; c++) to[c] = c < count ? v[t * row + c] : 0;
  }
}

static void pack_head(void *context, int64_t index) {
  const job *j = context;
  const kerf_attention *p = &j->p.shape;
  const int64_t b = index / p->key_heads, h = index % p->key_heads;
  const float *k = j->k + kerf_attention_at(&p->k, b, h, 0), *v = j->v + kerf_attention_at(&p->v, b, h, 0);
  float *keys = j->keys + index * key_floats(p), *values = j->values + index * value_floats(p);
  for (int64_t t = 0; t < p->total; t += KERF_PANEL)
    pack_keys(k + t * p->k.row, p->k.row, p->size, kerf_min(KERF_PANEL, p->total - t), keys + t * p->size);
  for (int64_t c = 0; c < p->value_size; c += KERF_PANEL)
    pack_values(v + c, p->v.row, p->total, kerf_min(KERF_PANEL, p->value_size - c), values + c * p->total);
}

/// A block of queries of one head.
typedef struct block {
  const job *j;
  int64_t b, h, first, rows;
  const float *q, *keys, *values;
  float *scores, *probabilities, *mask, *sums;
  kerf_attention_row state[KERF_ATTENTION_ROWS];
} block;

/// acc[tile of rows][columns / width][tile][width] = (first ? 0 : acc) + a[rows, k] * b[k, columns], b in panels.
static void multiply(const block *t, const float *a, int64_t lda, int64_t k, const float *b, int64_t panel,
                     int64_t columns, float *acc, int first) {
  const kerf_gemm_isa *isa = t->j->isa->gemm;
  const int64_t width = isa->panels * KERF_PANEL, steps = kerf_ceil_div(columns, width);
  for (int64_t n = 0; n < columns; n += width)
    for (int64_t r = 0; r < t->rows; r += isa->rows)
      isa->tile((int)kerf_min(isa->rows, t->rows - r), (int)panels(kerf_min(width, columns - n)), k, a + r * lda, lda,
                b + n / KERF_PANEL * panel, KERF_PANEL, panel, acc + (r * steps + n / width * isa->rows) * width, first);
}

/// The place of row i, column 0 in what `multiply` wrote.
static float *row_of(const block *t, float *acc, int64_t i, int64_t columns) {
  const kerf_gemm_isa *isa = t->j->isa->gemm;
  const int64_t width = isa->panels * KERF_PANEL, tile = i / isa->rows * isa->rows;
  return acc + (tile * kerf_ceil_div(columns, width) + i - tile) * width;
}

/// Scores of a tile of keys become probabilities; what was summed before is rescaled.
static void soften(block *t, int64_t t0, int64_t count) {
  const kerf_attention *p = &t->j->p.shape;
  const kerf_attention_isa *isa = t->j->isa;
  const int64_t width = isa->gemm->panels * KERF_PANEL;
  for (int64_t i = 0; i < t->rows; i++) {
    const int64_t query = t->first + i, seen = kerf_attention_seen(p, query, t0, count);
    const kerf_attention_scores s = {row_of(t, t->scores, i, count), width, isa->gemm->rows * width, seen, count,
                                     p->scale, p->softcap,
                                     kerf_attention_mask(p, t->b, t->h, query, t0, seen, t->mask)};
    isa->soften(&s, t->probabilities + i * KERF_ATTENTION_PITCH, &t->state[i]);
    if (t0 == 0 || t->state[i].rescale == 1) continue;
    float *sums = row_of(t, t->sums, i, p->value_size);
    for (int64_t n = 0; n < p->value_size; n += width, sums += s.step) isa->scale(sums, sums, width, t->state[i].rescale);
  }
}

static void store(const block *t) {
  const kerf_attention *p = &t->j->p.shape;
  const kerf_gemm_isa *isa = t->j->isa->gemm;
  const int64_t width = isa->panels * KERF_PANEL;
  float *y = t->j->y + kerf_attention_at(&p->y, t->b, t->h, t->first);
  for (int64_t i = 0; i < t->rows; i++, y += p->y.row) {
    const float sum = t->state[i].sum;
    const float *sums = row_of(t, t->sums, i, p->value_size);
    if (sum == 0) memset(y, 0, (size_t)p->value_size * sizeof *y);
    else for (int64_t n = 0; n < p->value_size; n += width, sums += isa->rows * width)
      t->j->isa->scale(sums, y + n, kerf_min(width, p->value_size - n), 1 / sum);
  }
}

static void run_block(block *t) {
  const kerf_attention *p = &t->j->p.shape;
  const int64_t last = t->first + t->rows + p->ahead;  // keys that the last row sees
  const int64_t keys = p->causal ? kerf_max(0, kerf_min(p->total, last)) : p->total;
  for (int64_t i = 0; i < t->rows; i++) t->state[i] = (kerf_attention_row){-__builtin_inff(), 0, 1};
  for (int64_t t0 = 0; t0 < keys; t0 += KERF_ATTENTION_KEYS) {
    const int64_t count = kerf_min(KERF_ATTENTION_KEYS, keys - t0);
    multiply(t, t->q, p->q.row, p->size, t->keys + t0 * p->size, p->size * KERF_PANEL, count, t->scores, 1);
    soften(t, t0, count);
    multiply(t, t->probabilities, KERF_ATTENTION_PITCH, count, t->values + t0 * KERF_PANEL, p->total * KERF_PANEL,
             p->value_size, t->sums, t0 == 0);
  }
  store(t);
}

static void run_slot(void *context, int64_t slot) {
  const job *j = context;
  const kerf_attention *p = &j->p.shape;
  const int64_t slots = slot_count(&j->p), blocks = j->p.blocks, rows = j->p.rows;
  const int64_t tasks = p->batch * p->heads * blocks, group = p->heads / p->key_heads;
  block t = {.j = j, .scores = j->slots + slot * slot_floats(p)};
  t.probabilities = t.scores + KERF_ATTENTION_ROWS * KERF_ATTENTION_KEYS;
  t.mask = t.probabilities + KERF_ATTENTION_ROWS * KERF_ATTENTION_PITCH;
  t.sums = t.mask + KERF_ATTENTION_KEYS;
  const int64_t end = (int64_t)((__int128)tasks * (slot + 1) / slots);
  for (int64_t i = (int64_t)((__int128)tasks * slot / slots); i < end; i++) {
    const int64_t head = i / blocks;
    t.first = i % blocks * rows;
    t.rows = kerf_min(rows, p->length - t.first);
    t.b = head / p->heads, t.h = head % p->heads;
    const int64_t source = t.b * p->key_heads + t.h / group;
    t.q = j->q + kerf_attention_at(&p->q, t.b, t.h, t.first);
    t.keys = j->keys + source * key_floats(p), t.values = j->values + source * value_floats(p);
    run_block(&t);
  }
}

int kerf_run_attention(const kerf_call *call, const kerf_attention_isa *isa) {
  job j = {.isa = isa};
  KERF_TRY(read(call, &j.p));
  const kerf_attention *p = &j.p.shape;
  if (kerf_count(call->outputs[0]) == 0) return KERF_OK;
  if (p->total == 0) {
    memset(call->outputs[0]->data, 0, (size_t)kerf_count(call->outputs[0]) * sizeof(float));
    return KERF_OK;
  }
  j.q = call->inputs[0]->data, j.k = call->inputs[1]->data, j.v = call->inputs[2]->data, j.y = call->outputs[0]->data;
  j.keys = call->scratch;
  j.values = j.keys + p->batch * p->key_heads * key_floats(p);
  j.slots = j.values + p->batch * p->key_heads * value_floats(p);
  const double work = (double)(p->batch * p->heads) * (double)p->length * (double)p->total * (double)(p->size + p->value_size);
  kerf_pool *pool = kerf_pool_for(call, work / KERF_F32_RATE);
  kerf_parallel(pool, pack_head, &j, p->batch * p->key_heads);
  kerf_parallel(pool, run_slot, &j, slot_count(&j.p));
  return KERF_OK;
}
