// The run of a recurrent operation: see recurrent.h.
//
// Inputs of a chunk of steps are multiplied with W in one product. Reverse directions count their steps from the end of
// each sequence. Steps past a sequence's length leave its state alone, and its outputs are zero.
#include "recurrent.h"
#include "recurrent_scratch.h"

enum { CHUNK_FLOATS = 128 * 1024 };

static int64_t pairs_of(int64_t k) { return kerf_ceil_div(k, 2); }

kerf_recurrent_sizes kerf_recurrent_scratch(const kerf_recurrent *r, bool codes) {
  kerf_recurrent_sizes s;
  const int64_t step = kerf_max(1, r->b * r->width);
  s.chunk = kerf_max(1, kerf_min(r->t, CHUNK_FLOATS / step));
  s.inputs = kerf_align((uint64_t)(s.chunk * step) * sizeof(float));
  s.products = kerf_align((uint64_t)step * sizeof(float));
  s.bias = kerf_align((uint64_t)r->width * sizeof(float));
  s.row = kerf_align((uint64_t)(r->b * r->pitch) * sizeof(float));
  s.gemm = s.codes = s.scales = 0;
  if (codes) {
    const int64_t rows = s.chunk * kerf_max(1, r->b);
    s.codes = kerf_align((uint64_t)(rows * 2 * pairs_of(kerf_max(r->i, r->h))) * sizeof(int16_t));
    s.scales = kerf_align((uint64_t)rows * sizeof(float));
  }
  for (int gates = 1; gates <= r->gates && !codes; gates++) {
    const uint64_t w = kerf_gemm_scratch(s.chunk * r->b, gates * r->pitch, r->i, true);
    const uint64_t direct = kerf_gemm_scratch(s.chunk * r->b, gates * r->pitch, r->i, false);
    const uint64_t u = kerf_gemm_scratch(r->b, gates * r->pitch, r->h, false);
    const uint64_t most = w > direct ? w : direct;
    if (most > s.gemm) s.gemm = most;
    if (u > s.gemm) s.gemm = u;
  }
  s.gemm = kerf_align(s.gemm);
  s.total = s.inputs + s.products + 2 * s.bias + 3 * s.row + s.gemm + s.codes + s.scales;
  return s;
}

enum { ROW_PANELS = 8 };

/// One row: some panels after the others, backwards in every other step, so that those used last are still in the cache.
static void multiply_row(const kerf_recurrent_state *s, const float *row, const float *b, int64_t panels, float *out) {
  const kerf_recurrent *r = s->r;
  const int64_t count = kerf_ceil_div(panels, ROW_PANELS);
  for (int64_t i = 0; i < count; i++) {
    const int64_t at = (s->step & 1 ? count - 1 - i : i) * ROW_PANELS;
    r->isa->row(r->h, row, b + at * KERF_PANEL * r->h, kerf_min(ROW_PANELS, panels - at), out + at * KERF_PANEL);
  }
}

/// Codes of a direction's W or R, whose rows have k weights.
static const float *codes_of(const kerf_recurrent *r, const char *packed, int direction, int64_t k) {
  return (const float *)(const void *)(packed + (uint64_t)direction * kerf_pack_rnn_codes_size(1, r->gates, r->h, k));
}

/// The quantized rows [m, k] of the state times the columns from `gate` on.
static void multiply_codes(const kerf_recurrent_state *s, const float *packed, int64_t m, int64_t k, int gate, int count,
                           float *out) {
  const kerf_recurrent *r = s->r;
  const int8_t *panels = (const int8_t *)(packed + r->width);
  const int64_t first = gate * r->pitch / KERF_PANEL;
  r->codes->multiply(m, count * r->pitch / KERF_PANEL, pairs_of(k), s->codes, s->scales,
                     panels + first * kerf_rnn_codes_panel(k), packed + gate * r->pitch, out, r->width);
}

static void quantize_row(const kerf_recurrent_state *s, int64_t row, int64_t k, const float *x) {
  const int64_t pairs = pairs_of(k);
  s->scales[row] = s->r->codes->quantize(x ? k : 0, pairs, x, kerf_rnn_codes_limit(k), s->codes + row * 2 * pairs);
}

