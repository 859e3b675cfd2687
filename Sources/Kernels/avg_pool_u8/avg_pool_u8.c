// AVG_POOL_U8: x u8[N,H,W,C] -> y; geometry count_include_pad x_zero multiplier shift y_zero y_min y_max (ONNX
// AveragePool, GlobalAveragePool): y = clamp(floor(sum(x - x_zero) * multiplier / (count * 2^shift) + 1/2) + y_zero).
// Padding counts as x_zero; the count of positions is exact. In ceil mode positions behind the padding never count.
#include "../common/tensors.h"
#include "../common/variants.h"

enum { INCLUDE_PAD = 10, X_ZERO, MULTIPLIER, SHIFT, Y_ZERO, Y_MIN, Y_MAX, COUNT };
enum { BLOCK = 64, MAX_TAPS = 1 << 24, TABLE_TAPS = 16, TABLE_WORTH = 1 << 14, LINEAR_SHIFT = 22 };

int kerf_prepare_avg_pool_u8(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, COUNT));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  kerf_geometry g;
  KERF_REQUIRE(x->type == KERF_U8 && y->type == KERF_U8, KERF_BAD_TYPE);
  KERF_TRY(kerf_read_geometry(c, 0, &g));
  KERF_TRY(kerf_check_windows(x, y, &g, true));
  KERF_REQUIRE(x->dims[3] == y->dims[3], KERF_BAD_SHAPE);
  KERF_REQUIRE(g.kh <= MAX_TAPS / g.kw, KERF_BAD_ATTR);  // sums fit 32 bits
  KERF_TRY(kerf_check_range(c, INCLUDE_PAD, 0, 1));
  KERF_TRY(kerf_check_range(c, X_ZERO, 0, 255));
  KERF_TRY(kerf_check_range(c, MULTIPLIER, 0, INT32_MAX));
  KERF_TRY(kerf_check_range(c, SHIFT, 1, 62));
  for (int i = Y_ZERO; i <= Y_MAX; i++) KERF_TRY(kerf_check_range(c, i, 0, 255));
  return kerf_int(c, Y_MIN) <= kerf_int(c, Y_MAX) ? KERF_OK : KERF_BAD_ATTR;
}

/// Results for every sum of `real` values, of which `count` is the divisor; where `linear`, they are the sum * factor +
/// origin, shifted by LINEAR_SHIFT, within the bounds.
typedef struct table {
  int64_t real, count;
  bool linear;
  int32_t factor, origin;
  uint8_t codes[TABLE_TAPS * 255 + 1];
} table;

typedef struct job {
  kerf_geometry g;
  const uint8_t *x;
  uint8_t *y;
  int64_t h, w, c, oh, ow, from, to;  // from, to: bytes between pixels of x and of y
  int64_t x_zero, multiplier, shift, zero, low, high;
  bool include;
  int tables;  // of windows inside x, and of those that lose a line, a column or both
  table table[4];
} job;

/// The taps first ..< last of a window along one axis that lie within from ..< to.
typedef struct taps {
  int64_t first, last;
} taps;

static taps inside(int64_t start, int64_t kernel, int64_t dilation, int64_t from, int64_t to) {
  taps t = {start < from ? kerf_ceil_div(from - start, dilation) : 0, 0};
  if (start < to) t.last = kerf_min(kerf_ceil_div(to - start, dilation), kernel);
  t.first = kerf_min(t.first, t.last);
  return t;
}

static int64_t length(taps t) { return t.last - t.first; }

/// floor(sum * multiplier / (count * 2^shift) + 1/2), in 64 bits where the numbers fit.
static int64_t mean(const job *j, int64_t sum, int64_t count) {
  int64_t n = sum * j->multiplier, r;  // below 2^63: 2^24 taps of 255, times 2^31
  int64_t d, size = n < 0 ? -n : n;
  if (!__builtin_mul_overflow(count, (int64_t)1 << j->shift, &d) && d < INT64_MAX / 8 && size < INT64_MAX / 8) {
    int64_t a = 2 * n + d, b = 2 * d;
    r = a / b;
    return r - (a % b < 0);
  }
  __int128 a = (__int128)n * 2 + ((__int128)count << j->shift), b = (__int128)count << (j->shift + 1);
  __int128 q = a / b - (a % b < 0);
  return q > INT32_MAX ? INT32_MAX : q < INT32_MIN ? INT32_MIN : (int64_t)q;
}

