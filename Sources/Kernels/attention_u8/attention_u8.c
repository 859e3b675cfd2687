// ATTENTION_U8: q, k u8, v f32, mask? -> y u8 or f32; attributes as in kerf_ops.h, the numbers as in attention_u8.h.
//
// Keys and values are packed once, head by head, as the right operands of the 8-bit product. Then a few queries at a time
// go through all keys: scores, probabilities, product with the values. Rows of hidden keys only are zero, as in
// ATTENTION_F32.
#include "attention_u8.h"

#include <math.h>

#include "../transpose/tiles.h"

KERF_NO_CONTRACT

enum { SLOTS = 8, ROWS = KERF_ATTENTION_U8_ROWS, GROUP = KERF_ATTENTION_U8_GROUP };
static const uint32_t FLIP = 0x80808080;  // makes codes signed

const uint16_t kerf_attention_u8_halves[KERF_ATTENTION_U8_PER_OCTAVE] = {
  65280, 64577, 63881, 63193, 62512, 61839, 61173, 60514, 59862, 59217, 58579, 57948, 57324, 56707, 56096, 55491,
  54894, 54302, 53717, 53139, 52566, 52000, 51440, 50886, 50338, 49796, 49259, 48729, 48204, 47684, 47171, 46663,
  46160, 45663, 45171, 44684, 44203, 43727, 43256, 42790, 42329, 41873, 41422, 40976, 40534, 40098, 39666, 39238,
  38816, 38398, 37984, 37575, 37170, 36770, 36374, 35982, 35594, 35211, 34831, 34456, 34085, 33718, 33355, 32995,
};

/// Sizes in bytes of what lies in the scratch.
typedef struct layout {
  int64_t depth, keys;      // of a row of q, of a row of probabilities: multiples of 4
  int64_t key_panel, value_panel, head;  // a panel of 16 keys, of 16 columns; all of a head
  int64_t sums, scales, values;  // where they begin in a head: the keys do at 0
  int64_t pitch;            // of a row of probabilities
  int64_t scores, mask, queries, slot;
  int64_t blocks, rows, slots;  // of a head, of a block; tasks that have room
} layout;

typedef struct attention {
  kerf_attention shape;
  layout l;
  int32_t q_zero, y_zero;
  float factor;  // of y: 1, for codes divided by its scale
  bool is_float;
} attention;

static layout make_layout(const kerf_attention *p) {
  layout l = {.depth = kerf_round_up(p->size, 4), .keys = kerf_round_up(p->total, 4)};
  l.key_panel = l.depth * KERF_Q8_PANEL, l.value_panel = l.keys * KERF_Q8_PANEL;
  const int64_t groups = kerf_ceil_div(p->total, GROUP);
  l.sums = groups * GROUP / KERF_Q8_PANEL * l.key_panel;
  l.scales = l.sums + groups * GROUP * (int64_t)sizeof(int32_t);
  const int64_t columns = kerf_round_up(p->value_size, GROUP);
  l.values = l.scales + columns * (int64_t)sizeof(float);
  l.head = l.values + columns / KERF_Q8_PANEL * l.value_panel;
  // Rows whose distance is a multiple of 4 KiB would compete for the same lines of the first cache.
  l.pitch = groups * GROUP + GROUP;
  l.scores = ROWS * groups * GROUP * (int64_t)sizeof(int32_t);
  l.mask = p->mask && p->mask->type == KERF_BOOL ? groups * GROUP * (int64_t)sizeof(float) : 0;
  l.queries = p->size == l.depth ? 0 : ROWS * l.depth;
  // One more row of probabilities and of queries: of equal bytes, whose products are sums of columns.
  l.slot = l.scores + (ROWS + 1) * l.pitch + l.mask + kerf_round_up(l.queries, KERF_ALIGN) + kerf_round_up(l.depth, KERF_ALIGN);
  l.blocks = kerf_ceil_div(p->length, ROWS);
  l.rows = kerf_ceil_div(p->length, kerf_max(l.blocks, 1));
  l.slots = kerf_max(1, kerf_min(SLOTS, p->batch * p->heads * l.blocks));
  return l;
}

