// The run of a recurrent operation: see recurrent.h.
//
// Inputs of a chunk of steps are multiplied with W in one product. Reverse directions count their steps from the end of
// each sequence. Steps past a sequence's length leave its state alone, and its outputs are zero.
#include "recurrent.h"
#include "recurrent_scratch.h"

enum { CHUNK_FLOATS = 128 * 1024 };

kerf_recurrent_sizes kerf_recurrent_scratch(const kerf_recurrent *r) {
  kerf_recurrent_sizes s;
  const int64_t width = r->gates * r->h, step = kerf_max(1, r->b * width);
  s.chunk = kerf_max(1, kerf_min(r->t, CHUNK_FLOATS / step));
  s.inputs = kerf_align((uint64_t)(s.chunk * r->b * width) * sizeof(float));
  s.products = kerf_align((uint64_t)(r->b * width) * sizeof(float));
  s.row = kerf_align((uint64_t)(r->b * r->h) * sizeof(float));
  s.gemm = 0;
  for (int gates = 1; gates <= r->gates; gates++) {
    const uint64_t w = kerf_gemm_scratch(s.chunk * r->b, gates * r->h, r->i, true);
    const uint64_t direct = kerf_gemm_scratch(s.chunk * r->b, gates * r->h, r->i, false);
    const uint64_t u = kerf_gemm_scratch(r->b, gates * r->h, r->h, false);
    const uint64_t most = w > direct ? w : direct;
    if (most > s.gemm) s.gemm = most;
    if (u > s.gemm) s.gemm = u;
  }
  s.gemm = kerf_align(s.gemm);
  s.total = s.inputs + s.products + 3 * s.row + s.gemm;
  return s;
}

/// Columns of gate ..< gate + count. Gates whose panels follow each other without a gap are one product.
static void multiply(const kerf_recurrent *r, kerf_gemm *g, const char *packed, const float *bias, int gate, int count,
                     float *out, char *scratch) {
  const uint64_t one = kerf_pack_gemm_f32_size(g->k, r->h);
  const int together = r->h % KERF_PANEL == 0 && g->k > 0 ? count : 1;
  for (int i = gate; i < gate + count; i += together) {
    g->n = r->h * together;
    g->b = (const float *)(packed + one * (uint64_t)i);
    g->epilogue = (kerf_epilogue){.bias = bias ? bias + i * r->h : NULL};
    g->y = out + i * r->h;
    g->ldy = r->gates * r->h;
    kerf_gemm_run(g, r->isa, scratch, NULL);
  }
}

