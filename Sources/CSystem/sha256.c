#include "csystem.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

static const uint32_t round_constants[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
  0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
  0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
  0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
  0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
  0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void sha256_block(uint32_t state[8], const uint8_t *p) {
  uint32_t w[64], v[8];
  for (int i = 0; i < 16; i++) {
    w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
  }
  for (int i = 16; i < 64; i++) {
    uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
  memcpy(v, state, sizeof v);
  for (int i = 0; i < 64; i++) {
    uint32_t e = v[4], a = v[0];
    uint32_t t = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + round_constants[i] + w[i];
    uint32_t u = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    v[7] = v[6], v[6] = v[5], v[5] = e, v[4] = v[3] + t, v[3] = v[2], v[2] = v[1], v[1] = a, v[0] = t + u;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

void csystem_sha256_blocks_portable(uint32_t state[8], const uint8_t *bytes, uint64_t blocks) {
  for (uint64_t i = 0; i < blocks; i++) sha256_block(state, bytes + 64 * i);
}

#if defined(__x86_64__)

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))
/// One stream: the state in the order that the instructions want, and the schedule.
typedef struct sha_stream {
  __m128i abef, cdgh, w[4];
} sha_stream;

SHA_TARGET static inline __attribute__((always_inline)) void sha_begin(sha_stream *s, const uint32_t state[8]) {
  __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
  __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
  s->abef = _mm_alignr_epi8(low, high, 8), s->cdgh = _mm_blend_epi16(high, low, 0xf0);
}

SHA_TARGET static inline __attribute__((always_inline)) void sha_end(const sha_stream *s, uint32_t state[8]) {
  __m128i low = _mm_shuffle_epi32(s->abef, 0x1b), high = _mm_shuffle_epi32(s->cdgh, 0xb1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
  _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

/// Four rounds, number `group` of sixteen.
SHA_TARGET static inline __attribute__((always_inline)) void sha_rounds(sha_stream *s, const uint8_t *p, int group) {
  const int i = group & 3;
  if (group < 4) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
    s->w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i)), swap);
  } else {
    const __m128i last = s->w[(i + 3) & 3], sum = _mm_sha256msg1_epu32(s->w[i], s->w[(i + 1) & 3]);
    s->w[i] = _mm_sha256msg2_epu32(_mm_add_epi32(sum, _mm_alignr_epi8(last, s->w[(i + 2) & 3], 4)), last);
  }
  const __m128i k = _mm_add_epi32(s->w[i], _mm_loadu_si128((const __m128i *)(round_constants + 4 * group)));
  s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, k);
  s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(k, 0x0e));
}

SHA_TARGET static void sha256_x86(uint32_t state[8], const uint8_t *p, uint64_t blocks) {
  sha_stream s;
  sha_begin(&s, state);
  for (; blocks > 0; blocks--, p += 64) {
    const __m128i a = s.abef, c = s.cdgh;
    UNROLL
    for (int group = 0; group < 16; group++) sha_rounds(&s, p, group);
    s.abef = _mm_add_epi32(s.abef, a), s.cdgh = _mm_add_epi32(s.cdgh, c);
  }
  sha_end(&s, state);
}

/// Two streams side by side: each waits for its own results, so together they take little longer than one.
SHA_TARGET static void sha256_pair_x86(uint32_t first[8], uint32_t second[8], const uint8_t *p, const uint8_t *q, uint64_t blocks) {
  sha_stream s, t;
  sha_begin(&s, first), sha_begin(&t, second);
  for (; blocks > 0; blocks--, p += 64, q += 64) {
    const __m128i a = s.abef, c = s.cdgh, b = t.abef, d = t.cdgh;
    UNROLL
    for (int group = 0; group < 16; group++) {
      sha_rounds(&s, p, group);
      sha_rounds(&t, q, group);
    }
    s.abef = _mm_add_epi32(s.abef, a), s.cdgh = _mm_add_epi32(s.cdgh, c);
    t.abef = _mm_add_epi32(t.abef, b), t.cdgh = _mm_add_epi32(t.cdgh, d);
  }
  sha_end(&s, first), sha_end(&t, second);
}

#include <cpuid.h>
static int has_sha(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b >> 29 & 1)) return 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1) && (c >> 9 & 1);
}
#define HARDWARE_SHA sha256_x86

#elif defined(__aarch64__) && defined(__linux__)

#if defined(__clang__)
#define ARM_SHA __attribute__((target("sha2")))
#else
#define ARM_SHA __attribute__((target("+crypto")))
#endif

ARM_SHA static void sha256_arm(uint32_t state[8], const uint8_t *p, uint64_t blocks) {
  uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
  for (; blocks > 0; blocks--, p += 64) {
    uint32x4_t a = abcd, e = efgh, w[4];
    for (int i = 0; i < 4; i++) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 16 * i)));
    for (int i = 0; i < 16; i++) {
      uint32x4_t k = vaddq_u32(w[i & 3], vld1q_u32(round_constants + 4 * i)), before = abcd;
      if (i < 12) {
        w[i & 3] = vsha256su1q_u32(vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]), w[(i + 2) & 3], w[(i + 3) & 3]);
      }
      abcd = vsha256hq_u32(abcd, efgh, k);
      efgh = vsha256h2q_u32(efgh, before, k);
    }
    abcd = vaddq_u32(abcd, a), efgh = vaddq_u32(efgh, e);
  }
  vst1q_u32(state, abcd), vst1q_u32(state + 4, efgh);
}

static int has_sha(void) { return (getauxval(16) >> 6 & 1) != 0; }   // AT_HWCAP, HWCAP_SHA2
#define HARDWARE_SHA sha256_arm
#endif

#ifdef HARDWARE_SHA
/// Asked once: 1 no, 2 yes. Asking the processor traps in a virtual machine.
static int known(int32_t *answer, int (*ask)(void)) {
  int32_t a = __atomic_load_n(answer, __ATOMIC_RELAXED);
  if (a == 0) {
    a = ask() ? 2 : 1;
    __atomic_store_n(answer, a, __ATOMIC_RELAXED);
  }
  return a == 2;
}
static int32_t sha_answer;
#endif

void csystem_sha256_blocks(uint32_t state[8], const uint8_t *bytes, uint64_t blocks) {
#ifdef HARDWARE_SHA
  if (known(&sha_answer, has_sha)) {
    HARDWARE_SHA(state, bytes, blocks);
    return;
  }
#endif
  csystem_sha256_blocks_portable(state, bytes, blocks);
}

void csystem_sha256_pair(uint32_t first[8], uint32_t second[8], const uint8_t *p, const uint8_t *q, uint64_t blocks) {
#if defined(__x86_64__)
  if (known(&sha_answer, has_sha)) {
    sha256_pair_x86(first, second, p, q, blocks);
    return;
  }
#endif
  csystem_sha256_blocks(first, p, blocks);
  csystem_sha256_blocks(second, q, blocks);
}
