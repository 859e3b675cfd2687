// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78).
#include "csystem.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

#define POLYNOMIAL 0x82f63b78u

// Eight tables: eight bytes a step.
static uint32_t crc_tables[8][256];
static int32_t crc_ready;

static void crc_prepare(void) {
  if (__atomic_load_n(&crc_ready, __ATOMIC_ACQUIRE)) return;
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
    __atomic_store_n(&crc_tables[0][i], c, __ATOMIC_RELAXED);
  }
  for (int t = 1; t < 8; t++) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = __atomic_load_n(&crc_tables[t - 1][i], __ATOMIC_RELAXED);
      __atomic_store_n(&crc_tables[t][i], c >> 8 ^ __atomic_load_n(&crc_tables[0][c & 255], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    }
  }
  __atomic_store_n(&crc_ready, 1, __ATOMIC_RELEASE);
}

uint32_t csystem_crc32c_portable(uint32_t crc, const uint8_t *bytes, uint64_t count) {
  crc_prepare();
  uint32_t c = ~crc;
  for (; count >= 8; count -= 8, bytes += 8) {
    uint32_t low = c ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
    c = crc_tables[7][low & 255] ^ crc_tables[6][low >> 8 & 255] ^ crc_tables[5][low >> 16 & 255] ^ crc_tables[4][low >> 24] ^
        crc_tables[3][bytes[4]] ^ crc_tables[2][bytes[5]] ^ crc_tables[1][bytes[6]] ^ crc_tables[0][bytes[7]];
  }
  for (; count > 0; count--) c = c >> 8 ^ crc_tables[0][(c ^ *bytes++) & 255];
  return ~c;
}

/// a * b modulo the polynomial; the highest bit is the coefficient of x^0.
static uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = b & 1 ? b >> 1 ^ POLYNOMIAL : b >> 1;
  }
  return product;
}

/// x^(8 * bytes) modulo the polynomial.
static uint32_t shift_by(uint64_t bytes) {
  uint32_t power = 1u << 31, square = 1u << 23;
  for (; bytes != 0; bytes >>= 1) {
    if (bytes & 1) power = multiply(power, square);
    square = multiply(square, square);
  }
  return power;
}

uint32_t csystem_crc32c_join(uint32_t first, uint32_t second, uint64_t second_count) {
  return multiply(shift_by(second_count), first) ^ second;
}

#if defined(__x86_64__)
#define CRC_TARGET __attribute__((target("sse4.2")))
#define CRC_WORD(c, word) ((uint32_t)_mm_crc32_u64((c), (word)))
#define CRC_BYTE(c, byte) _mm_crc32_u8((c), (byte))

static int has_crc(void) {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c >> 20 & 1);
}

#elif defined(__aarch64__) && defined(__linux__)
#if defined(__clang__)
#define CRC_TARGET __attribute__((target("crc")))
#else
#define CRC_TARGET __attribute__((target("+crc")))
#endif
#define CRC_WORD(c, word) __crc32cd((c), (word))
#define CRC_BYTE(c, byte) __crc32cb((c), (byte))

static int has_crc(void) { return (getauxval(16) >> 7 & 1) != 0; }  // AT_HWCAP, HWCAP_CRC32
#endif

#ifdef CRC_TARGET

enum { LANE_BYTES = 16384 };

CRC_TARGET static inline uint64_t word_at(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

/// Three lanes of LANE_BYTES, one behind the other: an instruction takes three cycles, and three are under way.
CRC_TARGET static uint32_t three_lanes(uint32_t c, const uint8_t *p, uint32_t shift) {
  uint32_t d = 0, e = 0;
  for (int i = 0; i < LANE_BYTES; i += 8, p += 8) {
    c = CRC_WORD(c, word_at(p));
    d = CRC_WORD(d, word_at(p + LANE_BYTES));
    e = CRC_WORD(e, word_at(p + 2 * LANE_BYTES));
  }
  return multiply(shift, multiply(shift, c) ^ d) ^ e;
}

CRC_TARGET static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *p, uint64_t count) {
  uint32_t c = ~crc;
  if (count >= 3 * LANE_BYTES) {
    const uint32_t shift = shift_by(LANE_BYTES);
    for (; count >= 3 * LANE_BYTES; count -= 3 * LANE_BYTES, p += 3 * LANE_BYTES) c = three_lanes(c, p, shift);
  }
  for (; count >= 8; count -= 8, p += 8) c = CRC_WORD(c, word_at(p));
  for (; count > 0; count--) c = CRC_BYTE(c, *p++);
  return ~c;
}

