// Built from kernels.def: the tables of operations and kernels, and the searches in them.
#include <string.h>

#include "../include/kerf_kernels.h"

#if defined(__x86_64__)
#define KERF_X86(x) x
#else
#define KERF_X86(x)
#endif
#if defined(__aarch64__)
#define KERF_ARM(x) x
#else
#define KERF_ARM(x)
#endif

// Declarations of every function that the table names.
#define KERF_OP(number, name) int kerf_prepare_##name(const kerf_call *call, uint64_t *scratch_bytes);
#define KERF_KERNEL(number, name) int kerf_run_##name##_portable(const kerf_call *call);
#define KERF_KERNEL_X86(number, name, set, suffix) KERF_X86(int kerf_run_##name##_##suffix(const kerf_call *call);)
#define KERF_KERNEL_ARM(number, name, set, suffix) KERF_ARM(int kerf_run_##name##_##suffix(const kerf_call *call);)
#include "kernels.def"
#undef KERF_OP
#undef KERF_KERNEL
#undef KERF_KERNEL_X86
#undef KERF_KERNEL_ARM

#define KERF_KERNEL(number, name)
#define KERF_KERNEL_X86(number, name, set, suffix)
#define KERF_KERNEL_ARM(number, name, set, suffix)
#define KERF_OP(number, name) {KERF_OP_##number, #name, kerf_prepare_##name},
static const kerf_op operations[] = {
#include "kernels.def"
  {0, NULL, NULL},
};
#undef KERF_OP
#undef KERF_KERNEL
#undef KERF_KERNEL_X86
#undef KERF_KERNEL_ARM

#define KERF_OP(number, name)
#define KERF_KERNEL(number, name) {KERF_OP_##number, KERF_ISA_PORTABLE, #name "_portable", kerf_run_##name##_portable},
#define KERF_ENTRY(number, name, set, suffix) \
  {KERF_OP_##number, KERF_ISA_##set, #name "_" #suffix, kerf_run_##name##_##suffix},
#if defined(__x86_64__)
#define KERF_KERNEL_X86(number, name, set, suffix) KERF_ENTRY(number, name, set, suffix)
#else
#define KERF_KERNEL_X86(number, name, set, suffix)
#endif
#if defined(__aarch64__)
#define KERF_KERNEL_ARM(number, name, set, suffix) KERF_ENTRY(number, name, set, suffix)
#else
#define KERF_KERNEL_ARM(number, name, set, suffix)
#endif
static const kerf_kernel kernels[] = {
#include "kernels.def"
  {0, 0, NULL, NULL},
};

const kerf_op *kerf_ops(size_t *count) {
  *count = sizeof operations / sizeof operations[0] - 1;
  return operations;
}

const kerf_kernel *kerf_kernels(size_t *count) {
  *count = sizeof kernels / sizeof kernels[0] - 1;
  return kernels;
}

const kerf_op *kerf_find_op(uint16_t op) {
  for (const kerf_op *o = operations; o->name; o++)
    if (o->op == op) return o;
  return NULL;
}

const kerf_kernel *kerf_find_kernel(uint16_t op, uint32_t isa_mask) {
  for (int i = KERF_ISA_COUNT - 1; i >= 0; i--) {
    const int isa = kerf_isa_at(i);
    if (!(isa_mask >> isa & 1)) continue;
    for (const kerf_kernel *k = kernels; k->name; k++)
      if (k->op == op && k->isa == isa) return k;
  }
  return NULL;
}

int kerf_takes_pitch(uint16_t op, int input) {
  switch (op) {
    case KERF_OP_CONCAT: return 1;
    case KERF_OP_MAX_POOL_F32: case KERF_OP_AVG_POOL_F32: case KERF_OP_MAX_POOL_U8: case KERF_OP_AVG_POOL_U8:
      return input <= 0;
    case KERF_OP_CONV2D_F32: case KERF_OP_WINOGRAD_F32: case KERF_OP_DEPTHWISE_F32: case KERF_OP_CONV2D_U8_U8:
    case KERF_OP_CONV2D_U8_F32: case KERF_OP_CONV_TRANSPOSE2D_F32:
      return input < 0;
    case KERF_OP_SCALE_SHIFT_F32: case KERF_OP_SLICE: return input == 0;
    case KERF_OP_ATTENTION_F32: case KERF_OP_ATTENTION_U8: return input >= 0 && input < 3;
    default: return 0;
  }
}

const char *kerf_isa_name(int isa) {
  static const char *const names[KERF_ISA_COUNT] = {"portable", "avx2",    "avx512", "avx512vnni",
                                                    "neon",     "dotprod", "i8mm",   "avxvnni"};
  return isa >= 0 && isa < KERF_ISA_COUNT ? names[isa] : "unknown";
}

int kerf_isa_find(const char *name) {
  for (int isa = 0; isa < KERF_ISA_COUNT; isa++)
    if (strcmp(kerf_isa_name(isa), name) == 0) return isa;
  return -1;
}

int kerf_isa_at(int position) {
  static const uint8_t order[KERF_ISA_COUNT] = {KERF_ISA_PORTABLE,   KERF_ISA_AVX2, KERF_ISA_AVXVNNI, KERF_ISA_AVX512,
                                                KERF_ISA_AVX512VNNI, KERF_ISA_NEON, KERF_ISA_DOTPROD, KERF_ISA_I8MM};
  return position >= 0 && position < KERF_ISA_COUNT ? order[position] : KERF_ISA_PORTABLE;
}