static uint8_t code(const job *j, int64_t sum, int64_t real, int64_t count) {
  const int64_t v = mean(j, sum - real * j->x_zero, count) + j->zero;
  return (uint8_t)(v < j->low ? j->low : v > j->high ? j->high : v);
}

/// The code of every sum. From one to the next the dividend grows by twice the multiplier: one division gives all.
static void fill_codes(const job *j, table *t) {
  const int64_t most = t->real * 255, step = 2 * j->multiplier;
  int64_t d;
  if (__builtin_mul_overflow(t->count, (int64_t)1 << j->shift, &d) || d >= INT64_MAX / 8) {
    for (int64_t sum = 0; sum <= most; sum++) t->codes[sum] = code(j, sum, t->real, t->count);
    return;
  }
  const int64_t first = 2 * (-t->real * j->x_zero * j->multiplier) + d, divisor = 2 * d;
  int64_t rest = (first % divisor + divisor) % divisor, mean = (first - rest) / divisor;
  const int64_t step_rest = step % divisor, step_mean = step / divisor;
  for (int64_t sum = 0; sum <= most; sum++) {
    const int64_t v = mean + j->zero;
    t->codes[sum] = (uint8_t)(v < j->low ? j->low : v > j->high ? j->high : v);
    rest += step_rest;
    mean += step_mean + (rest >= divisor);
    if (rest >= divisor) rest -= divisor;
  }
}

KERF_INLINE uint8_t linear(const table *t, int32_t low, int32_t high, int32_t sum) {
  const int32_t v = (sum * t->factor + t->origin) >> LINEAR_SHIFT;
  return (uint8_t)(v < low ? low : v > high ? high : v);
}

/// Looks for a line of this slope that gives every code of the table: each bounds the origin from below and above, those
/// at the bounds of codes on one side alone.
static bool fit_origin(const job *j, table *t, int64_t factor) {
  const int64_t unit = (int64_t)1 << LINEAR_SHIFT, most = t->real * 255;
  int64_t least = -INT32_MAX, end = INT32_MAX;
  for (int64_t sum = 0; sum <= most; sum++) {
    const int64_t code = t->codes[sum];
    if (code > j->low) least = kerf_max(least, code * unit - sum * factor);
    if (code < j->high) end = kerf_min(end, (code + 1) * unit - sum * factor);
  }
  if (factor < 0 || least >= end) return false;
  const int64_t origin = least + (end - least) / 2, last = most * factor + origin;
  if (last > INT32_MAX || most * factor > INT32_MAX) return false;
  t->factor = (int32_t)factor;
  t->origin = (int32_t)origin;
  return true;
}

static void fit_line(const job *j, table *t) {
  const double unit = (double)(1 << LINEAR_SHIFT);
  const double factor = (double)j->multiplier / ((double)t->count * (double)((int64_t)1 << j->shift)) * unit;
  if (!(factor < 0x1p30)) return;
  const int64_t nearest = (int64_t)(factor + 0.5), other = (double)nearest > factor ? nearest - 1 : nearest + 1;
  t->linear = fit_origin(j, t, nearest) || fit_origin(j, t, other);
}

/// Divisions take long: where many pixels have few possible sums, each is done once.
static void fill_tables(job *j) {
  const kerf_geometry *g = &j->g;
  if (g->kh * g->kw > TABLE_TAPS) return;
  for (int64_t i = 0; i < 4; i++) {
    const int64_t real = (g->kh - i / 2) * (g->kw - i % 2);
    if (real == 0) continue;
    table *t = &j->table[j->tables++];
    t->real = real;
    t->count = j->include ? g->kh * g->kw : real;
    fill_codes(j, t);
    fit_line(j, t);
  }
}

static const table *find_table(const job *j, int64_t real, int64_t count) {
  for (int i = 0; i < j->tables; i++) {
    if (j->table[i].real == real && j->table[i].count == count) return &j->table[i];
  }
  return NULL;
}

/// Sums over the taps inside x, of n channels; `x` is the image at the first of them.
KERF_INLINE void sum_block(const job *j, const uint8_t *x, int64_t top, int64_t left, taps rows, taps columns, int n,
                           uint32_t *sums) {
  for (int i = 0; i < BLOCK; i++) sums[i] = 0;
  for (int64_t kh = rows.first; kh < rows.last; kh++) {
    for (int64_t kw = columns.first; kw < columns.last; kw++) {
      const uint8_t *at = x + ((top + kh * j->g.dh) * j->w + left + kw * j->g.dw) * j->from;
      if (n == BLOCK) for (int i = 0; i < BLOCK; i++) sums[i] += at[i];
      else for (int i = 0; i < n; i++) sums[i] += at[i];
    }
  }
}

