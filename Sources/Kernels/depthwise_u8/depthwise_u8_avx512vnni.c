// 64 lanes at a time, several vectors of one line of y or two.
//
// Four lines of x are interleaved by bytes, so that each 32-bit lane holds 4 taps of its channel. Interleaving within
// 128-bit lanes leaves, in vector q of 4, lanes 16 * part + 4 * q ...; weights and parameters are put into that order,
// and packing the results to bytes undoes it. The second line of y reads the same taps with weights one line further
// down.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../common/look_up_avx512.h"
#include "depthwise_u8_avx512.h"

#if defined(__clang__)
#define ROLLED _Pragma("clang loop unroll(disable)")
#else
#define ROLLED _Pragma("GCC unroll 1")
#endif

/// Vectors of a line in a tile.
enum { TOGETHER = 4 };

/// The bytes of four lines of each lane together.
INLINE void interleave(__m512i x0, __m512i x1, __m512i x2, __m512i x3, uint8_t *to) {
  const __m512i low01 = _mm512_unpacklo_epi8(x0, x1), high01 = _mm512_unpackhi_epi8(x0, x1);
  const __m512i low23 = _mm512_unpacklo_epi8(x2, x3), high23 = _mm512_unpackhi_epi8(x2, x3);
  _mm512_store_si512(to, _mm512_unpacklo_epi16(low01, low23));
  _mm512_store_si512(to + 64, _mm512_unpackhi_epi16(low01, low23));
  _mm512_store_si512(to + 128, _mm512_unpacklo_epi16(high01, high23));
  _mm512_store_si512(to + 192, _mm512_unpackhi_epi16(high01, high23));
}

/// The lanes of the pixels of a vector in `rows` lines from column `column` of x on, but for padding.
INLINE void load_pixels(const block *b, const uint8_t *const *line, int64_t column, const int rows, __m512i *x) {
  const int64_t sw = b->t->g->sw, w = b->t->plan->w, channels = b->lanes->channels;
  int64_t at = column * channels;
  for (int64_t i = 0; i < b->lanes->fold; i++, column += sw, at += (sw - 1) * channels) {
    if (column < 0 || column >= w) continue;
    UNROLL
    for (int r = 0; r < rows; r++) x[r] = _mm512_mask_loadu_epi8(x[r], b->pixels[i], line[r] + at);
  }
}

/// Columns of x: `count` of them from `column` on, `apart` from each other, and the bytes from one to the next where
/// they are prepared.
typedef struct run {
  int64_t column, apart, count, step;
  uint8_t *to;
} run;

INLINE __m128i load16(const uint8_t *x) { return _mm_loadu_si128((const __m128i *)(const void *)x); }
INLINE __m256i load32(const uint8_t *x) { return _mm256_loadu_si256((const __m256i *)(const void *)x); }
INLINE __m128i load8(const uint8_t *x, int64_t next) {
  return _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)x),
                            _mm_loadl_epi64((const __m128i *)(const void *)(x + next)));
}
INLINE __m512i join(__m256i low, __m256i high) { return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1); }

/// Lanes from `x` on, of pixels `next` bytes apart.
INLINE __m512i load_placed(const placing how, const uint8_t *x, int64_t next, __mmask64 mask) {
  if (how == ALL) return _mm512_loadu_si512(x);
  if (how == PIECES_32) return join(load32(x), load32(x + next));
  if (how == PIECES_16) {
    return join(_mm256_set_m128i(load16(x + next), load16(x)),
                _mm256_set_m128i(load16(x + 3 * next), load16(x + 2 * next)));
  }
  if (how == PIECES_8) {
    return join(_mm256_set_m128i(load8(x + 2 * next, next), load8(x, next)),
                _mm256_set_m128i(load8(x + 6 * next, next), load8(x + 4 * next, next)));
  }
  return _mm512_maskz_loadu_epi8(mask, x);
}

INLINE void prepare_some(const block *b, const uint8_t *const *line, const run *c, int64_t begin, int64_t end,
                         const int rows, const placing how) {
  if (begin >= end) return;
  const int64_t channels = b->t->plan->channels, next = channels * b->t->g->sw, apart = c->apart * channels;
  const int64_t first = c->column + begin * c->apart;
  const __m512i zero = _mm512_set1_epi8((char)b->t->x_zero), none = _mm512_setzero_si512();
  const __mmask64 mask = b->mask;
  const uint8_t *l[4] = {line[0], line[1], line[2], line[3]};
  UNROLL
  for (int r = 0; r < 4; r++) l[r] += how == PADDED || how == PADDING ? 0 : first * channels + b->channel;
  uint8_t *to = c->to + begin * c->step;
  int64_t at = 0;
  for (int64_t i = begin; i < end; i++, at += apart, to += c->step) {
    __m512i x[4] = {zero, zero, zero, zero};
    if (how == PADDED) {
      load_pixels(b, l, first + (i - begin) * c->apart, rows, x);
    } else if (how != PADDING) {
      UNROLL
      for (int r = 0; r < rows; r++) x[r] = load_placed(how, l[r] + at, next, mask);
    }
    interleave(x[0], rows > 1 ? x[1] : none, rows > 2 ? x[2] : none, rows > 3 ? x[3] : none, to);
  }
}