static int read(const kerf_call *call, attention *p) {
  const int32_t type = call->outputs[0]->type;
  KERF_REQUIRE(type == KERF_U8 || type == KERF_F32, KERF_BAD_TYPE);
  KERF_TRY(kerf_read_attention(call, KERF_U8, KERF_F32, &p->shape));
  KERF_REQUIRE(p->shape.scale > 0 && isfinite(p->shape.scale) && p->shape.softcap == 0, KERF_BAD_ATTR);
  KERF_TRY(kerf_check_range(call, 10, 0, 255));
  KERF_TRY(kerf_check_range(call, 12, 0, 255));
  const kerf_attention *s = &p->shape;
  KERF_REQUIRE(s->total <= KERF_ATTENTION_U8_MOST && s->size <= KERF_ATTENTION_U8_MOST, KERF_BAD_SHAPE);
  p->q_zero = (int32_t)kerf_int(call, 10), p->factor = kerf_float(call, 11), p->y_zero = (int32_t)kerf_int(call, 12);
  KERF_REQUIRE(p->factor > 0 && isfinite(p->factor), KERF_BAD_ATTR);
  p->is_float = type == KERF_F32;
  return KERF_OK;
}

int kerf_prepare_attention_u8(const kerf_call *call, uint64_t *scratch_bytes) {
  attention p;
  int64_t heads, tasks, packed;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 3, 4, 1, 13));
  KERF_TRY(read(call, &p));
  const kerf_attention *s = &p.shape;
  // Keys and their elements are at most 2^15, other sizes below 2^31: a head takes less than 2^48 bytes.
  KERF_REQUIRE(kerf_product(s->batch, s->heads, &heads), KERF_BAD_SHAPE);
  KERF_REQUIRE(kerf_product(heads, kerf_ceil_div(s->length, ROWS), &tasks), KERF_BAD_SHAPE);
  p.l = make_layout(s);
  KERF_REQUIRE(kerf_product(p.l.head, s->batch * s->key_heads, &packed), KERF_BAD_SHAPE);
  *scratch_bytes = (uint64_t)packed + (uint64_t)(p.l.slot * p.l.slots);
  return KERF_OK;
}

typedef struct job {
  attention p;
  const kerf_attention_u8_isa *isa;
  const uint8_t *q, *k;
  const float *v;
  void *y;
  uint8_t *heads, *slots;
} job;

/// acc[rows][32] = a[rows, 4 * blocks] times one or two panels.
static void multiply(const kerf_q8_isa *isa, int rows, int panels, int64_t blocks, const uint8_t *a, int64_t lda,
                     const int8_t *b, int64_t stride, int32_t *acc) {
  for (int r = 0; r < rows; r += isa->rows, acc += isa->rows * KERF_Q8_TILE, a += isa->rows * lda) {
    const int n = rows - r < isa->rows ? rows - r : isa->rows;
    if (!isa->strip) {
      isa->tile(n, panels, blocks, a, lda, b, stride, acc);
      continue;
    }
    const int64_t start = 0;
    const kerf_q8_pieces whole = {1, 4 * blocks, &start};
    const uint8_t *at[KERF_Q8_MOST_ROWS];
    for (int i = 0; i < n; i++) at[i] = a + i * lda;
    isa->strip(n, panels, &whole, at, b, stride, (kerf_q8_next){b, 0}, acc);
  }
}