void kerf_recurrent_product(const kerf_recurrent_state *s, const float *rows, int gate, int count) {
  const kerf_recurrent *r = s->r;
  if (r->codes) {
    for (int64_t b = 0; b < r->b; b++) quantize_row(s, b, r->h, rows + b * r->pitch);
    multiply_codes(s, codes_of(r, r->rw, s->direction, r->h), r->b, r->h, gate, count, s->products + gate * r->pitch);
    return;
  }
  const float *packed = (const float *)(const void *)r->rw + (s->direction * r->gates + gate) * r->pitch * r->h;
  float *out = s->products + gate * r->pitch;
  if (r->b == 1) {
    multiply_row(s, rows, packed, count * r->pitch / KERF_PANEL, out);
    return;
  }
  const kerf_gemm g = {.m = r->b, .n = count * r->pitch, .k = r->h, .a = rows, .lda = r->pitch, .b = packed, .y = out,
                       .ldy = r->width};
  kerf_gemm_run(&g, r->isa, s->scratch, NULL);
}

void kerf_recurrent_activate(const kerf_recurrent *r, float *p, const kerf_act *act) {
  if (r->clip > 0)
    for (int64_t i = 0; i < r->h; i++) p[i] = p[i] > r->clip ? r->clip : p[i] < -r->clip ? -r->clip : p[i];
  r->isa->unary(p, p, r->h, act);
}

/// The time of a state's step in sequence b.
static int64_t time_of(const kerf_recurrent *r, bool reverse, int64_t step, int64_t b) {
  const int64_t length = r->lengths ? kerf_min(r->t, r->lengths[b]) : r->t;
  return reverse ? length - 1 - step : step;
}

/// Rows [step, b] of x in the order of the steps.
typedef struct reversed {
  const kerf_recurrent *r;
  int64_t first;
} reversed;

static void gather(const void *source, int64_t row, int64_t rows, int64_t k0, int64_t k, float *dst) {
  const reversed *v = source;
  const kerf_recurrent *r = v->r;
  for (int64_t i = 0; i < rows; i++, dst += k) {
    const int64_t b = (row + i) % r->b, t = time_of(r, true, v->first + (row + i) / r->b, b);
    if (t >= 0) memcpy(dst, r->x + (t * r->b + b) * r->i + k0, (size_t)k * sizeof *dst);
    else memset(dst, 0, (size_t)k * sizeof *dst);
  }
}

/// inputs[steps, B, width] of steps first ..< first + steps, where weights are codes.
static void multiply_input_codes(const kerf_recurrent_state *s, int64_t first, int64_t steps, float *inputs) {
  const kerf_recurrent *r = s->r;
  for (int64_t row = 0; row < steps * r->b; row++) {
    const int64_t b = row % r->b, t = time_of(r, s->reverse, first + row / r->b, b);
    quantize_row(s, row, r->i, t >= 0 && t < r->t ? r->x + (t * r->b + b) * r->i : NULL);
  }
  multiply_codes(s, codes_of(r, r->w, s->direction, r->i), steps * r->b, r->i, 0, r->gates, inputs);
}

/// inputs[steps, B, width] of steps first ..< first + steps.
static void multiply_inputs(const kerf_recurrent_state *s, int64_t first, int64_t steps, float *inputs) {
  const kerf_recurrent *r = s->r;
  if (r->codes) {
    multiply_input_codes(s, first, steps, inputs);
    return;
  }
  const reversed source = {r, first};
  kerf_gemm g = {.m = steps * r->b, .n = r->width, .k = r->i, .lda = r->i, .gather = gather, .source = &source};
  g.a = s->reverse ? NULL : r->x + first * r->b * r->i;
  if (r->i == 0) g.a = inputs;  // nothing is read
  g.b = (const float *)(const void *)r->w + s->direction * r->width * r->i;
  g.y = inputs, g.ldy = r->width;
  kerf_gemm_run(&g, r->isa, s->scratch, NULL);
}

static void write_step(const kerf_recurrent_state *s) {
  const kerf_recurrent *r = s->r;
  for (int64_t b = 0; b < r->b && r->y; b++) {
    if (!kerf_recurrent_active(s, b)) continue;
    const int64_t t = time_of(r, s->reverse, s->step, b);
    memcpy(r->y + ((t * r->directions + s->direction) * r->b + b) * r->h, s->h + b * r->pitch,
           (size_t)r->h * sizeof(float));
  }
}

/// Zeros where sequences are over.
static void clear_tails(const kerf_recurrent *r, int64_t direction) {
  for (int64_t b = 0; b < r->b && r->y && r->lengths; b++)
    for (int64_t t = kerf_max(0, r->lengths[b]); t < r->t; t++)
      memset(r->y + ((t * r->directions + direction) * r->b + b) * r->h, 0, (size_t)r->h * sizeof(float));
}

/// rows[count, H] at the pitch, zeros behind them and where there are none.
static void spread(const kerf_recurrent *r, const float *rows, int64_t count, float *out) {
  memset(out, 0, (size_t)(count * r->pitch) * sizeof *out);
  for (int64_t i = 0; i < count && rows; i++) memcpy(out + i * r->pitch, rows + i * r->h, (size_t)r->h * sizeof *out);
}

