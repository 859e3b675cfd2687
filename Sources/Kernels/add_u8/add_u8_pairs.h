// ADD_U8 by multiplications of pairs of 16 bits, over the intrinsics of one instruction set: include it after SET,
// VECTOR, BYTES, V(name), LOAD, STORE and ZERO are defined.
#include "../common/variants.h"
#include "add_u8.h"

#define JOINED(a, b) a##b
#define NAMED(a, b) JOINED(a, b)
#define TARGET NAMED(KERF_TARGET_, SET)

/// BYTES sums: a and b side by side in 16 bits times the multipliers side by side.
TARGET KERF_INLINE VECTOR sums(VECTOR a, VECTOR b, const kerf_add_u8 *j) {
  const int32_t both = (j->ma & 0xffff) | (int32_t)((uint32_t)j->mb << 16);
  const VECTOR zero = ZERO, multipliers = V(set1_epi32)(both);
  const VECTOR constant = V(set1_epi32)(j->constant + (j->zero << j->shift));
  const __m128i shift = _mm_cvtsi32_si128(j->shift);
  const VECTOR low = V(unpacklo_epi8)(a, b), high = V(unpackhi_epi8)(a, b);
  const VECTOR pairs[4] = {V(unpacklo_epi8)(low, zero), V(unpackhi_epi8)(low, zero), V(unpacklo_epi8)(high, zero),
                           V(unpackhi_epi8)(high, zero)};
  VECTOR s[4];
  for (int i = 0; i < 4; i++)
    s[i] = V(sra_epi32)(V(add_epi32)(V(madd_epi16)(pairs[i], multipliers), constant), shift);
  const VECTOR y = V(packus_epi16)(V(packs_epi32)(s[0], s[1]), V(packs_epi32)(s[2], s[3]));
  return V(min_epu8)(V(set1_epi8)((char)j->high), V(max_epu8)(V(set1_epi8)((char)j->low), y));
}

TARGET static void pairs(void *context, int64_t begin, int64_t end) {
  const kerf_add_u8 *j = context;
  int64_t i = begin;
  for (; i + BYTES <= end; i += BYTES) STORE(j->y + i, sums(LOAD(j->a + i), LOAD(j->b + i), j));
  if (i < end) NAMED(kerf_add_u8_narrow_, SET)(context, i, end);
}

int NAMED(kerf_run_add_u8_, SET)(const kerf_call *c) {
  return kerf_run_add_u8(c, NAMED(kerf_add_u8_narrow_, SET), pairs);
}
