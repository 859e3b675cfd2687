// The kernel interface: what a program step hands to a kernel, and how kernels are found.
//
// This header is read by Swift on the host and by Embedded Swift on a device, so it includes nothing but the two
// freestanding headers. All tensors are dense and row-major; images are channels-last (N, H, W, C).
#ifndef KERF_KERNELS_H
#define KERF_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KERF_MAX_RANK 8

/// Raised whenever a kernel takes another time than before: figures of earlier ones are then measured anew.
#define KERF_KERNELS_VERSION 7

/// Element types, numbered as ONNX TensorProto.DataType. 0 marks an absent optional tensor.
enum {
  KERF_NONE = 0, KERF_F32 = 1, KERF_U8 = 2, KERF_I8 = 3, KERF_U16 = 4, KERF_I16 = 5, KERF_I32 = 6, KERF_I64 = 7,
  KERF_BOOL = 9, KERF_F16 = 10, KERF_F64 = 11, KERF_U32 = 12, KERF_U64 = 13, KERF_BF16 = 16,
  /// Weights in a kernel's own packed layout: rank 1, dims[0] = bytes.
  KERF_PACKED = 255,
};

typedef struct kerf_tensor {
  void *data;
  int64_t dims[KERF_MAX_RANK];
  /// Elements from one row, which is the last axis, to the next; 0: rows follow each other. Others only for operands of
  /// which kerf_takes_pitch says so.
  int64_t pitch;
  int32_t rank;
  int32_t type;
} kerf_tensor;

/// An attribute: an integer, or a double by its bits. Which one, and in which order, is stated per operation in
/// kerf_ops.h.
typedef union kerf_attr {
  int64_t i;
  double f;
} kerf_attr;

typedef struct kerf_pool kerf_pool;

/// One step: tensors, attributes, scratch memory. Nothing in it is owned.
typedef struct kerf_call {
  const kerf_tensor *const *inputs;
  kerf_tensor *const *outputs;
  const kerf_attr *attrs;
  void *scratch;         // at least the bytes that `prepare` asked for, 64-byte aligned
  kerf_pool *pool;       // NULL: run on the calling thread
  int32_t input_count;   // an absent optional input has type KERF_NONE
  int32_t output_count;
  int32_t attr_count;
} kerf_call;

/// Results of prepare and run. Zero is success.
enum {
  KERF_OK = 0,
  KERF_BAD_COUNT = 1,   // number of inputs, outputs or attributes
  KERF_BAD_TYPE = 2,    // element type
  KERF_BAD_SHAPE = 3,   // shapes that do not fit each other or the attributes
  KERF_BAD_ATTR = 4,    // attribute out of range
  KERF_BAD_INDEX = 5,   // an index in the data is out of range (gather, scatter, one-hot), found while running
  KERF_BAD_DIVISOR = 6, // integer division by zero, found while running
};

/// Checks counts, types, attributes and shapes (data pointers may be NULL) and states the scratch bytes.
/// After KERF_OK, `run` with the same shapes touches only memory inside the tensors and the scratch, whatever the data.
typedef int (*kerf_prepare_fn)(const kerf_call *call, uint64_t *scratch_bytes);
/// Computes. Never allocates, never fails on shapes that `prepare` accepted.
typedef int (*kerf_run_fn)(const kerf_call *call);

/// Instruction sets, by the numbers that bundles hold; kerf_isa_at has them by strength. A kernel runs where its set is
/// in kerf_isa_supported().
enum {
  KERF_ISA_PORTABLE = 0,
  KERF_ISA_AVX2 = 1,        // with FMA and F16C
  KERF_ISA_AVX512 = 2,      // F, BW, DQ, VL
  KERF_ISA_AVX512VNNI = 3,  // AVX512 and VNNI
  KERF_ISA_NEON = 4,
  KERF_ISA_DOTPROD = 5,     // NEON and dot product
  KERF_ISA_I8MM = 6,        // DOTPROD and i8mm
  KERF_ISA_AVXVNNI = 7,     // AVX2 and VNNI on its vectors
  KERF_ISA_COUNT = 8,
};

typedef struct kerf_kernel {
  uint16_t op;
  uint8_t isa;
  const char *name;  // operation_type_isa, as gemm_f32_avx512
  kerf_run_fn run;
} kerf_kernel;

typedef struct kerf_op {
  uint16_t op;
  const char *name;  // operation_type, as gemm_f32
  kerf_prepare_fn prepare;
} kerf_op;

/// All operations, by number, and all kernels compiled into this build: the one table that dispatch, tests and
/// benchmarks read (kernels.def).
const kerf_op *kerf_ops(size_t *count);
const kerf_kernel *kerf_kernels(size_t *count);
/// The operation of that number, or NULL.
const kerf_op *kerf_find_op(uint16_t op);
/// The best kernel of that operation whose instruction set is in `isa_mask` (bit 1 << KERF_ISA_…), or NULL.
/// Whether an operation takes a pitch of an input, or of its output (-1) where no residual is added to it. CONCAT does
/// along the last axis alone, attention of tensors of rank 3.
int kerf_takes_pitch(uint16_t op, int input);
const kerf_kernel *kerf_find_kernel(uint16_t op, uint32_t isa_mask);
/// Instruction sets that this processor has, this build holds kernels for and the environment variable KERF_ISA allows
/// (the set it names and weaker ones), as a mask. Always has PORTABLE, and no other where KERF_ISA names no set.
uint32_t kerf_isa_supported(void);
const char *kerf_isa_name(int isa);
/// The set of that name, or -1.
int kerf_isa_find(const char *name);
/// The sets by strength, weakest first within a family: a later one is faster where a processor has both. For 0 ..<
/// KERF_ISA_COUNT.
int kerf_isa_at(int position);
/// Float32 operations per nanosecond that one thread can do in registers with the best of these instruction sets (a multiply-add
/// is two), measured now, in some milliseconds.
double kerf_peak_gflops(uint32_t isa_mask);

// The calling thread's floating-point mode: MXCSR or FPCR. Kernels give the results that are promised of them in
// KERF_FLOAT_MODE alone: rounding to nearest, denormals kept, no traps. Who calls them sets it and puts back what was there;
// threads of a pool have it.
#if defined(__x86_64__)
#define KERF_FLOAT_MODE 0x1F80
#else
#define KERF_FLOAT_MODE 0
#endif
uint64_t kerf_float_mode(void);
void kerf_set_float_mode(uint64_t mode);

// Thread pool: short spin with yield, then sleep. One pool may be shared: a caller that finds it busy runs serially.
kerf_pool *kerf_pool_create(int threads);  // NULL for threads <= 1 or without memory; threads start with the first job
void kerf_pool_destroy(kerf_pool *pool);
int kerf_pool_threads(const kerf_pool *pool);  // 1 for NULL
typedef void (*kerf_task_fn)(void *context, int64_t index);
/// The pool, or NULL where splitting work of so many nanoseconds (roughly) would gain less than it costs: which depends on
/// whether its threads are awake.
kerf_pool *kerf_pool_worth(kerf_pool *pool, double nanoseconds);
/// Multiply-adds that a thread does in a nanosecond, to state the work of a product: in float32, and on 8-bit codes.
#define KERF_F32_RATE 40.0
#define KERF_U8_RATE 60.0
/// Calls task(context, 0 ..< count), spread over the pool in equal shares, of which idle threads take over what is left;
/// returns when all are done. Which thread runs an index must not matter.
void kerf_parallel(kerf_pool *pool, kerf_task_fn task, void *context, int64_t count);

#include "kerf_ops.h"

#ifdef __cplusplus
}
#endif
#endif
