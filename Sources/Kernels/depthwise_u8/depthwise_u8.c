// DEPTHWISE_U8_U8: x u8[N,H,W,C], packed, bias, multiplier, shift, table? -> u8[N,OH,OW,C]; geometry x_zero y_zero
// y_min y_max (ONNX QLinearConv with groups = channels). Padding counts as the zero point.
#include "depthwise_u8.h"

#include "../common/slots.h"
#include "depthwise_u8_lines.h"

enum { X_ZERO = 10, TAPS_BYTES = 16 << 10, MAX_PIXELS = 128, LEAST_TASKS = 8, CHUNK = 64 };

/// Scratch: a pixel of zero points, then slots with the pointers of a strip and the weights of its channels. A task is a
/// strip of pixels, over the ends of lines, and a chunk of channels.
typedef struct plan {
  int64_t taps, groups, pixels, strips, chunk, chunks, tasks, slots;
  int64_t zero_bytes, taps_bytes, slot_bytes;
} plan;

static plan make_plan(const kerf_tensor *y, const kerf_geometry *g) {
  plan p = {.taps = g->kh * g->kw};
  p.groups = kerf_ceil_div(p.taps, 4);
  int64_t row = p.groups * 4 * (int64_t)sizeof(uint8_t *);
  const int64_t all = kerf_span(y, 0, 3), most = kerf_max(1, kerf_min(TAPS_BYTES / row, MAX_PIXELS));
  p.pixels = kerf_max(kerf_ceil_div(all, kerf_max(kerf_ceil_div(all, most), 1)), 1);
  p.strips = kerf_ceil_div(all, p.pixels);
  p.chunk = kerf_ceil_div(y->dims[3], kerf_ceil_div(LEAST_TASKS, kerf_max(p.strips, 1)));
  p.chunk = kerf_max(kerf_ceil_div(p.chunk, CHUNK), 1) * CHUNK;
  p.chunks = kerf_ceil_div(y->dims[3], p.chunk);
  p.tasks = p.strips * p.chunks;
  p.slots = kerf_min(p.tasks, KERF_SLOTS);
  p.zero_bytes = (int64_t)kerf_align((uint64_t)y->dims[3]);
  p.taps_bytes = (int64_t)kerf_align((uint64_t)(p.pixels * row));
  p.slot_bytes = p.taps_bytes + p.groups * 256;
  return p;
}

int kerf_prepare_depthwise_u8_u8(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_call(c, 5, 6, 1, 14));
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  kerf_geometry g;
  KERF_REQUIRE(x->type == KERF_U8 && y->type == KERF_U8, KERF_BAD_TYPE);
  KERF_TRY(kerf_read_geometry(c, 0, &g));
  KERF_TRY(kerf_check_windows(x, y, &g, false));
  KERF_REQUIRE(x->dims[3] == y->dims[3], KERF_BAD_SHAPE);
  KERF_TRY(kerf_check_packed(c->inputs[1], kerf_pack_depthwise_s8_size(x->dims[3], g.kh, g.kw)));
  KERF_TRY(kerf_q8_check_zeros(c, X_ZERO, 4));
  plan p = make_plan(y, &g);
  // Which kernel will run is not known here.
  const uint64_t strips = (uint64_t)(p.zero_bytes + p.slots * p.slot_bytes), lines = kerf_dw_lines_scratch(x, y, &g);
  *scratch = strips > lines ? strips : lines;
  return kerf_q8_check_requantization(c, 2, x->dims[3]);
}

void kerf_dw_columns(const kerf_dw_strip *s, int64_t channel, int count, kerf_q8_columns *p) {
  const int32_t *sums = (const int32_t *)(const void *)s->packed + channel;
  memset(p, 0, sizeof *p);
  for (int i = 0; i < KERF_Q8_TILE; i++) p->shift[i] = 1;
  for (int i = 0; i < count; i++) {
    p->init[i] = (int32_t)((uint32_t)s->bias[channel + i] - (uint32_t)s->x_zero * (uint32_t)sums[i]);
    p->multiplier[i] = s->multiplier[channel + i];
    p->shift[i] = kerf_q8_shift(s->shift[channel + i]);
  }
}

void kerf_dw_look_up(const kerf_dw_strip *s) {
  const uint8_t *table = s->output->table;
  if (!table) return;
  for (int64_t i = 0; i < s->pixels; i++) {
    uint8_t *y = s->y + i * s->channels;
    for (int64_t c = s->first; c < s->last; c++) y[c] = table[y[c]];
  }
}

void kerf_dw_strip_run(const kerf_dw_strip *s, kerf_dw_sum_fn sum, const kerf_q8_isa *isa) {
  enum { ROWS = 8 };
  _Alignas(64) int32_t acc[ROWS * KERF_Q8_TILE];
  _Alignas(64) kerf_q8_columns columns;
  for (int64_t channel = s->first; channel < s->last; channel += 16) {
    const int count = (int)kerf_min(16, s->last - channel);
    kerf_dw_columns(s, channel, count, &columns);
    for (int64_t pixel = 0; pixel < s->pixels; pixel += ROWS) {
      const int rows = (int)kerf_min(ROWS, s->pixels - pixel);
      sum(s, pixel, rows, channel, count, acc);
      isa->requantize(rows, count, acc, &columns, s->output, s->y + pixel * s->channels + channel, s->channels);
    }
  }
  kerf_dw_look_up(s);
}