void kerf_recurrent_product(const kerf_recurrent_state *s, const float *rows, int gate, int count, float *out) {
  const kerf_recurrent *r = s->r;
  kerf_gemm g = {.m = r->b, .k = r->h, .a = rows, .lda = r->h};
  const char *packed = r->rw + kerf_pack_gemm_f32_size(r->h, r->h) * (uint64_t)(s->direction * r->gates);
  const float *bias = r->bias_r ? r->bias_r + s->direction * r->gates * r->h : NULL;
  multiply(r, &g, packed, bias, gate, count, out, s->scratch);
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

/// inputs[steps, B, gates * H] of steps first ..< first + steps.
static void multiply_inputs(const kerf_recurrent_state *s, int64_t first, int64_t steps, float *inputs) {
  const kerf_recurrent *r = s->r;
  const reversed source = {r, first};
  kerf_gemm g = {.m = steps * r->b, .k = r->i, .lda = r->i, .gather = gather, .source = &source};
  g.a = s->reverse ? NULL : r->x + first * r->b * r->i;
  if (r->i == 0) g.a = inputs;  // nothing is read
  const char *packed = r->w + kerf_pack_gemm_f32_size(r->i, r->h) * (uint64_t)(s->direction * r->gates);
  const float *bias = r->bias ? r->bias + s->direction * r->gates * r->h : NULL;
  multiply(r, &g, packed, bias, 0, r->gates, inputs, s->scratch);
}

static void write_step(const kerf_recurrent_state *s) {
  const kerf_recurrent *r = s->r;
  for (int64_t b = 0; b < r->b && r->y; b++) {
    if (!kerf_recurrent_active(s, b)) continue;
    const int64_t t = time_of(r, s->reverse, s->step, b);
    memcpy(r->y + ((t * r->directions + s->direction) * r->b + b) * r->h, s->h + b * r->h,
           (size_t)r->h * sizeof(float));
  }
}

/// Zeros where sequences are over.
static void clear_tails(const kerf_recurrent *r, int64_t direction) {
  for (int64_t b = 0; b < r->b && r->y && r->lengths; b++)
    for (int64_t t = kerf_max(0, r->lengths[b]); t < r->t; t++)
      memset(r->y + ((t * r->directions + direction) * r->b + b) * r->h, 0, (size_t)r->h * sizeof(float));
}

static void start(float *state, const float *initial, int64_t direction, int64_t n) {
  if (initial) memcpy(state, initial + direction * n, (size_t)n * sizeof *state);
  else memset(state, 0, (size_t)n * sizeof *state);
}

typedef struct job {
  const kerf_recurrent *r;
  char *scratch;
} job;

static void run_direction(void *context, int64_t direction) {
  const job *j = context;
  const kerf_recurrent *r = j->r;
  const kerf_recurrent_sizes sizes = kerf_recurrent_scratch(r);
  char *at = j->scratch + sizes.total * (uint64_t)direction;
  const int64_t n = r->b * r->h;
  kerf_recurrent_state s = {.r = r, .direction = (int)direction, .reverse = r->direction == 1 || direction == 1};
  float *inputs = (float *)at;
  s.products = (float *)(at += sizes.inputs);
  s.h = (float *)(at += sizes.products);
  s.c = (float *)(at += sizes.row);
  s.extra = (float *)(at += sizes.row);
  s.scratch = at + sizes.row;
  start(s.h, r->h0, direction, n);
  start(s.c, r->c0, direction, n);
  memset(s.extra, 0, (size_t)n * sizeof(float));
  clear_tails(r, direction);
  for (int64_t first = 0; first < r->t; first += sizes.chunk) {
    const int64_t steps = kerf_min(sizes.chunk, r->t - first);
    multiply_inputs(&s, first, steps, inputs);
    for (s.step = first; s.step < first + steps; s.step++) {
      s.inputs = inputs + (s.step - first) * n * r->gates;
      r->step(&s);
      write_step(&s);
    }
  }
  if (r->yh) memcpy(r->yh + direction * n, s.h, (size_t)n * sizeof(float));
  if (r->yc) memcpy(r->yc + direction * n, s.c, (size_t)n * sizeof(float));
}

static const void *input_data(const kerf_call *call, int i) {
  return i >= 0 && kerf_input(call, i) ? call->inputs[i]->data : NULL;
}
static float *output_data(const kerf_call *call, int i) {
  return i < call->output_count && kerf_output(call, i) ? call->outputs[i]->data : NULL;
}

int kerf_run_recurrent(const kerf_call *call, const kerf_recurrent_layout *l, const kerf_gemm_isa *isa,
                       kerf_recurrent_step_fn step) {
  kerf_recurrent r = {.isa = isa, .step = step};
  KERF_TRY(kerf_read_recurrent(call, l, &r));
  if (r.b == 0 || r.h == 0) return KERF_OK;
  r.x = call->inputs[0]->data, r.w = call->inputs[1]->data, r.rw = call->inputs[2]->data;
  r.bias = input_data(call, l->bias), r.bias_r = input_data(call, l->bias_r);
  r.h0 = input_data(call, l->h0), r.c0 = input_data(call, l->c0);
  r.peephole = input_data(call, l->peephole), r.lengths = input_data(call, l->lengths);
  r.y = output_data(call, 0), r.yh = output_data(call, 1), r.yc = r.has_c ? output_data(call, 2) : NULL;
  job j = {&r, call->scratch};
  const double work = (double)r.t * (double)r.b * (double)r.h * (double)r.gates * (double)(r.h + r.i);
  kerf_parallel(work > 1e6 ? call->pool : NULL, run_direction, &j, r.directions);
  return KERF_OK;
}