/// Asked once: 1 no, 2 yes. Asking the processor traps in a virtual machine.
static int32_t crc_answer;
static int knows_crc(void) {
  int32_t a = __atomic_load_n(&crc_answer, __ATOMIC_RELAXED);
  if (a == 0) {
    a = has_crc() ? 2 : 1;
    __atomic_store_n(&crc_answer, a, __ATOMIC_RELAXED);
  }
  return a == 2;
}
#endif

#if defined(__x86_64__)
#define FOLD_TARGET __attribute__((target("avx512f,vpclmulqdq,sse4.2")))

enum { FOLD_BYTES = 256 };

/// Whether processor and system have AVX-512F and VPCLMULQDQ: 1 no, 2 yes, asked once.
static int32_t fold_answer;
static int knows_fold(void) {
  int32_t known = __atomic_load_n(&fold_answer, __ATOMIC_RELAXED);
  if (known == 0) {
    unsigned a, b, c, d, low = 0, high;
    known = 1;
    // The system keeps the registers of AVX-512 where bits 1, 2, 5, 6 and 7 of XCR0 are set.
    if (__get_cpuid(1, &a, &b, &c, &d) && (c >> 27 & 1)) __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0xe6) == 0xe6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 16 & 1) && (c >> 10 & 1)) known = 2;
    __atomic_store_n(&fold_answer, known, __ATOMIC_RELAXED);
  }
  return known == 2;
}

FOLD_TARGET static inline __m512i fold(__m512i sum, __m512i powers, const uint8_t *next) {
  const __m512i low = _mm512_clmulepi64_epi128(sum, powers, 0x00), high = _mm512_clmulepi64_epi128(sum, powers, 0x11);
  return _mm512_ternarylogic_epi64(low, high, _mm512_loadu_si512(next), 0x96);
}

/// At least FOLD_BYTES. Multiplies 256 bytes by x^2048 and adds the next, as long as there are some, which leaves 256 with the
/// same remainder (Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ, 2009): reads at the
/// speed of the memory, three lanes of instructions at half of that.
FOLD_TARGET static uint32_t crc32c_folded(uint32_t crc, const uint8_t *p, uint64_t count) {
  // A product of reflected factors is short of one x; the first eight bytes of sixteen stand x^64 above the others.
  const uint64_t first = (uint64_t)multiply(shift_by(FOLD_BYTES + 7), 1u << 24) << 32;
  const uint64_t second = (uint64_t)multiply(shift_by(FOLD_BYTES - 1), 1u << 24) << 32;
  const __m512i powers = _mm512_broadcast_i32x4(_mm_set_epi64x((int64_t)second, (int64_t)first));
  __m512i s0 = _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_zextsi128_si512(_mm_cvtsi32_si128((int32_t)~crc)));
  __m512i s1 = _mm512_loadu_si512(p + 64), s2 = _mm512_loadu_si512(p + 128), s3 = _mm512_loadu_si512(p + 192);
  for (count -= FOLD_BYTES, p += FOLD_BYTES; count >= FOLD_BYTES; count -= FOLD_BYTES, p += FOLD_BYTES) {
    s0 = fold(s0, powers, p);
    s1 = fold(s1, powers, p + 64);
    s2 = fold(s2, powers, p + 128);
    s3 = fold(s3, powers, p + 192);
  }
  uint8_t left[FOLD_BYTES];
  _mm512_storeu_si512(left, s0);
  _mm512_storeu_si512(left + 64, s1);
  _mm512_storeu_si512(left + 128, s2);
  _mm512_storeu_si512(left + 192, s3);
  return crc32c_hardware(crc32c_hardware(~0u, left, FOLD_BYTES), p, count);
}
#endif

uint32_t csystem_crc32c(uint32_t crc, const uint8_t *bytes, uint64_t count) {
#if defined(__x86_64__)
  if (count >= 4 * FOLD_BYTES && knows_crc() && knows_fold()) return crc32c_folded(crc, bytes, count);
#endif
#ifdef CRC_TARGET
  if (knows_crc()) return crc32c_hardware(crc, bytes, count);
#endif
  return csystem_crc32c_portable(crc, bytes, count);
}