/// BLOCK channels by a line; a sum of the few taps that tables are made for fits 16 bits.
KERF_INLINE void linear_block(const job *j, const table *t, const uint8_t *x, int64_t top, int64_t left, taps rows,
                              taps columns, uint8_t *y) {
  const int32_t low = (int32_t)j->low, high = (int32_t)j->high;
  uint16_t sums[BLOCK] = {0};
  for (int64_t kh = rows.first; kh < rows.last; kh++) {
    for (int64_t kw = columns.first; kw < columns.last; kw++) {
      const uint8_t *at = x + ((top + kh * j->g.dh) * j->w + left + kw * j->g.dw) * j->from;
      for (int i = 0; i < BLOCK; i++) sums[i] = (uint16_t)(sums[i] + at[i]);
    }
  }
  for (int i = 0; i < BLOCK; i++) y[i] = linear(t, low, high, sums[i]);
}

KERF_INLINE void pool_pixel(const job *j, const uint8_t *image, int64_t top, int64_t left, uint8_t *y) {
  const kerf_geometry *g = &j->g;
  taps rows = inside(top, g->kh, g->dh, 0, j->h), columns = inside(left, g->kw, g->dw, 0, j->w);
  int64_t real = length(rows) * length(columns), count = real;
  if (j->include) {
    count = length(inside(top, g->kh, g->dh, -g->pt, j->h + g->pb)) *
            length(inside(left, g->kw, g->dw, -g->pl, j->w + g->pr));
  }
  uint32_t sums[BLOCK];
  const table *t = find_table(j, real, count);
  const uint8_t *codes = t ? t->codes : NULL;
  if (t && t->linear && j->c >= BLOCK && real > 0) {
    for (int64_t channel = 0; channel < j->c; channel += BLOCK) {
      const int64_t at = kerf_min(channel, j->c - BLOCK);
      linear_block(j, t, image + at, top, left, rows, columns, y + at);
    }
    return;
  }
  for (int64_t channel = 0; channel < j->c; channel += BLOCK) {
    const int n = (int)kerf_min(BLOCK, j->c - channel);
    if (real > 0) sum_block(j, image + channel, top, left, rows, columns, n, sums);
    for (int i = 0; i < n && codes; i++) y[channel + i] = codes[sums[i]];
    for (int i = 0; i < n && !codes; i++) y[channel + i] = code(j, real > 0 ? sums[i] : 0, real, real > 0 ? count : 1);
  }
}

KERF_INLINE void pool_pixels(const job *j, int64_t begin, int64_t end) {
  for (int64_t p = begin; p < end; p++) {
    const uint8_t *image = j->x + p / j->ow / j->oh * j->h * j->w * j->from;
    int64_t top = p / j->ow % j->oh * j->g.sh - j->g.pt, left = p % j->ow * j->g.sw - j->g.pl;
    pool_pixel(j, image, top, left, j->y + p * j->to);
  }
}

static int run(const kerf_call *c, kerf_range_fn pixels) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  job j = {.x = x->data, .y = y->data, .h = x->dims[1], .w = x->dims[2], .c = x->dims[3], .oh = y->dims[1],
           .ow = y->dims[2], .from = kerf_pitch(x), .to = kerf_pitch(y), .x_zero = kerf_int(c, X_ZERO),
           .multiplier = kerf_int(c, MULTIPLIER), .shift = kerf_int(c, SHIFT), .zero = kerf_int(c, Y_ZERO), .low = kerf_int(c, Y_MIN),
           .high = kerf_int(c, Y_MAX), .include = kerf_int(c, INCLUDE_PAD) != 0};
  (void)kerf_read_geometry(c, 0, &j.g);
  if (kerf_elements(y) >= TABLE_WORTH) fill_tables(&j);
  kerf_ranges(c->pool, kerf_span(y, 0, 3), 8192 / j.c + 1, pixels, &j);
  return KERF_OK;
}

#define VARIANT(set, target)                                                                            \
  target static void pixels_##set(void *j, int64_t begin, int64_t end) { pool_pixels(j, begin, end); }  \
  int kerf_run_avg_pool_u8_##set(const kerf_call *c) { return run(c, pixels_##set); }
KERF_VARIANTS(VARIANT)
