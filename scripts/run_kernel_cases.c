// Runs the kernel cases that the tests wrote (KERF_CASE_FILE) with every kernel this processor has: the way to test
// other architectures under an emulator. See scripts/test_kernels_arm64.sh.
//
//   run_kernel_cases FILE           exit status 0 when every kernel passed every case
//   run_kernel_cases FILE ROUNDS    damages shapes and attributes of each case that many times; what `prepare` still
//                                   accepts is run in guarded memory, so a step outside ends the program
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kerf_kernels.h"

enum { MAX_TENSORS = 64, MAX_ATTRIBUTES = 64 };

typedef struct test_tensor {
  kerf_tensor t;
  uint64_t bytes;
  unsigned char *content;
} test_tensor;

typedef struct test_case {
  int32_t op, in_place, run_code, attributes, inputs, outputs;
  char name[256];
  float absolute, relative;
  kerf_attr attrs[MAX_ATTRIBUTES];
  test_tensor input[MAX_TENSORS], output[MAX_TENSORS];
} test_case;

static void get(FILE *f, void *to, size_t n) {
  if (fread(to, 1, n, f) != n) {
    fprintf(stderr, "the case file ends too early\n");
    exit(2);
  }
}

static void get_tensor(FILE *f, test_tensor *t) {
  memset(t, 0, sizeof *t);
  get(f, &t->t.type, 4);
  get(f, &t->t.rank, 4);
  get(f, t->t.dims, (size_t)t->t.rank * 8);
  get(f, &t->bytes, 8);
  t->content = malloc(t->bytes + 1);
  get(f, t->content, t->bytes);
}

static int get_case(FILE *f, test_case *c) {
  int32_t n;
  if (fread(&c->op, 1, 4, f) != 4) return 0;
  get(f, &n, 4);
  char *name = calloc(1, (size_t)n + 1);
  get(f, name, (size_t)n);
  snprintf(c->name, sizeof c->name, "%s", name);
  free(name);
  get(f, &c->absolute, 4);
  get(f, &c->relative, 4);
  get(f, &c->in_place, 4);
  get(f, &c->run_code, 4);
  get(f, &c->attributes, 4);
  get(f, c->attrs, (size_t)c->attributes * 8);
  get(f, &c->inputs, 4);
  for (int i = 0; i < c->inputs; i++) get_tensor(f, &c->input[i]);
  get(f, &c->outputs, 4);
  for (int i = 0; i < c->outputs; i++) get_tensor(f, &c->output[i]);
  return 1;
}

/// Memory whose last byte touches an inaccessible page; 64-byte aligned when `aligned`.
static void *guarded(uint64_t bytes, int aligned, void **base, size_t *length) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page) / page * page;
  *length = inner + 2 * page;
  *base = mmap(NULL, *length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(*base, page, PROT_NONE);
  mprotect((char *)*base + page + inner, page, PROT_NONE);
  const uint64_t offset = inner - (aligned ? (bytes + 63) / 64 * 64 : bytes);
  return (char *)*base + page + offset;
}

static int same(const test_case *c, const test_tensor *expected, const void *got) {
  if (expected->t.type != KERF_F32) return memcmp(expected->content, got, expected->bytes) == 0;
  for (uint64_t i = 0; i < expected->bytes / 4; i++) {
    float a, b;
    memcpy(&a, (const char *)got + 4 * i, 4);
    memcpy(&b, expected->content + 4 * i, 4);
    if (a == b || (isnan(a) && isnan(b))) continue;
    if (!(fabsf(a - b) <= c->absolute + c->relative * fabsf(b))) return 0;
  }
  return 1;
}

typedef struct mapping {
  void *base;
  size_t length;
} mapping;

static int run(const test_case *c, const kerf_op *op, const kerf_kernel *kernel) {
  static mapping maps[2 * MAX_TENSORS + 1];
  int used = 0, code;
  const kerf_tensor *inputs[MAX_TENSORS];
  kerf_tensor *outputs[MAX_TENSORS], in[MAX_TENSORS], out[MAX_TENSORS];
  for (int i = 0; i < c->inputs; i++, used++) {
    in[i] = c->input[i].t;
    in[i].data = guarded(c->input[i].bytes, in[i].type == KERF_PACKED, &maps[used].base, &maps[used].length);
    memcpy(in[i].data, c->input[i].content, c->input[i].bytes);
    inputs[i] = &in[i];
  }
  for (int i = 0; i < c->outputs; i++) {
    out[i] = c->output[i].t;
    if (i == 0 && c->in_place >= 0) {
      out[i].data = in[c->in_place].data;
    } else {
      out[i].data = guarded(c->output[i].bytes, 0, &maps[used].base, &maps[used].length);
      memset(out[i].data, 0xff, c->output[i].bytes);
      used++;
    }
    outputs[i] = &out[i];
  }
  kerf_call call = {inputs, outputs, c->attrs, NULL, NULL, c->inputs, c->outputs, c->attributes};
  uint64_t bytes = 0;
  code = op->prepare(&call, &bytes);
  if (code == KERF_OK) {
    call.scratch = guarded((bytes + 63) / 64 * 64, 1, &maps[used].base, &maps[used].length);
    used++;
    memset(call.scratch, 0xff, bytes);
    code = kernel->run(&call) == c->run_code ? 0 : -1;
  }
  int passed = code == 0;
  for (int i = 0; passed && c->run_code == KERF_OK && i < c->outputs; i++)
    passed = same(c, &c->output[i], out[i].data);
  while (used--) munmap(maps[used].base, maps[used].length);
  return passed;
}

static uint64_t state = 88172645463325252u;
static uint64_t chance(uint64_t n) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state % n;
}

