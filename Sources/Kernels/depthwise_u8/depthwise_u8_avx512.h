// Blocks of 64 lanes on AVX-512: parameters and weights of their channels, in the order of interleaved bytes. Include
// <immintrin.h> before it.
#ifndef KERF_DEPTHWISE_U8_AVX512_H
#define KERF_DEPTHWISE_U8_AVX512_H

#include "../gemm_u8/gemm_u8_avx512.h"
#include "depthwise_u8_lines.h"

enum { LANES = KERF_DW_LANES };

/// Four vectors in the order of interleaved bytes.
typedef struct quad {
  __m512i q[4];
} quad;

/// Parameters of the lanes. `quick`: all shifts are 33 ... 54, and the upper halves of products suffice.
typedef struct parameters {
  quad init;
  kerf_quick quickly[4];
  bool quick;
  kerf_lanes lanes[4];
} parameters;

/// How the lanes of a column lie in memory: together, all or `count`, in pieces of so many bytes, or in those of each
/// pixel, of which some (PADDED) or all are padding.
typedef enum placing { ALL, SOME, PIECES_32, PIECES_16, PIECES_8, PADDED, PADDING } placing;

/// The block of channels from `channel` on. `count` lanes of a vector exist: `lanes->channels` of each of its pixels.
typedef struct block {
  const kerf_dw_task *t;
  const kerf_dw_lanes *lanes;
  parameters p;
  int64_t channel;
  int count;
  placing placing;
  __mmask64 mask, pixels[LANES];
} block;

/// The first `n` lanes; none where there are no more.
INLINE __mmask64 lanes_of(int64_t n) {
  return n >= LANES ? ~(__mmask64)0 : n <= 0 ? 0 : ((__mmask64)1 << n) - 1;
}

/// Natural order, 16 lanes a vector, to that of interleaved bytes: parts of 4 lanes as a matrix, transposed.
INLINE quad interleaved(quad natural) {
  const __m512i *n = natural.q;
  const __m512i low01 = _mm512_shuffle_i32x4(n[0], n[1], 0x44), high01 = _mm512_shuffle_i32x4(n[0], n[1], 0xee);
  const __m512i low23 = _mm512_shuffle_i32x4(n[2], n[3], 0x44), high23 = _mm512_shuffle_i32x4(n[2], n[3], 0xee);
  return (quad){{_mm512_shuffle_i32x4(low01, low23, 0x88), _mm512_shuffle_i32x4(low01, low23, 0xdd),
                 _mm512_shuffle_i32x4(high01, high23, 0x88), _mm512_shuffle_i32x4(high01, high23, 0xdd)}};
}

/// 64 numbers, of each lane's channel, `none` where there is none: numbers of 16 channels follow each other, and
/// `stride` numbers further those of the next 16.
INLINE quad load_lanes(const block *b, const int32_t *of, int64_t stride, int32_t none) {
  const int64_t channels = b->t->plan->channels;
  const bool folds = b->lanes->fold > 1;
  int64_t channel = b->channel;
  quad v;
  if (channels % 16 == 0) {
    UNROLL
    for (int part = 0; part < 4; part++) {
      if (folds && channel == channels) channel = b->channel;
      v.q[part] = channel < channels ? _mm512_loadu_si512(of + channel / 16 * stride) : _mm512_set1_epi32(none);
      channel += 16;
    }
    return interleaved(v);
  }
  for (int part = 0; part < 4; part++) {
    v.q[part] = _mm512_set1_epi32(none);
    for (int lane = 0; lane < 16 && channel < channels;) {
      const int n = (int)kerf_min(kerf_min(16 - lane, channels - channel), 16 - channel % 16);
      const __mmask16 mask = (__mmask16)(((1u << n) - 1) << lane);
      v.q[part] = _mm512_mask_loadu_epi32(v.q[part], mask, of + channel / 16 * stride + channel % 16 - lane);
      lane += n, channel += n;
      if (folds && channel == channels) channel = b->channel;
    }
  }
  return interleaved(v);
}