static const float *part(const float *all, int64_t direction, int64_t rows, int64_t h) {
  return all ? all + direction * rows * h : NULL;
}

static void gather_state(const kerf_recurrent *r, const float *state, float *out) {
  for (int64_t b = 0; b < r->b && out; b++) memcpy(out + b * r->h, state + b * r->pitch, (size_t)r->h * sizeof *out);
}

typedef struct job {
  const kerf_recurrent *r;
  char *scratch;
} job;

static void run_direction(void *context, int64_t direction) {
  const job *j = context;
  const kerf_recurrent *r = j->r;
  const kerf_recurrent_sizes sizes = kerf_recurrent_scratch(r, r->codes != NULL);
  char *at = j->scratch + sizes.total * (uint64_t)direction;
  kerf_recurrent_state s = {.r = r, .direction = (int)direction, .reverse = r->direction == 1 || direction == 1};
  float *inputs = (float *)at;
  s.products = (float *)(at += sizes.inputs);
  s.bias = (float *)(at += sizes.products);
  s.bias_r = (float *)(at += sizes.bias);
  s.h = (float *)(at += sizes.bias);
  s.c = (float *)(at += sizes.row);
  s.extra = (float *)(at += sizes.row);
  s.scratch = at += sizes.row;
  s.codes = (int16_t *)(at += sizes.gemm);
  s.scales = (float *)(at + sizes.codes);
  spread(r, part(r->bias, direction, r->gates, r->h), r->gates, s.bias);
  spread(r, part(r->bias_r, direction, r->gates, r->h), r->gates, s.bias_r);
  spread(r, part(r->h0, direction, r->b, r->h), r->b, s.h);
  spread(r, part(r->c0, direction, r->b, r->h), r->b, s.c);
  spread(r, NULL, r->b, s.extra);
  clear_tails(r, direction);
  for (int64_t first = 0; first < r->t; first += sizes.chunk) {
    const int64_t steps = kerf_min(sizes.chunk, r->t - first);
    multiply_inputs(&s, first, steps, inputs);
    for (s.step = first; s.step < first + steps; s.step++) {
      s.inputs = inputs + (s.step - first) * r->b * r->width;
      r->step(&s);
      write_step(&s);
    }
  }
  gather_state(r, s.h, (float *)part(r->yh, direction, r->b, r->h));
  gather_state(r, s.c, (float *)part(r->yc, direction, r->b, r->h));
}

static const void *input_data(const kerf_call *call, int i) {
  return i >= 0 && kerf_input(call, i) ? call->inputs[i]->data : NULL;
}
static float *output_data(const kerf_call *call, int i) {
  return i < call->output_count && kerf_output(call, i) ? call->outputs[i]->data : NULL;
}

/// Sigmoid, then tanh, in all directions.
static bool has_usual_activations(const kerf_recurrent *r, const kerf_recurrent_layout *l) {
  for (int i = 0; i < l->acts_per_direction * r->directions; i++)
    if (r->acts[i].function != (i % l->acts_per_direction == 0 ? KERF_UNARY_SIGMOID : KERF_UNARY_TANH)) return false;
  return r->clip == 0;
}

int kerf_run_recurrent(const kerf_call *call, const kerf_recurrent_layout *l, const kerf_gemm_isa *isa,
                       const kerf_rnn_codes *codes, kerf_recurrent_step_fn step, kerf_recurrent_cell_fn cell) {
  kerf_recurrent r = {.isa = isa, .codes = codes, .step = step};
  KERF_TRY(kerf_read_recurrent(call, l, &r));
  if (r.b == 0 || r.h == 0) return KERF_OK;
  r.x = call->inputs[0]->data, r.w = call->inputs[1]->data, r.rw = call->inputs[2]->data;
  r.bias = input_data(call, l->bias), r.bias_r = input_data(call, l->bias_r);
  r.h0 = input_data(call, l->h0), r.c0 = input_data(call, l->c0);
  r.peephole = input_data(call, l->peephole), r.lengths = input_data(call, l->lengths);
  r.y = output_data(call, 0), r.yh = output_data(call, 1), r.yc = r.has_c ? output_data(call, 2) : NULL;
  if (cell && !r.peephole && has_usual_activations(&r, l)) r.cell = cell;
  job j = {&r, call->scratch};
  const double work = (double)r.t * (double)r.b * (double)r.h * (double)r.gates * (double)(r.h + r.i);
  kerf_parallel(kerf_pool_for(call, work / (KERF_F32_RATE / 2)), run_direction, &j, r.directions);
  return KERF_OK;
}