INLINE void prepare_run(const block *b, const uint8_t *const *line, const run *c, const int rows) {
  const int64_t limit = b->t->plan->w - (b->lanes->fold - 1) * b->t->g->sw;
  int64_t begin = c->column < 0 ? -c->column : 0, end = limit > c->column ? limit - c->column : 0;
  if (c->apart > 1) begin = kerf_ceil_div(begin, c->apart), end = kerf_ceil_div(end, c->apart);
  begin = kerf_min(begin, c->count), end = kerf_max(kerf_min(end, c->count), begin);
  if (b->placing == PADDED) begin = end = c->count;
  if (b->lanes->fold == 1) prepare_some(b, line, c, 0, begin, rows, PADDING);
  else prepare_some(b, line, c, 0, begin, rows, PADDED);
  if (b->placing == ALL) prepare_some(b, line, c, begin, end, rows, ALL);
  else if (b->placing == SOME) prepare_some(b, line, c, begin, end, rows, SOME);
  else if (b->placing == PIECES_32) prepare_some(b, line, c, begin, end, rows, PIECES_32);
  else if (b->placing == PIECES_16) prepare_some(b, line, c, begin, end, rows, PIECES_16);
  else if (b->placing == PIECES_8) prepare_some(b, line, c, begin, end, rows, PIECES_8);
  if (b->lanes->fold == 1) prepare_some(b, line, c, end, c->count, rows, PADDING);
  else prepare_some(b, line, c, end, c->count, rows, PADDED);
}

/// Columns of a group of lines for `vectors` vectors from the first on: those of a window, then of each next window the
/// last `advance`.
INLINE void prepare_columns(const block *b, const uint8_t *const *line, int64_t first, int64_t vectors, const int rows,
                            uint8_t *to) {
  const kerf_dw_lanes *p = b->lanes;
  const int64_t kw = b->t->g->kw, left = first * p->step - b->t->g->pl, bytes = b->t->plan->groups * 256;
  if (p->advance == p->step) {
    const run all = {left, 1, (vectors - 1) * p->advance + kw, bytes, to};
    prepare_run(b, line, &all, rows);
  } else {
    for (int64_t i = 0; i < kw; i++) {
      const run same = {left + i * b->t->g->dw, p->step, vectors, p->advance * bytes, to + i * bytes};
      prepare_run(b, line, &same, rows);
    }
  }
}

/// Requantizes sums of vector q; what comes out is bounded by packing it to bytes.
INLINE void requantize(const int count, const parameters *p, const int q, const bool quick, const kerf_bounds *bounds,
                       __m512i *acc) {
  const kerf_quick quickly = p->quickly[q];
  UNROLL
  for (int i = 0; i < count; i++)
    acc[i] = quick ? kerf_requantize_quick(acc[i], &quickly) : kerf_requantize_lanes(acc[i], &p->lanes[q], bounds);
}

/// What a tile needs beside its size.
typedef struct tile {
  const uint8_t *x;  // columns of its first vector, and bytes to those of the next
  int64_t ahead, below;  // and to those of the second line, where it does not share them
  uint8_t *y;
  int64_t next, line;  // bytes of y from a vector to the next, and to the next line
  int64_t left;        // pixels of the line of y from its first on
} tile;

/// What the code of a tile is made for. Two lines read the `shared` columns or have their own; windows have `known`
/// columns and groups, or any where that is 0.
typedef struct form {
  int lines, vectors, known;
  bool shared, quick;
} form;

/// Adds the taps of `i`, of all columns and groups of a window, in vector q.
INLINE void add_taps(const form f, const uint8_t *x, const tile *at, const int8_t *w, int64_t i, __m512i *acc) {
  const __m512i first = _mm512_load_si512(w + i * 512);
  const __m512i second = f.lines > 1 && f.shared ? _mm512_load_si512(w + i * 512 + 256) : first;
  UNROLL
  for (int v = 0; v < f.vectors; v++) {
    const uint8_t *taps = x + v * at->ahead + i * 256;
    const __m512i four = _mm512_load_si512(taps);
    acc[v] = _mm512_dpbusd_epi32(acc[v], four, first);
    if (f.lines == 1) continue;
    const __m512i below = f.shared ? four : _mm512_load_si512(taps + at->below);
    acc[f.vectors + v] = _mm512_dpbusd_epi32(acc[f.vectors + v], below, second);
  }
}

