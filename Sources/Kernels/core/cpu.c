// What the processor, and the operating system on it, supports.
#include <stdlib.h>

#include "internal.h"

#if defined(__x86_64__)
#include <cpuid.h>

/// The register state that the operating system saves (XCR0).
static uint64_t enabled_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static uint32_t detect(void) {
  uint32_t mask = 1u << KERF_ISA_PORTABLE, most, a, b, c, d, b7, c7, d7;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return mask;
  const uint32_t fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  if ((c & (fma | osxsave | avx | f16c)) != (fma | osxsave | avx | f16c)) return mask;
  if (!__get_cpuid_count(7, 0, &most, &b7, &c7, &d7)) return mask;
  const uint64_t state = enabled_state();
  if ((state & 0x6) != 0x6 || !(b7 >> 5 & 1)) return mask;
  mask |= 1u << KERF_ISA_AVX2;
  if (most >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1)) mask |= 1u << KERF_ISA_AVXVNNI;
  const uint32_t f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
  if ((state & 0xe6) != 0xe6 || (b7 & (f | dq | bw | vl)) != (f | dq | bw | vl)) return mask;
  mask |= 1u << KERF_ISA_AVX512;
  if (c7 >> 11 & 1) mask |= 1u << KERF_ISA_AVX512VNNI;
  return mask;
}

bool kerf_has_vbmi(void) {
  static int known;  // 0: not asked yet, 1: no, 2: yes
  int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (!answer) {
    uint32_t a, b, c, d;
    const bool has = kerf_isa_supported() >> KERF_ISA_AVX512 & 1 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 1 & 1);
    __atomic_store_n(&known, answer = has ? 2 : 1, __ATOMIC_RELAXED);
  }
  return answer == 2;
}

#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

static uint32_t detect(void) {
  const unsigned long asimd = 1ul << 1, dotprod = 1ul << 20, i8mm = 1ul << 13;
  uint32_t mask = 1u << KERF_ISA_PORTABLE;
  const unsigned long has = getauxval(AT_HWCAP), has2 = getauxval(AT_HWCAP2);
  if (!(has & asimd)) return mask;
  mask |= 1u << KERF_ISA_NEON;
  if (!(has & dotprod)) return mask;
  mask |= 1u << KERF_ISA_DOTPROD;
  if (has2 & i8mm) mask |= 1u << KERF_ISA_I8MM;
  return mask;
}

#else

static uint32_t detect(void) { return 1u << KERF_ISA_PORTABLE; }

#endif

/// What the environment variable KERF_ISA allows.
static uint32_t allowed(void) {
  const char *name = getenv("KERF_ISA");
  if (!name || !*name) return UINT32_MAX;
  const int strongest = kerf_isa_find(name);
  uint32_t mask = 1u << KERF_ISA_PORTABLE;
  for (int i = 0; strongest >= 0 && i < KERF_ISA_COUNT; i++) {
    mask |= 1u << kerf_isa_at(i);
    if (kerf_isa_at(i) == strongest) break;
  }
  return mask;
}

uint32_t kerf_isa_supported(void) {
  static uint32_t known;  // 0: not asked yet; the answer never changes, so a race is harmless
  uint32_t mask = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (!mask) __atomic_store_n(&known, mask = detect() & allowed(), __ATOMIC_RELAXED);
  return mask;
}