typedef struct job {
  const kerf_call *call;
  kerf_dw_strip_fn strip;
  kerf_geometry g;
  plan p;
  kerf_q8 parameters;
  uint8_t *zero;
  uint32_t taken;
} job;

/// The pixels ow ..< ow + n of one line of y at one tap: `line` of x or NULL, first column `iw`.
static void fill_tap(const job *j, const uint8_t *line, int64_t iw, int64_t n, const uint8_t **taps) {
  const kerf_tensor *x = j->call->inputs[0];
  const int64_t w = x->dims[2], c = x->dims[3], stride = j->g.sw;
  int64_t first = iw < 0 ? kerf_min(kerf_ceil_div(-iw, stride), n) : 0;
  int64_t last = line && w > iw ? kerf_max(kerf_min(kerf_ceil_div(w - iw, stride), n), first) : first;
  for (int64_t i = 0; i < first; i++) taps[i] = j->zero;
  const uint8_t *at = first < last ? line + (iw + first * stride) * c : NULL;
  for (int64_t i = first; i < last; i++, at += stride * c) taps[i] = at;
  for (int64_t i = last; i < n; i++) taps[i] = j->zero;
}

/// Pointers to the taps of the pixels ow ..< ow + n of line `line` of y.
static void fill_taps(const job *j, int64_t line, int64_t ow, int64_t n, const uint8_t **taps) {
  const kerf_tensor *x = j->call->inputs[0], *y = j->call->outputs[0];
  const kerf_geometry *g = &j->g;
  const int64_t h = x->dims[1], run = x->dims[2] * x->dims[3], ld = j->p.pixels;
  const uint8_t *image = (const uint8_t *)x->data + line / y->dims[1] * h * run;
  const int64_t top = line % y->dims[1] * g->sh - g->pt, left = ow * g->sw - g->pl;
  for (int64_t kh = 0; kh < g->kh; kh++) {
    const int64_t ih = top + kh * g->dh;
    const uint8_t *source = ih >= 0 && ih < h ? image + ih * run : NULL;
    for (int64_t kw = 0; kw < g->kw; kw++, taps += ld) fill_tap(j, source, left + kw * g->dw, n, taps);
  }
  for (int64_t t = j->p.taps; t < j->p.groups * 4; t++, taps += ld) {
    for (int64_t i = 0; i < n; i++) taps[i] = j->zero;
  }
}

/// Pointers to the taps of `n` pixels of y from `pixel` on.
static void fill_strip(const job *j, int64_t pixel, int64_t n, const uint8_t **taps) {
  const int64_t width = j->call->outputs[0]->dims[2];
  while (n > 0) {
    const int64_t ow = pixel % width, count = kerf_min(width - ow, n);
    fill_taps(j, pixel / width, ow, count, taps);
    pixel += count;
    taps += count;
    n -= count;
  }
}

static void run_slot(void *context, int64_t index) {
  job *j = context;
  const plan *p = &j->p;
  const kerf_tensor *y = j->call->outputs[0];
  const int64_t channels = y->dims[3], all = kerf_span(y, 0, 3);
  int slot = kerf_take_slot(&j->taken);
  uint8_t *memory = j->zero + p->zero_bytes + slot * p->slot_bytes;
  const uint8_t **taps = (const uint8_t **)(void *)memory;
  kerf_dw_strip s = {.taps = taps, .ld = p->pixels, .tap_count = p->taps, .groups = p->groups, .channels = channels,
                     .packed = j->parameters.packed,
                     .bias = j->parameters.bias, .multiplier = j->parameters.multiplier,
                     .shift = j->parameters.shift, .output = &j->parameters.output,
                     .x_zero = j->parameters.x_zero, .weights = (int8_t *)memory + p->taps_bytes};
  for (int64_t task = p->tasks * index / p->slots; task < p->tasks * (index + 1) / p->slots; task++) {
    const int64_t pixel = task / p->chunks * p->pixels;
    s.first = task % p->chunks * p->chunk;
    s.last = kerf_min(s.first + p->chunk, channels);
    s.pixels = kerf_min(p->pixels, all - pixel);
    s.y = (uint8_t *)y->data + pixel * channels;
    fill_strip(j, pixel, s.pixels, taps);
    j->strip(&s);
  }
  kerf_give_slot(&j->taken, slot);
}

void kerf_dw_read_parameters(const kerf_call *c, kerf_q8 *parameters) {
  parameters->x_zero = (int32_t)kerf_int(c, X_ZERO);
  parameters->packed = c->inputs[1]->data;
  kerf_q8_read_requantization(c, 2, X_ZERO + 1, parameters);
}

int kerf_run_depthwise_u8(const kerf_call *c, kerf_dw_strip_fn strip) {
  const kerf_tensor *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  job j = {.call = c, .strip = strip, .zero = c->scratch};
  (void)kerf_read_geometry(c, 0, &j.g);
  j.p = make_plan(y, &j.g);
  kerf_dw_read_parameters(c, &j.parameters);
  memset(j.zero, j.parameters.x_zero, (size_t)j.p.zero_bytes);
  const double work = (double)kerf_elements(y) * (double)(j.p.taps + 4);
  kerf_parallel(kerf_pool_worth(c->pool, work / 25), run_slot, &j, j.p.slots);
  return KERF_OK;
}
