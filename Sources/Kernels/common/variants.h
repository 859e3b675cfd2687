// Attributes for kernels that one plain loop serves on every instruction set: the loop is inlined into a function per
// set, and the compiler vectorizes it there.
#ifndef KERF_COMMON_VARIANTS_H
#define KERF_COMMON_VARIANTS_H

#define KERF_TARGET_portable
#define KERF_TARGET_avx2 __attribute__((target("avx2,fma,f16c")))
#define KERF_TARGET_avx512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))

/// Expands DEFINE(set, target attribute) for each instruction set of this build.
#if defined(__x86_64__)
#define KERF_VARIANTS(DEFINE)               \
  DEFINE(portable, KERF_TARGET_portable)    \
  DEFINE(avx2, KERF_TARGET_avx2)            \
  DEFINE(avx512, KERF_TARGET_avx512)
#else
#define KERF_VARIANTS(DEFINE) DEFINE(portable, KERF_TARGET_portable)
#endif

#endif