static int64_t odd_number(int64_t old) {
  static const int64_t numbers[] = {0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 64, 100, -1, -2, INT32_MAX, INT32_MIN,
                                    (int64_t)1 << 31, (int64_t)1 << 40, (int64_t)1 << 62, INT64_MAX, INT64_MIN};
  const uint64_t pick = chance(40);
  if (pick < sizeof numbers / sizeof numbers[0]) return numbers[pick];
  return (int64_t)(pick < 30 ? (uint64_t)old + 1 : pick < 36 ? (uint64_t)old - 1 : (uint64_t)old * 2);
}

static void damage_tensor(test_tensor *t) {
  const uint64_t what = chance(10);
  if (what == 0) t->t.type = (int32_t)chance(18);
  else if (what == 1) t->t.rank = (int32_t)chance(10) - 1;
  else if (t->t.rank > 0) { int64_t *d = &t->t.dims[chance((uint64_t)t->t.rank)]; *d = odd_number(*d); }
}

/// Bytes of a tensor that passed prepare, or more than the limit.
static uint64_t tensor_bytes(const kerf_tensor *t) {
  static const unsigned char widths[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 0, 0, 2};
  uint64_t n = t->type == KERF_PACKED ? 1 : t->type >= 0 && t->type < 17 ? widths[t->type] : 0;
  for (int i = 0; i < t->rank && n <= 1u << 24; i++) n *= (uint64_t)t->dims[i];
  return n;
}

/// The damaged case with contents of the new sizes; 0 when it is too large to run.
static int refill(test_tensor *t, int count) {
  for (int i = 0; i < count; i++) {
    const uint64_t bytes = tensor_bytes(&t[i].t);
    if (bytes > 1u << 24) return 0;
    unsigned char *content = calloc(1, bytes + 1);
    memcpy(content, t[i].content, bytes < t[i].bytes ? bytes : t[i].bytes);
    // Indices and lengths from nowhere.
    if (t[i].t.type == KERF_I32 || t[i].t.type == KERF_I64)
      for (uint64_t b = 0; b < bytes && chance(2); b++) content[chance(bytes)] = (unsigned char)chance(256);
    t[i].content = content;
    t[i].bytes = bytes;
  }
  return 1;
}

static void mutate(const test_case *original, const kerf_op *op, const kerf_kernel *kernels, size_t kernel_count,
                   long *accepted, long *refused) {
  static test_case c;
  c = *original;
  c.in_place = -1;
  for (uint64_t n = 1 + chance(3); n > 0; n--) {
    const uint64_t at = chance(3);
    if (at == 0 && c.attributes) { int64_t *a = &c.attrs[chance((uint64_t)c.attributes)].i; *a = odd_number(*a); }
    if (at == 1 && c.inputs) damage_tensor(&c.input[chance((uint64_t)c.inputs)]);
    if (at == 2 && c.outputs) damage_tensor(&c.output[chance((uint64_t)c.outputs)]);
  }
  const kerf_tensor *inputs[MAX_TENSORS];
  kerf_tensor *outputs[MAX_TENSORS];
  for (int i = 0; i < c.inputs; i++) inputs[i] = &c.input[i].t;
  for (int i = 0; i < c.outputs; i++) outputs[i] = &c.output[i].t;
  kerf_call call = {inputs, outputs, c.attrs, NULL, NULL, c.inputs, c.outputs, c.attributes};
  uint64_t bytes = 0;
  if (op->prepare(&call, &bytes) != KERF_OK) { ++*refused; return; }
  ++*accepted;
  if (bytes > 1u << 26 || !refill(c.input, c.inputs) || !refill(c.output, c.outputs)) return;
  for (size_t k = 0; k < kernel_count; k++)
    if (kernels[k].op == c.op && kerf_isa_supported() >> kernels[k].isa & 1) run(&c, op, &kernels[k]);
  for (int i = 0; i < c.inputs; i++) free(c.input[i].content);
  for (int i = 0; i < c.outputs; i++) free(c.output[i].content);
}

int main(int count, char **arguments) {
  static test_case c;
  static long executed[1024], failed[1024];
  FILE *f = count == 2 || count == 3 ? fopen(arguments[1], "rb") : NULL;
  if (!f) return fprintf(stderr, "usage: run_kernel_cases FILE [ROUNDS]\n"), 2;
  size_t kernel_count, bad = 0;
  const kerf_kernel *kernels = kerf_kernels(&kernel_count);
  const uint32_t supported = kerf_isa_supported();
  long rounds = count == 3 ? atol(arguments[2]) : 0, accepted = 0, refused = 0;
  while (get_case(f, &c)) {
    const kerf_op *op = kerf_find_op((uint16_t)c.op);
    for (long i = 0; op && i < rounds; i++) mutate(&c, op, kernels, kernel_count, &accepted, &refused);
    for (size_t k = 0; op && !rounds && k < kernel_count; k++) {
      if (kernels[k].op != c.op || !(supported >> kernels[k].isa & 1)) continue;
      executed[k]++;
      if (run(&c, op, &kernels[k])) continue;
      if (failed[k]++ < 5) printf("FAILED %s: %s\n", kernels[k].name, c.name);
    }
    for (int i = 0; i < c.inputs; i++) free(c.input[i].content);
    for (int i = 0; i < c.outputs; i++) free(c.output[i].content);
  }
  if (rounds) return printf("%ld damaged calls accepted and run, %ld refused\n", accepted, refused), 0;
  for (size_t k = 0; k < kernel_count; k++) {
    if (!(supported >> kernels[k].isa & 1)) continue;
    printf("%-36s %5ld cases, %ld failed\n", kernels[k].name, executed[k], failed[k]);
    bad += failed[k] > 0 || executed[k] == 0;
  }
  printf("%zu kernels with failures or without cases\n", bad);
  return bad != 0;
}