/// Stores vectors of which some lanes are not there.
TARGET __attribute__((noinline)) static void store_some(int lines, int64_t vectors, const block *b, const tile *at,
                                                        const uint8_t codes[][LANES]) {
  const kerf_dw_lanes *l = b->lanes;
  for (int64_t i = 0; i < lines * vectors; i++) {
    const int64_t pixels = kerf_min(at->left - i % vectors * l->fold, l->fold);
    uint8_t *y = at->y + i / vectors * at->line + i % vectors * at->next;
    _mm512_mask_storeu_epi8(y, lanes_of(pixels * l->channels), _mm512_load_si512(codes[i]));
  }
}

/// Vectors of one line of y or two.
INLINE void sum_tile(const form f, const block *b, const tile *at) {
  const kerf_dw_task *t = b->t;
  const int64_t taps = t->g->kw * t->plan->groups;
  const int count = f.lines * f.vectors;
  const kerf_bounds bounds = kerf_load_bounds(t->output);
  __m512i low[2 * TOGETHER], high[2 * TOGETHER];
  UNROLL
  for (int q = 0; q < 4; q++) {
    __m512i acc[2 * TOGETHER];
    UNROLL
    for (int i = 0; i < count; i++) acc[i] = b->p.init.q[q];
    const uint8_t *x = at->x + q * 64;
    const int8_t *w = t->weights + q * 64;
    if (f.known > 0) {
      UNROLL
      for (int i = 0; i < f.known; i++) add_taps(f, x, at, w, i, acc);
    } else {
      ROLLED
      for (int64_t i = 0; i < taps; i++) add_taps(f, x, at, w, i, acc);
    }
    requantize(count, &b->p, q, f.quick, &bounds, acc);
    UNROLL
    for (int i = 0; i < count; i++) {
      if (q == 0) low[i] = acc[i];
      if (q == 1) low[i] = _mm512_packs_epi32(low[i], acc[i]);
      if (q == 2) high[i] = acc[i];
      if (q == 3) high[i] = _mm512_packs_epi32(high[i], acc[i]);
      // Requantized here: put off, the sums of all 4 would take more registers than there are.
      __asm__ volatile("" : "+v"(low[i]));
      if (q > 1) __asm__ volatile("" : "+v"(high[i]));
    }
  }
  const __m512i least = _mm512_set1_epi8((char)t->output->y_min), most = _mm512_set1_epi8((char)t->output->y_max);
  UNROLL
  for (int i = 0; i < count; i++) {
    low[i] = _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(low[i], high[i]), least), most);
  }
  if (at->left >= f.vectors * b->lanes->fold) {
    UNROLL
    for (int i = 0; i < count; i++) {
      uint8_t *y = at->y + i / f.vectors * at->line + i % f.vectors * at->next;
      if (b->count == LANES) _mm512_storeu_si512(y, low[i]);
      else _mm512_mask_storeu_epi8(y, b->mask, low[i]);
    }
  } else {
    _Alignas(64) uint8_t codes[2 * TOGETHER][LANES];
    UNROLL
    for (int i = 0; i < count; i++) _mm512_store_si512(codes[i], low[i]);
    store_some(f.lines, f.vectors, b, at, codes);
  }
}

/// Vectors of a segment, whose columns are prepared.
INLINE void sum_vectors(const int lines, const int known, const bool shared, const block *b, tile at, int64_t left) {
  while (left > 0) {
    const int64_t n = b->p.quick ? kerf_min(left, TOGETHER) : 1;
    if (!b->p.quick) sum_tile((form){lines, 1, 0, shared, false}, b, &at);
    else if (n == 4) sum_tile((form){lines, 4, known, shared, true}, b, &at);
    else if (n == 3) sum_tile((form){lines, 3, known, shared, true}, b, &at);
    else if (n == 2) sum_tile((form){lines, 2, known, shared, true}, b, &at);
    else sum_tile((form){lines, 1, known, shared, true}, b, &at);
    at.x += n * at.ahead, at.y += n * at.next, at.left -= n * b->lanes->fold, left -= n;
  }
}

TARGET static void sum_line(const block *b, const tile *at, int64_t n) { sum_vectors(1, 0, true, b, *at, n); }
TARGET static void sum_shared(const block *b, const tile *at, int64_t n) { sum_vectors(2, 0, true, b, *at, n); }
TARGET static void sum_apart(const block *b, const tile *at, int64_t n) { sum_vectors(2, 0, false, b, *at, n); }
TARGET static void sum_line3(const block *b, const tile *at, int64_t n) { sum_vectors(1, 3, true, b, *at, n); }
TARGET static void sum_shared3(const block *b, const tile *at, int64_t n) { sum_vectors(2, 3, true, b, *at, n); }
TARGET static void sum_apart3(const block *b, const tile *at, int64_t n) { sum_vectors(2, 3, false, b, *at, n); }

