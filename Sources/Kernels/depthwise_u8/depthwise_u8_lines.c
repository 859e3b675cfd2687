#include "depthwise_u8_lines.h"

#include "../common/slots.h"

enum { LEAST_VECTORS = 256, LEAST_TASKS = 8, COLUMNS_BYTES = 16 << 10, VECTOR = 64 };

static kerf_dw_lanes plan_lanes(const kerf_dw_plan *p, const kerf_geometry *g, int64_t channels) {
  // Pixels apart from each other are gathered in pieces of 8, 16 or 32 bytes: others would take longer than is saved.
  const bool even = channels >= 8 && KERF_DW_LANES % channels == 0;
  kerf_dw_lanes l = {.channels = channels, .fold = 1};
  if (p->whole == 0 && (g->sw == 1 || even)) l.fold = kerf_max(kerf_min(KERF_DW_LANES / channels, p->ow), 1);
  l.vectors = kerf_ceil_div(p->ow, l.fold);
  l.step = l.fold * g->sw;
  l.advance = g->dw == 1 ? kerf_min(l.step, g->kw) : g->kw;
  const int64_t most = COLUMNS_BYTES / (p->groups * 4 * VECTOR) / (p->shared ? 1 : 2);
  l.segment = kerf_max(1, (most - g->kw) / l.advance + 1);
  l.segment = kerf_ceil_div(l.vectors, kerf_max(kerf_ceil_div(l.vectors, l.segment), 1));
  l.segment = kerf_max(kerf_ceil_div(l.segment, 4), 1) * 4;
  return l;
}

static kerf_dw_plan make_plan(const kerf_tensor *x, const kerf_tensor *y, const kerf_geometry *g) {
  kerf_dw_plan p = {.channels = x->dims[3], .w = x->dims[2], .ow = y->dims[2]};
  const int64_t oh = kerf_max(y->dims[1], 1), left = p.channels % KERF_DW_LANES;
  p.shared = g->sh == 1 && g->dh == 1 && oh > 1;
  p.rows = g->kh + p.shared;
  p.groups = kerf_ceil_div(p.rows, 4);
  p.whole = p.channels / KERF_DW_LANES;
  p.blocks = p.whole + (left > 0);
  p.lanes[0] = plan_lanes(&p, g, KERF_DW_LANES);
  p.lanes[1] = plan_lanes(&p, g, left > 0 ? left : KERF_DW_LANES);
  const int64_t vectors = p.lanes[p.whole == 0].vectors;
  p.lines = kerf_min(kerf_ceil_div(LEAST_VECTORS, kerf_max(vectors, 1)), oh);
  p.lines = kerf_ceil_div(p.lines, 2) * 2;
  p.strips = kerf_ceil_div(oh, p.lines);
  const int64_t strips = kerf_max(p.strips * y->dims[0], 1);
  p.chunk = strips >= LEAST_TASKS ? p.blocks : kerf_max(p.blocks / kerf_ceil_div(LEAST_TASKS, strips), 1);
  p.chunks = kerf_ceil_div(p.blocks, p.chunk);
  p.tasks = y->dims[0] * p.strips * p.chunks;
  p.slots = kerf_min(p.tasks, KERF_SLOTS);
  p.zero_bytes = (int64_t)kerf_align((uint64_t)(p.w * p.channels));
  p.weight_bytes = g->kw * p.groups * 2 * 4 * VECTOR + kerf_ceil_div(g->kh * g->kw, 4) * 4 * VECTOR;
  for (int i = 0; i < 2; i++) {
    const int64_t columns = (p.lanes[i].segment - 1) * p.lanes[i].advance + g->kw;
    p.line_bytes = kerf_max(p.line_bytes, columns * p.groups * 4 * VECTOR);
  }
  p.slot_bytes = p.weight_bytes + p.line_bytes * (p.shared ? 1 : 2);
  return p;
}

uint64_t kerf_dw_lines_scratch(const kerf_tensor *x, const kerf_tensor *y, const kerf_geometry *g) {
  const kerf_dw_plan p = make_plan(x, y, g);
  return (uint64_t)(p.zero_bytes + p.slots * p.slot_bytes);
}

typedef struct job {
  const kerf_call *call;
  kerf_dw_task_fn task;
  kerf_geometry g;
  kerf_dw_plan p;
  kerf_q8 parameters;
  uint8_t *zero;
  uint32_t taken;
} job;

static void run_slot(void *context, int64_t index) {
  job *j = context;
  const kerf_dw_plan *p = &j->p;
  const kerf_tensor *x = j->call->inputs[0], *y = j->call->outputs[0];
  int slot = kerf_take_slot(&j->taken);
  uint8_t *memory = j->zero + p->zero_bytes + slot * p->slot_bytes;
  kerf_dw_task t = {.plan = p, .g = &j->g, .h = x->dims[1], .zero = j->zero, .packed = j->parameters.packed,
                    .bias = j->parameters.bias, .multiplier = j->parameters.multiplier,
                    .shift = j->parameters.shift, .output = &j->parameters.output,
                    .x_zero = j->parameters.x_zero, .weights = (int8_t *)memory,
                    .columns = memory + p->weight_bytes};
  for (int64_t task = p->tasks * index / p->slots; task < p->tasks * (index + 1) / p->slots; task++) {
    const int64_t strip = task / p->chunks, image = strip / p->strips;
    t.x = (const uint8_t *)x->data + image * kerf_span(x, 1, 4);
    t.y = (uint8_t *)y->data + image * kerf_span(y, 1, 4);
    t.first = strip % p->strips * p->lines;
    t.last = kerf_min(t.first + p->lines, y->dims[1]);
    t.first_block = task % p->chunks * p->chunk;
    t.last_block = kerf_min(t.first_block + p->chunk, p->blocks);
    j->task(&t);
  }
  kerf_give_slot(&j->taken, slot);
}

int kerf_run_depthwise_u8_lines(const kerf_call *c, kerf_dw_task_fn task) {
  const kerf_tensor *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  job j = {.call = c, .task = task, .zero = c->scratch};
  (void)kerf_read_geometry(c, 0, &j.g);
  j.p = make_plan(c->inputs[0], y, &j.g);
  kerf_dw_read_parameters(c, &j.parameters);
  memset(j.zero, j.parameters.x_zero, (size_t)j.p.zero_bytes);
  const double work = (double)kerf_elements(y) * (double)(j.g.kh * j.g.kw + 8);
  kerf_parallel(kerf_pool_worth(c->pool, work / 100), run_slot, &j, j.p.slots);
  return KERF_OK;
}