/// Up to 16 keys, as signed bytes, to [depth / 4][16][4]; what is missing is zero.
static void pack_keys(const uint8_t *k, int64_t row, int64_t size, int64_t count, uint8_t *out) {
  int64_t d = 0;
  if (count == KERF_Q8_PANEL) {
    for (; d + 16 <= size; d += 16) {
      for (int64_t c = 0; c < KERF_Q8_PANEL; c += 4) {
        kerf_u32x4 x[4];
        for (int i = 0; i < 4; i++) {
          memcpy(&x[i], k + (c + i) * row + d, 16);
          x[i] ^= FLIP;
        }
        const kerf_u32x4 a = KERF_LO4(x[0], x[2]), b = KERF_HI4(x[0], x[2]);
        const kerf_u32x4 e = KERF_LO4(x[1], x[3]), f = KERF_HI4(x[1], x[3]);
        x[0] = KERF_LO4(a, e), x[1] = KERF_HI4(a, e), x[2] = KERF_LO4(b, f), x[3] = KERF_HI4(b, f);
        for (int i = 0; i < 4; i++) memcpy(out + (d + 4 * i) * KERF_Q8_PANEL + 4 * c, &x[i], 16);
      }
    }
  }
  for (; d < size; d += 4) {
    uint8_t *to = out + d * KERF_Q8_PANEL;
    memset(to, 0, 4 * KERF_Q8_PANEL);
    for (int64_t c = 0; c < count; c++) {
      for (int64_t i = 0; i < kerf_min(4, size - d); i++) to[4 * c + i] = k[c * row + d + i] ^ 0x80;
    }
  }
}

/// 16 columns of four rows to [16][4].
static void weave(const int8_t rows[4][GROUP], int8_t *out) {
  kerf_u8x16 x[4];
  for (int i = 0; i < 4; i++) memcpy(&x[i], rows[i], 16);
  const kerf_u16x8 a = (kerf_u16x8)KERF_LO16(x[0], x[1]), b = (kerf_u16x8)KERF_HI16(x[0], x[1]);
  const kerf_u16x8 c = (kerf_u16x8)KERF_LO16(x[2], x[3]), d = (kerf_u16x8)KERF_HI16(x[2], x[3]);
  const kerf_u16x8 y[4] = {KERF_LO8(a, c), KERF_HI8(a, c), KERF_LO8(b, d), KERF_HI8(b, d)};
  memcpy(out, y, sizeof y);
}

/// Up to 64 columns of the values, as codes, to panels [keys / 4][16][4]; their scales.
static void pack_values(const kerf_attention_u8_isa *isa, const float *v, int64_t row, int64_t total, int columns,
                        float scales[GROUP], int8_t *out, int64_t panel) {
  float steps[GROUP], carry[GROUP] = {0};
  isa->greatest(v, row, total, columns, scales);
  for (int i = 0; i < columns; i++) {
    const float greatest = scales[i];
    steps[i] = greatest > 0 ? KERF_ATTENTION_U8_VALUE / greatest : 0;
    scales[i] = greatest / KERF_ATTENTION_U8_VALUE;
  }
  for (int64_t t = 0; t < total; t += 4, out += 4 * KERF_Q8_PANEL) {
    int8_t codes[4][GROUP];
    const kerf_attention_u8_values four = {v + t * row, row, (int)kerf_min(4, total - t), columns, steps, carry};
    isa->encode(&four, codes);
    for (int c = 0; c < columns; c += KERF_Q8_PANEL)
      weave((const int8_t(*)[GROUP])(codes[0] + c), out + c / KERF_Q8_PANEL * panel);
  }
}

static void pack_head(void *context, int64_t index) {
  const job *j = context;
  const kerf_attention *p = &j->p.shape;
  const layout *l = &j->p.l;
  const kerf_q8_isa *q8 = j->isa->q8;
  const int64_t b = index / p->key_heads, h = index % p->key_heads;
  const uint8_t *k = j->k + kerf_attention_at(&p->k, b, h, 0);
  const float *v = j->v + kerf_attention_at(&p->v, b, h, 0);
  uint8_t *head = j->heads + index * l->head;
  int32_t *sums = (int32_t *)(void *)(head + l->sums);
  for (int64_t t = 0; t < p->total; t += KERF_Q8_PANEL)
    pack_keys(k + t * p->k.row, p->k.row, p->size, kerf_min(KERF_Q8_PANEL, p->total - t), head + t * l->depth);
  // What the zero point of q takes from each score: the sums of the keys, as products with ones.
  const uint8_t *ones = j->slots + l->slot - kerf_round_up(l->depth, KERF_ALIGN);
  for (int64_t t = 0; t < p->total; t += KERF_Q8_TILE) {
    const int panels = p->total - t > KERF_Q8_PANEL ? 2 : 1;
    multiply(q8, 1, panels, l->depth / 4, ones, l->depth, (const int8_t *)head + t * l->depth, l->key_panel, sums + t);
    for (int64_t n = t; n < t + panels * KERF_Q8_PANEL; n++) sums[n] *= q8->offset - j->p.q_zero;
  }
  float *scales = (float *)(void *)(head + l->scales);
  memset(scales, 0, (size_t)(l->values - l->scales));
  for (int64_t c = 0; c < p->value_size; c += GROUP)
    pack_values(j->isa, v + c, p->v.row, p->total, (int)kerf_min(GROUP, p->value_size - c), scales + c,
                (int8_t *)head + l->values + c / KERF_Q8_PANEL * l->value_panel, l->value_panel);
}