INLINE void load_parameters(block *b) {
  const kerf_dw_task *t = b->t;
  parameters *p = &b->p;
  const quad bias = load_lanes(b, t->bias, 16, 0);
  const quad sums = load_lanes(b, (const int32_t *)(const void *)t->packed, 16, 0);
  const quad shift = load_lanes(b, t->shift, 16, 33);
  const quad multiplier = load_lanes(b, t->multiplier, 16, 0);
  const __m512i zero = _mm512_set1_epi32(t->x_zero), one = _mm512_set1_epi32(1), most = _mm512_set1_epi32(62);
  quad down;
  __mmask16 slow = 0;
  for (int q = 0; q < 4; q++) {
    down.q[q] = _mm512_min_epi32(_mm512_max_epi32(shift.q[q], one), most);
    p->init.q[q] = _mm512_sub_epi32(bias.q[q], _mm512_mullo_epi32(zero, sums.q[q]));
    p->quickly[q] = kerf_make_quick(multiplier.q[q], down.q[q], t->output->y_zero);
    slow |= kerf_slow_lanes(down.q[q]);
  }
  p->quick = slow == 0;
  if (p->quick) return;
  for (int q = 0; q < 4; q++) {
    _Alignas(64) int32_t shifts[16], factors[16];
    const int32_t none[16] = {0};
    _mm512_store_si512(shifts, down.q[q]);
    _mm512_store_si512(factors, multiplier.q[q]);
    p->lanes[q] = kerf_load_lanes(none, factors, shifts);
  }
}

/// The weights of all lanes: those of 4 lines of x in each 32 bits, for the first line of y and the second.
INLINE void load_weights(const block *b) {
  const kerf_dw_task *t = b->t;
  const int64_t kw = t->g->kw, kh = t->g->kh, taps = kh * kw, tap_groups = kerf_ceil_div(taps, 4);
  const int64_t groups = t->plan->groups;
  const int32_t *packed = (const int32_t *)(const void *)t->packed + kerf_ceil_div(t->plan->channels, 16) * 16;
  int8_t *from = t->weights + kw * groups * 512;
  for (int64_t i = 0; i < tap_groups; i++) {
    const quad w = load_lanes(b, packed + i * 16, tap_groups * 16, 0);
    UNROLL
    for (int q = 0; q < 4; q++) _mm512_store_si512(from + (i * 4 + q) * 64, w.q[q]);
  }
  const __m512i fours = _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
  for (int64_t column = 0; column < kw; column++) {
    quad above = {{_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()}};
    for (int64_t group = 0; group < groups; group++) {
      int8_t *to = t->weights + (column * groups + group) * 512;
      quad w = {{_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()}};
      for (int64_t row = group * 4; row < kerf_min(group * 4 + 4, kh); row++) {
        // Byte tap % 4 of each 32 bits to byte row % 4; 0x80 makes the others zero.
        const int64_t tap = row * kw + column;
        const uint32_t others = ~((uint32_t)0xff << row % 4 * 8) & 0x80808080u;
        const uint32_t place = others | (uint32_t)(tap % 4) << row % 4 * 8;
        const __m512i order = _mm512_add_epi8(_mm512_set1_epi32((int32_t)place), fours);
        UNROLL
        for (int q = 0; q < 4; q++) {
          const __m512i four = _mm512_load_si512(from + (tap / 4 * 4 + q) * 64);
          w.q[q] = _mm512_or_si512(w.q[q], _mm512_shuffle_epi8(four, order));
        }
      }
      UNROLL
      for (int q = 0; q < 4; q++) {
        _mm512_store_si512(to + q * 64, w.q[q]);
        const __m512i second = _mm512_or_si512(_mm512_slli_epi32(w.q[q], 8), _mm512_srli_epi32(above.q[q], 24));
        _mm512_store_si512(to + 256 + q * 64, second);
        above.q[q] = w.q[q];
      }
    }
  }
}

INLINE void fetch(const void *from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) _mm_prefetch((const char *)from + i, _MM_HINT_T0);
}

/// Brings the weights and parameters of 64 channels, which few pixels share at the end of a network, into the cache.
INLINE void fetch_block(const kerf_dw_task *t, int64_t channel) {
  const int64_t all = t->plan->channels, count = kerf_min(LANES, all - channel);
  if (count <= 0) return;
  const int64_t groups = kerf_ceil_div(t->g->kh * t->g->kw, 4);
  fetch(t->bias + channel, count * 4);
  fetch(t->multiplier + channel, count * 4);
  fetch(t->shift + channel, count * 4);
  fetch(t->packed + channel * 4, count * 4);
  fetch(t->packed + kerf_ceil_div(all, 16) * 64 + channel / 16 * groups * 64, kerf_ceil_div(count, 16) * groups * 64);
}

#endif