INLINE void sum_segment(const block *b, const tile *at, int lines, int64_t n) {
  const bool three = b->t->g->kw * b->t->plan->groups == 3;
  if (lines == 1) (three ? sum_line3 : sum_line)(b, at, n);
  else if (b->t->plan->shared) (three ? sum_shared3 : sum_shared)(b, at, n);
  else (three ? sum_apart3 : sum_apart)(b, at, n);
}

TARGET static void prepare_segment(const block *b, const uint8_t *const *line, int64_t rows, int64_t first,
                                   int64_t vectors, uint8_t *to) {
  if (rows >= 4) prepare_columns(b, line, first, vectors, 4, to);
  else if (rows == 3) prepare_columns(b, line, first, vectors, 3, to);
  else if (rows == 2) prepare_columns(b, line, first, vectors, 2, to);
  else prepare_columns(b, line, first, vectors, 1, to);
}

/// The columns of a segment for line `y` of y, or for two that share them.
INLINE void prepare_line(const block *b, int64_t y, int64_t first, int64_t vectors, uint8_t *to) {
  const kerf_dw_task *t = b->t;
  const kerf_dw_plan *p = t->plan;
  const int64_t top = y * t->g->sh - t->g->pt;
  for (int64_t group = 0; group < p->groups; group++) {
    const uint8_t *line[4];
    for (int64_t i = 0; i < 4; i++) {
      const int64_t at = top + (group * 4 + i) * t->g->dh;
      line[i] = at >= 0 && at < t->h ? t->x + at * p->w * p->channels : t->zero;
    }
    prepare_segment(b, line, p->rows - group * 4, first, vectors, to + group * 256);
  }
}

/// Line `y` of y, and the next where `lines` is 2.
INLINE void run_lines(const block *b, int64_t y, int lines) {
  const kerf_dw_task *t = b->t;
  const kerf_dw_plan *p = t->plan;
  const kerf_dw_lanes *l = b->lanes;
  const int64_t width = p->ow * p->channels;
  tile at = {.x = t->columns, .ahead = l->advance * p->groups * 256, .below = p->line_bytes,
             .y = t->y + y * width + b->channel, .next = l->fold * p->channels, .line = width, .left = p->ow};
  for (int64_t first = 0; first < l->vectors; first += l->segment) {
    const int64_t vectors = kerf_min(l->segment, l->vectors - first);
    for (int64_t i = 0; i < (p->shared ? 1 : lines); i++) {
      prepare_line(b, y + i, first, vectors, t->columns + i * p->line_bytes);
    }
    sum_segment(b, &at, lines, vectors);
    at.y += vectors * at.next, at.left -= vectors * l->fold;
  }
}

INLINE placing place(const block *b) {
  const int64_t fold = b->lanes->fold, channels = b->lanes->channels;
  if (fold == 1 || b->t->g->sw == 1) return b->count == LANES ? ALL : SOME;
  if (b->count < LANES) return PADDED;
  return channels == 32 ? PIECES_32 : channels == 16 ? PIECES_16 : channels == 8 ? PIECES_8 : PADDED;
}

TARGET static void task(const kerf_dw_task *t) {
  const kerf_dw_plan *p = t->plan;
  for (int64_t index = t->first_block; index < t->last_block; index++) {
    block b;
    b.t = t, b.lanes = &p->lanes[index >= p->whole], b.channel = index * LANES;
    b.count = (int)(b.lanes->fold * b.lanes->channels);
    b.mask = lanes_of(b.count);
    for (int64_t i = 0; i < b.lanes->fold; i++) {
      b.pixels[i] = lanes_of((i + 1) * b.lanes->channels) & ~lanes_of(i * b.lanes->channels);
    }
    b.placing = place(&b);
    load_parameters(&b);
    load_weights(&b);
    fetch_block(t, b.channel + LANES);
    for (int64_t y = t->first; y < t->last; y += 2) run_lines(&b, y, y + 1 < t->last ? 2 : 1);
  }
  if (t->output->table) {
    const int64_t first = t->first_block * LANES, last = kerf_min(t->last_block * LANES, p->channels);
    kerf_look_up_rows((t->last - t->first) * p->ow, last - first, t->y + t->first * p->ow * p->channels + first,
                      p->channels, t->output->table);
  }
}

int kerf_run_depthwise_u8_u8_avx512vnni(const kerf_call *c) { return kerf_run_depthwise_u8_lines(c, task); }
#endif