/// A block of queries of one head, and its room.
typedef struct block {
  const job *j;
  int64_t b, h, first;
  int rows;
  const uint8_t *head;
  int32_t *scores;
  uint8_t *probabilities, *queries;
  float *mask;
} block;

/// The queries, `*row` bytes apart, as far as the product reads: copied where that is more than they have.
static const uint8_t *queries(const block *t, int64_t *row) {
  const kerf_attention *p = &t->j->p.shape;
  const int64_t depth = t->j->p.l.depth;
  const uint8_t *q = t->j->q + kerf_attention_at(&p->q, t->b, t->h, t->first);
  *row = p->q.row;
  if (depth == p->size) return q;
  memset(t->queries, 0, (size_t)(t->rows * depth));
  for (int r = 0; r < t->rows; r++) memcpy(t->queries + r * depth, q + r * p->q.row, (size_t)p->size);
  *row = depth;
  return t->queries;
}

/// Scores in blocks of 32 keys, [ROWS][32] each.
static void score(const block *t, int64_t keys) {
  const layout *l = &t->j->p.l;
  int64_t row;
  const uint8_t *q = queries(t, &row);
  for (int64_t n = 0; n < keys; n += KERF_Q8_TILE)
    multiply(t->j->isa->q8, t->rows, keys - n > KERF_Q8_PANEL ? 2 : 1, l->depth / 4, q, row,
             (const int8_t *)t->head + n * l->depth, l->key_panel, t->scores + n * ROWS);
}

static void soften(const block *t, int64_t keys, int32_t *sums) {
  const kerf_attention *p = &t->j->p.shape;
  const layout *l = &t->j->p.l;
  kerf_attention_u8_scores s = {.step = ROWS * KERF_Q8_TILE, .count = kerf_round_up(keys, GROUP), .scale = p->scale};
  s.init = (const int32_t *)(const void *)(t->head + l->sums);
  const double octave = KERF_ATTENTION_U8_PER_OCTAVE / 0.69314718055994530942;
  s.steps = (float)(p->mask ? octave : octave * (double)p->scale);
  for (int r = 0; r < t->rows; r++) {
    s.at = t->scores + r * KERF_Q8_TILE;
    s.seen = kerf_attention_seen(p, t->first + r, 0, keys);
    s.mask = kerf_attention_mask(p, t->b, t->h, t->first + r, 0, s.seen, t->mask);
    sums[r] = t->j->isa->soften(&s, t->probabilities + r * l->pitch);
  }
}

/// Probabilities times values, 32 columns at a time. A row without probabilities is zero.
static void weigh(const block *t, int64_t keys, const int32_t *sums) {
  const attention *whole = &t->j->p;
  const kerf_attention *p = &whole->shape;
  const layout *l = &whole->l;
  const kerf_attention_u8_isa *isa = t->j->isa;
  _Alignas(64) int32_t acc[ROWS * KERF_Q8_TILE], init[KERF_Q8_TILE] = {0};
  float factor[ROWS];
  for (int r = 0; r < t->rows; r++) factor[r] = sums[r] ? whole->factor / (float)sums[r] : 0;
  kerf_attention_u8_sums s = {.rows = t->rows, .acc = acc, .init = init, .factor = factor, .ldy = p->y.row};
  const int64_t y = kerf_attention_at(&p->y, t->b, t->h, t->first), blocks = kerf_ceil_div(keys, 4);
  for (int64_t c = 0; c < p->value_size; c += KERF_Q8_TILE) {
    const int8_t *values = (const int8_t *)t->head + l->values + c / KERF_Q8_PANEL * l->value_panel;
    s.columns = (int)kerf_min(KERF_Q8_TILE, p->value_size - c);
    s.scale = (const float *)(const void *)(t->head + l->scales) + c;
    const int panels = s.columns > KERF_Q8_PANEL ? 2 : 1;
    multiply(isa->q8, t->rows, panels, blocks, t->probabilities, l->pitch, values, l->value_panel, acc);
    if (isa->q8->offset) {
      multiply(isa->q8, 1, panels, blocks, t->probabilities + ROWS * l->pitch, l->pitch, values, l->value_panel, init);
      for (int i = 0; i < panels * KERF_Q8_PANEL; i++) init[i] *= isa->q8->offset;
    }
    if (whole->is_float) isa->store_floats(&s, (float *)t->j->y + y + c);
    else isa->store_codes(&s, whole->y_zero, (uint8_t *)t->j->y + y + c);
  }
}

static void run_slot(void *context, int64_t slot) {
  const job *j = context;
  const kerf_attention *p = &j->p.shape;
  const layout *l = &j->p.l;
  const int64_t tasks = p->batch * p->heads * l->blocks, group = p->heads / p->key_heads;
  uint8_t *room = j->slots + slot * l->slot;
  block t = {.j = j, .scores = (int32_t *)(void *)room, .probabilities = room + l->scores};
  t.mask = (float *)(void *)(t.probabilities + (ROWS + 1) * l->pitch);
  t.queries = (uint8_t *)t.mask + l->mask;
  memset(t.probabilities + ROWS * l->pitch, j->isa->q8->offset + 1, (size_t)l->pitch);
  const int64_t end = (int64_t)((__int128)tasks * (slot + 1) / l->slots);
  for (int64_t i = (int64_t)((__int128)tasks * slot / l->slots); i < end; i++) {
    const int64_t head = i / l->blocks, first = i % l->blocks * l->rows;
    t.first = first, t.rows = (int)kerf_min(l->rows, p->length - first);
    t.b = head / p->heads, t.h = head % p->heads;
    t.head = j->heads + (t.b * p->key_heads + t.h / group) * l->head;
    const int64_t keys = kerf_attention_seen(p, first + t.rows - 1, 0, p->total);
    int32_t sums[ROWS];
    score(&t, keys);
    soften(&t, keys, sums);
    weigh(&t, keys, sums);
  }
}

int kerf_run_attention_u8(const kerf_call *call, const kerf_attention_u8_isa *isa) {
  job j = {.isa = isa};
  KERF_TRY(read(call, &j.p));
  kerf_tensor *y = call->outputs[0];
  const kerf_attention *p = &j.p.shape;
  if (kerf_count(y) == 0) return KERF_OK;
  if (p->total == 0) {
    memset(y->data, j.p.is_float ? 0 : j.p.y_zero, (size_t)kerf_bytes(y));
    return KERF_OK;
  }
  j.p.l = make_layout(p);
  j.q = call->inputs[0]->data, j.k = call->inputs[1]->data, j.v = call->inputs[2]->data, j.y = y->data;
  j.heads = call->scratch;
  j.slots = j.heads + p->batch * p->key_heads * j.p.l.head;
  const int64_t depth = kerf_round_up(j.p.l.depth, KERF_ALIGN);
  memset(j.slots + j.p.l.slot - depth, isa->q8->offset + 1, (size_t)depth);
  const double work = (double)(p->batch * p->heads) * (double)p->length * (double)p->total * (double)(p->size + p->value_size);
  kerf_pool *pool = kerf_pool_for(call, work / KERF_U8_RATE);
  kerf_parallel(pool, pack_head, &j, p->batch * p->key_heads);
  kerf_parallel(pool, run_slot, &j, j.p.l.slots);
  return KERF_OK;
}
